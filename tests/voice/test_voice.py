"""The voice's front end: log-mel, level, speech, and hops that do not depend on where a recording was cut."""

import importlib.util
import tracemalloc
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from emorec.extraction import voices
from emorec.media import streams as recordings
from emorec.models.networks import VoiceNet
from emorec.voice import features as voice
from emorec.voice import silero
from emorec.voice.features import VoiceFrontEnd
from support import factories

FRONT_END = VoiceFrontEnd()
HOP = FRONT_END.hop
RATE = FRONT_END.rate


def noise(seconds, level=0.1, seed=0):
    """White noise, as float32 samples."""
    return np.random.default_rng(seed).normal(0, level, int(seconds * RATE) // HOP * HOP).astype(np.float32)


def babble(hops, seed=0):
    """Noise whose level jumps by up to 80 dB a few times a second, with stretches of silence between."""
    random = np.random.default_rng(seed)
    samples = random.normal(0, 1, hops * HOP)
    borders = np.sort(random.choice(hops * HOP, hops, replace=False))
    for piece in np.split(samples, borders):
        piece *= 10 ** random.uniform(-4, 0) * (random.random() > 0.2)
    return (samples * 0.5).astype(np.float32)


@pytest.fixture(scope="module")
def talking(media):
    """Twelve seconds of someone talking to a camera."""
    blocks = recordings.audio(media / "talking_head_12s.mp4", RATE)
    samples = np.concatenate([block.samples for block in blocks])
    return samples[: len(samples) // HOP * HOP]


def test_a_hop_is_sixteen_frames_of_sixteen_milliseconds():
    assert HOP == 4096
    assert FRONT_END.hop_seconds == pytest.approx(0.256)
    assert FRONT_END.frame / RATE == pytest.approx(0.016)


@pytest.mark.parametrize("hops", [1, 2, 40, 81])
def test_everything_lies_on_one_grid(hops):
    samples = noise(1.0)[:1].repeat(hops * HOP)
    assert voice.log_mel(samples).shape == (FRONT_END.n_mels, hops * VoiceNet.FRAMES_PER_HOP)
    assert len(voice.loudness(samples)) == len(voice.speech(samples)) == hops


def test_no_samples_are_no_hops():
    assert len(voice.speech(np.zeros(0, np.float32))) == len(voice.loudness(np.zeros(0, np.float32))) == 0
    assert len(voice.speech(np.zeros(HOP - 1, np.float32))) == 0


def test_a_frame_hears_its_own_time():
    """A click in the middle of frame 37 is loudest there."""
    samples = np.zeros(10 * HOP, np.float32)
    samples[37 * FRONT_END.frame + FRONT_END.frame // 2] = 1.0
    assert voice.log_mel(samples).sum(dim=0).argmax() == 37


@pytest.mark.parametrize("frequency", [120, 440, 1000, 3000, 7000])
def test_a_tone_lies_in_its_own_band(frequency):
    """Slaney's scale: even up to 1 kHz, logarithmic above."""

    def mel(hertz):
        return hertz / (200 / 3) if hertz < 1000 else 15 + 27 * np.log(hertz / 1000) / np.log(6.4)

    tone = 0.3 * np.sin(2 * np.pi * frequency * np.arange(8 * HOP) / RATE)
    low, high = mel(FRONT_END.f_min), mel(FRONT_END.f_max)
    expected = (mel(frequency) - low) / (high - low) * (FRONT_END.n_mels + 1) - 1
    assert int(voice.log_mel(tone).mean(dim=1).argmax()) == pytest.approx(expected, abs=1.5)


@pytest.mark.parametrize("gain", [0.1, 0.3, 5.0])
def test_gain_does_not_count(gain):
    """Loud and 20 dB less in turn."""
    samples = noise(10.0) * np.repeat(np.where(np.arange(39) % 3, 1.0, 0.1), HOP).astype(np.float32)
    plain, scaled = voice.log_mel(samples), voice.log_mel(samples * np.float32(gain))
    loud = plain.mean(dim=0) > 0
    assert loud.float().mean() > 0.5
    assert (plain - scaled)[:, loud].abs().max() < 1e-2


def test_gain_hardly_counts_for_real_speech(talking):
    """A tenth brings pauses near the floor, which shifts the level a little."""
    plain, scaled = voice.log_mel(talking), voice.log_mel(talking * np.float32(0.1))
    loud = plain > 0
    assert loud.float().mean() > 0.2
    assert (plain - scaled)[loud].abs().max() < 0.1


def test_active_frames_are_about_zero_on_average():
    assert voice.log_mel(noise(10.0)).mean(dim=0).abs().max() < 0.3


def test_pauses_do_not_pull_the_level_down():
    """Speech that is silent half of the time lies where speech without pauses lies."""
    on = np.arange(40) % 4 < 2
    full, broken = noise(10.3), noise(10.3) * np.repeat(on, HOP)
    inner = torch.from_numpy(np.repeat(on, VoiceNet.FRAMES_PER_HOP))
    inner[1:] &= inner[:-1].clone()
    inner[:-1] &= inner[1:].clone()
    difference = voice.log_mel(broken)[:, inner].mean(dim=0) - voice.log_mel(full)[:, inner].mean(dim=0)
    assert difference.abs().mean() < 0.1


def test_the_level_follows_the_recording():
    """A quiet half and a loud one, 40 dB apart: three seconds away from the change both lie alike."""
    samples = np.concatenate([noise(10.0, 0.001), noise(10.0, 0.1)])
    frames = voice.log_mel(samples).mean(dim=0)
    reach = int(FRONT_END.level_seconds / 2 * RATE / FRONT_END.frame) + 2
    middle = len(frames) // 2
    assert frames[: middle - reach].mean() == pytest.approx(float(frames[middle + reach :].mean()), abs=0.05)
    assert frames[middle - reach + 4 : middle].mean() < -1


def test_silence_is_finite_and_even():
    frames = voice.log_mel(np.zeros(20 * HOP, np.float32))
    assert torch.isfinite(frames).all()
    assert frames.abs().max() < 1e-4


def test_loudness_in_decibels_of_full_scale():
    tone = np.sin(2 * np.pi * 1000 * np.arange(2 * HOP) / RATE)
    samples = np.concatenate([tone, 0.01 * tone, np.zeros(HOP), np.ones(100)]).astype(np.float32)
    assert voice.loudness(samples) == pytest.approx([-3.01, -3.01, -43.01, -43.01, -100], abs=0.05)


def hops_of(net, samples, front_end):
    with torch.inference_mode():
        return net.embed(voice.log_mel(samples, front_end)[None])[0]


def assert_blocks_are_independent(front_end, samples, length, starts):
    """Hops encoded in blocks, with the promised margin on both sides, are those of the whole recording."""
    net = factories.voice_net()
    whole = hops_of(net, samples, front_end)
    margin = front_end.margin_hops
    assert whole.std(dim=0).max() > 0.1, "the network tells hops apart"
    for start in starts:
        block = samples[(start - margin) * HOP : (start + length + margin) * HOP]
        assert len(block) == (length + 2 * margin) * HOP
        cut = hops_of(net, block, front_end)[margin : margin + length]
        assert (cut - whole[start : start + length]).abs().max() < 1e-3 * whole.std(), f"block from hop {start}"


@pytest.mark.parametrize(("seed", "length"), [(0, 1), (1, 1), (2, 7), (3, 16)])
def test_hops_do_not_depend_on_where_a_recording_was_cut(seed, length):
    starts = range(FRONT_END.margin_hops, 100 - FRONT_END.margin_hops - length, 5)
    assert_blocks_are_independent(FRONT_END, babble(100, seed), length, starts)


@pytest.mark.parametrize("level_seconds", [0.512, 1.0, 1.536, 2.5, 9.0])
def test_the_margin_suits_any_stretch_of_level(level_seconds):
    front_end = replace(FRONT_END, level_seconds=level_seconds)
    hops = 2 * front_end.margin_hops + 30
    starts = range(front_end.margin_hops, hops - front_end.margin_hops - 2, 5)
    assert_blocks_are_independent(front_end, babble(hops, seed=9), 2, starts)


@pytest.mark.parametrize("seed", range(3))
def test_nothing_beyond_the_margin_counts(seed):
    """Silence, a bang and other noise outside give the very same hops."""
    net, margin = factories.voice_net(), FRONT_END.margin_hops
    inside = babble(2 * margin + 3, seed)
    beside = [np.zeros(6 * HOP, np.float32), np.ones(6 * HOP, np.float32), babble(6, seed + 50)]
    found = []
    for outside in beside:
        hops = hops_of(net, np.concatenate([outside, inside, outside]), FRONT_END)
        found.append(hops[6 + margin : 6 + margin + 3])
    scale = hops.std()
    assert (found[0] - found[1]).abs().max() < 1e-3 * scale
    assert (found[0] - found[2]).abs().max() < 1e-3 * scale


@pytest.mark.parametrize("level_seconds", [1.0, 2.56, 6.0])
def test_the_level_reaches_no_further_than_the_margin(level_seconds):
    """A bang makes its neighbours inactive, and so counts for the level of frames twice as far away."""
    front_end = replace(FRONT_END, level_seconds=level_seconds)
    frames = torch.randn(FRONT_END.n_mels, 2001, generator=torch.Generator().manual_seed(0))
    banged = frames.clone()
    banged[:, 1000] += 20
    moved = (voice._level(frames, front_end) - voice._level(banged, front_end)).abs() > 1e-4
    reach = (torch.nonzero(moved) - 1000).abs().max() / VoiceNet.FRAMES_PER_HOP
    assert level_seconds / 2 / front_end.hop_seconds < reach + 1
    assert reach <= front_end.margin_hops - VoiceNet.CONTEXT_HOPS


def test_the_context_of_the_network_is_as_said_and_needed():
    net = factories.voice_net()
    log_mel = torch.randn(1, FRONT_END.n_mels, 40 * 16, generator=torch.Generator().manual_seed(0))
    other = log_mel.clone()
    other[:, :, 20 * 16 : 21 * 16] += 3
    with torch.inference_mode():
        difference = (net.embed(log_mel) - net.embed(other))[0].abs().amax(dim=1)
    changed = torch.nonzero(difference > 0).flatten().tolist()
    assert changed == list(range(20 - VoiceNet.CONTEXT_HOPS, 20 + VoiceNet.CONTEXT_HOPS + 1))


def test_silence_and_noise_are_no_speech():
    assert voice.speech(np.zeros(20 * HOP, np.float32)).max() < 0.3
    assert voice.speech(noise(8.0, 0.02)).mean() < 0.3


def test_talking_is_speech(talking):
    speech = voice.speech(talking)
    assert speech.max() > 0.9
    assert (speech >= 0.5).mean() > 0.3
    assert ((speech >= 0) & (speech <= 1)).all()


@pytest.mark.parametrize("decibels", [-20, -30, -45])
def test_quiet_speech_is_speech_as_much_as_loud(talking, decibels):
    loud, quiet = voice.speech(talking), voice.speech((talking * 10 ** (decibels / 20)).astype(np.float32))
    assert ((loud >= 0.5) == (quiet >= 0.5)).mean() > 0.97 and (quiet >= 0.5).mean() > 0.3


def test_quiet_speech_is_encoded_as_loud_speech_is(talking):
    """Sound under the level of all training data is amplified to it, so that it does not disappear in the floor."""
    quiet = talking * np.float32(10 ** (-60 / 20))
    loud, amplified = (voice.log_mel(part, FRONT_END).numpy() for part in (talking, quiet))
    unamplified = voice.log_mel(talking * np.float32(10 ** (-35 / 20)), FRONT_END).numpy()
    assert np.abs(loud - amplified).mean() < 1.5 * np.abs(loud - unamplified).mean()
    assert (voice.gain.amplify_to_training_level(talking, HOP) == talking).all()


@pytest.mark.parametrize("level", [0.0001, 0.001, 0.02, 0.3])
def test_noise_of_any_level_is_no_speech(level):
    assert voice.speech(noise(8.0, level)).mean() < 0.3


def tone(seconds, *pitches, decay=0.0):
    time = np.arange(round(seconds * RATE)) / RATE
    return (np.exp(-decay * time) * sum(0.2 * np.sin(2 * np.pi * pitch * time) for pitch in pitches)).astype(np.float32)


def plucked(seconds, pitch, seed=0):
    """A plucked string (Karplus and Strong, 1983)."""
    ring = np.random.default_rng(seed).uniform(-0.5, 0.5, round(RATE / pitch))
    periods = []
    for _ in range(round(seconds * RATE) // len(ring) + 1):
        periods.append(ring)
        ring = 0.498 * (ring + np.roll(ring, -1))
        ring[-1] = 0.498 * (periods[-1][-1] + ring[0])
    return np.concatenate(periods)[: round(seconds * RATE)].astype(np.float32)


TONES = {
    "a decaying tone": tone(6.0, 220, decay=1.0),
    "a chord": tone(6.0, 220, 277, 330),
    "an organ": tone(6.0, *(150 * k for k in range(1, 9))),
    "a decaying chord": tone(6.0, 220, 277, 330, decay=0.5),
    "a string": plucked(6.0, 220, seed=1),
    "a higher string": plucked(6.0, 262, seed=1),
    "strings": np.concatenate([plucked(1.5, pitch) for pitch in (196, 262, 330)]),
    "a melody": np.concatenate([plucked(0.6, pitch) for pitch in (196, 220, 262, 294, 330) * 2]),
}


@pytest.mark.parametrize("silence", [0, 8 * HOP, 9 * HOP - 1000])
@pytest.mark.parametrize("name", TONES)
def test_tones_that_begin_are_no_speech(name, silence):
    assert voice.speech(np.concatenate([np.zeros(silence, np.float32), TONES[name]])).max() < 0.5


def test_a_voice_is_no_steady_tone(talking):
    steady = voice.tones.onsets(talking, HOP)
    spoken = voice.speech(talking) >= 0.5
    assert steady[: len(spoken)][spoken].mean() < 0.05


def test_no_hops_hold_no_tone():
    assert len(voice.tones.onsets(np.zeros(HOP - 1, np.float32), HOP)) == 0
    assert voice.tones.onsets(tone(HOP / RATE, 220), HOP).tolist() == [1.0]


@pytest.mark.parametrize("level", [-30, -20])
def test_a_voice_over_a_hum_is_speech(talking, level):
    """A mains hum, 10 to 20 dB under the loudest of the voice, is the loudest sound between the syllables."""
    hum = tone(len(talking) / RATE, 100, 200, 300)
    hum *= 10 ** (level / 20) / hum.std()
    alone, over = voice.speech(talking) >= 0.5, voice.speech(talking + hum) >= 0.5
    settled = np.arange(len(alone)) >= 8  # the hum's own first seconds
    assert over[settled & alone].mean() > 0.9
    assert voice.speech(hum).max() < 0.5


def low(frequency, level):
    """A tone below the voice, or a constant offset at 0 Hz, at times (s)."""
    return lambda time: (level * np.cos(2 * np.pi * frequency * time)).astype(np.float32)


BELOW = {
    "an offset": low(0, 0.05),
    "a small offset": low(0, 0.02),
    "mains hum": low(60, 0.05),
    "loud hum": low(50, 0.3),
    "rumble": low(20, 0.3),
}


@pytest.mark.parametrize("name", BELOW)
def test_what_lies_below_a_voice_hides_no_quiet_speech(talking, name):
    quiet = talking * np.float32(0.03)
    below = BELOW[name](np.arange(len(quiet)) / RATE)
    alone, over = voice.speech(quiet) >= 0.5, voice.speech(quiet + below) >= 0.5
    assert alone.sum() > 15 and (alone == over).mean() > 0.9
    assert voice.speech(below).max() < 0.5
    clean, disturbed = (voice.log_mel(samples)[:, 320:-320] for samples in (quiet, quiet + below))  # not the click
    assert (clean - disturbed)[clean > 0].abs().mean() < 0.1


@pytest.mark.parametrize("frequency", [0, 10, 30, 50, 60])
def test_only_what_lies_below_a_voice_is_removed(frequency):
    time = np.arange(10 * HOP) / RATE
    inner = slice(HOP, -HOP)
    below = np.cos(2 * np.pi * frequency * time)
    assert np.abs(voice.rumble.remove_rumble(below)[inner]).max() < 0.02
    for pitch in (90, 120, 300, 2000):
        pitched = np.sin(2 * np.pi * pitch * time)
        assert voice.rumble.remove_rumble(pitched + below)[inner] == pytest.approx(pitched[inner], abs=0.06)


@pytest.mark.parametrize("length", [0, 1, 63, 5000])
def test_the_filter_changes_nothing_further_away_than_it_says(length):
    samples = np.pad(noise(3.0)[:length], 2 * HOP)
    removed = voice.rumble.remove_rumble(samples) - samples
    assert len(removed) == len(samples)
    assert not removed[:HOP].any() and not removed[len(samples) - HOP :].any()


@pytest.mark.filterwarnings("error")
def test_what_lies_below_a_voice_is_removed_from_any_array_and_in_any_precision_of_the_caller():
    samples = noise(1.0).astype(np.float32)
    expected = voice.rumble.remove_rumble(samples)
    read_only = np.frombuffer(samples.tobytes(), np.float32)
    for given in (read_only, samples[::-1].copy()[::-1], np.stack([samples, samples], 1)[:, 0]):
        assert voice.rumble.remove_rumble(given) == pytest.approx(expected)
    with torch.autocast("cpu", torch.bfloat16):
        assert np.array_equal(voice.rumble.remove_rumble(samples), expected)


def test_what_lies_below_a_voice_is_removed_without_numpys_threads(monkeypatch):
    """After a product, they wait for the next one at full load: that takes a third of the speed of an analysis."""
    used = []

    class Watched(np.ndarray):
        def __array_ufunc__(self, function, method, *inputs, **options):
            used.append(function)
            plain = [given.view(np.ndarray) if isinstance(given, Watched) else given for given in inputs]
            return getattr(function, method)(*plain, **options)

    samples = noise(1.0)
    expected = voice.rumble.remove_rumble(samples)
    filters = voice.rumble._filters()
    monkeypatch.setattr(voice.rumble, "_filters", lambda: [each.view(Watched) for each in filters])
    assert voice.rumble.remove_rumble(samples) == pytest.approx(expected)
    assert np.matmul not in used


def test_a_bang_does_not_hide_the_quiet_voice_beside_it(talking):
    quiet = talking * np.float32(10 ** (-30 / 20))
    banged = quiet.copy()
    banged[6 * RATE : 6 * RATE + 800] += 0.9
    raw = voice.gain.amplify_to_target(banged, HOP)[5 * RATE : 7 * RATE]
    assert (raw == banged[5 * RATE : 7 * RATE]).all()
    alone, beside = voice.speech(quiet) >= 0.5, voice.speech(banged) >= 0.5
    assert beside[alone].mean() > 0.7


def test_speech_is_found_where_it_is(talking):
    quiet = np.zeros(12 * HOP, np.float32)
    speech = voice.speech(np.concatenate([quiet, talking[: 20 * HOP], quiet, quiet]))
    assert speech[:11].max() < 0.5 and speech[35:].max() < 0.5
    assert speech[12:32].max() > 0.9


def test_rows_side_by_side_judge_about_as_one_long_row(talking, monkeypatch):
    long = np.tile(talking, 3)
    rows = voice.speech(long)
    monkeypatch.setattr(voice, "SPEECH_ROW_CHUNKS", len(long) // silero.CHUNK + 1)
    one = voice.speech(long)
    assert len(rows) == len(one)
    assert np.abs(rows - one).mean() < 0.05
    assert ((rows >= 0.5) == (one >= 0.5)).mean() > 0.95


def test_each_row_begins_where_the_one_before_ends(monkeypatch):
    """A stand-in for Silero that says how loud a chunk is: every chunk is judged once, in its place."""

    class Meter:
        def encode(self, chunks):
            return chunks[:, silero.CONTEXT :].abs().mean(dim=1, keepdim=True)

        def predict(self, features):
            return features.squeeze(2)

    monkeypatch.setattr(silero, "load", Meter)
    monkeypatch.setattr(voice.gain, "amplify_to_target", lambda samples, hop: samples)
    samples = noise(15.0) * np.linspace(0, 1, len(noise(15.0)), dtype=np.float32)
    expected = np.abs(samples).reshape(-1, HOP).mean(axis=1)
    assert voice.speech(samples, filtered=True) == pytest.approx(expected, rel=1e-4)


def test_silero_judges_as_the_published_file_does(talking):
    file = Path(importlib.util.find_spec("silero_vad").origin).parent / "data" / "silero_vad.onnx"
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    chunks = voice._chunks(np.zeros(0, np.float32), talking[: 24 * HOP])
    state, published = np.zeros((2, 1, 128), np.float32), []
    for chunk in chunks:
        feeds = {"input": chunk[None], "state": state, "sr": np.array(RATE, np.int64)}
        probability, state = session.run(None, feeds)
        published.append(probability[0, 0])
    network = silero.load()
    with torch.inference_mode():
        ours = network.predict(network.encode(torch.from_numpy(chunks)).unsqueeze(0))[0].numpy()
    assert np.std(published) > 0.2
    assert ours == pytest.approx(np.array(published), abs=1e-4)


def test_a_chunk_comes_behind_the_end_of_the_one_before():
    samples = np.arange(3 * silero.CHUNK, dtype=np.float32) + 1
    chunks = voice._chunks(np.array([7.0, 8.0], np.float32), samples)
    warm_up = voice.SPEECH_WARM_UP_CHUNKS
    assert chunks.shape == (warm_up + 3, silero.CONTEXT + silero.CHUNK)
    assert (chunks[1:, : silero.CONTEXT] == chunks[:-1, -silero.CONTEXT :]).all()
    assert (chunks[warm_up:, silero.CONTEXT :].ravel() == samples).all()
    assert chunks[warm_up - 1, -2:].tolist() == [7, 8] and not chunks[: warm_up - 1].any()


def test_speech_is_judged_alike_in_one_piece_and_in_many(talking):
    long = np.tile(talking, 2)
    whole, row = voice.speech(long), FRONT_END.speech_row_hops
    assert row == 16 and whole.std() > 0.2
    for start in range(row, len(whole), row):
        here, end = slice(start * HOP, (start + row) * HOP), (start + row) * HOP
        part = voice.speech(long[here], before=long[: start * HOP], after=long[end:])
        assert part == pytest.approx(whole[start : start + row], abs=1e-5)
    # Without what stands before, the first row would be judged otherwise.
    assert max(np.abs(voice.speech(long[k * HOP :])[:3] - whole[k:][:3]).max() for k in (16, 32, 48)) > 0.01


@pytest.mark.parametrize("starts", [(0, 8, 32), (0, 1, 7), (0, 13, 30), (0, 16, 79), (0, 79, 80)])
def test_a_voice_does_not_depend_on_where_segments_begin(talking, monkeypatch, starts):
    """Cut anywhere, every hop has the speech, loudness and embedding that it has in the recording as a whole."""
    long = np.tile(talking, 3)
    blocks = [recordings.AudioBlock(k / RATE, long[k : k + 16 * HOP]) for k in range(0, len(long), 16 * HOP)]
    monkeypatch.setattr(voices.segments, "FIRST_STARTS", starts)
    monkeypatch.setattr(
        voices.sources.sandbox, "audio", lambda *_, start, **__: (b for b in blocks if b.time >= start - 1e-6)
    )
    net = factories.voice_net()
    model = Namespace(front_end=FRONT_END, voice=net)
    monkeypatch.setattr(voices, "for_inference", lambda net: net)
    begun = [[*voices.voice_segments("a recording", model, first, [])] for first in range(4)]
    cut = {key: np.concatenate([segment[key] for segment in begun[0]]) for key in begun[0][0]}
    assert cut["voice_time"] == pytest.approx((np.arange(len(long) // HOP) + 0.5) * FRONT_END.hop_seconds)
    # Beyond its ends a recording is silent; the filter's first samples lie there.
    expected = voice.speech(long, before=np.zeros(17 * HOP))
    assert cut["voice_speech"] == pytest.approx(expected, abs=1e-5)
    assert cut["voice_loudness"] == pytest.approx(voice.loudness(voice.rumble.remove_rumble(long)), abs=1e-3)
    margin = FRONT_END.margin_hops
    whole = hops_of(net, np.pad(long, margin * HOP), FRONT_END)[margin:-margin].numpy()
    assert np.abs(cut["voice_embedding"] - whole).max() < 2e-3 * np.abs(whole).max()  # half precision
    for first in range(1, 4):
        for segment, expected in zip(begun[first], begun[0][first:], strict=True):
            for name, values in expected.items():
                np.testing.assert_array_equal(segment[name], values, err_msg=name)


def test_hours_of_silence_before_a_sound_take_neither_memory_nor_time(monkeypatch):
    """Every hop of it is there, as if it had been encoded where it stands, but at no time is all of it in memory."""
    begin = 3_000 * RATE // HOP * HOP
    sound = noise(32 * HOP / RATE)
    blocks = [recordings.AudioBlock((begin + k) / RATE, sound[k : k + 16 * HOP]) for k in range(0, 32 * HOP, 16 * HOP)]
    monkeypatch.setattr(
        voices.sources.sandbox, "audio", lambda *_, start, **__: (b for b in blocks if b.time >= start - 1e-6)
    )
    net = factories.voice_net()
    monkeypatch.setattr(voices, "for_inference", lambda net: net)
    # Whether it is speech is not the question here, and takes the most time to judge.
    speech_of_hops = np.full(200, 0.5, np.float32)
    monkeypatch.setattr(voices.features, "speech", lambda samples, *_, **__: speech_of_hops[: len(samples) // HOP])
    encoded, encode = [], voices._encode
    monkeypatch.setattr(voices, "_encode", lambda *given: encoded.append(given[2]) or encode(*given))
    tracemalloc.start()
    segments = [*voices.voice_segments("a recording", Namespace(front_end=FRONT_END, voice=net), 0, [])]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < begin * 4 * 0.9  # bytes, the features among them; all of the silence would be begin * 4
    assert len(encoded) < 12 and max(map(len, encoded)) < 200 * HOP
    time = np.concatenate([segment["voice_time"] for segment in segments])
    assert time == pytest.approx((np.arange(begin // HOP + 32) + 0.5) * FRONT_END.hop_seconds)
    late = [segment for segment in segments if segment["voice_time"][0] > 2_900]
    again = [
        *voices.voice_segments("a recording", Namespace(front_end=FRONT_END, voice=net), len(segments) - len(late), [])
    ]
    for segment, expected in zip(again, late, strict=True):
        for name, values in expected.items():
            np.testing.assert_array_equal(segment[name], values, err_msg=name)


@pytest.mark.parametrize(("scale", "wrong", "notes"), [(1, 0, 0), (32768, 0, 1), (1, 1000, 0)])
def test_integers_that_are_stored_as_floats_are_noted_once(scale, wrong, notes):
    """And not single wrong samples."""
    samples = noise(10.0) * np.float32(scale)
    samples[:wrong] = 1e6
    blocks = [recordings.AudioBlock(k / RATE, samples[k : k + 16 * HOP]) for k in range(0, len(samples), 16 * HOP)]
    found = []
    assert len([*voices._pieces(blocks, 0, 1, FRONT_END, found)]) == len(blocks) > 2
    assert found == [voices.TOO_LOUD] * notes


def test_integers_of_which_only_the_negative_ones_are_loud_are_noted_too():
    samples = np.minimum(noise(10.0) * np.float32(32768), 0.0)
    found = []
    list(voices._pieces([recordings.AudioBlock(0.0, samples)], 0, 1, FRONT_END, found))
    assert found == [voices.TOO_LOUD]
