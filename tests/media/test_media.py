"""Media: every container that can be encoded here is read back, and its times are read off its pictures and tones."""

import gc
import math
import os
import shutil
import threading
import zipfile
from fractions import Fraction
from pathlib import Path
from time import sleep
from types import SimpleNamespace

import av
import numpy as np
import pytest
from av.stream import Disposition
from hypothesis import given
from hypothesis import strategies as st

from emorec.errors import EmorecError
from emorec.media import containers, frame_rates, packets, sampling
from emorec.media import reader as media_reader
from emorec.media import streams as media
from support import make_media
from support.decoding import undamaged
from support.make_media import Audio, Video, draw, read_time, record
from support.paths import ROOT

SHARED = ROOT.parent / "shared" / "media"
RATE = 16_000
NOISY = 0.1
"""Loudness that only the tones reach."""

VIDEO_FILES = {
    "h264.mp4": ("h264", Video(), Audio()),
    "h264.mov": ("h264", Video(), Audio("pcm_s16le")),
    "h264.mkv": ("h264", Video(), Audio()),
    "h264.flv": ("h264", Video(), Audio()),
    "h264.ts": ("h264", Video(), Audio()),
    "h264.3gp": ("h264", Video(), Audio()),
    "h265.mp4": ("hevc", Video("libx265"), Audio()),
    "h265.mkv": ("hevc", Video("libx265"), Audio("flac")),
    "av1.mp4": ("av1", Video("libsvtav1"), Audio()),
    "av1.mkv": ("av1", Video("libsvtav1"), Audio("libopus")),
    "av1.webm": ("av1", Video("libsvtav1"), Audio("libopus")),
    "vp9.webm": ("vp9", Video("libvpx-vp9"), Audio("libopus")),
    "vp8.webm": ("vp8", Video("libvpx"), Audio("vorbis", layout="stereo")),
    "mjpeg.avi": ("mjpeg", Video("mjpeg"), Audio("pcm_s16le")),
    "mpeg4.avi": ("mpeg4", Video("mpeg4"), Audio("libmp3lame")),
    "flv1.flv": ("flv1", Video("flv"), Audio("libmp3lame", rate=44_100)),
    "mpeg2.mpg": ("mpeg2video", Video("mpeg2video"), Audio("mp2")),
    "wmv2.wmv": ("wmv2", Video("wmv2"), Audio("wmav2", bit_rate=128_000)),
    "mpeg2.mxf": ("mpeg2video", Video("mpeg2video"), Audio("pcm_s16le")),
    "dv.dv": ("dvvideo", Video("dvvideo", size=(720, 576)), Audio("pcm_s16le", layout="stereo")),
    "moving.gif": ("gif", Video("gif", pixel_format="gray"), None),
    "raw.m2v": ("mpeg2video", Video("mpeg2video"), None),
    "raw.h264": ("h264", Video(), None),
    "raw.hevc": ("hevc", Video("libx265"), None),
    "raw.ivf": ("av1", Video("libsvtav1"), None),
    "raw.obu": ("av1", Video("libsvtav1"), None),
}
AUDIO_FILES = {
    "a.mp3": ("mp3", Audio("libmp3lame")),
    "a.wav": ("pcm_s16le", Audio("pcm_s16le", rate=44_100, layout="stereo")),
    "a.m4a": ("aac", Audio()),
    "a.ogg": ("vorbis", Audio("vorbis", layout="stereo")),
    "a.opus": ("opus", Audio("libopus")),
    "a.flac": ("flac", Audio("flac", rate=22_050)),
    "a.aac": ("aac", Audio()),
    "a.wma": ("wmav2", Audio("wmav2", bit_rate=128_000)),
    "a.aiff": ("pcm_s16be", Audio("pcm_s16be")),
    "a.amr": ("amr_nb", Audio("libopencore_amrnb", rate=8_000)),
    "a.caf": ("pcm_s16le", Audio("pcm_s16le")),
    "a.ac3": ("ac3", Audio("ac3")),
    "a.mka": ("opus", Audio("libopus")),
    "a.w64": ("pcm_s16le", Audio("pcm_s16le")),
    "a.au": ("pcm_s16be", Audio("pcm_s16be")),
    "a.wv": ("wavpack", Audio("wavpack")),
    "a.tta": ("tta", Audio("tta")),
}
SHIFT = {
    **{"h264.flv": 0.022, "h264.ts": 0.022, "flv1.flv": 0.026},
    **{"mpeg2.mpg": 0.012, "wmv2.wmv": 0.044, "mpeg4.avi": 0.041},
}
"""Seconds by which the picture comes late because the container's zero is the start of the sound's lead-in (in avi: of
a frame that was left out)."""

TONE_SHIFT = 0.045
"""Seconds of an encoder's lead-in that raw and old containers do not take off again."""


def pictures(path, damages=None, **how):
    return list(undamaged(media.frames(path, **how), [] if damages is None else damages))


def sound(path, damages=None, **how):
    """The first time (s) and all samples of a file, checked to be one unbroken stretch on the clock."""
    blocks = list(undamaged(media.audio(path, **how), [] if damages is None else damages))
    position = round(blocks[0].time * RATE)
    for block in blocks:
        assert block.samples.dtype == np.float32 and block.samples.ndim == 1 and len(block.samples)
        assert block.time == pytest.approx(position / RATE, abs=1e-9)
        position += len(block.samples)
    return blocks[0].time, np.concatenate([block.samples for block in blocks])


