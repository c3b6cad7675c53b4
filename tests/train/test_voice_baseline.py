"""The head relative to the speaker in training: its place in a network, its calibration, what tells corpora apart."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.inference import baseline as baselines
from emorec.inference.voice_pooling import RELATIVE
from emorec.models import checkpoint as checkpoints
from emorec.models.calibration import HeadCalibration
from support import factories
from train import metrics
from train.data import datasets
from train.data.datasets import Item
from train.evaluation import corpus_told, predictions, speakers, unseen, voice_predictions
from train.evaluation.protocols import relative_layer
from train.recipes import voice_baseline, voice_head

WIDTH = 2 * factories.VOICE_CONFIG.embedding
SETTING = predictions.Setting(data=Path("data"), runs=None, cache=Path("cache"))


def layer(seed=0):
    torch.manual_seed(seed)
    return nn.Linear(WIDTH, len(EMOTIONS)).requires_grad_(False)


def test_a_placed_layer_is_a_head_and_changes_nothing_else(tmp_path):
    plain, own = factories.voice_net(), layer()
    placed = voice_baseline.place(plain, own)
    x = torch.randn(3, WIDTH)
    assert torch.equal(placed.classify(x, RELATIVE), own(x)) and torch.equal(placed.classify(x), plain.classify(x))
    assert RELATIVE not in plain.config.heads and placed.config.heads[RELATIVE] == EMOTIONS
    model = replace(factories.checkpoint(), voice=placed)
    assert baselines.available(model) and not baselines.available(factories.checkpoint())
    # Stored and read again it is the same, and features of a network without it are not taken for its own.
    checkpoints.save(model, tmp_path)
    assert checkpoints.load(tmp_path).fingerprint == model.fingerprint
    assert model.fingerprint != replace(model, voice=plain).fingerprint
    other = replace(model, voice=voice_baseline.place(plain, layer(1)))
    assert other.fingerprint != model.fingerprint


def test_the_layer_of_a_fold_is_the_networks_own_or_a_file(tmp_path):
    plain, own = factories.voice_net(), layer()
    file = voice_baseline.layer_file(tmp_path, 3)
    file.write_bytes(safetensors.torch.save({"weight": own.weight, "bias": own.bias}))
    assert torch.equal(voice_baseline.load_layer(plain, tmp_path, 3).weight, own.weight)
    placed = voice_baseline.place(plain, layer(1))
    assert torch.equal(voice_baseline.load_layer(placed, tmp_path, 3).weight, placed.heads[RELATIVE].weight)
    for runs, fold in ((tmp_path, 2), (None, 3)):
        with pytest.raises(EmorecError, match=f"for fold {fold}; fit it with"):
            voice_baseline.load_layer(plain, runs, fold)


@pytest.fixture
def corpora(monkeypatch):
    """Made voices: a speaker has an offset, an emotion a direction. Returns the items and the networks of two folds."""
    random, items, rows = np.random.default_rng(0), [], []
    for corpus, people, labels in (
        ("ravdess", 4, ("neutral", "happy", "angry")),
        ("barista", 3, ("neutral",)),
        ("speechocean", 3, ("neutral",)),
        ("korean", 3, ("neutral", "happy", "angry")),
    ):
        for person in range(people):
            offset = random.normal(0, 4, WIDTH)
            for label in labels:
                for _ in range(6):
                    items.append(Item(Path(f"{corpus}-{len(items)}"), corpus, label, f"{corpus}-{person}"))
                    features = random.normal(0, 0.3, WIDTH) + offset
                    features[EMOTIONS.index(label)] += 2
                    rows.append(features)
    rows = np.array(rows, np.float32)

    def at(given):
        return [next(place for place, item in enumerate(items) if item is one) for one in given]

    monkeypatch.setattr(voice_head, "all_items", lambda data: items)
    monkeypatch.setattr(voice_head, "pooled_features", lambda net, given, cache: rows[at(given)])
    monkeypatch.setattr(
        voice_head, "pooled_windows", lambda net, given, cache: (rows[at(given)], np.arange(len(given)))
    )
    for name in ("spoken", "spoken_windows"):
        monkeypatch.setattr(voice_head, name, lambda given, cache: np.full(len(given), 1.2))
    folds = {"ravdess-0": 0, "ravdess-1": 0, "ravdess-2": 1, "ravdess-3": 1}
    monkeypatch.setattr(
        datasets, "folds_of", lambda given: np.array([folds.get(item.person, datasets.NEVER) for item in given])
    )
    monkeypatch.setattr(datasets, "FOLDS", 2)
    return items, {fold: voice_baseline.place(factories.voice_net(), layer(fold)) for fold in range(2)}


def test_what_is_said_of_speakers_is_in_the_order_of_the_voices(corpora, monkeypatch):
    items, nets = corpora
    monkeypatch.setattr(voice_predictions, "STRONG", "")
    said = voice_predictions.speakers(SETTING, lambda: nets, relative_layer(SETTING))
    order = [row for fold in range(2) for row, item in enumerate(items) if datasets.folds_of([item])[0] == fold]
    order += [row for corpus in datasets.ORDINARY for row, item in enumerate(items) if item.corpus == corpus]
    assert said["truth"].tolist() == [EMOTIONS.index(items[row].label) for row in order]
    names = sorted({item.person for item in items})
    assert [names[number] for number in said["person"]] == [items[row].person for row in order]
    # Of a fold's people it is the fold's own layer, without its bias.
    own = nets[0].heads[RELATIVE]
    features = voice_head.pooled_features(nets[0], [items[row] for row in order[:36]], None)
    assert said["unbiased"][:36] == pytest.approx(features @ own.weight.numpy().T, abs=0.05)
    assert said["bias"][:36] == pytest.approx(np.tile(own.bias.numpy(), (36, 1)), abs=1e-3)


def test_a_corpus_of_ordinary_speech_is_judged_by_a_layer_that_never_met_it(corpora, monkeypatch):
    fitted, fit = [], voice_baseline.fit

    def recorded(items, features, known, without=(), scales=1.0):
        rows = [item for item, there in zip(items, known, strict=True) if there and item.corpus not in without]
        fitted.append({(item.corpus, int(datasets.folds_of([item])[0])) for item in rows})
        return fit(items, features, known, without, scales)

    monkeypatch.setattr(voice_baseline, "fit", recorded)
    voice_predictions.speakers(SETTING, lambda: corpora[1], relative_layer(SETTING))
    assert len(fitted) == len(datasets.ORDINARY)
    for corpus, met in zip(datasets.ORDINARY, fitted, strict=True):
        assert corpus not in {name for name, _ in met} and ("ravdess", 0) not in met and ("ravdess", 1) in met


def test_whole_recordings_are_better_understood_relative_to_their_speaker(corpora, monkeypatch):
    items, nets = corpora
    nets = {fold: voice_baseline.place(net, _fitted(items, fold)) for fold, net in nets.items()}
    said = voice_predictions.speakers(SETTING, lambda: nets, relative_layer(SETTING))
    seven = np.full((len(said["truth"]), 7), 0.1) + 0.3 * np.eye(7)[said["truth"]]
    seven[::3] = 1 / 7  # the head for single windows knows little
    order = [item for fold in range(2) for item in items if datasets.folds_of([item])[0] == fold]
    order += [item for corpus in datasets.ORDINARY for item in items if item.corpus == corpus]
    voices = {
        "seven": seven,
        "truth": said["truth"],
        "fold": datasets.folds_of(order),
        "corpus": np.array([voice_predictions.VOICE_CORPORA.index(item.corpus) for item in order]),
    }
    monkeypatch.setattr(voice_predictions, "voices", lambda setting, given: voices)
    nothing = np.zeros(0)
    relative = unseen._relative(SETTING, voices, lambda: nets, relative_layer(SETTING))
    columns = tuple(voices[name] for name in ("seven", "truth", "fold", "corpus"))
    everybody = unseen.Unseen(
        clips=factories_clips(),
        fused=nothing,
        voices=columns,
        faces=(),
        press=(),
        stills=(),
        face_shares=(),
        relative=relative,
    )
    monkeypatch.setattr(speakers, "unseen_predictions", lambda model, setting: everybody)
    monkeypatch.setattr(speakers, "fold_voice", lambda model, runs, fold: nets[fold])
    model = replace(factories.checkpoint(), voice=nets[0])
    found = speakers.speakers(model, SETTING)
    assert found["results"]["ravdess, mixed, relative"] > 0.9 > found["results"]["ravdess, mixed"]
    assert found["priors"]["even"]["speechocean (whole recordings, relative)"]["surely_negative"] == 0
    assert np.sum(found["confusion"]) == 7 * speakers.RECORDINGS * speakers.WINDOWS
    with pytest.raises(EmorecError, match="this one has none"):
        speakers.speakers(factories.checkpoint(), SETTING)
    # The calibration of the head is fitted on those who have a baseline, and left alone without the head.
    voice, head = unseen.fit_voice(everybody)
    assert head != HeadCalibration() and head != voice
    assert unseen.fit_voice(replace(everybody, relative=None)) == (voice, HeadCalibration())
    assert len(everybody.without(fold=0).relative[0]) == len(items) - 36


def _fitted(items, fold):
    truth = np.array([EMOTIONS.index(item.label) for item in items])
    people = np.array([item.person for item in items])
    offset, known = voice_baseline.relative(voice_head.pooled_features(None, items, None), truth, people)
    return voice_baseline.fit(items, offset, known & (datasets.folds_of(items) != fold))


def factories_clips():
    class Clips:
        fold = np.zeros(0, int)

        def only(self, rows):
            return self

    return Clips()


def test_the_corpus_is_told_by_a_constant_offset_and_not_relative_to_the_speaker(corpora):
    items, nets = corpora
    found = corpus_told.measure(nets[0], "data", "cache")
    assert found["chance"] == 0.25 and set(found) == {"as they are", "relative to the speaker", "chance"}
    random = np.random.default_rng(0)
    kinds, people = np.repeat([0, 1], 200), np.repeat(np.arange(20), 20)
    apart = random.normal(0, 1, (400, 3)) + 5 * kinds[:, None]
    assert corpus_told.recall_of_corpus(apart, kinds, people) > 0.99
    assert 0.35 < corpus_told.recall_of_corpus(random.normal(0, 1, (400, 3)), kinds, people) < 0.65
    # What only names the person does not help with other people.
    names = np.eye(20)[people]
    assert corpus_told.recall_of_corpus(names, kinds, people) <= 0.5 and metrics.NEUTRAL >= 0
