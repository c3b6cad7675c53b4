"""Labels that people gave to a recording, as stretches of time with one of the seven emotions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from emorec import annotation
from emorec.agreement.emotion_words import emotion_of
from emorec.annotation import Annotation
from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.extraction.people import plain_name

OTHER = len(EMOTIONS)  # the number of a label that is none of the seven
MAX_NAMED = 8  # labels that a sentence names

NO_EMOTION = (
    "{name} has none of the seven emotions as a label, but {labels}; say which is which with --map, "
    "as in --map happy=Freude."
)
NO_LENGTH = "The labels in {name} have a start but no end; add a column 'end', because stretches of time are compared."
SEVERAL_TIERS = "{name} has labels of emotions in several tiers ({tiers}); choose one of them with --tier."
NO_TIER = "{name} has no tier {tier!r}; it has {tiers}."


@dataclass(frozen=True)
class Labels:
    """The labels of a file, in order of time.

    ``start`` and ``end`` (M,) are in seconds; ``emotion`` (M,) are indices into EMOTIONS, OTHER for a label without a
    counterpart; ``persons`` (M,) are texts, "" if a label names nobody. ``tier`` is the tier that was used, "" if the
    file has none. ``unknown`` are the labels whose meaning is not known, and ``left_out`` those that are known to have
    no counterpart among the seven emotions, each with its total length (s).
    """

    name: str
    start: np.ndarray
    end: np.ndarray
    emotion: np.ndarray
    persons: np.ndarray
    tier: str
    unknown: dict[str, float]
    left_out: dict[str, float]

    def select(self, which: np.ndarray) -> Labels:
        """Some of the labels, by a mask (M,)."""
        parts = (self.start[which], self.end[which], self.emotion[which], self.persons[which])
        return Labels(self.name, *parts, self.tier, self.unknown, self.left_out)


def read_labels(path: str | PathLike[str], meanings: Mapping[str, str | None], tier: str | None = None) -> Labels:
    """The labels of a file; ``meanings`` are those of ``emotion_words.label_meanings``.

    ``tier`` is the tier to read; None takes the one that has labels of emotions. Raises EmorecError if the file cannot
    be read, has no such tier, or has none of the seven emotions.
    """
    name = Path(path).name
    annotations = _annotations_of_tier(name, annotation.read(path), meanings, tier)
    long = [each for each in annotations if each.end > each.start]
    if not long:
        raise EmorecError(NO_LENGTH.format(name=name))
    emotions = [emotion_of(each.text, meanings) for each in long]
    if not any(emotion for _, emotion in emotions):
        texts = list(dict.fromkeys(each.text for each in long))
        more = f" and {len(texts) - MAX_NAMED} more" if len(texts) > MAX_NAMED else ""
        raise EmorecError(NO_EMOTION.format(name=name, labels=", ".join(map(repr, texts[:MAX_NAMED])) + more))
    unknown, left_out = defaultdict[str, float](float), defaultdict[str, float](float)
    for each, (is_known, emotion) in zip(long, emotions, strict=True):
        if emotion is None and each.text:
            (left_out if is_known else unknown)[each.text] += each.end - each.start
    return Labels(
        name,
        np.array([each.start for each in long]),
        np.array([each.end for each in long]),
        np.array([OTHER if emotion is None else EMOTIONS.index(emotion) for _, emotion in emotions]),
        np.array([plain_name(each.person) for each in long], str),
        long[0].tier,
        _longest_first(unknown),
        _longest_first(left_out),
    )


def _longest_first(seconds: Mapping[str, float]) -> dict[str, float]:
    return dict(sorted(seconds.items(), key=lambda item: -item[1]))


def _annotations_of_tier(
    name: str, annotations: list[Annotation], meanings: Mapping[str, str | None], tier: str | None
) -> list[Annotation]:
    """The annotations of the tier that was asked for, or of the one with labels of emotions. Raises EmorecError."""
    tiers = list(dict.fromkeys(each.tier for each in annotations))
    if tier is not None:
        if tier not in tiers:
            raise EmorecError(NO_TIER.format(name=name, tier=tier, tiers=", ".join(filter(None, tiers)) or "none"))
        return [each for each in annotations if each.tier == tier]
    emotion_tiers = [
        each for each in tiers if any(emotion_of(one.text, meanings)[1] for one in annotations if one.tier == each)
    ]
    if len(emotion_tiers) > 1:
        raise EmorecError(SEVERAL_TIERS.format(name=name, tiers=", ".join(map(repr, emotion_tiers))))
    return [each for each in annotations if each.tier == emotion_tiers[0]] if emotion_tiers else annotations


def label_rows(labels: Labels, start: np.ndarray, end: np.ndarray, shift: float = 0.0) -> np.ndarray:
    """The emotion (N,) that was labelled for most of each row, from ``start`` to ``end`` (s); -1 for none.

    An emotion is the label of a row if its labels fill at least half of the row, and more of it than the labels of any
    other emotion. Else it is OTHER if labels without a counterpart fill at least half. All labels are first moved
    by ``shift`` (s).
    """
    covered = np.stack([_covered(labels, number, start - shift, end - shift) for number in range(OTHER + 1)], axis=1)
    half = (end - start) / 2 - 1e-6
    # A label of something else may overlap one of an emotion and be longer; the emotion counts all the same.
    emotions, other = covered[:, :OTHER], covered[:, OTHER]
    most = emotions.max(axis=1)
    tied = (emotions >= most[:, None] - 1e-6).sum(axis=1) > 1
    best = np.where(tied, -1, emotions.argmax(axis=1))
    return np.where(most >= half, best, np.where(other >= half, OTHER, -1))


def _covered(labels: Labels, number: int, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Seconds (N,) of each range, from ``start`` to ``end`` (s), that labels of one emotion cover, overlaps once."""
    chosen = labels.emotion == number
    if not chosen.any():
        return np.zeros(len(start))
    begins, ends = labels.start[chosen], labels.end[chosen]
    order = np.argsort(begins)
    begins, ends = begins[order], np.maximum.accumulate(ends[order])
    first = np.append(True, begins[1:] > ends[:-1])  # the first of each run of labels that touch
    begins, ends = begins[first], ends[np.append(first[1:], True)]
    times = np.column_stack([begins, ends]).ravel()
    sums = np.column_stack([np.append(0, np.cumsum(ends - begins)[:-1]), np.cumsum(ends - begins)]).ravel()
    return np.interp(end, times, sums) - np.interp(start, times, sums)


def seconds_with_two_emotions(labels: Labels) -> float:
    """How many seconds have labels of two or more emotions."""
    edges = np.unique(np.concatenate([labels.start, labels.end]))
    lengths = np.diff(edges)
    covered = np.stack([_covered(labels, number, edges[:-1], edges[1:]) for number in range(OTHER)])
    return float(lengths[(covered > lengths / 2).sum(axis=0) > 1].sum())
