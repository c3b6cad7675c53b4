"""Calibration on people never seen: what is fitted on whom, number by number, and the voice's last layer."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.extraction import voices
from emorec.inference import fusion as fusions
from emorec.inference.fusion import softmax
from emorec.inference.voice_pooling import SILENT
from emorec.models.calibration import HEADS
from emorec.models.networks import VoiceNet
from emorec.ui import example
from support import factories
from support.fusion_samples import samples
from train import calibration
from train.data import datasets
from train.data.datasets import Item
from train.evaluation import predictions, unseen
from train.evaluation.unseen import Unseen
from train.recipes import fusion, voice, voice_head

RANDOM = np.random.default_rng(0)
SHARES = (0.1, 0.05, 0.05, 0.3, 0.3, 0.1, 0.1)
EVEN = np.full(7, 1 / 7)


def simulated(rows, scale, bias=0.0, shares=EVEN, strength=0.0):
    """Raw probabilities (N, 7) whose right calibration is known, and the labels (N,) that they are likeliest for."""
    logs = RANDOM.normal(0, 1.5, (rows, 7))
    truth = np.array([RANDOM.choice(7, p=row) for row in softmax(logs)])
    return softmax((logs - bias) / scale + strength * np.log(shares)), truth


@pytest.fixture(scope="module")
def unseen_people():
    """Unseen people of whom every head needs another scale."""
    rows = 6000
    bias = np.array([0.8, -0.2, -0.2, 0.1, -0.5, 0.1, -0.1])
    face, truth = simulated(rows, 0.5, shares=SHARES, strength=0.8)
    clips = samples(face, face, truth, np.arange(rows) % 4)
    voice, voice_truth = simulated(rows, 2.0, bias)
    fused_logs = np.log(np.eye(7)[truth] * 0.5 + 0.5 / 7)  # always right, so it may be surer
    still, still_truth = simulated(rows, 1.5, shares=SHARES, strength=0.8)
    press = simulated(rows, 0.5, shares=SHARES, strength=0.8)
    return Unseen(
        clips=clips,
        fused=softmax(3.0 * fused_logs),
        voices=(voice, voice_truth, np.arange(rows) % 5, np.arange(rows) % 2),
        faces=press,
        press=press,
        stills=(still, still_truth),
        face_shares=SHARES,
    )


def test_every_number_of_a_calibration_comes_from_its_own_people(unseen_people):
    found = unseen.fit_calibration(unseen_people)
    assert found.face.scale == pytest.approx(0.5, rel=0.1) and found.face.strength > 0.25
    assert found.face.shares == pytest.approx(SHARES) and np.abs(found.face.bias).max() < 0.3
    assert found.still.strength > 0.2 and found.still.shares == pytest.approx(SHARES)  # its bias does the rest
    assert found.still != found.face
    assert found.voice.scale == pytest.approx(2.0, rel=0.1) and found.voice.strength == 0
    assert found.voice.bias[0] > 0.4 > found.voice.bias[3] > found.voice.bias[4]
    assert found.fusion.scale > 2 and found.fusion.bias == (0.0,) * 7
    # What is fitted for one head moves no other.
    other = unseen.fit_calibration(replace(unseen_people, fused=unseen_people.fused**2))
    assert [head for head in HEADS if getattr(found, head) != getattr(other, head)] == ["fusion"]
    other = unseen.fit_calibration(replace(unseen_people, stills=unseen_people.faces))
    assert [head for head in HEADS if getattr(found, head) != getattr(other, head)] == ["still"]


def test_late_weighs_two_copies_of_one_witness_as_one(unseen_people):
    """Both sides of these clips say the same, so together they may say no more than one alone."""
    clips = unseen_people.clips
    # Of corpora that clear faces are not paired with.
    copied = replace(unseen_people, voices=(clips.face_probabilities, clips.truth, clips.fold, 1 + clips.fold % 2))
    found = unseen.fit_calibration(copied)
    assert found.face_weight + found.voice_weight == pytest.approx(1, abs=0.25)


def test_without_leaves_a_fold_and_a_corpus_out_everywhere(unseen_people):
    rest = unseen_people.without(fold=1)
    assert 1 not in rest.clips.fold and 1 not in rest.voices[2] and len(rest.fused) == len(rest.clips)
    assert {0, 2, 3} <= set(rest.clips.fold) and {0, 1} == set(rest.voices[3])
    assert rest.faces is unseen_people.faces and rest.stills is unseen_people.stills
    rest = unseen_people.without(corpus=0)
    assert set(rest.voices[3]) == {1} and len(rest.clips) == len(unseen_people.clips)
    assert all(len(column) == len(rest.voices[0]) for column in rest.voices)


def test_each_folds_fusion_meets_nobody_of_its_fold(monkeypatch):
    rows = 40
    seen, heard = (factories.probabilities(rows, seed) for seed in (1, 2))
    clips = samples(seen, heard, np.arange(rows) % 7, np.arange(rows) % 2)
    clips_of = {0: clips, 1: clips}
    folds_by_sample = {}

    def train(real, paired, face_net, voice_net):
        folds_by_sample[voice_net] = set(real.fold)
        return voice_net

    monkeypatch.setattr(fusion, "real_clips", lambda data, models, cache: clips_of)
    monkeypatch.setattr(fusion, "pairs", lambda *given: None)
    monkeypatch.setattr(fusion, "new_net", lambda face, voice: factories.fusion_net())
    monkeypatch.setattr(fusion, "train", train)
    monkeypatch.setattr(fusion, "predict", lambda net, part: np.full((len(part), 7), net, float))
    nets, out, fused = fusion.cross_fit("data", "face", {0: 100, 1: 101}, "cache")
    assert folds_by_sample == {100: {1}, 101: {0}} and nets == {0: 100, 1: 101}
    # Row by row: a clip of a fold beside what that fold's network says.
    assert (fused[:, 0] == 100 + out.fold).all() and len(out) == rows


def drawn_items():
    """Acted items of all seven and calm ones, with features that separate emotions and corpora."""
    random = np.random.default_rng(1)
    net = factories.voice_net()
    items, features = [], []
    size = 2 * net.config.embedding
    for corpus, labels in (("ravdess", EMOTIONS), ("barista", ("neutral",)), ("korean", ("neutral",))):
        for label in labels:
            for row in range(30):
                items.append(Item(None, corpus, label, f"{corpus}-{row}"))
                calm = corpus in datasets.ORDINARY
                # Calm recordings lie where angry ones do, but for one feature that every ordinary corpus shares.
                center = EMOTIONS.index("angry" if calm else label)
                features.append(np.eye(size)[center] * 2 + np.eye(size)[8] * 4 * calm + random.normal(0, 0.3, size))
    return net, items, np.array(features)


def test_the_last_layer_learns_from_ordinary_speech_what_calm_is():
    net, items, features = drawn_items()
    calm = np.array([item.corpus == "barista" for item in items])
    neutral = EMOTIONS.index("neutral")

    def called_neutral(without):
        layer = voice_head.refit(net, items, features, without=without)
        with torch.no_grad():
            predicted = layer(torch.from_numpy(features).float()).argmax(1).numpy()
        acted = np.array([item.corpus == "ravdess" for item in items])
        truth = np.array([EMOTIONS.index(item.label) for item in items])
        assert (predicted[acted] == truth[acted]).mean() > 0.9
        return (predicted[calm] == neutral).mean()

    assert called_neutral(without=datasets.ORDINARY) < 0.2
    assert called_neutral(without=("barista",)) > 0.9  # learned from the other ordinary corpus


def test_a_last_layer_takes_the_place_of_the_head_that_analysis_uses():
    net = factories.voice_net()
    layer = torch.nn.Linear(2 * net.config.embedding, len(net.config.heads["emotions"]))
    other = net.heads["other"].weight.clone()
    assert voice_head.place(net, layer) is net
    assert torch.equal(net.heads["emotions"].weight, layer.weight) and torch.equal(net.heads["other"].weight, other)


def test_windows_of_ordinary_speech_are_encoded_as_in_an_analysis(tmp_path):
    """A window sees the sound around it, so that what is measured on windows is what an analysis says of them."""
    file, model = example.clip(), factories.checkpoint()
    item = datasets.Item(file, "barista", "neutral", "example")
    features, rows = voice_head.pooled_windows(model.voice, [item], tmp_path / "cache")
    assert len(rows) >= 3 and not rows.any()
    arrays = [*voices.voice_segments(file, model, 0, [])]
    hops, speech = (np.concatenate([part[name] for part in arrays]) for name in ("voice_embedding", "voice_speech"))
    window = slice(voice_head.WINDOW_HOPS, 2 * voice_head.WINDOW_HOPS)
    pooled = model.voice.pool(
        torch.from_numpy(hops[window].astype(np.float32))[None],
        torch.from_numpy(speech[window].astype(np.float32)).clamp_min(SILENT)[None],
    )
    np.testing.assert_allclose(features[1], pooled[0].detach().numpy(), rtol=0.01, atol=0.02)
    (log_mel, heard), frames = voice_head._clips([item], tmp_path / "cache")[0], VoiceNet.FRAMES_PER_HOP
    alone = voice.features(model.voice, [(log_mel[:, window.start * frames : window.stop * frames], heard[window])])
    assert np.abs(alone[0] - features[1]).max() > 0.3


def test_predictions_are_kept_and_read_again_without_data(tmp_path):
    arrays = {"seven": factories.probabilities(5), "truth": np.arange(5)}
    setting = predictions.Setting(data=tmp_path, runs=None, cache=tmp_path, predictions=tmp_path / "kept")
    collected = predictions.load_or_collect("some", setting, lambda: arrays)
    stored = predictions.load_or_collect(
        "some", replace(setting, data=None), lambda: pytest.fail("must not be collected")
    )
    kept = predictions.load_or_collect(
        "some", replace(setting, kept=("some",)), lambda: pytest.fail("must not be collected")
    )
    assert all(np.array_equal(kept[name], stored[name]) for name in stored)
    assert (tmp_path / "kept" / "some.safetensors").stat().st_size < 400
    for name in arrays:
        np.testing.assert_array_equal(collected[name], stored[name])  # results are those of the kept numbers
        assert collected[name] == pytest.approx(arrays[name], abs=1e-3)
    with pytest.raises(EmorecError, match="other.*cannot be read"):
        predictions.load_or_collect("other", replace(setting, data=None), dict)
    with pytest.raises(EmorecError, match="--data, or .*--predictions"):
        predictions.load_or_collect("some", predictions.Setting(data=None, runs=None, cache=tmp_path), dict)


def test_an_even_set_is_judged_by_its_rows_and_a_skewed_one_as_if_it_were_even():
    truth = np.array([0] * 90 + [1] * 10)
    sure = np.where(np.arange(100)[:, None] < 90, [[0.9, 0.1]], [[0.9, 0.1]])
    assert calibration.expected_calibration_error(sure, truth) == pytest.approx(0.0, abs=1e-9)
    weights = calibration.even_weights(truth)
    assert calibration.expected_calibration_error(sure, truth, weights) == pytest.approx(0.4)
    assert fusions.mean(sure, sure) == pytest.approx(sure)
