"""Small recordings drawn and encoded for the tests; every picture carries its own time, every tone has a known place.

A picture shows its time in whole milliseconds as sixteen black or white cells, two rows of eight, most significant bit
first, so that ``read_time`` gets it back from pixels after any codec and any scaling, and gets it wrong when the
picture lies on its side.
"""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

BITS = (2, 8)
CLOCK = Fraction(1, 90_000)
CHUNK = 1024  # samples in an audio packet if the codec takes any number
# Identifies, with its specification, the bytes of a recording: by this code and the version of the encoders.
ENCODER = hashlib.sha256(Path(__file__).read_bytes() + av.__version__.encode()).hexdigest()[:16]
cache: Path | None = None  # folder of encoded recordings, by specification; conftest.py names one


@dataclass(frozen=True)
class Video:
    """What to draw: ``times`` (s) if given, else ``duration`` (s) at an even ``rate`` (Hz) from ``start`` (s)."""

    codec: str = "libx264"
    size: tuple[int, int] = (192, 128)
    rate: int = 25
    duration: float = 4.0
    start: float = 0.0
    times: Sequence[float] | None = None
    rotation: int = 0
    keyframe_every: int = 25
    sample_aspect: Fraction | None = None
    options: dict[str, str] = field(default_factory=dict)
    pixel_format: str | None = None

    def frame_times(self) -> list[Fraction]:
        if self.times is not None:
            return [Fraction(round(time * 90_000), 90_000) for time in self.times]
        first = Fraction(round(self.start * 90_000), 90_000)
        return [first + Fraction(k, self.rate) for k in range(round(self.duration * self.rate))]


@dataclass(frozen=True)
class Audio:
    """What to play: silence from ``start`` (s) for ``duration`` (s), but in each of ``tones`` (s, s) a rising tone, of
    440 Hz at 0 s and 40 Hz more every second."""

    codec: str = "aac"
    rate: int = 48_000
    layout: str = "mono"
    duration: float = 4.0
    start: float = 0.0
    tones: tuple[tuple[float, float], ...] = ((1.0, 1.5),)
    gaps: tuple[tuple[float, float], ...] = ()  # stretches (s, s) for which no packets are written
    bit_rate: int | None = None

    def samples(self) -> np.ndarray:
        """The whole wave, float32, one channel."""
        time = self.start + np.arange(round(self.duration * self.rate)) / self.rate
        loud = np.zeros(len(time), dtype=bool)
        for begin, end in self.tones:
            loud |= (time >= begin) & (time < end)
        return np.where(loud, 0.5 * np.sin(2 * np.pi * (440.0 + 20.0 * time) * time), 0.0).astype(np.float32)


def record(path: Path, video: Video | None = None, audio: Audio | None = None, cover: bool = False, **how) -> Path:
    """Write the recording to ``path``; ``how`` goes to ``av.open`` (``format=``, ``options=``).

    If ``cache`` is set, a recording of the same specification is encoded once and copied from then on.
    """
    path = Path(path)
    if cache is None:
        return _encode(path, video, audio, cover, **how)
    specification = repr((path.suffix, video, audio, cover, sorted(how.items())))
    stored = cache / ENCODER / hashlib.sha256(specification.encode()).hexdigest()
    if stored.exists():
        shutil.copyfile(stored, path)
        return path
    _encode(path, video, audio, cover, **how)
    stored.parent.mkdir(parents=True, exist_ok=True)
    # Another test process may write the same recording: each writes a file of its own and renames it.
    handle, partial = tempfile.mkstemp(dir=stored.parent)
    os.close(handle)
    shutil.copyfile(path, partial)
    os.replace(partial, stored)
    return path


def drop_old(folder: Path) -> None:
    """Remove what other versions of this file or of the encoders left in a cache folder."""
    for other in folder.iterdir():
        if other.name != ENCODER:
            shutil.rmtree(other, ignore_errors=True)


def _encode(path: Path, video: Video | None, audio: Audio | None, cover: bool, **how) -> Path:
    with same_scheduling(), av.open(str(path), "w", **how) as container:
        picture = _video_stream(container, video) if video else None
        sound = _audio_stream(container, audio) if audio else None
        art = _cover_stream(container) if cover else None
        packets = list(_cover_packets(art)) if art else []
        packets += _video_packets(picture, video) if video else []
        packets += _audio_packets(sound, audio) if audio else []
        packets.sort(key=lambda packet: float((packet.dts or 0) * packet.time_base))
        for packet in packets:
            container.mux(packet)
    return path


