"""Sentences about how far the validation results of a fine-tuning can be trusted, for its log and its card."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emorec.emotions import EMOTIONS, emotion_of
from emorec.models.calibration import HeadCalibration
from train import calibration
from train.data.corpora import Corpus
from train.data.label_maps import EXTRA_LABELS
from train.finetune import balance
from train.metrics import MIN_PEOPLE, recall

UNSEEN = "No validation item shows {labels}, so nothing tells how well this is recognised."
FEW_PEOPLE = (
    "The validation items are of {count} only, so results and intervals say little about other people; with "
    f"{MIN_PEOPLE} people or more they say more."
)
UNKNOWN_PEOPLE = (
    "Not all items name their person, so one person may be in training and in validation, and the results may be too "
    "good for new people."
)
BEFORE = (
    "On these items the weights that the training started from have an unweighted average recall of {before:.1%}, and "
    "the trained weights have {after:.1%}"
)
MERGED = "{label} counts as {emotion} here"
LEFT_OUT = "items with {label} are left out here"
NO_GAIN = ", so the training made them no better here"


def of_validation(corpus: Corpus, labels: Sequence[str], truth: np.ndarray) -> list[str]:
    """What validation items with the indices ``truth`` (N,) of ``labels`` leave open about a network for a Corpus."""
    shown = {labels[number] for number in np.unique(truth)}
    unseen = [label for label in _learned(corpus, labels) if label not in shown]
    people = len(corpus.held_out)
    sentences = [UNSEEN.format(labels=" or ".join(unseen))] if unseen else []
    if not corpus.known_people:
        sentences.append(UNKNOWN_PEOPLE)
    elif 0 < people < MIN_PEOPLE:
        sentences.append(FEW_PEOPLE.format(count=f"{people} {'person' if people == 1 else 'people'}"))
    return sentences


def of_training(
    corpus: Corpus,
    labels: Sequence[str],
    before: np.ndarray,
    head: HeadCalibration,
    after: np.ndarray,
    emotions: np.ndarray,
) -> list[str]:
    """The recall of the weights that a training started from, and of those that it kept, on validation items.

    ``before`` (N, 7) are the probabilities of the start, which its calibration ``head`` brings under an even prior;
    ``after`` (N, 7) those of the training, which weighs labels alike, so that an emotion with two labels has twice the
    weight of another one, which is divided out; ``emotions`` (N,) the truth. Both choose among the emotions that the
    data have: the others would be a disadvantage for the start alone.
    """
    if not len(emotions):
        return []
    labels = _learned(corpus, labels)
    learned = {emotion_of(label) for label in labels}
    allowed = np.array([emotion in learned for emotion in EMOTIONS])
    own = HeadCalibration(strength=1.0, shares=balance.label_shares(labels))
    even = calibration.apply(head, before), calibration.apply(own, after)
    first, last = (recall(np.where(allowed, p, -1.0).argmax(axis=1), emotions) for p in even)
    other = [
        MERGED.format(label=label, emotion=emotion) if emotion else LEFT_OUT.format(label=label)
        for label in labels
        if label in EXTRA_LABELS and ((emotion := emotion_of(label)) is None or emotion in labels)
    ]
    notes = f" ({'; '.join(other)})" if other else ""
    return [BEFORE.format(before=first, after=last) + notes + ("" if last > first else NO_GAIN) + "."]


def _learned(corpus: Corpus, labels: Sequence[str]) -> list[str]:
    """The ``labels`` of a network that its data have; fusion has all seven emotions."""
    emotions = {emotion_of(label) for label in corpus.labels}
    return [label for label in labels if label in corpus.labels or label in emotions]
