"""Recordings spoilt alike: what changes in the sound, and that a layer is fitted to them beside those as they are."""

import numpy as np
import pytest
import torch
from torch import nn

from emorec.errors import EmorecError
from emorec.models import checkpoint as checkpoints
from emorec.voice.features import VoiceFrontEnd
from support import factories
from train import evaluate
from train.data import channels, datasets
from train.evaluation import corruptions, predictions
from train.recipes import bundled_provenance, voice_head

RATE = VoiceFrontEnd().rate
HISS = [np.random.default_rng(9).normal(0, 0.1, RATE).astype(np.float32)]


def tone(seconds=1.0, pitch=440.0):
    return (0.3 * np.sin(2 * np.pi * pitch * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


def spoilt_by(monkeypatch, sound, *, bands=0, rooms=0, noise=0, coarse=0, level=(0, 0), tilt=0.0, seed=0):
    """The sound with the named kinds of damage alone."""
    shares = {"BAND_SHARE": bands, "ROOM_SHARE": rooms, "NOISE_SHARE": noise, "COARSE_SHARE": coarse}
    for name, value in (shares | {"LEVEL": level, "TILT": tilt}).items():
        monkeypatch.setattr(channels, name, value)
    return channels.degrade(sound, RATE, HISS, np.random.default_rng(seed))


def power(sound, low, high):
    frequency = np.fft.rfftfreq(len(sound), 1 / RATE)
    return np.square(np.abs(np.fft.rfft(sound)))[(frequency >= low) & (frequency < high)].sum()


def test_nothing_but_the_chosen_kind_of_damage_changes_a_sound(monkeypatch):
    sound = tone()
    np.testing.assert_allclose(spoilt_by(monkeypatch, sound), sound, atol=1e-6)
    quiet = spoilt_by(monkeypatch, sound, level=(-12, -12))
    np.testing.assert_allclose(quiet, sound * 10 ** (-12 / 20), atol=1e-6)
    assert np.abs(spoilt_by(monkeypatch, sound, level=(40, 40))).max() == 1


def test_a_band_limit_takes_the_ends_of_the_spectrum_and_leaves_the_middle(monkeypatch):
    sound = np.random.default_rng(1).normal(0, 0.1, 2 * RATE).astype(np.float32)
    narrow = spoilt_by(monkeypatch, sound, bands=1)
    for low, high in ((0, 60), (7500, 8000)):
        assert power(narrow, low, high) < 0.05 * power(sound, low, high)
    assert power(narrow, 800, 2000) == pytest.approx(power(sound, 800, 2000), rel=0.02)


def test_an_equalisation_is_other_each_time_and_never_more_than_its_limit(monkeypatch):
    sound = np.random.default_rng(1).normal(0, 0.02, RATE).astype(np.float32)
    gains = []
    for seed in range(8):
        out = spoilt_by(monkeypatch, sound, tilt=30.0, seed=seed)
        gains.append([10 * np.log10(power(out, f, f + 500) / power(sound, f, f + 500)) for f in range(0, 8000, 500)])
    assert np.abs(gains).max() <= channels.MAX_GAIN + 0.1
    assert np.std(gains, axis=0).min() > 1


def test_a_room_sounds_on_after_the_voice_and_noise_fills_silence(monkeypatch):
    sound = np.concatenate([tone(0.5), np.zeros(RATE // 2, np.float32)])
    after = slice(RATE // 2 + 100, RATE // 2 + 1000)
    in_room = spoilt_by(monkeypatch, sound, rooms=1)
    assert np.square(in_room[after]).mean() > 1e-6 and len(in_room) == len(sound)
    assert np.square(in_room[-500:]).mean() < np.square(in_room[after]).mean()
    monkeypatch.setattr(channels, "NOISE", (10.0, 10.0))
    noisy = spoilt_by(monkeypatch, sound, noise=1)
    ratio = np.square(sound).mean() / np.square(noisy - sound).mean()
    assert 10 * np.log10(ratio) == pytest.approx(10, abs=0.1)


def test_a_coarse_line_leaves_few_steps(monkeypatch):
    out = spoilt_by(monkeypatch, tone(), coarse=1)
    assert 20 < len(np.unique(out)) <= 2 * channels.COARSE_STEPS + 1
    np.testing.assert_allclose(out, tone(), atol=0.01)


def test_noise_is_read_from_a_folder_and_its_lack_is_one_sentence(tmp_path):
    with pytest.raises(EmorecError, match="holds no recordings of noise"):
        channels.read_noises(tmp_path, RATE)
    corruptions.write_wave(tmp_path / "silent.wav", np.zeros(RATE), RATE)
    corruptions.write_wave(tmp_path / "hiss.wav", HISS[0], RATE)
    (tmp_path / "README.md").write_text("noise")
    (found,) = channels.read_noises(tmp_path, RATE)
    assert len(found) == RATE and np.abs(found).max() > 0


@pytest.fixture
def recordings(tmp_path):
    items = []
    for number in range(6):
        file = tmp_path / f"{number}.wav"
        sound = tone(1.0 + 0.2 * number, 200 + 50 * number) * np.linspace(0.2, 1, int((1.0 + 0.2 * number) * RATE))
        corruptions.write_wave(file, sound, RATE)
        corpus = ("ravdess", "barista")[number % 2]
        items.append(datasets.Item(file, corpus, "neutral", f"{corpus}-{number}"))
    (tmp_path / voice_head.NOISE).mkdir()
    corruptions.write_wave(tmp_path / voice_head.NOISE / "hiss.wav", HISS[0], RATE)
    return items


def test_spoilt_recordings_take_part_beside_all_as_they_are(tmp_path, recordings):
    torch.manual_seed(0)
    net, cache = factories.voice_net(), tmp_path / "cache"
    plain = voice_head.pooled_features(net, recordings, cache)
    rows, features = voice_head.training_rows(net, recordings, tmp_path, cache, 0)
    assert np.array_equal(rows, np.arange(6)) and np.array_equal(features, plain)
    rows, features = voice_head.training_rows(net, recordings, tmp_path, cache, 4)
    assert len(rows) == 10 and np.array_equal(rows[:6], np.arange(6)) and np.array_equal(features[:6], plain)
    assert len(set(rows[6:])) == 4
    # Each is its own recording with another sound: nearer to itself than to nothing, but not the same.
    difference = np.abs(features[6:] - plain[rows[6:]]).max(axis=1)
    assert difference.min() > 1e-3
    again = voice_head.training_rows(net, recordings, tmp_path, tmp_path / "other", 4)
    assert np.array_equal(again[0], rows) and np.allclose(again[1], features, atol=1e-5)


def test_the_spectra_of_spoilt_recordings_keep_their_own_lengths_and_speech(tmp_path, recordings):
    chosen = np.array([1, 4])
    clips = voice_head._spoilt_clips(recordings, chosen, tmp_path, tmp_path / "cache")
    plain = voice_head._clips(recordings, tmp_path / "cache")
    for (log_mel, speech), row in zip(clips, chosen, strict=True):
        assert log_mel.shape == plain[row][0].shape and np.array_equal(speech, plain[row][1])
        assert not np.allclose(log_mel, plain[row][0], atol=0.1)


def test_the_last_layer_of_a_fold_never_meets_its_people_spoilt(tmp_path, recordings, monkeypatch):
    net, fitted = factories.voice_net(), []
    monkeypatch.setattr(voice_head, "all_items", lambda data: recordings)
    monkeypatch.setattr(datasets, "folds_of", lambda items: np.array([0, 1] * 3))

    def refit(net, items, features, without=()):
        fitted.append([item.person for item in items])
        return nn.Linear(features.shape[1], net.heads["emotions"].out_features).requires_grad_(False)

    monkeypatch.setattr(voice_head, "refit", refit)
    voice_head.train(net, tmp_path, tmp_path, tmp_path / "cache", 1, augmented=6)
    assert sorted(fitted[0]) == sorted(2 * [item.person for item in recordings[::2]])
    assert predictions.Setting(data=None, runs=None, cache=tmp_path).augmented == 0  # what a checkpoint says decides


def test_a_checkpoint_names_the_noise_and_how_many_recordings_were_spoilt(tmp_path, recordings, monkeypatch):
    monkeypatch.setattr(voice_head, "all_items", lambda data: recordings)
    plain, more = (bundled_provenance.metadata_of(tmp_path, count) for count in (0, 500))
    assert more[voice_head.AUGMENTED_ROWS] == 500 and bundled_provenance.NOISE in more["sources"]
    assert plain[voice_head.AUGMENTED_ROWS] == 0 and bundled_provenance.NOISE not in plain["sources"]


def test_protocols_fit_their_layers_to_as_many_spoilt_recordings_as_the_checkpoint(tmp_path, monkeypatch):
    model, given = factories.checkpoint(), []
    model.training = model.training | {voice_head.AUGMENTED_ROWS: 500}
    monkeypatch.setattr(checkpoints, "load", lambda folder: model)
    monkeypatch.setattr(evaluate.cost, "measure", lambda model: {})
    monkeypatch.setitem(evaluate.PROTOCOLS, "everyday", lambda model, setting: given.append(setting) or {"results": {}})
    monkeypatch.setattr(evaluate, "table", lambda name, found: "")
    evaluate.evaluate(tmp_path, predictions.Setting(data=None, runs=None, cache=tmp_path), ["everyday"], write=False)
    assert [setting.augmented for setting in given] == [500]
