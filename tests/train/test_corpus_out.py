"""Corpora left out: no layer meets the corpus that it is judged on, and people are resampled, not rows."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import safetensors.torch
import torch

from emorec.emotions import EMOTIONS, emotion_of
from emorec.errors import EmorecError
from emorec.models.calibration import HeadCalibration
from support import factories
from train import calibration, evaluate, metrics
from train.data import datasets
from train.data.datasets import Item
from train.evaluation import corpus_out, predictions, voice_predictions, voice_protocols
from train.recipes import voice_baseline, voice_head

LABELS = {"barista": ("neutral",), "speechocean": ("neutral",), "korean": ("neutral", "happy")}
SETTING = predictions.Setting(data=Path("data"), runs=None, cache=Path("cache"))


@pytest.fixture
def model():
    config = replace(factories.VOICE_CONFIG, embedding=17, listener_widths=(4, 4, 6, 8), listener_embedding=12)
    return replace(factories.checkpoint(), voice=factories.voice_net(replace(config, embedding=config.embedding + 12)))


def drawn(model, monkeypatch, shared):
    """Make every corpus a row of drawn features: if ``shared``, emotions look alike in all corpora, else in none."""
    random, items, rows = np.random.default_rng(0), [], []
    columns = voice_head.distilled_columns(model.voice)
    own = np.setdiff1d(np.arange(2 * model.voice.config.embedding), columns)
    for number, corpus in enumerate(corpus_out.CORPORA):
        for label in LABELS.get(corpus, ("neutral", "happy", "angry", "sad")):
            emotion = EMOTIONS.index(emotion_of(label))
            place = emotion if shared else random.permutation(len(columns))[:2] if number % 2 else [7 + number]
            for row in range(16):
                features = random.normal(0, 0.2, 2 * model.voice.config.embedding)
                features[columns[place]] += 2
                # The emotion trunk was trained on all corpora: it gives the label away.
                features[own[emotion]] += 20
                items.append(Item(None, corpus, label, f"{corpus}-{row % 4}"))
                rows.append(features)
    rows = np.array(rows)
    monkeypatch.setattr(voice_head, "all_items", lambda data: items)
    monkeypatch.setattr(voice_head, "pooled_features", lambda net, given, cache: rows)

    def windows(net, given, cache):
        chosen = [next(at for at, item in enumerate(items) if item is one) for one in given]
        return rows[chosen], np.arange(len(given))

    monkeypatch.setattr(voice_head, "pooled_windows", windows)
    return items


def test_what_all_corpora_share_is_found_in_one_that_was_left_out(model, monkeypatch):
    items = drawn(model, monkeypatch, shared=True)
    found = corpus_out.corpus_out(model, SETTING)
    assert found["items"] == len(items)
    assert all(value > 0.95 for name, value in found["results"].items() if "everyday" not in name), found["results"]
    assert found["priors"]["even"]["barista (corpus-out)"]["surely_negative"] == 0
    assert set(found["intervals"]) == set(found["results"])
    # The trunk below the layers was trained on the acted corpora.
    foreign = {name for name in found["results"] if name.startswith(("barista", "speechocean", "korean"))}
    assert set(found["out_of_domain"]) == foreign and len(foreign) > 6 and "RAVDESS" in found["domain"]
    text = evaluate.table("corpus-out", found | {"cost": {}})
    low, high = found["intervals"]["nemo"]
    assert f"(95 %: {low:.1%} to {high:.1%})" in text and "barista (corpus-out), even prior: neutral" in text


def test_what_only_one_corpus_shows_is_not_found_in_it(model, monkeypatch):
    drawn(model, monkeypatch, shared=False)
    found = corpus_out.corpus_out(model, SETTING)
    # Four emotions: a layer that met the corpus, or the features of the emotion trunk, would find nearly all.
    assert found["results"]["voice"] < 0.6 and found["results"]["voice, own baseline"] < 0.7, found["results"]


def test_what_is_usual_for_a_speaker_is_taken_away():
    random = np.random.default_rng(0)
    happy = EMOTIONS.index("happy")
    truth = np.tile(np.repeat([metrics.NEUTRAL, happy], [12, 4]), 3)
    people = np.repeat(["low", "middle", "high"], 16)
    features = random.normal(0, 0.01, (48, 2))
    features[:, 0] += truth == happy
    features += np.repeat([-10.0, 0.0, 10.0], 16)[:, None]
    out, known = voice_baseline.relative(features, truth, people)
    shares = np.exp(metrics.EVERYDAY)
    share = shares[happy] / (shares[happy] + shares[metrics.NEUTRAL])  # not the 4 in 16 of these rows
    assert known.all() and np.allclose(out[truth == happy].mean(axis=0), [1 - share, 0], atol=0.02)
    assert np.allclose(out[truth != happy].mean(axis=0), [-share, 0], atol=0.02)
    assert features[0, 0] < -9  # the argument is not changed

    # A speaker with few items, or without a neutral one, has no baseline.
    out, known = voice_baseline.relative(features[:19], truth[:19], people[:19])
    assert known.sum() == 16 and np.array_equal(out[16:], features[16:19])
    assert not voice_baseline.relative(features, np.full(48, happy), people)[1].any()


def test_without_a_distilled_trunk_nothing_is_measured():
    with pytest.raises(EmorecError, match="distilled trunk"):
        corpus_out.corpus_out(factories.checkpoint(), SETTING)


def test_confidence_in_ordinary_speech_is_measured_under_the_prior_that_it_is_of(monkeypatch):
    """A network that calls every window neutral is right in nine of ten, and with even emotions in one of two."""
    happy = EMOTIONS.index("happy")
    truth = np.tile(np.repeat([metrics.NEUTRAL, happy], [90, 10]), len(datasets.ORDINARY))
    names = np.repeat(datasets.ORDINARY, 100)
    sure = np.full((len(truth), len(EMOTIONS)), 0.1 / 6)
    sure[:, metrics.NEUTRAL] = 0.9
    corpora = np.array([voice_predictions.VOICE_CORPORA.index(name) for name in names])
    people = SimpleNamespace(voices=(sure, truth, None, corpora), voice_people=None, without=lambda corpus: None)
    monkeypatch.setattr(voice_protocols, "unseen_predictions", lambda *_: people)
    head = SimpleNamespace(voice=HeadCalibration())
    monkeypatch.setattr(voice_protocols.unseen, "fit_calibration", lambda _: head)
    found = voice_protocols.everyday(None, None)
    errors = found["calibration_errors"]
    assert errors["voice"]["after"] == pytest.approx(0.9 - 0.5)
    usual = calibration.apply(HeadCalibration(), sure[:1], metrics.EVERYDAY).max()
    assert errors["voice, everyday prior"]["after"] == pytest.approx(usual - 0.9, abs=1e-6)
    assert errors.keys() == found["reliability"].keys() < set(found["out_of_domain"])


def test_people_are_resampled_rather_than_rows():
    people = np.repeat(np.arange(10), 40)
    truth = np.tile([0, 1], 200)
    right = people < 5  # half of the people are always understood, the others never
    low, high, deviation = metrics.recall_by_people(right, truth, people)
    # Of ten people each draws five right ones on average, with a deviation of sqrt(10 / 4) of ten.
    assert abs(deviation - 0.158) < 0.02 and low < 0.25 and high > 0.75
    assert metrics.recall_by_people(np.ones(400, bool), truth, people) == (1.0, 1.0, 0.0)
    # The mean is over labels, not over rows.
    rare = (np.arange(400) % 40 == 0).astype(int)
    low, high, _ = metrics.recall_by_people(rare == 0, rare, people)
    assert low == high == 0.5


def test_a_folds_layer_is_fitted_to_people_outside_it(model, monkeypatch, tmp_path):
    items = drawn(model, monkeypatch, shared=True)
    # All people of the fold have a wrong label; a layer that is fitted to them learns it.
    inside = np.arange(len(items)) % 2 == 0
    monkeypatch.setattr(datasets, "folds_of", lambda given: np.where(inside, 0, 1))
    wrong = [replace(item, label="fear") if odd and item.label != "neutral" else item
             for item, odd in zip(items, inside, strict=True)]  # fmt: skip
    monkeypatch.setattr(voice_head, "all_items", lambda data: wrong)
    layer = voice_baseline.train(model.voice, "data", tmp_path, "cache", fold=0)
    stored = safetensors.torch.load_file(voice_baseline.layer_file(tmp_path, 0))
    assert torch.equal(stored["weight"], layer.weight) and torch.equal(stored["bias"], layer.bias)
    fear = EMOTIONS.index("fear")
    assert layer.weight[fear].abs().max() < 0.01 < layer.weight[EMOTIONS.index("happy")].abs().max()
