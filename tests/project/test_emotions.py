"""The seven emotions: one fixed order, and every known label in its place among them."""

import colorsys
from itertools import combinations

import numpy as np
import pytest

from emorec.emotions import COLOURS, EMOJI, EMOTIONS, FOLDING, emotion_of, fold, folding_matrix
from emorec.errors import EmorecError
from support.factories import FACE_LABELS, VOICE_LABELS


def test_the_order_is_fixed():
    assert EMOTIONS == ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")


def test_every_emotion_has_looks_of_its_own():
    assert tuple(COLOURS) == tuple(EMOJI) == EMOTIONS
    assert len(set(EMOJI.values())) == len(EMOTIONS)


def test_colours_are_told_apart():
    channels = [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in COLOURS.values()]
    assert min(np.abs(np.subtract(a, b)).max() for a, b in combinations(channels, 2)) >= 50


def test_only_neutral_is_grey():
    grey = {name for name, colour in COLOURS.items() if colorsys.rgb_to_hsv(*bytes.fromhex(colour[1:]))[1] == 0}
    assert grey == {"neutral"}


@pytest.mark.parametrize(
    ("label", "emotion"),
    [("calm", "neutral"), ("Anger", "angry"), ("fearful", "fear"), ("HAPPINESS", "happy"), ("contempt", None)],
)
def test_labels_of_data_sets_count_as(label, emotion):
    assert emotion_of(label) == emotion


def test_labels_fold_into_the_seven_and_nothing_else():
    assert {emotion for emotion in FOLDING.values() if emotion} == set(EMOTIONS)
    assert all(emotion_of(emotion) == emotion for emotion in EMOTIONS)


def test_an_unknown_label_is_named():
    with pytest.raises(EmorecError, match="'bored' is not known"):
        emotion_of("bored")
    with pytest.raises(EmorecError, match="'bored' is not known"):
        folding_matrix(["happy", "bored"])


def test_calm_is_added_to_neutral():
    native = np.zeros(len(VOICE_LABELS))
    native[[VOICE_LABELS.index("calm"), VOICE_LABELS.index("neutral"), VOICE_LABELS.index("sad")]] = 0.3, 0.2, 0.5
    folded = dict(zip(EMOTIONS, fold(native, VOICE_LABELS), strict=True))
    assert folded == pytest.approx(dict.fromkeys(EMOTIONS, 0) | {"neutral": 0.5, "sad": 0.5})


def test_contempt_is_dropped_and_the_rest_renormalised():
    native = np.zeros(len(FACE_LABELS))
    native[[FACE_LABELS.index("contempt"), FACE_LABELS.index("anger"), FACE_LABELS.index("fear")]] = 0.6, 0.3, 0.1
    folded = dict(zip(EMOTIONS, fold(native, FACE_LABELS), strict=True))
    assert folded == pytest.approx(dict.fromkeys(EMOTIONS, 0) | {"angry": 0.75, "fear": 0.25})


def test_nothing_but_contempt_folds_to_zeros():
    assert not fold(np.eye(len(FACE_LABELS))[FACE_LABELS.index("contempt")], FACE_LABELS).any()


def test_rows_fold_one_by_one_and_sum_to_one():
    native = np.random.default_rng(0).dirichlet(np.ones(len(FACE_LABELS)), (3, 4))
    folded = fold(native, FACE_LABELS)
    assert folded.shape == (3, 4, len(EMOTIONS))
    assert folded.sum(axis=-1) == pytest.approx(np.ones((3, 4)))
    assert folded[1, 2] == pytest.approx(fold(native[1, 2], FACE_LABELS))


def test_an_emotion_that_the_labels_lack_gets_nothing():
    assert fold([0.5, 0.5], ["sad", "angry"]) == pytest.approx([0.5, 0, 0, 0, 0, 0.5, 0])
