"""Corpora left out: no layer meets the corpus that it is judged on, and people are resampled, not rows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from emorec.emotions import EMOTIONS, emotion_of
from emorec.errors import EmorecError
from emorec.inference.fusion import softmax
from support import factories
from train import evaluate, metrics
from train.data.datasets import Item
from train.evaluation import corpus_out, predictions
from train.recipes import regression, voice_head

LABELS = {"barista": ("neutral",), "speechocean": ("neutral",), "korean": ("neutral", "happy")}
SETTING = predictions.Setting(Path("data"), None, Path("cache"))


@pytest.fixture
def model():
    config = replace(factories.VOICE_CONFIG, listener_widths=(4, 4, 6, 8), listener_embedding=12)
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
    monkeypatch.setattr(voice_head, "everybody", lambda data: items)
    monkeypatch.setattr(voice_head, "pooled", lambda net, given, cache: rows)

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
    assert set(found["intervals"]) == set(found["results"]) - {"voice", "voice, own baseline"}
    text = evaluate.table("corpus-out", found | {"cost": {}})
    low, high = found["intervals"]["nemo"]
    assert f"(95 %: {low:.1%} to {high:.1%})" in text and "barista (corpus-out), even prior: neutral" in text


def test_what_only_one_corpus_shows_is_not_found_in_it(model, monkeypatch):
    drawn(model, monkeypatch, shared=False)
    found = corpus_out.corpus_out(model, SETTING)
    # Four emotions: a layer that met the corpus, or the features of the emotion trunk, would find nearly all.
    assert found["results"]["voice"] < 0.6, found["results"]


def test_what_is_usual_for_a_speaker_is_taken_away():
    random = np.random.default_rng(0)
    truth = np.tile(np.repeat([metrics.NEUTRAL, EMOTIONS.index("happy")], [12, 4]), 6)
    person = np.repeat(np.arange(6), 16)
    logs = random.normal(0, 0.3, (len(truth), 7)) + 2 * np.eye(7)[truth]
    logs[:, EMOTIONS.index("sad")] += 3 * (person == 5)  # a sad voice whatever is said
    arrays = {"seven": softmax(logs), "truth": truth, "person": person, "corpus": person}

    def recall(seven, who):
        return metrics.recall(seven.argmax(1)[person == who], truth[person == who])

    after = corpus_out.without_baselines(arrays)
    assert recall(arrays["seven"], 5) < 0.1 and recall(after, 5) > 0.8
    assert all(recall(after, who) > 0.9 for who in range(5))
    # Who is hardly heard keeps the probabilities.
    few = {name: values[:-13] for name, values in arrays.items()}
    after = corpus_out.without_baselines(few)
    assert np.allclose(after[person[:-13] == 5], few["seven"][person[:-13] == 5], atol=1e-6)


def test_without_a_distilled_trunk_nothing_is_measured():
    with pytest.raises(EmorecError, match="distilled trunk"):
        corpus_out.corpus_out(factories.checkpoint(), SETTING)


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


def test_differences_between_groups_are_held_back():
    random = np.random.default_rng(0)
    truth, groups = np.tile([0, 1], 300), np.repeat([0, 1, 2], 200)
    features = random.normal(0, 1, (600, 3))
    features[:, 0] += np.where(truth == 1, 1.5, -1.5)  # means the same in every group
    # The first group's microphone and its label go together, the second's do not; in the third they are reversed.
    features[:, 1] += 3 * np.select([groups == 0, groups == 1], [2 * truth - 1, 0], 1 - 2 * truth)

    def recall(invariance):
        inside = groups < 2
        layer = regression.fit(
            features[inside], truth[inside], np.ones(400), 2, 0.01, groups=groups[inside], invariance=invariance
        )
        with torch.no_grad():
            told = layer(torch.from_numpy(features[~inside]).float()).argmax(1).numpy()
        return (told == truth[~inside]).mean()

    assert recall(0.0) < 0.75 and recall(10.0) > 0.85
    offsets = regression.group_differences(features, truth, np.ones(600), groups)
    assert offsets.shape == (6, 3) and np.abs(offsets[:, 1]).max() > 5 * np.abs(offsets[:, [0, 2]]).max()
    alone = regression.group_differences(features[:200], truth[:200], np.ones(200), groups[:200])
    assert alone.shape == (0, 3)