@contextlib.contextmanager
def same_scheduling():
    """Undo what the encoder libsvtav1 does as root: it gives the calling thread, and what that starts, priority in real
    time, so that nothing else gets the processor."""
    if not hasattr(os, "sched_getscheduler"):  # not Linux
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)


def draw(time: float, size: tuple[int, int] = (192, 128)) -> np.ndarray:
    """The picture for ``time`` (s): uint8 grey ``(H, W)``."""
    code = np.array([int(bit) for bit in f"{round(time * 1000):016b}"], dtype=np.uint8).reshape(BITS)
    width, height = size
    rows, columns = np.arange(height) * BITS[0] // height, np.arange(width) * BITS[1] // width
    return code[rows][:, columns] * 200 + 20


def read_time(image: np.ndarray) -> float:
    """The time (s) that a picture ``(H, W, 3)`` shows."""
    height, width = image.shape[:2]
    code = 0
    for row in range(BITS[0]):
        for column in range(BITS[1]):
            y, x = int((row + 0.5) * height / BITS[0]), int((column + 0.5) * width / BITS[1])
            code = 2 * code + int(image[y - 2 : y + 3, x - 2 : x + 3].mean() > 120)
    return code / 1000


def _video_stream(container, video: Video):
    stream = container.add_stream(video.codec, rate=video.rate)
    stream.width, stream.height = video.size
    stream.pix_fmt = video.pixel_format or ("yuvj420p" if video.codec == "mjpeg" else "yuv420p")
    quiet = {"x265-params": "log-level=error"} if video.codec == "libx265" else {}
    stream.options = {"g": str(video.keyframe_every), **quiet, **video.options}
    if video.times is not None or video.start:
        stream.codec_context.time_base = CLOCK
    if video.sample_aspect:
        stream.codec_context.sample_aspect_ratio = video.sample_aspect
    if video.rotation:
        stream.set_display_rotation(video.rotation)
    return stream


def _video_packets(stream, video: Video) -> list[av.Packet]:
    packets = []
    for time in video.frame_times():
        grey = draw(float(time), video.size)
        frame = av.VideoFrame.from_ndarray(grey, format="gray").reformat(format=stream.pix_fmt)
        frame.pts, frame.time_base = round(time / CLOCK), CLOCK
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def _audio_stream(container, audio: Audio):
    stream = container.add_stream(audio.codec, rate=audio.rate, layout=audio.layout)
    if audio.bit_rate:
        stream.bit_rate = audio.bit_rate
    if audio.codec == "vorbis":
        stream.options = {"strict": "experimental"}
    return stream


def _audio_packets(stream, audio: Audio) -> list[av.Packet]:
    stream.codec_context.open()
    form, channels = stream.codec_context.format, stream.codec_context.layout.nb_channels
    wave = audio.samples()
    size = stream.codec_context.frame_size or CHUNK
    first = round(audio.start * audio.rate)
    converter = av.AudioResampler(format=form, layout=audio.layout, rate=audio.rate)
    packets = []
    for at in range(0, len(wave), size):
        begin = (first + at) / audio.rate
        if any(low <= begin < high for low, high in audio.gaps):
            continue
        piece = np.repeat(wave[None, at : at + size], channels, axis=0)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(piece), format="fltp", layout=audio.layout)
        frame.sample_rate = audio.rate
        frame = converter.resample(frame)[0]
        frame.pts, frame.time_base = first + at, Fraction(1, audio.rate)
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def _cover_stream(container):
    stream = container.add_stream("mjpeg", rate=1)
    stream.width, stream.height, stream.pix_fmt = 64, 64, "yuvj420p"
    stream.disposition = av.stream.Disposition.attached_pic
    return stream


def _cover_packets(stream) -> list[av.Packet]:
    frame = av.VideoFrame.from_ndarray(draw(1.0, (64, 64)), format="gray").reformat(format="yuvj420p")
    frame.pts, frame.time_base = 0, Fraction(1, 1)
    return stream.encode(frame) + stream.encode(None)
