"""Calibration and the rules by which two opinions become one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.inference import fusion
from emorec.models.calibration import Calibration
from support.factories import probabilities, quick

ROWS = 4
NOTHING = np.full((ROWS, len(EMOTIONS)), np.nan)
ALL, NONE = np.ones(ROWS), np.zeros(ROWS)

opinions = arrays.arrays(float, (ROWS, len(EMOTIONS)), elements=st.floats(1e-3, 1)).map(
    lambda weights: weights / weights.sum(axis=1, keepdims=True)
)
logits = arrays.arrays(float, (ROWS, len(EMOTIONS)), elements=st.floats(-800, 800))
evidence = arrays.arrays(float, ROWS, elements=st.floats(0.1, 1))
missing = arrays.arrays(bool, ROWS)
calibrations = st.builds(Calibration, face_weight=st.floats(0, 2), voice_weight=st.floats(0, 2))


def one_hot(*names):
    return np.stack([np.eye(len(EMOTIONS))[EMOTIONS.index(name)] for name in names])


def leaning(name, share, rows=1):
    """Log likelihoods (N, 7): ``share`` for one emotion, the rest for the others alike."""
    rest = (1 - share) / (len(EMOTIONS) - 1)
    logs = np.log(np.where(one_hot(name) == 1, share, rest))
    return np.repeat(logs - logs.mean(axis=1, keepdims=True), rows, axis=0)


def entropy(log_likelihoods):
    rows = fusion.softmax(log_likelihoods)
    return -(rows * np.log(rows)).sum(axis=1)


@quick
@given(opinions, evidence, calibrations)
def test_late_with_one_modality_is_that_modality_by_its_evidence(opinion, share, calibration):
    logs = np.log(opinion)
    assert fusion.late(logs, NOTHING, share, NONE, calibration) == pytest.approx(share[:, None] * logs)
    assert fusion.late(NOTHING, logs, NONE, share, calibration) == pytest.approx(share[:, None] * logs)


def test_late_without_both_is_nothing():
    assert np.isnan(fusion.late(NOTHING, NOTHING, NONE, NONE, Calibration())).all()


@quick
@given(opinions, opinions, missing, missing, evidence, evidence, calibrations)
def test_late_knows_something_where_anything_is_known(
    face, voice, no_face, no_voice, face_evidence, voice_evidence, calibration
):
    face, voice = np.log(face), np.log(voice)
    face[no_face], voice[no_voice] = np.nan, np.nan
    face_evidence, voice_evidence = np.where(no_face, 0.0, face_evidence), np.where(no_voice, 0.0, voice_evidence)
    fused = fusion.late(face, voice, face_evidence, voice_evidence, calibration)
    unknown = no_face & no_voice
    assert np.isnan(fused[unknown]).all() and np.isfinite(fused[~unknown]).all()


def test_the_weights_hold_where_both_have_full_evidence():
    face, voice = leaning("happy", 0.6, ROWS), leaning("sad", 0.5, ROWS)
    found = fusion.late(face, voice, ALL, ALL, Calibration(face_weight=0.7, voice_weight=0.4))
    assert found == pytest.approx(0.7 * face + 0.4 * voice)


def test_two_witnesses_of_full_weight_are_multiplied():
    face, voice = leaning("fear", 0.5), leaning("fear", 0.4)
    calibration = Calibration(face_weight=1.0, voice_weight=1.0)
    fused = fusion.late(face, voice, np.ones(1), np.ones(1), calibration)
    assert fusion.softmax(fused) == pytest.approx(fusion.softmax(face + voice))
    assert entropy(fused)[0] < min(entropy(face)[0], entropy(voice)[0])


@pytest.mark.parametrize("weight", [0.3, 0.6, 1.0])
def test_more_evidence_is_more_weight(weight):
    face, voice = leaning("happy", 0.7, 3), leaning("sad", 0.7, 3)
    calibration = Calibration(face_weight=weight, voice_weight=weight)
    fused = fusion.softmax(fusion.late(face, voice, np.array([0.2, 0.6, 1.0]), np.ones(3), calibration))
    assert (np.diff(fused[:, EMOTIONS.index("happy")]) > 0.02).all()


def test_a_modality_that_fades_in_changes_late_without_a_jump():
    face, voice = leaning("happy", 0.7, 101), leaning("sad", 0.7, 101)
    shares = np.linspace(0, 1, 101)
    fused = fusion.late(face, np.where(shares[:, None] > 0, voice, np.nan), np.ones(101), shares, Calibration())
    assert fused[0] == pytest.approx(face[0])
    assert np.abs(np.diff(fused, axis=0)).max() < 0.05


def test_evidence_grows_with_coverage_up_to_full_and_is_none_without_an_opinion():
    logs = leaning("happy", 0.6, 5)
    logs[4] = np.nan
    full = fusion.FULL_SECONDS / 3
    found = fusion.evidence(logs, np.array([full / 4, full / 2, full, 1.0, 1.0]), np.full(5, 3.0))
    assert found == pytest.approx([0.25, 0.5, 1.0, 1.0, 0.0])
    # A tenth of a minute is as much as two seconds in full.
    assert fusion.evidence(logs[:2], np.array([0.1, 1.0]), np.array([60.0, 0.6])) == pytest.approx([1.0, 0.5])


def test_little_evidence_leaves_an_opinion_flat():
    logs = leaning("sad", 0.9, 3)
    flat = entropy(fusion.weighted(logs, np.array([0.1, 0.5, 1.0])))
    assert flat[0] > flat[1] > flat[2] and fusion.weighted(logs, np.ones(3)) == pytest.approx(logs)


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


def test_the_four_fusions_are_known():
    for name in ("late", "intermediate", "face", "voice"):
        fusion.check(name)
    assert len(fusion.FUSIONS) == 4