def loud_span(path, **how):
    """The times (s) of the first and the last loud sample."""
    begin, samples = sound(path, **how)
    loud = np.flatnonzero(np.abs(samples) > NOISY)
    return begin + loud[0] / RATE, begin + loud[-1] / RATE


def same_frames(ours, theirs):
    return [frame.time for frame in ours] == [frame.time for frame in theirs] and all(
        np.array_equal(mine.image, other.image) for mine, other in zip(ours, theirs, strict=True)
    )


def refusal(path):
    """The sentence with which a file is refused, by all three doors."""
    sentences = set()
    for door in (media.probe, lambda path: list(media.frames(path)), lambda path: list(media.audio(path))):
        with pytest.raises(EmorecError) as caught:
            door(path)
        sentences.add(str(caught.value))
    assert len(sentences) == 1
    return sentences.pop()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("media")


@pytest.fixture(scope="module")
def talking(folder):
    """Ten seconds with a tone throughout, as mp4."""
    return record(folder / "talking.mp4", Video(duration=10.0), Audio(duration=10.0, tones=((0.0, 10.0),)))


@pytest.mark.parametrize("name", VIDEO_FILES)
def test_video_of_every_container_has_true_times(name, tmp_path):
    codec, video, audio = VIDEO_FILES[name]
    path = record(tmp_path / name, video, audio)
    info = media.probe(path)
    assert (info.video_codec, info.has_video, info.has_audio) == (codec, True, audio is not None)
    size = (768, 576) if name == "dv.dv" else (192, 128)  # dv has pixels of 16:15
    assert (info.width, info.height) == size
    assert info.frame_rate == pytest.approx(25.0, rel=0.01)
    assert info.duration == pytest.approx(4.0, abs=0.11)
    assert info.size == path.stat().st_size

    complaints = []
    frames = pictures(path, damages=complaints)
    assert len(frames) in (20, 21)
    assert [sampling.bin_of(frame.time, 5.0) for frame in frames] == list(range(len(frames)))
    for frame in frames:
        assert frame.image.shape == (size[1], size[0], 3) and frame.image.dtype == np.uint8
        assert read_time(frame.image) == pytest.approx(frame.time, abs=SHIFT.get(name, 0.001))
    if audio is not None:
        begin, end = loud_span(path, damages=complaints)
        assert begin == pytest.approx(1.0, abs=TONE_SHIFT) and end - begin == pytest.approx(0.5, abs=0.003)
    assert complaints == []


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="is about Linux")
def test_recordings_are_made_without_real_time_priority(tmp_path, monkeypatch):
    """Which libsvtav1 gives itself as root: all that this process starts would keep the processor from others."""
    monkeypatch.setattr(make_media, "cache", None)
    before = os.sched_getscheduler(0)
    record(tmp_path / "a.mp4", Video("libsvtav1", duration=0.2))
    assert os.sched_getscheduler(0) == before


@pytest.mark.parametrize("name", AUDIO_FILES)
def test_sound_of_every_container_has_true_times(name, tmp_path):
    codec, audio = AUDIO_FILES[name]
    path = record(tmp_path / name, None, audio)
    info = media.probe(path)
    assert (info.audio_codec, info.has_video, info.has_audio) == (codec, False, True)
    assert (info.width, info.height, info.frame_rate, info.video_codec) == (None, None, None, None)
    assert info.duration == pytest.approx(4.0, abs=0.05)
    complaints = []
    begin, end = loud_span(path, damages=complaints)
    late = TONE_SHIFT if name in ("a.aac", "a.amr", "a.ac3", "a.wma") else 0.001
    assert begin == pytest.approx(1.0, abs=late) and end - begin == pytest.approx(0.5, abs=0.008)
    assert np.abs(sound(path)[1]).max() == pytest.approx(0.5, abs=0.05)
    assert pictures(path) == [] and complaints == []


