"""The selection that is decoded: a track, a channel, a part, a turned picture; and stereo that is out of phase."""

import av
import numpy as np
import pytest

from emorec.errors import EmorecError
from emorec.media import devices, excerpt, mixdown, sandbox, streams
from emorec.media.selection import Selection
from support.decoding import undamaged
from support.make_media import Audio, Video, read_time, record
from support.make_tracks import RATE, record_tracks, speech, tone

BLOCK = 4.096  # seconds; what stage 1 reads


def sound(path, **how):
    return np.concatenate([block.samples for block in streams.audio(path, block_seconds=BLOCK, **how)])


def same(one, other):
    """Correlation of two sounds of which one may be longer; 0 where one is silent."""
    count = min(len(one), len(other))
    one, other = one[:count], other[:count]
    return float(one @ other / max(np.linalg.norm(one) * np.linalg.norm(other), 1e-9))


def grey(value, count=40, size=(48, 64)):
    return np.full((count, *size), value, np.uint8)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Two tracks of sound (a tone, a voice) and two of picture (dark, bright)."""
    path = tmp_path_factory.mktemp("tracks") / "two.mkv"
    return record_tracks(path, [tone(4.0), speech(4.0)], [grey(40), grey(200)])


def test_a_track_is_chosen_by_its_number(two):
    assert same(sound(two), tone(4.0)) > 0.99
    assert same(sound(two, selection=Selection(audio_track=1)), tone(4.0)) > 0.99
    assert same(sound(two, selection=Selection(audio_track=2)), speech(4.0)) > 0.99
    for number, value in ((1, 40), (2, 200)):
        frames = list(streams.frames(two, selection=Selection(video_track=number)))
        assert len(frames) == 20 and all(abs(frame.image.mean() - value) < 5 for frame in frames)


def test_a_probe_counts_the_tracks_and_says_which_it_tells_of(two):
    info = streams.probe(two, Selection(audio_track=2))
    assert (info.video_tracks, info.audio_tracks) == (2, 2)
    assert (info.video_track, info.audio_track) == (1, 2)


def test_a_cover_is_no_track(tmp_path):
    path = record(tmp_path / "cover.mp4", audio=Audio(), cover=True)
    assert (streams.probe(path).video_tracks, streams.probe(path).audio_tracks) == (0, 1)
    with pytest.raises(EmorecError, match="^cover.mp4 has no video tracks; there is no track 1.$"):
        streams.probe(path, Selection(video_track=1))


@pytest.mark.parametrize("number", [3, 99])
def test_a_track_that_is_not_there_is_one_sentence(two, number):
    for read in (
        lambda selection: streams.probe(two, selection),
        lambda selection: list(streams.audio(two, selection=selection)),
        lambda selection: list(streams.frames(two, selection=selection)),
    ):
        with pytest.raises(EmorecError, match=f"^two.mkv has 2 sound tracks; there is no track {number}.$"):
            read(Selection(audio_track=number))


CODECS = {"wav": "pcm_s16le", "mp4": "aac", "mp3": "libmp3lame", "flac": "flac", "mka": "pcm_f32le"}


@pytest.mark.parametrize("suffix", CODECS)
def test_sound_out_of_phase_is_as_in_mono(tmp_path, suffix):
    voice = speech(12.0)
    mono = sound(record_tracks(tmp_path / f"mono.{suffix}", [voice], codec=CODECS[suffix]))
    noise = np.random.default_rng(0).normal(0, 0.003, len(voice)).astype(np.float32)
    for name, right, least in (
        ("opposite", -voice, 0.99),
        ("nearly", noise - 0.8 * voice, 0.99),
        ("alike", voice, 0.99),
    ):
        path = record_tracks(tmp_path / f"{name}.{suffix}", [[voice, right]], codec=CODECS[suffix])
        mixed = sound(path)
        assert abs(same(mixed, mono)) > least, name
        assert 0.8 < np.abs(mixed).max() / np.abs(mono).max() < 1.2, name


def test_a_difference_is_not_taken_for_sides_that_have_nothing_to_do_with_each_other():
    """Of two people, one per channel, both are detected; hum or an offset with opposite signs changes nothing."""
    random, time = np.random.default_rng(1), np.arange(8 * RATE) / RATE
    left, right = random.normal(0, 0.1, (2, 8 * RATE)).astype(np.float32)
    hum = (0.3 + 0.3 * np.sin(2 * np.pi * 50 * time)).astype(np.float32)
    silent = np.zeros_like(left)
    for sides in ((left, right), (left, silent), (silent, silent), (left + hum, left - hum)):
        assert not mixdown.out_of_phase([(0.0, RATE, np.stack(sides))], 0.0, 8.0)
    assert mixdown.out_of_phase([(0.0, RATE, np.stack([left, -left]))], 0.0, 8.0)
    assert mixdown.out_of_phase([(0.0, RATE, np.stack([left + hum, hum - left]))], 0.0, 8.0)


def test_phase_that_changes_on_the_way_is_followed_without_a_step(tmp_path):
    time = np.arange(round(3 * BLOCK * RATE)) / RATE
    wave = (0.3 * np.cos(2 * np.pi * 1000 * time)).astype(np.float32)
    # Out of phase from shortly before the second block until shortly before the third.
    gain = np.interp(time / BLOCK, [0.9, 0.95, 1.9, 1.95], [1, -1, -1, 1])
    turned = (gain * wave).astype(np.float32)
    mixed = sound(record_tracks(tmp_path / "turns.wav", [[wave, turned]]))
    for second in range(12):
        assert np.abs(mixed[second * RATE : (second + 1) * RATE]).max() > 0.29
    steepest = 0.3 * 2 * np.pi * 1000 / RATE
    assert np.abs(np.diff(mixed)).max() < 1.2 * steepest


@pytest.mark.parametrize(("suffix", "part_from"), [("flac", 0.0), ("mp4", 0.0), ("mp4", BLOCK)])
def test_what_is_mixed_does_not_depend_on_where_decoding_began(tmp_path, suffix, part_from):
    voice = speech(16.0)
    right = np.where(np.arange(len(voice)) < 9 * RATE, -voice, voice)  # changes inside the third block
    path = record_tracks(tmp_path / f"changes.{suffix}", [[voice, right]], codec=CODECS[suffix])
    whole, first = sound(path), round(2 * BLOCK * RATE)
    assert np.abs(sound(path, start=2 * BLOCK, part_from=part_from) - whole[first:]).max() < 1e-4


def test_a_channel_is_chosen(tmp_path):
    path = record_tracks(tmp_path / "call.wav", [[tone(4.0), speech(4.0)]])
    assert same(sound(path, selection=Selection(channel="left")), tone(4.0)) > 0.99
    assert same(sound(path, selection=Selection(channel="right")), speech(4.0)) > 0.99
    mixed = sound(path)
    assert same(mixed, tone(4.0)) > 0.3 and same(mixed, speech(4.0)) > 0.1


def test_left_and_right_of_surround_sound_are_its_front_sides_and_of_mono_its_only_one(tmp_path):
    voice, silent = speech(4.0), np.zeros(4 * RATE, np.float32)
    surround = [tone(4.0), voice, silent, silent, silent, silent]
    path = record_tracks(tmp_path / "surround.wav", [surround])
    assert same(sound(path, selection=Selection(channel="left")), tone(4.0)) > 0.99
    assert same(sound(path, selection=Selection(channel="right")), voice) > 0.99
    path = record_tracks(tmp_path / "mono.wav", [voice])
    assert np.array_equal(sound(path, selection=Selection(channel="right")), sound(path))


def test_of_sound_with_eight_channels_each_can_be_chosen(tmp_path):
    """A decoder that dies would be one sentence."""
    sides = [tone(4.0), speech(4.0), *[np.zeros(4 * RATE, np.float32)] * 6]
    path = record_tracks(tmp_path / "surround.flac", [sides], codec="flac")
    for channel, side in (("left", sides[0]), ("right", sides[1]), ("split", sides[:2])):
        blocks = [*sandbox.audio(path, selection=Selection(channel=channel))]
        found, expected = np.atleast_2d(np.concatenate([block.samples for block in blocks], -1)), np.atleast_2d(side)
        assert [same(*pair) > 0.99 for pair in zip(found, expected, strict=True)] == [True] * len(expected)


def test_a_microphone_with_eight_channels_has_all_of_them(tmp_path):
    wave = tone(1.0)
    sides = [wave * level / 8 for level in range(1, 9)]
    path = record_tracks(tmp_path / "microphone.flac", [sides], codec="flac")
    blocks, rates = zip(*devices._sounds(av.open(str(path)), "microphone"), strict=True)
    found = np.concatenate(blocks, axis=1)
    assert set(rates) == {RATE} and np.abs(found - np.stack(sides)).max() < 1e-3


@pytest.mark.parametrize("count", [3, 4, 9, 32])
def test_channels_without_speakers_count_alike_wherever_the_voice_is(count, tmp_path):
    voice = speech(4.0)
    for place in (2, count - 1):
        sides = np.zeros((count, len(voice)), np.float32)
        sides[place] = voice
        path = record_tracks(tmp_path / f"{place}.wav", [sides])
        mixed = sound(path)
        assert same(mixed, voice) > 0.99
        assert np.abs(mixed).max() == pytest.approx(np.abs(voice).max() / count, rel=0.05)


def test_of_ambisonic_sound_the_channel_of_all_directions_is_the_mix():
    sides = np.arange(1, 5, dtype=np.float32)[:, None] * tone(0.1) / 4
    frame = av.AudioFrame.from_ndarray(sides.T.reshape(1, -1), format="flt", layout="ambisonic 1")
    frame.sample_rate = RATE
    assert np.array_equal(mixdown.Mixer().samples(frame), sides[:1])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
def test_what_is_no_sound_is_silence_and_spoils_nothing_beside_it(value, tmp_path):
    path = record(tmp_path / "a.wav", None, Audio("pcm_f32le", tones=((0.0, 4.0),)))
    whole, content = sound(path), path.read_bytes()
    begin = content.index(b"data") + 8
    samples = np.frombuffer(content[begin:], np.float32).copy()
    samples[24_000::48_000] = value
    path.write_bytes(content[:begin] + samples.tobytes())
    wrong = np.abs(sound(path) - whole)
    assert wrong.max() < 0.5 and np.count_nonzero(wrong > 0.01) < 4 * 20


def test_a_centre_is_mixed_in(tmp_path):
    voice, silent = speech(4.0), np.zeros(4 * RATE, np.float32)
    path = record_tracks(tmp_path / "centre.wav", [[silent, silent, voice, silent, silent, silent]])
    assert same(sound(path), voice) > 0.99


@pytest.mark.parametrize("suffix", ["wav", "mka", "mp4"])
def test_sound_from_the_end_on_is_left_out(tmp_path, suffix):
    path = record_tracks(tmp_path / f"long.{suffix}", [speech(20.0)], codec=CODECS[suffix])
    whole = sound(path)
    for start, end in ((0.0, 10.0), (2 * BLOCK, 3 * BLOCK), (2 * BLOCK, 10.0)):
        part = sound(path, start=start, end=end)
        assert np.abs(part - whole[round(start * RATE) : round(end * RATE)]).max() < 1e-4
    assert len(sound(path, end=100.0)) == len(whole)


def test_pictures_end_where_they_are_told_to_and_the_part_is_not_called_cut_off(tmp_path):
    path = record(tmp_path / "long.mp4", Video(duration=12.0), Audio(duration=12.0))
    whole, notes = list(streams.frames(path)), []
    part = list(undamaged(streams.frames(path, start=4.0, end=8.0), notes))
    assert [frame.time for frame in part] == [frame.time for frame in whole if 4 <= frame.time < 8]
    assert all(np.array_equal(one.image, other.image) for one, other in zip(part, whole[20:40], strict=True))
    list(undamaged(streams.audio(path, end=5.0), notes))
    assert notes == []


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_pictures_are_turned_clockwise(tmp_path, degrees):
    """A recording that lies on its side is upright again, its size included."""
    upright = record(tmp_path / "upright.mp4", Video(duration=1.0))
    selection = Selection(rotate=degrees)
    for plain, frame in zip(streams.frames(upright), streams.frames(upright, selection=selection), strict=True):
        assert np.array_equal(np.rot90(plain.image, -degrees // 90), frame.image)
        assert np.array_equal(np.rot90(plain.grey[:, :], -degrees // 90), frame.grey[:, :])
        height, width = frame.image.shape[:2]
        assert frame.grey.shape == (height, width)
        corner = np.rot90(plain.grey[:, :], -degrees // 90)[3:20, 5:30]
        assert np.array_equal(frame.grey[3:20, 5:30], corner)
    info = streams.probe(upright, selection)
    assert (info.width, info.height) == (width, height)
    assert (width, height) == ((128, 192) if degrees % 180 else (192, 128))


def test_a_kind_that_is_not_selected_is_neither_decoded_nor_denied(tmp_path):
    path = record(tmp_path / "both.mp4", Video(duration=1.0), Audio(duration=1.0))
    assert list(streams.frames(path, selection=Selection(pictures=False))) == []
    assert list(streams.audio(path, selection=Selection(sound=False))) == []
    info = streams.probe(path, Selection(pictures=False))
    assert info.has_video and info.has_audio and info.width is None
    picture = record(tmp_path / "picture.mp4", Video(duration=1.0))
    info = streams.probe(picture, Selection(pictures=False))
    assert info.has_video and not info.has_audio


def test_a_look_gives_what_is_at_the_places(tmp_path):
    silent = np.zeros(10 * RATE, np.float32)
    path = record_tracks(tmp_path / "late.mka", [tone(4.0), np.concatenate([silent, speech(4.0)])])
    selection = Selection(audio_track=2)
    early, late = excerpt.sounds(path, selection, [1.0, 11.0], 2.0, RATE)
    assert np.abs(early).max() == 0 and np.abs(late).max() > 0.1
    assert len(early) == pytest.approx(2 * RATE, abs=2048)
    path = record(tmp_path / "long.mp4", Video(duration=30.0, keyframe_every=50))
    times = [read_time(image) for image in excerpt.pictures(path, Selection(), [1.0, 9.0, 22.0], 320)]
    assert times == pytest.approx([1.0, 9.0, 22.0], abs=0.1)
