"""Recordings with several tracks of sound and picture, or with sound whose channels differ, for the tests."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition

from emorec.ui import example

RATE = example.SAMPLE_RATE
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}  # others have no speakers


def speech(seconds: float = 12.0) -> np.ndarray:
    """A synthetic voice that is taken for speech: float32 (N,) at RATE."""
    voice = example.voice()
    voice[9 * RATE :] = 0  # so that there is a pause between two repeats
    count = round(seconds * RATE)
    return np.tile(voice, -(-count // len(voice)))[:count]


def tone(seconds: float = 12.0) -> np.ndarray:
    """A tone that is not speech: float32 (N,) at RATE."""
    return (0.2 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def record_tracks(
    path: Path, sounds=(), videos=(), codec: str = "pcm_s16le", default: int = 1, rate: int = 10, languages=()
) -> Path:
    """Write a recording: each of ``sounds`` is samples (N,) or (channels, N), each of ``videos`` is grey pictures
    uint8 (frames, H, W) at ``rate`` (Hz). ``default`` is the sound track marked so; ``languages`` are those of the
    sound tracks."""
    with av.open(str(path), "w") as container:
        pictures = [container.add_stream("libx264", rate=rate, options={"g": "10"}) for _ in videos]
        for stream, images in zip(pictures, videos, strict=True):
            stream.height, stream.width = images.shape[1:]
            stream.pix_fmt = "yuv420p"
        sounds = [np.atleast_2d(np.asarray(sound, np.float32)) for sound in sounds]
        streams = [container.add_stream(codec, rate=RATE, layout=_layout(sound)) for sound in sounds]
        for stream, language in zip(streams, languages, strict=False):
            stream.metadata["language"] = language
        if len(streams) > 1:
            for number, stream in enumerate(streams, 1):
                stream.disposition = Disposition.default if number == default else Disposition(0)
        packets = [packet for stream, images in zip(pictures, videos, strict=True) for packet in _seen(stream, images)]
        packets += [packet for stream, sound in zip(streams, sounds, strict=True) for packet in _heard(stream, sound)]
        for packet in sorted(packets, key=lambda packet: float((packet.dts or 0) * packet.time_base)):
            container.mux(packet)
    return path


def _layout(sound):
    return LAYOUTS.get(len(sound), f"{len(sound)} channels")


def _seen(stream, images):
    packets = []
    for number, image in enumerate(images):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="gray").reformat(format="yuv420p")
        frame.pts, frame.time_base = number, 1 / Fraction(stream.average_rate)
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def _heard(stream, sound):
    stream.codec_context.open()
    form, layout = stream.codec_context.format, _layout(sound)
    size = stream.codec_context.frame_size or 1024
    packets = []
    for at in range(0, sound.shape[1], size):
        piece = sound[:, at : at + size].T.reshape(1, -1)  # in one plane: PyAV does not write more than eight
        frame = av.AudioFrame.from_ndarray(piece, format="flt", layout=layout)
        frame.sample_rate = RATE
        frame = av.AudioResampler(format=form, layout=layout, rate=RATE).resample(frame)[0]
        frame.pts, frame.time_base = at, Fraction(1, RATE)
        packets += stream.encode(frame)
    return packets + stream.encode(None)
