"""Priors: named and from files, applied once, and estimated on a recording."""

import json

import numpy as np
import pytest

from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.inference import prior as priors
from support.factories import probabilities

NEUTRAL, HAPPY, SAD = (EMOTIONS.index(name) for name in ("neutral", "happy", "sad"))


@pytest.mark.parametrize("name", priors.NAMES)
def test_named_priors_are_shares_of_all_seven(name):
    prior = priors.resolve(name)
    assert prior.name == name and sum(prior.shares) == pytest.approx(1) and min(prior.shares) > 0
    assert len(prior.shares) == len(EMOTIONS) and prior.adaptive == (name == "adaptive")


def test_everyday_is_the_mean_of_two_corpora_and_mostly_neutral():
    shares = dict(zip(EMOTIONS, priors.resolve("everyday").shares, strict=True))
    assert shares["neutral"] == pytest.approx((6436 / 13708 + 85572 / 102979) / 2)
    assert shares["happy"] == pytest.approx((2308 / 13708 + 12885 / 102979) / 2)
    assert shares["neutral"] > 0.6 and max(shares["fear"], shares["disgust"]) < 0.02


def test_a_file_of_shares_is_normalised_and_named(tmp_path):
    file = tmp_path / "lesson.json"
    file.write_text(json.dumps(dict.fromkeys(EMOTIONS, 2) | {"neutral": 8}))
    prior = priors.resolve(file)
    assert prior == priors.resolve(str(file)) and prior.name == "lesson.json" and not prior.adaptive
    assert prior.shares[NEUTRAL] == pytest.approx(0.4) and prior.shares[SAD] == pytest.approx(0.1)
    assert priors.resolve(prior) is prior
    assert priors.resolve(dict.fromkeys(EMOTIONS, 1)).shares == pytest.approx(priors.EVEN)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_file_that_windows_wrote_is_read(tmp_path, encoding):
    file = tmp_path / "own.json"
    file.write_text(json.dumps(WHOLE), encoding=encoding)
    assert priors.resolve(file).shares == pytest.approx(priors.EVEN)


@pytest.mark.parametrize("name", priors.NAMES)
def test_a_file_called_like_a_prior_is_not_taken_for_it(tmp_path, name):
    file = tmp_path / name
    file.write_text(json.dumps(WHOLE | {"sad": 3.0}))
    assert priors.resolve(file).name == "own" and priors.resolve(name).name == name


def test_a_recording_given_as_a_prior_is_not_read_whole(tmp_path):
    file = tmp_path / "interview.mp4"
    with file.open("wb") as opened:
        opened.truncate(1 << 40)
    with pytest.raises(EmorecError, match="larger than 1 MB"):
        priors.resolve(file)


WHOLE = dict.fromkeys(EMOTIONS, 1.0)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({k: v for k, v in WHOLE.items() if k != "sad"}, "lacks the emotion sad"),
        (WHOLE | {"calm": 1.0}, "'calm'"),
        (WHOLE | {"sad": -0.1}, "share of sad is -0.1"),
        (WHOLE | {"sad": "much"}, "share of sad is 'much'"),
        (WHOLE | {"sad": True}, "share of sad is True"),
        (WHOLE | {"sad": float("nan")}, "share of sad is nan"),
        (dict.fromkeys(EMOTIONS, 0), "all 0"),
        ([1, 2, 3], "must hold an object"),
        ("{", "can be read as JSON"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence(tmp_path, content, words):
    file = tmp_path / "own.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(EmorecError, match=words) as error:
        priors.resolve(str(file))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["someday", "", "Even", None, 3])
def test_what_is_neither_a_name_nor_a_file_is_said(name):
    with pytest.raises(EmorecError, match="neither everyday, even, adaptive nor a file"):
        priors.resolve(name)


def test_a_posterior_is_bayes_rule():
    likelihood, prior = probabilities(4), np.array(priors.EVERYDAY)
    expected = likelihood * prior / (likelihood * prior).sum(axis=1, keepdims=True)
    assert priors.posterior(np.log(likelihood), np.log(prior)) == pytest.approx(expected)
    nothing = priors.posterior(np.full((1, 7), np.nan), np.log(prior))
    assert np.isnan(nothing).all()


def drawn(shares, rows, sharpness, seed=0):
    """Log likelihoods (N, 7) of rows whose emotions are drawn with the shares, and the emotions."""
    random = np.random.default_rng(seed)
    truth = random.choice(7, rows, p=shares)
    return sharpness * np.eye(7)[truth] + random.normal(0, 1, (rows, 7)), truth


def test_a_long_recording_teaches_its_own_prior():
    shares = np.full(7, 0.02)
    shares[SAD], shares[NEUTRAL] = 0.6, 0.3
    logs, truth = drawn(shares, 4000, 3.0)
    start = priors.resolve("adaptive")
    found = priors.adapt(logs, np.ones(len(logs)), start)
    assert found.name == "adaptive" and not found.adaptive  # adapted already
    # Half of it is what was drawn, the other half is still what is expected anyway.
    assert np.abs(np.array(found.shares) - (shares + priors.EVERYDAY) / 2).max() < 0.06
    right = (priors.posterior(logs, found.log).argmax(1) == truth).mean()
    assert right > (priors.posterior(logs, start.log).argmax(1) == truth).mean() + 0.03


def test_a_short_recording_stays_near_where_it_started():
    logs, _ = drawn(np.eye(7)[SAD], 3, 3.0)
    found = priors.adapt(logs, np.ones(3), priors.resolve("adaptive"))
    assert found.shares[SAD] < 0.25 and found.shares[NEUTRAL] > 0.5
    assert priors.adapt(np.zeros((0, 7)), np.zeros(0), priors.resolve("adaptive")).shares == pytest.approx(
        priors.EVERYDAY
    )


def test_overlapping_rows_count_by_their_weight():
    logs, _ = drawn(np.eye(7)[SAD], 30, 3.0)
    heavy = priors.adapt(logs, np.ones(30), priors.resolve("adaptive")).shares[SAD]
    light = priors.adapt(logs, np.full(30, 0.1), priors.resolve("adaptive")).shares[SAD]
    assert light < heavy - 0.1
