"""Edit lists: the parts that a container marks as not to be shown."""

import av
import numpy as np
import pytest

from emorec.media import streams as media
from support.decoding import undamaged
from support.make_media import Audio, Video, read_time, record

RATE = 16_000
CUT = 2.5
"""Seconds that a stream copy cuts off, behind the only keyframe."""


def trimmed(source, target):
    """A stream copy from ``CUT`` on: the packets before it stay in the file and an edit list leaves them out."""
    with av.open(str(source)) as old, av.open(str(target), "w", options={"avoid_negative_ts": "disabled"}) as new:
        streams = {stream.index: new.add_stream_from_template(stream) for stream in old.streams}
        for packet in old.demux():
            if packet.size:
                shift = round(CUT / packet.time_base)
                packet.pts, packet.dts, packet.stream = (
                    packet.pts - shift,
                    packet.dts - shift,
                    streams[packet.stream_index],
                )
                new.mux(packet)
    return target


def first_loud(path):
    """When the first tone begins (s), and when the sound ends."""
    blocks = list(media.audio(path))
    samples = np.concatenate([block.samples for block in blocks])
    return blocks[0].time + np.flatnonzero(np.abs(samples) > 0.1)[0] / RATE, blocks[0].time + len(samples) / RATE


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
@pytest.mark.parametrize("codec", ["libx264", "mjpeg"])
def test_a_clip_trimmed_by_stream_copy_has_the_times_of_a_player(suffix, codec, tmp_path):
    """With mjpeg, whose pictures are all keyframes, only those that are wanted are decoded."""
    audio = Audio(duration=6.0, tones=((4.0, 4.5),))
    source = record(tmp_path / f"a.{suffix}", Video(codec, duration=6.0, keyframe_every=150), audio)
    path = trimmed(source, tmp_path / f"trimmed.{suffix}")
    with av.open(str(path)) as container:
        assert any(packet.is_discard for packet in container.demux(video=0))
    assert media.probe(path).duration == pytest.approx(3.5, abs=0.05)
    complaints = []
    frames = list(undamaged(media.frames(path), complaints))
    assert [frame.time for frame in frames] == pytest.approx(np.arange(len(frames)) / 5, abs=0.041)
    assert len(frames) == pytest.approx(18, abs=1)
    assert all(read_time(frame.image) == pytest.approx(frame.time + CUT, abs=0.021) for frame in frames)
    assert first_loud(path) == pytest.approx((4.0 - CUT, 3.5), abs=0.05)
    assert complaints == []


def test_trimmed_sound_has_the_times_of_a_player(tmp_path):
    source = record(tmp_path / "a.m4a", None, Audio(duration=6.0, tones=((4.0, 4.5),)), format="mp4")
    with av.open(str(trimmed(source, tmp_path / "trimmed.m4a"))) as container:
        assert any(packet.is_discard for packet in container.demux(audio=0))
    assert first_loud(tmp_path / "trimmed.m4a") == pytest.approx((4.0 - CUT, 3.5), abs=0.05)
