"""Valence and arousal: the published ratings, and what becomes of probabilities."""

import numpy as np
import pytest

from emorec.affect import COORDINATES, RATINGS, valence_arousal
from emorec.emotions import EMOTIONS
from support import factories
from support.paths import ROOT

# V.Mean.Sum and A.Mean.Sum of the published table, from 1 to 9.
PUBLISHED = {
    "angry": (2.53, 6.20),
    "disgusted": (2.68, 4.89),
    "fearful": (2.66, 5.45),
    "happy": (8.47, 6.05),
    "neutral": (5.50, 3.45),
    "sad": (2.10, 3.49),
    "surprised": (6.57, 5.95),
}


def test_the_ratings_are_the_published_ones_of_a_word_for_each_emotion():
    assert tuple(RATINGS) == EMOTIONS
    assert {word: (valence, arousal) for word, valence, arousal in RATINGS.values()} == PUBLISHED


def test_a_certain_emotion_has_its_own_coordinates_on_a_scale_from_minus_one_to_one():
    found = dict(zip(EMOTIONS, valence_arousal(np.eye(len(EMOTIONS))), strict=True))
    for (emotion, (word, *_)), coordinates in zip(RATINGS.items(), found.values(), strict=True):
        # 1 becomes -1, 5 becomes 0, and 9 becomes 1.
        assert coordinates == pytest.approx(np.interp(PUBLISHED[word], [1, 5, 9], [-1, 0, 1])), emotion
    assert found["happy"] == pytest.approx([0.8675, 0.2625])
    assert found["sad"] == pytest.approx([-0.725, -0.3775])


def test_the_document_has_the_coordinates_as_they_are_used():
    text = (ROOT / "docs" / "SCHEMA.md").read_text(encoding="utf-8")
    for (emotion, (word, *_)), (valence, arousal) in zip(RATINGS.items(), COORDINATES, strict=True):
        assert f"| {emotion} | {word} | {round(valence, 6):g} | {round(arousal, 6):g} |\n" in text


def test_others_have_the_mean_and_unknown_rows_stay_unknown():
    rows = factories.with_gaps(factories.probabilities(6), 2, 4)
    found = valence_arousal(rows)
    assert found.shape == (6, 2)
    assert np.isnan(found).all(axis=1).tolist() == [False, False, True, False, True, False]
    expected = sum(rows[0, index] * COORDINATES[index] for index in range(len(EMOTIONS)))
    assert found[0] == pytest.approx(expected)
    assert valence_arousal(np.zeros((0, 7))).shape == (0, 2)


def test_a_timeline_has_them_for_every_row():
    timeline = factories.timeline(factories.with_gaps(factories.probabilities(5), 3))
    assert np.column_stack([timeline.valence, timeline.arousal]) == pytest.approx(
        valence_arousal(timeline.probabilities), nan_ok=True
    )
    assert np.isnan(timeline.valence).tolist() == [False, False, False, True, False]
