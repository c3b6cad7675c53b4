"""Recordings whose clock is reset on the way: parts joined byte by byte, chained Ogg, counters that start again."""

import av
import numpy as np
import pytest

from emorec.media import streams as media
from support.decoding import undamaged
from support.joined import joined, onsets
from support.make_media import Audio, Video, read_time, record

VIDEOS = {
    "ts": (Video("mpeg2video"), Audio("mp2")),
    "mpg": (Video("mpeg2video"), Audio("mp2")),
    "mkv": (Video("mpeg2video"), Audio("mp2")),
    "webm": (Video("libvpx"), Audio("libopus")),
}
SOUNDS = {"opus": "libopus", "ogg": "vorbis", "flac": "flac"}


def moved(source, target, seconds):
    """The same recording with all times later by so many seconds."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        streams = {stream.index: new.add_stream_from_template(stream) for stream in old.streams}
        for packet in old.demux():
            if packet.size:
                ticks = round(seconds / packet.time_base)
                packet.pts, packet.dts, packet.stream = (
                    packet.pts + ticks,
                    packet.dts + ticks,
                    streams[packet.stream_index],
                )
                new.mux(packet)
    return target


def check_parts(path, lengths, tones, said=None):
    """Each part begins where the one before ended, its pictures show their own times, and its tone is at its place."""
    complaints = []
    frames = list(undamaged(media.frames(path), complaints))
    onset_times, end = onsets(path, complaints)
    begins = np.concatenate([[0.0], np.cumsum(lengths)])
    assert complaints == (said or [])
    assert end == pytest.approx(begins[-1], abs=0.15)
    assert onset_times == pytest.approx([begin + tone for begin, tone in zip(begins, tones, strict=False)], abs=0.1)
    for frame in frames:
        shown = read_time(frame.image)
        assert np.abs(frame.time - begins - shown).min() < 0.12
    assert len(frames) == pytest.approx(5 * begins[-1], abs=1)
    assert max(np.diff([frame.time for frame in frames])) < 0.3
    return frames


@pytest.mark.parametrize("suffix", VIDEOS)
def test_the_parts_of_a_joined_recording_follow_each_other(suffix, tmp_path):
    video, audio = VIDEOS[suffix]
    second = Video(video.codec, duration=3.0), Audio(audio.codec, duration=3.0, tones=((2.0, 2.5),))
    path = joined(tmp_path, suffix, (video, audio), second)
    frames = check_parts(path, [4.0, 3.0], [1.0, 2.0])
    later = [frame.time for frame in media.frames(path, start=5.0)]
    assert later == [frame.time for frame in frames if frame.time >= 5.0 - 1e-4]
    if suffix in ("ts", "mpg"):
        assert media.probe(path).duration == pytest.approx(7.0, abs=0.15)


def test_a_part_may_have_another_size(tmp_path):
    larger = Video("mpeg2video", size=(320, 240)), Audio("mp2", tones=((2.0, 2.5),))
    frames = check_parts(joined(tmp_path, "ts", VIDEOS["ts"], larger), [4.0, 4.0], [1.0, 2.0])
    assert {frame.image.shape for frame in frames} == {(128, 192, 3), (240, 320, 3)}


def test_many_short_parts(tmp_path):
    parts = [
        (Video("mpeg2video", duration=2.0), Audio("mp2", duration=2.0, tones=((k / 5, k / 5 + 0.3),))) for k in range(5)
    ]
    path = joined(tmp_path, "ts", *parts)
    # Sound comes in packets of 24 ms, so each part is a little longer.
    length = media.probe(tmp_path / "0.ts").duration
    assert length == pytest.approx(2.0, abs=0.03)
    check_parts(path, [length] * 5, [k / 5 for k in range(5)])


def test_a_part_may_lack_sound(tmp_path):
    """What a stream lacks in one part it does not take from the next."""
    parts = [VIDEOS["ts"], (Video("mpeg2video"), None), (Video("mpeg2video"), Audio("mp2", tones=((2.0, 2.5),)))]
    path = joined(tmp_path, "ts", *parts)
    assert onsets(path)[0] == pytest.approx([1.0, 10.0], abs=0.1)
    times = [frame.time for frame in media.frames(path)]
    assert len(times) == pytest.approx(60, abs=1) and max(np.diff(times)) < 0.3


@pytest.mark.parametrize(("first", "second"), [(0, 5000), (5000, 0), (90_000, 300), (95_441.0, 95_441.0)])
def test_the_clocks_of_parts_may_run_freely(first, second, tmp_path):
    """A clock of 33 bits wraps at 95443.7 s, in the last case within each part."""
    source = record(tmp_path / "a.ts", *VIDEOS["ts"])
    parts = [moved(source, tmp_path / f"{shift}.ts", shift) for shift in (first, second)]
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    check_parts(path, [4.0, 4.0], [1.0, 1.0])


def late_in_flv(source, target, ticks, bits):
    """The same flv recording with all times later by so many milliseconds, in a counter of so many bits."""
    content, at = bytearray(source.read_bytes()), 13
    while at + 11 < len(content):
        kind, size = content[at], int.from_bytes(content[at + 1 : at + 4])
        time = int.from_bytes(bytes([content[at + 7], *content[at + 4 : at + 7]]))
        if kind in (8, 9):  # sound and pictures
            high, *low = ((time + ticks) % (1 << bits)).to_bytes(4)
            content[at + 4 : at + 8] = bytes([*low, high])
        at += 11 + size + 4
    target.write_bytes(content)
    return target


@pytest.mark.parametrize("bits", [24, 32])
def test_the_counter_of_an_flv_file_may_wrap(bits, tmp_path):
    """Programs that leave out the upper eight bits wrap after 4.7 hours."""
    source = record(tmp_path / "a.flv", Video(duration=6.0), Audio(duration=6.0, tones=((4.0, 4.5),)))
    path = late_in_flv(source, tmp_path / "wraps.flv", (1 << bits) - 2000, bits)
    complaints = []
    frames = list(undamaged(media.frames(path), complaints))
    (onset,), end = onsets(path, complaints)
    assert complaints == [] and end == pytest.approx(6.0, abs=0.15)
    assert media.probe(path).duration == pytest.approx(6.0, abs=0.15)
    late = [frame.time - read_time(frame.image) for frame in frames if frame.time > 3.0]
    assert len(late) == pytest.approx(15, abs=1) and late == pytest.approx([onset - 4.0] * len(late), abs=0.03)


@pytest.mark.parametrize("suffix", SOUNDS)
def test_chained_sound_is_heard_in_full(suffix, tmp_path):
    layout = "stereo" if suffix == "ogg" else "mono"
    parts = [
        (None, Audio(SOUNDS[suffix], layout=layout, duration=seconds, tones=((tone, tone + 0.5),)))
        for seconds, tone in ((4.0, 1.0), (6.0, 3.0))
    ]
    path = joined(tmp_path, suffix, *parts)
    complaints = []
    onset_times, end = onsets(path, complaints)
    assert onset_times == pytest.approx([1.0, 7.0], abs=0.1) and end == pytest.approx(10.0, abs=0.1)
    assert complaints == []
    if suffix != "flac":
        assert media.probe(path).duration == pytest.approx(10.0, abs=0.1)


def test_a_gap_is_not_a_new_clock(tmp_path):
    """Nothing for 20 s in a container whose times are its own stays 20 s of silence."""
    path = record(
        tmp_path / "a.mkv",
        None,
        Audio("pcm_s16le", duration=30.0, gaps=((2.0, 22.0),), tones=((1.0, 1.5), (25.0, 26.0))),
    )
    onset_times, end = onsets(path)
    assert onset_times == pytest.approx([1.0, 25.0], abs=0.05) and end == pytest.approx(30.0, abs=0.05)


def test_rare_pictures_beside_steady_sound_are_no_new_clock(tmp_path):
    video = Video(
        "libx264", options={"preset": "ultrafast"}, times=[0.0, 0.04, 0.08, 0.12, *np.arange(15.0, 17.0, 0.04)]
    )
    path = record(tmp_path / "a.ts", video, Audio("mp2", duration=17.0, tones=((16.0, 16.5),)))
    assert onsets(path)[0] == pytest.approx([16.0], abs=0.1)
    times = [frame.time for frame in media.frames(path)]
    assert times[-1] == pytest.approx(16.8, abs=0.2)


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("start", [0.0, 17.0])
def test_pictures_that_are_far_apart_and_reordered_keep_their_times(codec, start, tmp_path):
    """Matroska says only when they are shown, so that is all that is known of the first ones."""
    path = record(tmp_path / "slides.mkv", Video(codec, times=np.arange(0.0, 20.0, 2.0), keyframe_every=4))
    complaints = []
    frames = list(undamaged(media.frames(path, start=start), complaints))
    assert [frame.time for frame in frames] == pytest.approx(np.arange(start and 16.0, 20.0, 2.0))
    assert [read_time(frame.image) for frame in frames] == pytest.approx([frame.time for frame in frames], abs=0.01)
    assert complaints == []
