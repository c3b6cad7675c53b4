"""Calibration and the rules by which two opinions become one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from emorec import fusion
from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.fusion import Calibration
from made import probabilities, quick

ROWS = 4
NOTHING = np.full((ROWS, len(EMOTIONS)), np.nan)
ALL = np.ones(ROWS)

opinions = arrays.arrays(float, (ROWS, len(EMOTIONS)), elements=st.floats(1e-3, 1)).map(
    lambda weights: weights / weights.sum(axis=1, keepdims=True)
)
logits = arrays.arrays(float, (ROWS, len(EMOTIONS)), elements=st.floats(-800, 800))
coverages = arrays.arrays(float, ROWS, elements=st.floats(0.1, 1))
missing = arrays.arrays(bool, ROWS)
calibrations = st.builds(
    Calibration, face_trust=st.floats(0, 1), agreement=st.floats(0, 1), face_scale=st.floats(0.05, 5)
)  # fmt: skip


def one_hot(*names):
    return np.stack([np.eye(len(EMOTIONS))[EMOTIONS.index(name)] for name in names])


def leaning(name, share):
    """One opinion (1, 7): ``share`` for one emotion, the rest for the others alike."""
    rest = (1 - share) / (len(EMOTIONS) - 1)
    return np.where(one_hot(name) == 1, share, rest)


def entropy(rows):
    return -(rows * np.log(rows)).sum(axis=1)


@quick
@given(opinions, coverages, coverages, calibrations)
def test_late_without_voice_is_the_faces_opinion(face, face_coverage, voice_coverage, calibration):
    assert fusion.late(face, NOTHING, face_coverage, voice_coverage, calibration) == pytest.approx(face, rel=1e-9)


@quick
@given(opinions, coverages, coverages, calibrations)
def test_late_without_face_is_the_voices_opinion(voice, face_coverage, voice_coverage, calibration):
    assert fusion.late(NOTHING, voice, face_coverage, voice_coverage, calibration) == pytest.approx(voice, rel=1e-9)


def test_late_without_both_is_nothing():
    assert np.isnan(fusion.late(NOTHING, NOTHING, ALL, ALL, Calibration())).all()


@quick
@given(opinions, opinions, missing, missing, coverages, coverages, calibrations)
def test_late_sums_to_one_where_anything_is_known(face, voice, no_face, no_voice, seen, heard, calibration):
    face[no_face], voice[no_voice] = np.nan, np.nan
    fused = fusion.late(face, voice, seen, heard, calibration)
    unknown = no_face & no_voice
    assert np.isnan(fused[unknown]).all()
    assert (fused[~unknown] >= 0).all()
    assert fused[~unknown].sum(axis=1) == pytest.approx(np.ones((~unknown).sum()))


@quick
@given(opinions, coverages, coverages, calibrations)
def test_late_never_leaves_what_both_say_unless_to_sharpen_it(same, seen, heard, calibration):
    fused = fusion.late(same, same, seen, heard, calibration)
    assert (entropy(fused) <= entropy(same) + 1e-9).all()
    if calibration.agreement == 0:
        assert fused == pytest.approx(same)


@pytest.mark.parametrize("trust", [0.2, 0.5, 0.8])
def test_more_coverage_is_more_weight(trust):
    face, voice = np.repeat(leaning("happy", 0.7), 3, axis=0), np.repeat(leaning("sad", 0.7), 3, axis=0)
    fused = fusion.late(face, voice, np.array([0.2, 0.6, 1.0]), np.ones(3), Calibration(face_trust=trust))
    happy = fused[:, EMOTIONS.index("happy")]
    assert (np.diff(happy) > 0.02).all()


def test_trust_is_the_weight_of_the_face_where_both_are_whole():
    face, voice = probabilities(ROWS, 1), probabilities(ROWS, 2)
    expected = face**0.7 * voice**0.3
    expected /= expected.sum(axis=1, keepdims=True)
    assert fusion.late(face, voice, ALL, ALL, Calibration(face_trust=0.7)) == pytest.approx(expected, abs=1e-5)


def test_full_agreement_multiplies_two_equal_witnesses():
    face, voice = leaning("fear", 0.5), leaning("fear", 0.4)
    expected = face * voice / (face * voice).sum()
    assert fusion.late(face, voice, np.ones(1), np.ones(1), Calibration(agreement=1.0)) == pytest.approx(expected)


def test_agreement_sharpens():
    face, voice = leaning("fear", 0.5), leaning("fear", 0.4)
    fused = [fusion.late(face, voice, np.ones(1), np.ones(1), Calibration(agreement=a)) for a in (0, 0.5, 1)]
    assert entropy(fused[0])[0] > entropy(fused[1])[0] > entropy(fused[2])[0]


def test_one_emotion_ruled_out_does_not_break_late():
    fused = fusion.late(one_hot("happy"), one_hot("sad"), np.ones(1), np.ones(1), Calibration(agreement=1.0))
    assert fused.sum() == pytest.approx(1)
    assert fused[0, EMOTIONS.index("happy")] == pytest.approx(0.5, abs=1e-5)


def test_mean_takes_what_there_is():
    face, voice = probabilities(3, 1), probabilities(3, 2)
    face[1:], voice[2] = np.nan, np.nan
    out = fusion.mean(face, voice)
    assert out[0] == pytest.approx((face[0] + voice[0]) / 2)
    assert out[1] == pytest.approx(voice[1])
    assert np.isnan(out[2]).all()


def test_disagreement_goes_from_none_to_all():
    face = np.concatenate([one_hot("happy", "happy"), probabilities(1)])
    voice = np.concatenate([one_hot("happy", "sad"), probabilities(1)])
    assert fusion.disagreement(face, voice) == pytest.approx([0, 1, 0], abs=1e-9)


def test_disagreement_is_unknown_where_one_is_silent():
    assert np.isnan(fusion.disagreement(NOTHING, probabilities(ROWS))).all()
    assert np.isnan(fusion.disagreement(probabilities(ROWS), NOTHING)).all()


@quick
@given(opinions, opinions)
def test_disagreement_is_symmetric_and_within_bounds(face, voice):
    there, back = fusion.disagreement(face, voice), fusion.disagreement(voice, face)
    assert there == pytest.approx(back)
    assert ((there >= 0) & (there <= 1)).all()


@quick
@given(opinions)
def test_an_opinion_without_calibration_is_the_probabilities(raw):
    assert fusion.opinion(raw, 1.0, fusion.ZEROS) == pytest.approx(raw, rel=1e-9)


def test_scale_sharpens_and_flattens_an_opinion():
    raw = probabilities(ROWS)
    assert (entropy(fusion.opinion(raw, 2.0, fusion.ZEROS)) < entropy(raw)).all()
    assert (entropy(fusion.opinion(raw, 0.5, fusion.ZEROS)) > entropy(raw)).all()


def test_bias_is_added_to_the_log_odds():
    raw = probabilities(ROWS)
    biased = fusion.opinion(raw, 1.0, (0.0, 0.0, 0.0, np.log(3), 0.0, 0.0, 0.0))
    happy, sad = EMOTIONS.index("happy"), EMOTIONS.index("sad")
    assert biased[:, happy] / biased[:, sad] == pytest.approx(3 * raw[:, happy] / raw[:, sad])


def test_an_opinion_of_nothing_is_nothing():
    assert np.isnan(fusion.opinion(NOTHING, 2.0, fusion.ZEROS)).all()


@quick
@given(opinions, st.floats(0.05, 5), st.tuples(*[st.floats(-3, 3)] * len(EMOTIONS)))
def test_opinions_sum_to_one(raw, scale, bias):
    assert fusion.opinion(raw, scale, bias).sum(axis=1) == pytest.approx(ALL)


@quick
@given(logits)
def test_softmax_stands_any_logits(values):
    out = fusion.softmax(values)
    assert np.isfinite(out).all()
    assert out.sum(axis=1) == pytest.approx(ALL)


@pytest.mark.parametrize("name", ["early", "Late", "", None])
def test_an_unknown_fusion_is_named_with_the_known_ones(name):
    with pytest.raises(EmorecError, match=r"does not exist; choose one of late, intermediate, face, voice") as error:
        fusion.check(name)
    assert repr(name) in str(error.value)


@pytest.mark.parametrize("name", fusion.FUSIONS)
def test_the_four_fusions_are_known(name):
    fusion.check(name)
