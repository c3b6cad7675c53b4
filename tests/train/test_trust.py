"""What a fine-tuning says about how far its validation results can be trusted."""

from types import SimpleNamespace

import numpy as np
import pytest

from emorec.emotions import EMOTIONS
from emorec.models.calibration import HeadCalibration
from train.finetune import trust

LABELS = ("happy", "sad", "calm")
HEAD = HeadCalibration()
HAPPY, NEUTRAL, SAD = (EMOTIONS.index(emotion) for emotion in ("happy", "neutral", "sad"))


def corpus(*held_out, known=True, labels=LABELS):
    return SimpleNamespace(labels=labels, held_out=list(held_out), known_people=known)


def test_a_label_without_validation_items_is_named():
    people = "abcde"
    assert trust.of_validation(corpus(*people), LABELS, np.array([0, 1, 2])) == []
    (sentence,) = trust.of_validation(corpus(*people), LABELS, np.array([0, 0]))
    assert "No validation item shows sad or calm" in sentence
    # Of fusion, the labels are the seven emotions, also those that the data lack; calm counts as neutral.
    (sentence,) = trust.of_validation(corpus(*people), EMOTIONS, np.array([HAPPY]))
    assert "No validation item shows neutral or sad," in sentence


@pytest.mark.parametrize(
    ("people", "known", "told"),
    [
        ("a", True, "1 person"),
        ("abcd", True, "4 people"),
        ("abcde", True, ""),
        ("", False, "Not all items name their person"),
    ],
)
def test_few_or_unknown_validation_people_are_told(people, known, told):
    sentences = trust.of_validation(corpus(*people, known=known), LABELS, np.arange(3))
    assert [told in sentence for sentence in sentences] == [True] * bool(told)


def test_a_training_says_whether_it_made_the_weights_better():
    truth = np.array([HAPPY, HAPPY, SAD, SAD])
    right = np.eye(7)[truth]
    half = np.eye(7)[[HAPPY, HAPPY, HAPPY, HAPPY]]
    (better,) = trust.of_training(corpus(), LABELS, half, HEAD, right, truth)
    assert "recall of 50.0%, and the trained weights have 100.0%." in better
    for before, after in ((right, half), (right, right)):
        (worse,) = trust.of_training(corpus(), LABELS, before, HEAD, after, truth)
        assert worse.endswith("so the training made them no better here.")
    # An emotion that the data lack is not chosen, so it does not count against the weights before.
    angry = 0.6 * np.eye(7)[[EMOTIONS.index("angry")] * 4] + 0.4 * right
    for labels in (LABELS, EMOTIONS):  # fusion has all seven, whatever its data have
        (sentence,) = trust.of_training(corpus(), labels, angry, HEAD, right, truth)
        assert "weights that the training started from have an unweighted average recall of 100.0%" in sentence
    assert trust.of_training(corpus(), LABELS, half[:0], HEAD, right[:0], truth[:0]) == []


def test_labels_that_are_no_emotions_are_told_and_give_no_emotion_an_advantage():
    """Calm and neutral count as one emotion, which therefore has twice the share of another label."""
    truth = np.array([HAPPY, NEUTRAL])
    start, after = np.zeros((2, 7)), np.zeros((2, 7))
    start[:, HAPPY] = 1.0
    after[:, HAPPY], after[:, NEUTRAL] = (0.4, 0.1), (0.6, 0.9)  # twice as likely, of which happy has the better one
    labels = ("happy", "neutral", "calm", "contempt")
    (sentence,) = trust.of_training(corpus(labels=labels), labels, start, HEAD, after, truth)
    assert sentence.endswith("have 100.0% (calm counts as neutral here; items with contempt are left out here).")
    labels = ("happy", "calm")  # calm is the only one that counts as neutral
    (sentence,) = trust.of_training(corpus(labels=labels), labels, start, HEAD, after, truth)
    assert sentence.endswith("have 50.0%, so the training made them no better here.")


def test_the_start_is_judged_with_its_own_calibration():
    """Its network says happy more often than sad because its training data did; its calibration knows that."""
    truth = np.array([HAPPY, SAD])
    raw = np.full((2, 7), 0.02)
    raw[:, HAPPY], raw[:, SAD] = (0.85, 0.5), (0.05, 0.4)
    shares = np.full(7, 0.1)
    shares[HAPPY] = 0.4
    head = HeadCalibration(strength=1.0, shares=tuple(shares))
    (sentence,) = trust.of_training(corpus(), LABELS, raw, head, np.eye(7)[truth], truth)
    assert "recall of 100.0%, and the trained weights have 100.0%, so" in sentence
    (sentence,) = trust.of_training(corpus(), LABELS, raw, HEAD, np.eye(7)[truth], truth)
    assert "recall of 50.0%, and the trained weights have 100.0%." in sentence
