"""Calibration of heads: each number in its field, and read again from what a checkpoint holds."""

from dataclasses import asdict, fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emorec.emotions import EMOTIONS
from emorec.inference import prior as priors
from emorec.inference.fusion import softmax
from emorec.models import calibration as calibrations
from emorec.models.calibration import HEADS, OLD_HEADS, Calibration, HeadCalibration
from support.factories import probabilities, quick

ROWS = 4
SHARES = tuple(np.arange(1, 8) / 28)


def posterior(head, raw):
    return priors.posterior(head.log_likelihood(raw), priors.resolve("even").log)


def test_without_calibration_an_even_prior_gives_the_probabilities():
    raw = probabilities(ROWS)
    assert posterior(HeadCalibration(), raw) == pytest.approx(raw, rel=1e-9)


def test_log_likelihoods_have_the_mean_zero_and_nothing_stays_nothing():
    raw = np.concatenate([probabilities(ROWS), np.full((1, 7), np.nan)])
    found = HeadCalibration(scale=2.0, bias=SHARES, strength=0.5, shares=SHARES).log_likelihood(raw)
    assert found[:ROWS].mean(axis=1) == pytest.approx(np.zeros(ROWS), abs=1e-12)
    assert np.isnan(found[ROWS]).all()


def test_full_strength_divides_the_shares_out():
    """What a network says after training on skewed labels, by Bayes' rule, becomes the likelihood again."""
    likelihood = probabilities(ROWS)
    skewed = likelihood * SHARES
    skewed /= skewed.sum(axis=1, keepdims=True)
    assert posterior(HeadCalibration(strength=1.0, shares=SHARES), skewed) == pytest.approx(likelihood, rel=1e-9)
    half = posterior(HeadCalibration(strength=0.5, shares=SHARES), skewed)
    assert half == pytest.approx(softmax(np.log(skewed) - 0.5 * np.log(SHARES)), rel=1e-9)


def test_scale_sharpens_and_bias_is_added():
    raw = probabilities(ROWS)
    assert posterior(HeadCalibration(scale=2.0), raw) == pytest.approx(softmax(2 * np.log(raw)), rel=1e-9)
    bias = (0.0, 0.0, 0.0, np.log(3), 0.0, 0.0, 0.0)
    biased = posterior(HeadCalibration(bias=bias), raw)
    happy, sad = EMOTIONS.index("happy"), EMOTIONS.index("sad")
    assert biased[:, happy] / biased[:, sad] == pytest.approx(3 * raw[:, happy] / raw[:, sad])


@pytest.mark.parametrize("config", [Calibration, HeadCalibration])
def test_a_calibration_is_given_by_name_only(config):
    with pytest.raises(TypeError, match="positional"):
        config(1.0)


def different():
    """A Calibration of which no two numbers are alike."""
    numbers = iter(np.arange(1, 100) / 100)

    def seven():
        return tuple(float(next(numbers)) for _ in EMOTIONS)

    heads = {
        head: HeadCalibration(scale=float(next(numbers)), bias=seven(), strength=float(next(numbers)), shares=seven())
        for head in HEADS
    }
    return Calibration(**heads, face_weight=float(next(numbers)), voice_weight=float(next(numbers)))


def test_every_number_comes_back_in_its_field():
    plain = asdict(different())
    assert calibrations.read(plain) == different()
    as_lists = {
        key: {k: list(v) if isinstance(v, tuple) else v for k, v in value.items()} if key in HEADS else value
        for key, value in plain.items()
    }
    assert calibrations.read(as_lists) == different()
    assert {part.name for part in fields(Calibration)} == set(plain)


def test_the_one_level_of_older_checkpoints_is_read():
    old = {f"{head}_scale": 1.0 + row for row, head in enumerate(OLD_HEADS)}
    old |= {f"{head}_bias": [float(row)] * 7 for row, head in enumerate(OLD_HEADS)}
    found = calibrations.read(old | {"face_trust": 0.5, "agreement": 1.0})
    for row, head in enumerate(OLD_HEADS):
        assert getattr(found, head) == HeadCalibration(scale=1.0 + row, bias=(float(row),) * 7)
    # Two opinions that were multiplied, and one that was believed for 45 % and sharpened in part.
    assert (found.face_weight, found.voice_weight) == (1.0, 1.0)
    other = calibrations.read(old | {"face_trust": 0.45, "agreement": 0.7})
    assert other.face_weight == pytest.approx(0.45 * 1.63) and other.voice_weight == pytest.approx(0.55 * 1.63)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scale", "two"),
        ("scale", None),
        ("scale", float("nan")),
        ("bias", [0.0]),
        ("bias", [0.0] * 6 + ["x"]),
        ("shares", [0.5] * 6 + [0.0]),
        ("shares", [-1.0] * 7),
        ("strength", [1.0]),
        ("strength", float("inf")),
    ],
)
def test_a_number_that_cannot_be_is_refused(head, name, value):
    plain = asdict(different())
    plain[head][name] = value
    with pytest.raises(ValueError, match=name):
        calibrations.read(plain)


@pytest.mark.parametrize("place", ["mood", "face.mood", "voice.bias", "face_weight", "fusion"])
def test_unknown_and_missing_keys_are_named(place):
    plain = asdict(different())
    *path, key = place.split(".")
    inner = plain[path[0]] if path else plain
    unknown = key not in inner
    if unknown:
        inner[key] = 1.0
    else:
        del inner[key]
    with pytest.raises(ValueError, match=rf"{place} is {'unknown' if unknown else 'missing'}"):
        calibrations.read(plain)


@quick
@given(st.floats(0.05, 5), st.floats(0, 1.5), st.tuples(*[st.floats(-3, 3)] * 7))
def test_likelihoods_are_finite_whatever_the_network_says(scale, strength, bias):
    head = HeadCalibration(scale=scale, strength=strength, bias=bias, shares=SHARES)
    sure = np.eye(7)
    assert np.isfinite(head.log_likelihood(sure)).all()
