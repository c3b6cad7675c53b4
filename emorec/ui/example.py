"""The example clip of the page: a portrait under a slowly moving camera, and a synthesised voice.

The portrait is NASA's official one of astronaut Eileen Collins, 1992, which is in the public domain
(https://commons.wikimedia.org/wiki/File:Eileen_Collins_1992.jpg), cropped and resized. The voice consists of pulses
filtered by resonances, as in the vowels of Klatt's synthesiser (1980); it speaks no words.
"""

import os
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from emorec import files
from emorec.settings import cache_folder, make_default_cache
from emorec.ui.server import log

NAME = "example.mp4"
FOLDER = "example-2"  # another name whenever the clip changes
PORTRAIT = Path(__file__).parent / "assets" / "portrait.jpg"
SECONDS = 12
FACE_GONE = 6.0  # seconds; after that the voice is the only evidence, because the lips of a portrait do not move
SIZE = (480, 360)  # pixels
FRAME_RATE = 12
SAMPLE_RATE = 16_000
# Formants (Hz) of five vowels: means of Peterson and Barney, 1952.
VOWELS = ((730, 1090, 2440), (530, 1840, 2480), (270, 2290, 3010), (570, 840, 2410), (300, 870, 2240))
BANDWIDTHS = (80, 90, 120)  # Hz
SYLLABLE = 0.22  # seconds
SPOKEN = ((0.5, 4.0), (5.5, 10.0))  # seconds


def clip() -> Path | None:
    """The path of the clip, which is made at the first call; None if it cannot be written."""
    file = cache_folder() / FOLDER / NAME
    if file.exists():
        return file
    try:
        make_default_cache(file.parent.parent)
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=file.parent) as folder:
            unfinished = Path(folder) / NAME
            record(unfinished)
            files.when_free(lambda: os.replace(unfinished, file))
    except OSError as error:
        log.error("The example clip could not be made", error)
        return None
    return file


def record(path: Path) -> None:
    """Write the clip to a file."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=FRAME_RATE, options={"preset": "veryfast", "crf": "26"})
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        audio = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        for number, image in enumerate(pictures()):
            frame = av.VideoFrame.from_image(image)
            frame.pts, frame.time_base = number, Fraction(1, FRAME_RATE)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        samples = voice()
        for start in range(0, len(samples), 1024):
            frame = av.AudioFrame.from_ndarray(samples[None, start : start + 1024], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, start, Fraction(1, SAMPLE_RATE)
            container.mux(audio.encode(frame))
        container.mux(audio.encode(None))


def pictures() -> Iterator[Image.Image]:
    """All frames: the portrait under a camera that pans and zooms, then an empty background."""
    portrait = Image.open(PORTRAIT).convert("RGB")
    width, height = portrait.size
    for number in range(SECONDS * FRAME_RATE):
        time = number / FRAME_RATE
        if time >= FACE_GONE:
            yield Image.new("RGB", SIZE, (38, 44, 56))
            continue
        zoom = 0.86 + 0.08 * np.cos(2 * np.pi * time / 7)
        wide, high = zoom * width, zoom * height
        left = (width - wide) * (0.5 + 0.3 * np.sin(2 * np.pi * time / 5))
        top = (height - high) * (0.3 + 0.2 * np.sin(2 * np.pi * time / 3))
        yield portrait.resize(SIZE, Image.Resampling.BICUBIC, box=(left, top, left + wide, top + high))


def voice() -> np.ndarray:
    """The sound, float32 (SECONDS * SAMPLE_RATE,): syllables whose pitch falls and rises."""
    samples = np.zeros(SECONDS * SAMPLE_RATE, np.float32)
    for begin, end in SPOKEN:
        for count in range(int((end - begin) / SYLLABLE)):
            sound = syllable(VOWELS[count % len(VOWELS)], 190 + 50 * np.sin(1.7 * count))
            start = int((begin + count * SYLLABLE) * SAMPLE_RATE)
            samples[start : start + len(sound)] += sound
    return samples


def syllable(formants: tuple[int, ...], pitch: float) -> np.ndarray:
    """One vowel of SYLLABLE seconds, float32 at SAMPLE_RATE; its pitch (Hz) falls a little."""
    count = int(SYLLABLE * SAMPLE_RATE)
    time = np.arange(count) / SAMPLE_RATE
    glide = pitch * (1.06 - 0.12 * time / SYLLABLE)
    phase = np.cumsum(glide) / SAMPLE_RATE
    spectrum = np.fft.rfft(np.diff(np.floor(phase), prepend=0.0))  # one pulse for each period
    frequency = np.fft.rfftfreq(count, 1 / SAMPLE_RATE)
    for formant, bandwidth in zip(formants, BANDWIDTHS, strict=True):
        spectrum = spectrum * formant**2 / (formant**2 - frequency**2 + 1j * bandwidth * frequency)
    spectrum = spectrum / (1 + frequency / 500)  # the source of a voice has less energy at high frequencies
    sound = np.fft.irfft(spectrum, count)
    envelope = np.minimum(1, np.minimum(time / 0.03, (SYLLABLE - time) / 0.05))
    return (0.25 * envelope * sound / np.abs(sound).max()).astype(np.float32)