@pytest.mark.parametrize(
    "name",
    [
        "h264.mp4",
        "h264.mov",
        "h264.mkv",
        "h264.ts",
        "h265.mp4",
        "av1.webm",
        "vp9.webm",
        "mpeg4.avi",
        "flv1.flv",
        "mpeg2.mpg",
        "wmv2.wmv",
        "raw.hevc",
    ],
)
def test_start_gives_the_very_frames_and_samples_of_an_unbroken_pass(name, tmp_path):
    _, video, audio = VIDEO_FILES[name]
    long = {"duration": 9.0}
    path = record(
        tmp_path / name,
        Video(video.codec, **long),
        audio and Audio(audio.codec, audio.rate, audio.layout, tones=((0.0, 9.0),), bit_rate=audio.bit_rate, **long),
    )
    frames, blocks = pictures(path), list(media.audio(path, block_seconds=1.0))
    for start in (0.4, 2.5, 4.0, 6.9, 8.8, 20.0):
        expected = [frame for frame in frames if sampling.bin_of(frame.time, 5.0) >= math.ceil(start * 5.0 - 1e-6)]
        found = pictures(path, start=start)
        assert same_frames(found if expected else found[1:], expected)  # past the end there is the last picture
    for start in (1.0, 4.0, 8.0, 20.0) if audio else ():
        expected = [block for block in blocks if block.time >= start]
        found = list(media.audio(path, start=start, block_seconds=1.0))
        assert [block.time for block in found] == [block.time for block in expected]
        for mine, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(mine.samples, other.samples, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name, share", [("a.mp4", 1.0), ("a.mkv", 1.0), ("a.mkv", 0.7)])
def test_start_at_any_frame_of_open_groups_of_pictures(name, share, tmp_path):
    """Pictures that come before a keyframe may lean on those before it; a file cut off has no index."""
    video = Video(duration=6.0, options={"x264-params": "open-gop=1:bframes=3:b-adapt=0:scenecut=0"})
    path = record(tmp_path / name, video)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    frames = pictures(path, rate=25.0)
    for first in range(1, len(frames), 5):
        assert same_frames(pictures(path, rate=25.0, start=first / 25.0), frames[first:])


@pytest.mark.parametrize("too_far", [2.0, 10.0, 1000.0])
def test_a_jump_that_lands_too_late_is_taken_again_from_further_back(too_far, tmp_path, monkeypatch):
    path = record(tmp_path / "a.mkv", Video(duration=9.0), Audio("flac", duration=9.0, tones=((0.0, 9.0),)))
    frames, blocks = pictures(path), list(media.audio(path, block_seconds=1.0))
    seek = media_reader.Reader.seek
    monkeypatch.setattr(
        media_reader.Reader, "seek", lambda self, kind, time, *how: seek(self, kind, time + too_far, *how)
    )
    assert same_frames(pictures(path, start=6.2), frames[31:])
    found = list(media.audio(path, block_seconds=1.0, start=6.0))
    assert [block.time for block in found] == [6.0, 7.0, 8.0]
    assert all(np.array_equal(mine.samples, other.samples) for mine, other in zip(found, blocks[6:], strict=True))


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3", "a.opus", "a.m4a", "a.w64", "a.au"])
def test_start_of_sound_files(name, tmp_path):
    _, audio = AUDIO_FILES[name]
    path = record(tmp_path / name, None, Audio(audio.codec, audio.rate, audio.layout, 25.5, tones=((0.0, 30.0),)))
    blocks, found = list(media.audio(path)), list(media.audio(path, start=10.0))
    assert [(block.time, len(block.samples)) for block in blocks[:2]] == [(0.0, 160_000), (10.0, 160_000)]
    assert [block.time for block in found] == [10.0, 20.0]
    for mine, other in zip(found, blocks[1:], strict=True):
        np.testing.assert_allclose(mine.samples, other.samples, rtol=0, atol=1e-4)
    odd = next(media.audio(path, start=12.5))
    assert (odd.time, len(odd.samples)) == (12.5, 120_000)
    np.testing.assert_allclose(odd.samples, blocks[1].samples[40_000:], rtol=0, atol=1e-4)


def test_blocks_join_without_a_seam(tmp_path):
    path = record(tmp_path / "tone.wav", None, Audio("pcm_s16le", 44_100, duration=5.0, tones=((0.0, 9.0),)))
    whole = sound(path)[1]
    assert len(whole) == 5 * RATE
    packet = 4096 / 44_100
    for block_seconds in (0.7, 10 * packet):
        np.testing.assert_allclose(sound(path, block_seconds=block_seconds)[1], whole, rtol=0, atol=2e-4)
    time = np.arange(len(whole)) / RATE
    expected = 0.5 * np.sin(2 * np.pi * (440.0 + 20.0 * time) * time)
    np.testing.assert_allclose(whole[100:-100], expected[100:-100], rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", ["vfr.mp4", "vfr.mkv", "vfr.webm"])
def test_variable_frame_rate(name, tmp_path):
    times = [0.0, 0.04, 0.08, 0.5, 0.54, 0.9, 1.7, 1.72, 1.74, 1.76, 2.0, 3.3, 3.31, 3.39, 3.4]
    path = record(tmp_path / name, Video("libvpx-vp9" if name.endswith("webm") else "libx264", times=times))
    for rate in (5.0, 1.0, 50.0, 0.25):
        bins = {}
        for time in times:
            bins.setdefault(sampling.bin_of(time, rate), time)
        frames = pictures(path, rate=rate)
        assert [frame.time for frame in frames] == pytest.approx(list(bins.values()), abs=0.0011)
        assert [read_time(frame.image) for frame in frames] == pytest.approx(list(bins.values()), abs=0.0011)


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_rotated_video_stands_upright(rotation, tmp_path):
    path = record(tmp_path / "turned.mp4", Video(duration=1.0, start=1.0, rotation=rotation), Audio(duration=2.0))
    info = media.probe(path)
    assert (info.width, info.height) == ((192, 128) if rotation == 180 else (128, 192))
    for frame in pictures(path):
        assert frame.image.shape == (info.height, info.width, 3)
        # The picture is stored lying and turned counterclockwise to be shown; turned back it can be read.
        stored = np.rot90(frame.image, -rotation // 90)
        assert read_time(stored) == pytest.approx(frame.time, abs=0.001)


@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
@pytest.mark.parametrize(
    ("name", "codec", "aspect"),
    [
        ("a.mp4", "libx264", None),
        ("a.avi", "mjpeg", None),
        ("a.mp4", "libx264", Fraction(3, 2)),
        ("a.mov", "qtrle", None),
    ],
)
def test_any_part_of_the_brightness_is_that_of_the_picture(name, codec, aspect, rotation, tmp_path):
    rotation = 0 if name == "a.avi" else rotation  # which avi does not know
    form = "rgb24" if codec == "qtrle" else "yuvj420p" if codec == "mjpeg" else "yuv420p"
    video = Video(codec, size=(160, 96), duration=0.4, sample_aspect=aspect, rotation=rotation, pixel_format=form)
    frame = next(media.frames(record(tmp_path / name, video)))
    height, width = frame.image.shape[:2]
    assert frame.grey.shape == (height, width)
    expected = frame.image.astype(float) @ [0.299, 0.587, 0.114]
    for rows, columns in ((slice(0, height), slice(0, width)), (slice(10, 41), slice(33, 77))):
        part = frame.grey[rows, columns]
        assert part.dtype == np.uint8
        assert np.abs(part - expected[rows, columns]).mean() < 2.5


def test_pictures_that_lean_on_no_other_are_decoded_only_where_wanted(tmp_path):
    path = record(tmp_path / "a.avi", Video("mjpeg", duration=2.0))
    with media_reader.Reader(path) as reader:
        assert len(list(reader.decode("video", sampling.BinSampler(5.0, 0)))) == 10
    assert [read_time(frame.image) for frame in pictures(path)] == pytest.approx(np.arange(10) / 5, abs=0.001)


def test_large_pictures_are_scaled_and_oblong_pixels_made_square(tmp_path):
    path = record(tmp_path / "wide.mp4", Video(size=(320, 256), duration=1.0, sample_aspect=Fraction(3, 2)))
    assert (media.probe(path).width, media.probe(path).height) == (480, 256)
    assert pictures(path)[0].image.shape == (256, 480, 3)
    small = pictures(path, max_side=240)
    assert small[0].image.shape == (128, 240, 3)
    assert [read_time(frame.image) for frame in small] == pytest.approx([frame.time for frame in small], abs=0.001)


def test_sound_that_starts_late_begins_at_its_time(tmp_path):
    for name, audio in (("a.mp4", Audio(start=2.3)), ("b.mkv", Audio("libopus", start=2.3))):
        path = record(tmp_path / name, Video(duration=7.0), Audio(audio.codec, start=2.3, tones=((3.0, 3.5),)))
        blocks = list(media.audio(path, block_seconds=1.0))
        assert blocks[0].time == pytest.approx(2.3, abs=0.03)
        assert blocks[0].time + len(blocks[0].samples) / RATE == pytest.approx(3.0, abs=1e-9)
        assert loud_span(path)[0] == pytest.approx(3.0, abs=0.001 + 0.01 * (name == "b.mkv"))
        assert next(media.audio(path, block_seconds=1.0, start=4.0)).time == 4.0
        assert [frame.time for frame in pictures(path)][:2] == pytest.approx([0.0, 0.2], abs=0.022)


def test_video_that_starts_late_keeps_the_clock(tmp_path):
    path = record(tmp_path / "late.mp4", Video(start=1.5, duration=2.0), Audio(duration=4.0))
    frames = pictures(path)
    assert frames[0].time == pytest.approx(1.5, abs=0.001)
    assert all(read_time(frame.image) == pytest.approx(frame.time, abs=0.001) for frame in frames)
    assert loud_span(path)[0] == pytest.approx(1.0, abs=0.001)


def test_zero_is_where_the_container_starts(tmp_path):
    path = record(tmp_path / "late.ts", Video(start=5.0, duration=2.0), Audio("mp2", start=5.0, tones=((6.0, 6.5),)))
    frames = pictures(path)
    assert frames[0].time == pytest.approx(0.0, abs=0.03)
    assert all(read_time(frame.image) - 5.0 == pytest.approx(frame.time, abs=0.03) for frame in frames)
    assert loud_span(path)[0] == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("block_seconds", [1.5, 5.0, 20.0])
def test_a_gap_in_the_sound_is_silence_on_the_clock(block_seconds, tmp_path):
    audio = Audio("pcm_s16le", duration=12.0, tones=((0.5, 1.0), (9.0, 9.5)), gaps=((2.0, 8.0),))
    path = record(tmp_path / "gap.mkv", None, audio)
    begin, samples = sound(path, block_seconds=block_seconds)
    assert (begin, len(samples) / RATE) == (0.0, pytest.approx(12.0, abs=0.002))
    loud = np.flatnonzero(np.abs(samples) > NOISY) / RATE
    assert (loud[0], loud[-1]) == pytest.approx((0.5, 9.5), abs=0.002)
    assert loud[loud < 5.0].max() == pytest.approx(1.0, abs=0.002)
    assert loud[loud > 5.0].min() == pytest.approx(9.0, abs=0.002)
    assert not samples[round(2.1 * RATE) : round(7.9 * RATE)].any()
    later = [block.time for block in media.audio(path, block_seconds=block_seconds, start=5.0)]
    assert later[:2] == {1.5: [5.0, 6.0], 5.0: [5.0, 10.0], 20.0: [5.0]}[block_seconds]


def test_a_gap_of_an_hour_does_not_fill_the_memory(tmp_path):
    audio = Audio("pcm_s16le", rate=8_000, duration=2.0, tones=((0.0, 9.0),))
    whole = record(tmp_path / "a.mkv", None, audio)
    path = repack(whole, tmp_path / "b.mkv", lambda number, pts: pts + 3_600_000 * (number >= 8))
    sizes, last = set(), None
    for block in media.audio(path):
        sizes.add(len(block.samples))
        last = block
    assert max(sizes) == 160_000 and last.time == 3600.0
    assert np.abs(last.samples).max() > NOISY


@pytest.mark.parametrize("name", ["a.ts", "a.mkv"])
def test_a_first_timestamp_far_ahead_costs_no_more_than_its_frame(name, tmp_path):
    whole = record(tmp_path / name, Video("mpeg2video", duration=3.0), Audio("mp2", duration=3.0))
    with av.open(str(whole)) as container:
        ahead = round(5000 / container.streams.video[0].time_base)
    broken = repack(whole, tmp_path / f"broken_{name}", lambda number, pts: pts + ahead * (number == 0))
    assert media.probe(broken).duration == pytest.approx(3.0, abs=0.1)
    frames = pictures(broken)
    assert len(frames) == 15
    assert all(read_time(frame.image) == pytest.approx(frame.time, abs=0.045) for frame in frames)
    assert loud_span(broken)[0] == pytest.approx(1.0, abs=0.045)


@given(st.sets(st.integers(0, 99)), st.integers(-5, 5), st.sampled_from(["video", "audio"]))
def test_missing_and_wild_times_are_counted_on(missing, origin, kind):
    """A hundred frames 40 ms apart, some without a time, one far ahead."""
    stream = SimpleNamespace(type=kind, time_base=Fraction(1, 1000), guessed_rate=25, average_rate=None)
    reader = SimpleNamespace(zero=float(origin), _position=0.0, _reordered=False)
    wild = None if 0 in missing else min(set(range(1, 99)) - missing, default=None)
    stamps = [None if k in missing else 1000 * origin + 40 * k + 90_000_000 * (k == wild) for k in range(100)]
    frames = [
        SimpleNamespace(pts=pts, duration=40, samples=640, sample_rate=16_000, is_corrupt=False) for pts in stamps
    ]
    times = [time for time, _ in media_reader.Reader._timed(reader, iter(frames), stream)]
    assert times == pytest.approx(np.arange(100) * 0.04, abs=1e-6)


def repack(source, target, shift):
    """Write the packets of ``source`` again with times (ticks) changed by ``shift(number in its stream, pts)``."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        streams = {stream.index: new.add_stream_from_template(stream) for stream in old.streams}
        counts = dict.fromkeys(streams, 0)
        for packet in old.demux():
            if packet.size:
                index, packet.stream = packet.stream.index, streams[packet.stream.index]
                packet.pts = shift(counts[index], packet.pts)
                counts[index] += 1
                new.mux(packet)
    return target


def test_silent_track_is_silence_of_full_length(tmp_path):
    path = record(tmp_path / "silent.mp4", Video(), Audio(tones=()))
    begin, samples = sound(path)
    assert media.probe(path).has_audio and begin == 0.0
    assert len(samples) == pytest.approx(4.0 * RATE, abs=500) and np.abs(samples).max() < 1e-3


def test_stereo_is_as_loud_as_mono(tmp_path):
    for layout in ("mono", "stereo", "5.1"):
        path = record(tmp_path / f"{layout}.wav", None, Audio("pcm_s16le", layout=layout, tones=((0.0, 4.0),)))
        assert np.abs(sound(path)[1]).max() == pytest.approx(0.5, abs=0.01)


def test_a_cover_picture_is_not_video(tmp_path):
    for name, codec, how in (("song.mp3", "libmp3lame", {}), ("song.m4a", "aac", {"format": "mp4"})):
        path = record(tmp_path / name, None, Audio(codec), cover=True, **how)
        with av.open(str(path)) as container:
            assert len(container.streams.video) == 1
        info = media.probe(path)
        assert (info.has_video, info.has_audio, info.width, info.video_codec) == (False, True, None, None)
        assert pictures(path) == [] and loud_span(path)[0] == pytest.approx(1.0, abs=0.001)


def test_of_several_sounds_the_default_one_is_heard(tmp_path):
    sources = [
        record(tmp_path / f"{begin}.mkv", None, Audio("pcm_s16le", tones=((begin, begin + 0.5),)))
        for begin in (1.0, 2.0)
    ]
    for default, path in enumerate((tmp_path / "first.mkv", tmp_path / "second.mkv")):
        with av.open(str(path), "w") as merged:
            for number, source in enumerate(sources):
                with av.open(str(source)) as container:
                    stream = merged.add_stream_from_template(container.streams[0])
                    stream.disposition = Disposition.default if number == default else Disposition(0)
            for number, source in enumerate(sources):
                with av.open(str(source)) as container:
                    for packet in container.demux():
                        if packet.size:
                            packet.stream = merged.streams[number]
                            merged.mux(packet)
        assert loud_span(path)[0] == pytest.approx(1.0 + default, abs=0.001)


def test_pictures_without_sound(tmp_path):
    path = record(tmp_path / "mute.mp4", Video())
    assert not media.probe(path).has_audio and list(media.audio(path)) == []


def test_frames_that_nobody_wants_are_not_decoded(talking, tmp_path, monkeypatch):
    late = record(tmp_path / "late.ts", Video(start=5.07, options={"bf": "3"}))
    sampled = [pictures(path) for path in (talking, late)]
    with media_reader.Reader(talking) as reader:
        assert len(list(reader.decode("video", sampling.BinSampler(5.0, 0)))) < 200
    monkeypatch.setattr(media_reader, "SKIPPABLE", set())
    for path, frames in zip((talking, late), sampled, strict=True):
        assert same_frames(frames, pictures(path))
    with media_reader.Reader(talking) as reader:
        assert len(list(reader.decode("video", None))) == 250


@pytest.mark.parametrize(("cores", "light", "threads"), [(1, 1e9, 1), (2, 1e9, 1), (2, 0, 0), (8, 1e9, 0)])
def test_one_thread_decodes_where_a_second_core_has_the_rest_to_do(cores, light, threads, talking, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    monkeypatch.setattr(frame_rates, "LIGHT", light)
    with media_reader.Reader(talking) as reader:
        assert reader.streams["video"].codec_context.thread_count == threads
        assert reader.streams["audio"].codec_context.thread_count == 1
        assert len(list(reader.decode("video", None))) == 250


def test_decoding_goes_on_ahead_in_a_thread_and_ends_with_the_generator(talking, monkeypatch):
    decoded, before = [], threading.active_count()
    sampled = sampling.sample_frames

    def noting(*given):
        for entry in sampled(*given):
            decoded.append(entry[1])
            yield entry

    monkeypatch.setattr(sampling, "sample_frames", noting)
    frames = media.frames(talking)
    next(frames)
    for _ in range(100):
        if len(decoded) > media.PICTURES_AHEAD:
            break
        sleep(0.05)
    assert media.PICTURES_AHEAD < len(decoded) <= media.PICTURES_AHEAD + 2
    frames.close()
    assert threading.active_count() == before


CUT_FILES = {
    "moov_last.mp4": (Video(), Audio(), {}),
    "moov_first.mp4": (Video(), Audio(), {"options": {"movflags": "faststart"}}),
    "fragments.mp4": (Video(), Audio(), {"options": {"movflags": "frag_keyframe+empty_moov"}}),
    "h265.mkv": (Video("libx265"), Audio("flac"), {}),
    "vp9.webm": (Video("libvpx-vp9"), Audio("libopus"), {}),
    "mpeg4.avi": (Video("mpeg4"), Audio("libmp3lame"), {}),
    "flv1.flv": (Video("flv"), Audio("libmp3lame", rate=44_100), {}),
    "h264.ts": (Video(), Audio(), {}),
    "wmv2.wmv": (Video("wmv2"), Audio("wmav2", bit_rate=128_000), {}),
    "raw.hevc": (Video("libx265"), None, {}),
    "a.mp3": (None, Audio("libmp3lame"), {}),
    "a.wav": (None, Audio("pcm_s16le"), {}),
    "a.flac": (None, Audio("flac"), {}),
    "a.opus": (None, Audio("libopus"), {}),
    "mpeg2.mxf": (Video("mpeg2video"), Audio("pcm_s16le"), {}),
    "raw.ivf": (Video("libsvtav1"), None, {}),
    "a.w64": (None, Audio("pcm_s16le"), {}),
    "a.au": (None, Audio("pcm_s16be"), {}),
    "a.wv": (None, Audio("wavpack"), {}),
    "a.tta": (None, Audio("tta"), {}),
}
STATES_ITS_LENGTH = {
    *("moov_first.mp4", "h265.mkv", "vp9.webm", "mpeg4.avi", "flv1.flv", "wmv2.wmv"),
    *("a.mp3", "a.wav", "a.flac"),
    *("mpeg2.mxf", "raw.ivf", "a.w64", "a.au", "a.wv", "a.tta"),
}


@pytest.mark.parametrize("name", CUT_FILES)
def test_a_file_cut_off_anywhere_yields_what_is_there(name, tmp_path):
    video, audio, how = CUT_FILES[name]
    whole = record(tmp_path / name, video, audio, **how)
    data = whole.read_bytes()
    cut = tmp_path / f"cut_{name}"
    lengths = [0]
    for tenth in (*np.linspace(0.0002, 0.01, 7), *np.linspace(0.02, 0.999, 23)):
        cut.write_bytes(data[: 1 + int(tenth * len(data))])
        complaints = []
        try:
            info = media.probe(cut)
            frames = pictures(cut, damages=complaints)
            samples = [block.samples for block in undamaged(media.audio(cut), complaints)]
        except EmorecError as error:
            assert str(error).startswith(cut.name) and str(error)[-1] in ".?"
            continue
        assert info.has_video or info.has_audio
        seconds = sum(map(len, samples)) / RATE
        lengths.append(len(frames) / 5.0 if video else seconds)
        # The last ones may be what a decoder makes of half a frame; in fragments all are two frames late.
        for frame in frames[:-2]:
            assert read_time(frame.image) == pytest.approx(frame.time, abs=0.085)
        assert len(complaints) == len(set(complaints)) <= 2
        if name in STATES_ITS_LENGTH and max(len(frames) / 5.0, seconds) < 2.0:
            assert complaints and all("damaged or cut off" in sentence for sentence in complaints)
    if name != "moov_last.mp4":
        assert max(lengths) > 3.0 and np.diff(lengths).min() > -0.21


def test_the_sentence_says_where_a_recording_is_cut_off(tmp_path):
    path = record(tmp_path / "a.mkv", Video(duration=8.0), Audio("pcm_s16le", duration=8.0))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    video, audio = [], []
    frames = pictures(path, damages=video)
    end = sound(path, damages=audio)[1].size / RATE
    assert 3.0 < frames[-1].time < 5.0
    assert audio[0] == f"The audio is damaged or cut off after {end:.1f} s; what could be read was used."
    assert video[0].startswith("The video is damaged or cut off after ")
    assert float(video[0].split()[8]) == pytest.approx(frames[-1].time, abs=0.21)


def test_a_packet_that_is_cut_off_is_not_as_long_as_it_states(tmp_path):
    """Each holds a second of sound here; the last one may be the only error."""
    path = record(tmp_path / "a.tta", None, Audio("tta"))
    path.write_bytes(path.read_bytes()[: round(0.6 * path.stat().st_size)])
    complaints = []
    end = sound(path, damages=complaints)[1].size / RATE
    assert 2.0 < end < 2.2
    assert complaints == [f"The audio is damaged or cut off after {end:.1f} s; what could be read was used."]


def test_the_sentence_says_where_it_is_although_reading_is_ahead(tmp_path):
    """The first 64 packets, here of a second each, are read before the first is decoded."""
    path = record(tmp_path / "a.wv", None, Audio("wavpack", duration=8.0, tones=((0.0, 8.0),)))
    data = bytearray(path.read_bytes())
    block = [at for at in range(len(data)) if data[at : at + 4] == b"wvpk"][5]
    data[block : block + 32] = bytes(32)
    path.write_bytes(data)
    complaints = []
    sound(path, damages=complaints)
    assert len(complaints) == 1 and " after 5.0 s; " in complaints[0]


@pytest.mark.parametrize("seed", range(3))
def test_scrambled_bytes_never_raise_anything_else(seed, tmp_path, talking):
    random = np.random.default_rng(seed)
    for source in (talking, record(tmp_path / "b.webm", Video("libvpx-vp9"), Audio("libopus"))):
        data = np.frombuffer(source.read_bytes(), dtype=np.uint8)
        for count in (1, 10, 100, 1000):
            broken = data.copy()
            broken[random.integers(0, len(data), count)] = random.integers(0, 256, count)
            path = tmp_path / f"broken{source.suffix}"
            path.write_bytes(broken.tobytes())
            complaints = []
            try:
                media.probe(path)
                times = [frame.time for frame in pictures(path, damages=complaints)]
                list(undamaged(media.audio(path), complaints))
            except EmorecError as error:
                assert str(error).startswith(path.name)
                continue
            assert times == sorted(set(times)) and len(complaints) <= 2


def test_refused_files(tmp_path, talking):
    def file(name, content):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    assert refusal(tmp_path / "none.mp4").startswith("There is no file ")
    assert refusal(talking / "below").startswith("There is no file ")
    assert refusal(tmp_path / ("long" * 100)).endswith("File name too long.")
    assert "is a directory" in refusal(tmp_path)
    assert "is empty" in refusal(file("empty.mp4", b""))
    assert "is text, not a recording" in refusal(file("notes.mp4", "Ein paar Wörter\n".encode() * 400))
    assert "not a recording" in refusal(file("noise.bin", np.random.default_rng(7).bytes(20_000)))
    assert "not a recording" in refusal(file("zeros.mp4", bytes(20_000)))
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.write(talking)
    assert "is a zip archive" in refusal(tmp_path / "b.zip")
    os.mkfifo(tmp_path / "pipe.mp4")
    assert "not an ordinary file" in refusal(tmp_path / "pipe.mp4")


@pytest.mark.parametrize(
    "codec, suffix",
    [("png", "png"), ("mjpeg", "jpg"), ("gif", "gif"), ("bmp", "bmp"), ("libwebp", "webp"), ("tiff", "tiff")],
)
def test_a_picture_is_called_a_picture(codec, suffix, tmp_path):
    context = av.CodecContext.create(codec, "w")
    context.width, context.height, context.time_base = 64, 64, Fraction(1, 25)
    context.pix_fmt = context.codec.video_formats[0].name
    frame = av.VideoFrame.from_ndarray(draw(1.0, (64, 64)), format="gray").reformat(format=context.pix_fmt)
    frame.pts = 0
    data = b"".join(bytes(packet) for packet in context.encode(frame) + context.encode(None))
    data = data if codec != "gif" else b"GIF89a" + data
    path = tmp_path / f"face.{suffix}"
    path.write_bytes(data)
    assert "is a picture" in refusal(path)
    shutil.copy(path, tmp_path / "face.mp4")
    assert "face.mp4 is a picture" in refusal(tmp_path / "face.mp4")


@pytest.mark.parametrize("lead", ["", "\n"])
def test_playlists_and_scripts_are_not_followed(lead, tmp_path, talking, monkeypatch):
    """With a first blank line nothing but FFmpeg's own whitelist holds them off."""
    shutil.copy(talking, tmp_path / "inner.mp4")
    monkeypatch.chdir(tmp_path)
    scripts = {
        "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10.0,\ninner.mp4\n#EXT-X-ENDLIST\n",
        "list.txt": "ffconcat version 1.0\nfile inner.mp4\n",
        "talk.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
        "list.mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"></MPD>\n',
    }
    for name, text in scripts.items():
        (tmp_path / name).write_text(lead + text)
        assert "not a recording" in refusal(tmp_path / name)


def test_only_known_containers_are_opened_even_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(containers, "check_file", lambda path: None)
    listing = tmp_path / "list.m3u8"
    listing.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10.0,\ninner.mp4\n#EXT-X-ENDLIST\n")
    assert "not a recording" in refusal(listing)
    with pytest.raises(av.error.ArgumentError):  # Without the whitelist: ConnectionRefusedError.
        av.open("http://127.0.0.1:9/a.mp4", options=containers.OPEN_OPTIONS)
    assert "not a recording" in refusal(record(tmp_path / "a.nut", Video(duration=1.0)))


def test_a_giant_picture_is_not_decoded(talking, monkeypatch):
    monkeypatch.setattr(packets, "MAX_PIXELS", 192 * 128 - 1)
    complaints = []
    assert pictures(talking, damages=complaints) == []
    assert complaints == ["The video has too many pixels (192 x 128); nothing of it could be read."]


def test_a_video_of_nothing_but_giant_pictures_is_refused_for_that(tmp_path, monkeypatch):
    path = record(tmp_path / "a.mp4", Video(duration=1.0))
    monkeypatch.setattr(packets, "MAX_PIXELS", 192 * 128 - 1)
    with pytest.raises(EmorecError, match=r"^a\.mp4 has too many pixels \(192 x 128\); scale it down first\.$"):
        media.probe(path)


def test_what_is_broken_in_the_last_picture_is_said(tmp_path, monkeypatch):
    """By the time that it is converted, decoding is long over."""
    path, convert = record(tmp_path / "a.mp4", Video(duration=1.0)), media.picture

    def failing(frame, *how):
        if frame.time < 0.75:
            return convert(frame, *how)
        sleep(0.3)
        raise ValueError("broken")

    monkeypatch.setattr(media, "picture", failing)
    complaints = []
    assert len(pictures(path, damages=complaints)) == 4
    assert complaints == ["The video is damaged or cut off after 0.8 s; what could be read was used."]


def test_a_recording_that_does_not_state_its_duration_is_measured(tmp_path):
    path = record(tmp_path / "live.webm", Video("libvpx-vp9"), Audio("libopus"), options={"live": "1"})
    with av.open(str(path)) as container:
        assert container.duration is None
    assert media.probe(path).duration == pytest.approx(4.0, abs=0.02)


def test_subtitles_alone_are_no_recording(tmp_path):
    path = tmp_path / "a.srt"
    path.write_text("1\n00:00:00,000 --> 00:00:02,000\nHello\n")
    assert "is text, not a recording" in refusal(path)


@pytest.mark.parametrize(
    "name", ["Füße 笑顔.mp4", "with space.mp4", "-dash.mp4", "a:b.mp4", "http:x.mp4", "%03d.mp4", "a?b#.mp4", "'\".mp4"]
)
def test_odd_names(name, tmp_path, talking, monkeypatch):
    shutil.copy(talking, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path / name, Path(name), name):
        assert media.probe(path).duration == pytest.approx(10.0, abs=0.05)
        assert next(media.frames(path)).time == 0.0
        assert next(media.audio(path)).time == 0.0


def test_the_name_of_the_container(tmp_path, talking):
    assert media.probe(talking).container == "mp4"
    assert media.probe(shutil.copy(talking, tmp_path / "talking.mov")).container == "mov"
    assert media.probe(shutil.copy(talking, tmp_path / "talking.dat")).container == "mov"


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to count open files")
def test_files_are_closed_when_a_reader_stops_early(talking):
    def open_files():
        return sum(os.path.realpath(link) == str(talking) for link in Path("/proc/self/fd").iterdir())

    for door in (media.frames, media.audio):
        reading = door(talking, **({"block_seconds": 1.0} if door is media.audio else {}))
        next(reading)
        assert open_files() == 1
        reading.close()
        assert open_files() == 0
    media.probe(talking)
    gc.collect()
    assert open_files() == 0


@given(st.integers(0, 10**7), st.integers(1, 100), st.integers(1, 1000))
def test_a_bin_begins_at_its_own_time(number, rate, scale):
    rate = rate / scale
    assert sampling.bin_of(number / rate, rate) == number
    assert sampling.bin_of((number + 0.5) / rate, rate) == number


@given(st.lists(st.floats(0, 5), min_size=1, max_size=60), st.sampled_from([1.0, 5.0, 7.3]), st.integers(0, 20))
def test_a_picture_that_comes_first_in_its_bin_is_always_wanted(times, rate, first_bin):
    wanted = sampling.BinSampler(rate, first_bin)
    selected = [time for time in times if wanted(time)]
    for number in {sampling.bin_of(time, rate) for time in times}:
        inside = [time for time in times if sampling.bin_of(time, rate) == number]
        assert min(inside) in selected and wanted.is_early(min(inside)) == (number < first_bin)


def shared(name):
    path = SHARED / name
    return pytest.param(path, marks=pytest.mark.skipif(not path.exists(), reason=f"{path} is not there"))


@pytest.mark.parametrize("path", [shared("talking_head_12s.mp4")])
def test_a_talking_head(path):
    info = media.probe(path)
    assert (info.width, info.height, info.frame_rate) == (1280, 720, 30.0)
    assert (info.container, info.video_codec, info.audio_codec, info.duration) == ("mp4", "h264", "aac", 12.0)
    complaints = []
    frames = pictures(path, max_side=320, damages=complaints)
    assert [frame.time for frame in frames] == pytest.approx(np.arange(60) / 5.0)
    assert frames[0].image.shape == (180, 320, 3) and 40 < frames[0].image.mean() < 215
    begin, samples = sound(path, damages=complaints)
    assert begin == 0.0 and len(samples) / RATE == pytest.approx(12.0, abs=0.05)
    assert 0.02 < np.sqrt(np.mean(samples**2)) < 0.5 and complaints == []


@pytest.mark.parametrize("path", [shared("face_then_none.mov"), shared("expressions_silent_20s.mp4")])
def test_real_recordings_start_anywhere(path):
    complaints = []
    frames = pictures(path, max_side=160, damages=complaints)
    duration = media.probe(path).duration
    assert len(frames) == pytest.approx(5.0 * duration, abs=2) and complaints == []
    later = [frame for frame in frames if frame.time >= 3.4 - 1e-4]
    assert same_frames(pictures(path, max_side=160, start=3.37), later)


@pytest.mark.parametrize("path", [shared("five_faces.jpg")])
def test_a_photograph_is_refused(path):
    assert "is a picture (JPEG)" in refusal(path)
