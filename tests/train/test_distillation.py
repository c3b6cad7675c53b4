"""Distillation: the voice network's second trunk is trained from published encoders, then frozen."""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest
import torch

from emorec.errors import EmorecError
from emorec.models.networks import VoiceNet
from emorec.models.optimize import for_inference
from emorec.voice.features import VoiceFrontEnd
from support import factories
from support.drawn_voices import drawn_voices
from train import loop, run, run_dir
from train.data import augment, datasets, pack
from train.evaluation import corruptions
from train.recipes import distillation, merging, regression, teachers, voice, voice_batches
from train.recipes.workspace import Workspace

CONFIG = replace(factories.VOICE_CONFIG, embedding=9, listener_widths=(4, 4, 4, 6), listener_embedding=4)
HOP = VoiceFrontEnd().hop
FOLD = 0  # which holds out the drawn RAVDESS actor
TARGETS = 5  # features per hop of a synthetic teacher


def random(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def workspace(data, runs, cache):
    return Workspace(data=data, runs=runs, cache=cache)


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """Tiny networks and drawn corpora: data, runs and cache."""
    monkeypatch.setattr(voice, "NET", replace(voice.NET, widths=(4, 4, 6, 8), embedding=8))
    monkeypatch.setattr(voice, "DISTILLED", {"listener_widths": (4, 4, 4, 6), "listener_embedding": 4})
    monkeypatch.setattr(distillation, "ITEMS", 8)
    for name in ("SCHEDULE", "CLASSIFIER_SCHEDULE"):
        monkeypatch.setattr(distillation, name, replace(getattr(distillation, name), epochs=2, batch_size=4))
    monkeypatch.setattr(teachers, "features", loudness_of_fifths)
    monkeypatch.setattr(teachers, "FEATURES", TARGETS)
    monkeypatch.setattr(teachers, "check", lambda: None)
    return drawn_voices(tmp_path / "data"), tmp_path / "runs", tmp_path / "cache"


def loudness_of_fifths(samples, hop):
    """The features of a synthetic teacher: the mean amplitude of each fifth of a hop."""
    return (
        np.abs(samples[: len(samples) // hop * hop])
        .reshape(-1, hop)[:, : hop // 5 * 5]
        .reshape(-1, TARGETS, hop // 5)
        .mean(2)
        .astype(np.float16)
    )


def test_a_hop_embedding_ends_with_the_distilled_features():
    net, log_mel = factories.voice_net(CONFIG), random(2, 64, 80)
    embeddings = net.embed(log_mel)
    assert embeddings.shape == (2, 5, 9)
    distilled_part = net.listener(log_mel.unsqueeze(1)).squeeze(2).transpose(1, 2)
    assert torch.equal(embeddings[..., 5:], distilled_part) and distilled_part.std() > 0.1
    assert torch.equal(net.score(embeddings), net.score(embeddings * torch.tensor([1.0] * 5 + [9.0] * 4)))
    with torch.no_grad():
        net.listener[1][1].bias += 1
    changed = net.embed(log_mel)
    assert torch.equal(changed[..., :5], embeddings[..., :5]) and not torch.equal(changed[..., 5:], distilled_part)


def test_distilled_features_are_pooled_by_speech_alone():
    net, speech = factories.voice_net(CONFIG), torch.rand(3, 7, generator=torch.Generator().manual_seed(1))
    embeddings = random(3, 7, 9)
    pooled = net.pool(embeddings, speech)
    by_speech = distillation.pool(embeddings, speech.clamp_min(voice.SILENT))
    columns = torch.tensor([5, 6, 7, 8, 14, 15, 16, 17])
    assert torch.allclose(pooled[:, columns], by_speech[:, columns], atol=0.02)
    weights = torch.exp(net.score(embeddings)) * speech
    mean = (weights.unsqueeze(2) * embeddings).sum(1) / weights.sum(1, keepdim=True)
    assert torch.allclose(pooled[:, :5], mean[:, :5], atol=1e-5)


def test_inference_computes_the_same_with_both_trunks():
    net, log_mel = factories.voice_net(CONFIG), random(1, 64, 320)
    outputs, quick = net(log_mel, torch.ones(1, 20)), for_inference(net)(log_mel, torch.ones(1, 20))
    assert (outputs - quick).abs().max() < 0.05 * outputs.abs().max()


def test_the_distilled_trunk_is_frozen_while_the_rest_is_trained():
    net = VoiceNet(CONFIG)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.1)
    net.train()
    net(random(4, 64, 64), torch.ones(4, 4)).square().sum().backward()
    optimizer.step()
    same = {name for name, tensor in net.state_dict().items() if torch.equal(tensor, before[name])}
    distilled = {name for name in before if name.startswith("listener.")}
    assert distilled and distilled <= same
    assert not any(name.startswith(("trunk.", "collapse.")) for name in same)


def test_a_window_cuts_targets_where_it_cuts_sound():
    hops = 20
    log_mel = np.repeat(np.arange(hops, dtype=np.float32), VoiceNet.FRAMES_PER_HOP)[None].repeat(3, 0)
    words, speech = np.arange(hops, dtype=np.float32)[:, None], np.ones(hops, np.float32)
    for seed in range(5):
        cut = voice_batches.window(log_mel, speech, np.random.default_rng(seed), 6, words)
        assert (cut[2][:, 0] == cut[0][0].reshape(6, -1).T).all() and (np.diff(cut[2][:, 0]) == 1).all()
    padded = voice_batches.window(log_mel[:, :64], speech[:4], np.random.default_rng(1), 6, words[:4] + 7)
    assert (padded[2][:, 0] > 0).tolist() == (padded[1] > 0).tolist() and (padded[1] > 0).sum() == 4


def test_other_rooms_move_nothing():
    """A click stays at its frame and in its band, in what is otherwise silence."""
    torch.manual_seed(0)
    log_mel = torch.full((16, 64, 160), -3.0)
    log_mel[:, 20, 77] = 6.0
    filtered = augment.rooms(log_mel.clone())
    found = [divmod(int(place), 160) for place in filtered.flatten(1).argmax(1)]
    assert not torch.equal(filtered, log_mel)
    assert sum(place == (20, 77) for place in found) >= 12  # a mask hides the band of a few
    assert all(place == (20, 77) for place, one in zip(found, filtered, strict=True) if one[20, 77] > 3)


def test_a_recording_played_faster_is_shorter_and_higher(tmp_path):
    seconds, front_end = 4.0, VoiceFrontEnd()
    tone = 0.3 * np.sin(2 * np.pi * 400 * np.arange(int(seconds * front_end.rate)) / front_end.rate)
    for number in range(4):
        corruptions.write_wave(tmp_path / f"{number}.wav", tone.astype(np.float32), front_end.rate)
    items = [datasets.Item(file, "made", "happy", "a") for file in sorted(tmp_path.glob("*.wav"))]

    def played(speeds):
        """How long each recording lasts (s) and how high it is (Hz)."""
        lengths, pitches = [], []
        for samples in pack.read_samples(items, front_end, speeds):
            assert len(samples) % HOP == 0
            spectrum = np.abs(np.fft.rfft(samples[: int(2.5 * front_end.rate)]))
            lengths.append(len(samples) / front_end.rate)
            pitches.append(spectrum.argmax() / 2.5)
        return lengths, pitches

    lengths, pitches = played(None)
    assert lengths == [pytest.approx(seconds, abs=0.26)] * 4 and pitches == [pytest.approx(400, abs=1)] * 4
    lengths, pitches = played((1, (1.25,)))
    assert lengths == [pytest.approx(seconds / 1.25, abs=0.26)] * 4 and pitches == [pytest.approx(500, abs=1)] * 4
    _, pitches = played((1, (0.8, 1.25)))
    assert {round(pitch, -1) for pitch in pitches} == {320, 500} and played((1, (0.8, 1.25)))[1] == pitches


def test_a_regression_finds_what_tells_labels_apart_and_no_more_than_it_may():
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 3, 600)
    features = generator.normal(5, 2, (600, 4)).astype(np.float32)
    features[:, 1] += 6 * truth
    layer = regression.fit(features, truth, np.ones(600), 3, decay=0.01)
    predicted = layer(torch.from_numpy(features)).argmax(1).numpy()
    assert (predicted == truth).mean() > 0.9
    size = [float(regression.fit(features, truth, np.ones(600), 3, decay).weight.norm()) for decay in (0.01, 0.2, 5.0)]
    assert size[0] > 1.5 * size[1] > 2 * size[2]


def test_labels_weigh_the_same_however_often_they_come():
    """Two labels at the same places, one of them nine times as often: neither is preferred."""
    features = np.tile(np.linspace(-1, 1, 50, dtype=np.float32)[:, None], (10, 1))
    truth = np.repeat([0] * 9 + [1], 50)
    layer = regression.fit(features, truth, np.ones(500), 2)
    assert layer.bias[0] == pytest.approx(float(layer.bias[1]), abs=1e-4)


def test_a_merged_network_is_the_sum_of_both_trunks(tiny):
    data, runs, cache = tiny
    once = replace(voice.SCHEDULE, epochs=1, batch_size=4)
    voice.train_first(workspace(*tiny), once)
    voice.train(workspace(*tiny), FOLD, once)
    emotional = voice.load_trained(runs, FOLD)
    assert emotional.config == voice.NET
    run.main(["--task", "listener", "--train_dir", str(data), "--out", str(runs), "--folds", str(FOLD)])
    for name in (distillation.run_of(FOLD), distillation.refined_run_of(FOLD)):
        rows = run_dir.read_log(runs / name)
        assert len(rows) == 2 and all(np.isfinite(row["explained"]) for row in rows)

    net = voice.load_trained(runs, FOLD)
    assert net.config == voice.merged_config()
    items = datasets.voices(data)
    clips = pack.voice_clips(items, VoiceFrontEnd(), runs / "cache")
    pooled, alone = voice.features(net, clips), voice.features(emotional, clips)
    own = np.r_[:8, 12:20]
    assert np.allclose(pooled[:, own], alone, atol=1e-5)  # the same attention, the same trunk
    inside = datasets.folds_of(items) != FOLD
    listened = np.setdiff1d(np.arange(24), own)
    copies = [pack.voice_clips(items, VoiceFrontEnd(), runs / "cache", speeds) for speeds in distillation.SPEEDS]
    for column, head in enumerate(voice.HEADS):
        beyond = voice.logits_of(net, pooled, head) - voice.logits_of(emotional, alone, head)
        targets = voice.targets_of(items)[:, column]
        rows = inside & (targets != voice.ABSENT)
        if not rows.any():  # the only actor of RAVDESS is held out
            assert np.allclose(beyond, 0, atol=1e-5)
            continue
        features = np.concatenate(
            [voice.features(net, [c for c, kept in zip(one, rows, strict=True) if kept]) for one in copies]
        )[:, listened]
        weights = voice.sampling_weights([item for item, kept in zip(items, inside, strict=True) if kept])
        layer = regression.fit(features, np.tile(targets[rows], 3), np.tile(weights, 3), len(voice.HEADS[head]))
        expected = merging.LAYER_WEIGHT * layer(torch.from_numpy(pooled[:, listened])).numpy()
        assert np.allclose(beyond, expected, rtol=0.01, atol=0.01)
    people = run_dir.settings_of(runs / voice.merged_run(FOLD))["persons"]
    assert people and "ravdess-02" not in people


def test_distillation_learns(tiny, monkeypatch):
    monkeypatch.setattr(distillation, "ITEMS", 96)
    distillation.train(workspace(*tiny), FOLD, replace(distillation.SCHEDULE, epochs=6))
    rows = run_dir.read_log(tiny[1] / distillation.run_of(FOLD))
    assert rows[-1]["loss"] < 0.8 * rows[0]["loss"]
    persons = set(run_dir.settings_of(tiny[1] / distillation.run_of(FOLD))["persons"])
    assert persons and "ravdess-02" not in persons


def test_the_classifier_is_distilled_from_people_outside_the_fold(tiny, monkeypatch):
    """The features of the synthetic teacher are amplitudes, so its classifier depends on them alone."""
    monkeypatch.setattr(distillation, "ITEMS", 64)
    monkeypatch.setattr(datasets, "folds_of", lambda items: np.array([int(i.corpus == "ased") - 1 for i in items]))
    distillation.train(workspace(*tiny), FOLD)
    before = loop.load_averaged(tiny[1] / distillation.run_of(FOLD), distillation.Student(TARGETS)).state_dict()
    distillation.refine(workspace(*tiny), FOLD, replace(distillation.CLASSIFIER_SCHEDULE, epochs=3))
    rows = run_dir.read_log(tiny[1] / distillation.refined_run_of(FOLD))
    assert rows[-1]["loss"] < rows[0]["loss"]
    after = loop.load_averaged(tiny[1] / distillation.refined_run_of(FOLD), distillation.Student(TARGETS)).state_dict()
    assert all(not torch.equal(after[name], before[name]) for name in ("classifier.weight", "regressor.weight"))
    persons = set(run_dir.settings_of(tiny[1] / distillation.refined_run_of(FOLD))["persons"])
    assert "ravdess-02" in persons and not any(person.startswith("ased") for person in persons)
    classifier = distillation.DistillationData.load(*tiny[::2], FOLD).fit_teacher_classifier()
    assert classifier.weight.shape == (8, 2 * TARGETS)
    predicted = {datasets.RAVDESS_LABELS[row] for row in range(8) if classifier.weight[row].abs().sum() > 1e-4}
    assert {"happy", "sad"} <= predicted


def test_a_folder_without_public_corpora_is_told_what_own_data_need(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        run.main(["--task", "voice", "--train_dir", str(tmp_path), "--out", str(tmp_path / "runs")])
    assert ended.value.code == 2
    assert "holds none of the public corpora (FERPlus, " in (sentence := capsys.readouterr().err)
    assert sentence.endswith("give --dataset folder or csv.\n") and not (tmp_path / "runs").exists()


def test_missing_teachers_are_reported_before_anything_is_trained(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    (tmp_path / "RAVDESS").mkdir()
    with pytest.raises(SystemExit) as ended:
        run.main(["--task", "voice", "--train_dir", str(tmp_path), "--out", str(tmp_path / "runs")])
    assert ended.value.code == 2
    error_text = capsys.readouterr().err.strip()
    assert "resemblyzer" in error_text and "train/requirements.txt" in error_text and len(error_text.splitlines()) == 1
    assert not (tmp_path / "runs").exists()


def test_the_real_teachers_tell_speech_from_silence():
    """Their networks, out of the packages that ``make test`` installs; nothing of the packages is imported."""
    try:
        teachers.check()
    except EmorecError as error:
        pytest.skip(str(error))
    generator = np.random.default_rng(0)
    time = np.arange(8 * HOP) / teachers.RATE
    voiced = sum(np.sin(2 * np.pi * 140 * k * time) / k for k in range(1, 20)) * (1 + np.sin(2 * np.pi * 4 * time))
    samples = (0.05 * voiced + 0.0001 * generator.normal(size=len(time))).astype(np.float32)
    samples[4 * HOP :] *= 0.001
    words = teachers.features(samples, HOP)
    assert words.shape == (8, teachers.FEATURES) and words.dtype == np.float16 and np.isfinite(words).all()
    for part in (words[:, :256], words[:, 256:]):
        part = part.astype(np.float32)
        within = np.abs(part[1:4] - part[1:4].mean(0)).mean()
        assert np.abs(part[1:4].mean(0) - part[5:8].mean(0)).mean() > 1.5 * within
    louder = teachers.features(4 * samples, HOP)
    assert np.allclose(louder[:, :256], words[:, :256], atol=0.02)  # the level is taken away


def test_the_teachers_features_are_cached(tiny):
    data, _, cache = tiny
    items = datasets.ravdess(data / "RAVDESS")
    targets = distillation.targets_of(items, cache)
    clips = pack.voice_clips(items, VoiceFrontEnd(), cache)
    assert [len(one) for one in targets] == [len(speech) for _, speech in clips]
    scaled = np.concatenate(distillation.standardise([targets])[0]).astype(np.float32)
    assert np.allclose(scaled.mean(0), 0, atol=0.01)


def test_a_finished_fold_is_found_with_and_without_a_distilled_trunk(tmp_path):
    assert voice.finished_run(tmp_path, 3) == "voice-3"
    (tmp_path / voice.merged_run(3)).mkdir()
    assert voice.finished_run(tmp_path, 3) == voice.merged_run(3)
    with pytest.raises(EmorecError, match="no trained network"):
        voice.load_trained(tmp_path, 3)
    assert loop.finished_epochs(tmp_path / voice.merged_run(3)) == 0
