"""Augment recordings as if another microphone, another room and another transmission line had been used.

Corpora differ in their sound more than their speakers do, so a layer can learn to recognise a corpus instead of an
emotion. If the recordings of all corpora are degraded in the same way, their sound says less about the corpus.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emorec.errors import EmorecError
from train.data import pack

SUFFIXES = (".opus", ".wav", ".flac", ".ogg", ".mp3")
TILTS = 4  # an equalisation is a sum of this many cosines over the square root of frequency
TILT = 3.0  # dB, standard deviation of each of them
MAX_GAIN = 12.0  # dB, of an equalisation
BAND_SHARE = 0.35  # of the recordings that lose their highest frequencies, and of those that lose their lowest
HIGHEST, LOWEST = (3000.0, 7000.0), (80.0, 300.0)  # Hz
ROOM_SHARE, REVERBERATION, ROOM_LEVEL = 0.6, (0.1, 0.7), (0.05, 0.6)  # share, s to -60 dB, relative to the direct sound
NOISE_SHARE, NOISE = 0.7, (5.0, 30.0)  # share, dB below the speech
COARSE_SHARE, COARSE_STEPS, MU = 0.2, 127, 255.0  # share, steps of each sign, of the mu-law of telephones (ITU-T G.711)
LEVEL = (-12.0, 6.0)  # dB


def read_noises(folder: Path, rate: int) -> list[np.ndarray]:
    """Read the recordings of noise in a folder, mono float32 at ``rate`` Hz. Raises EmorecError if there are none."""
    files = sorted(file for file in Path(folder).rglob("*") if file.suffix in SUFFIXES)
    found = [samples for file in files if len(samples := pack.load_audio(file, rate)) and np.any(samples)]
    if not found:
        raise EmorecError(f"{folder} holds no recordings of noise to mix into the voices.")
    return found


def degrade(
    samples: np.ndarray, rate: int, background: Sequence[np.ndarray], generator: np.random.Generator
) -> np.ndarray:
    """Mono float32 samples (S,) with a random equalisation, band limits, room, noise, quantisation and level: (S,)."""
    if not len(samples):
        return samples
    sound = _equalise(samples.astype(np.float64), rate, generator)
    if generator.random() < ROOM_SHARE:
        sound = _add_reverberation(sound, rate, generator)
    if generator.random() < NOISE_SHARE:
        noise = np.resize(background[int(generator.integers(len(background)))].astype(np.float64), len(sound))
        ratio = np.square(sound).mean() / max(np.square(noise).mean(), 1e-12)
        sound = sound + noise * np.sqrt(ratio) * 10 ** (-generator.uniform(*NOISE) / 20)
    if generator.random() < COARSE_SHARE:
        sound = _quantise(sound)
    sound = sound * 10 ** (generator.uniform(*LEVEL) / 20)
    return np.clip(sound, -1, 1).astype(np.float32)


def _equalise(sound: np.ndarray, rate: int, generator: np.random.Generator) -> np.ndarray:
    spectrum = np.fft.rfft(sound)
    place = np.linspace(0, 1, len(spectrum))
    gain = sum(generator.normal(0, TILT) * np.cos(np.pi * k * place**0.5) for k in range(1, TILTS + 1))
    spectrum *= 10 ** (np.clip(gain, -MAX_GAIN, MAX_GAIN) / 20)
    frequency = place * rate / 2
    if generator.random() < BAND_SHARE:
        spectrum /= 1 + (frequency / generator.uniform(*HIGHEST)) ** 12
    if generator.random() < BAND_SHARE:
        spectrum /= 1 + (generator.uniform(*LOWEST) / np.maximum(frequency, 1e-2)) ** 6
    return np.fft.irfft(spectrum, len(sound))


def _add_reverberation(sound: np.ndarray, rate: int, generator: np.random.Generator) -> np.ndarray:
    """The sound with the tail of a room: noise that falls by 60 dB, behind the direct sound."""
    length = int(generator.uniform(*REVERBERATION) * rate)
    tail = generator.normal(0, 1, length) * 10 ** (-3 * np.arange(length) / length)
    tail *= generator.uniform(*ROOM_LEVEL) / np.sqrt(np.square(tail).sum())
    tail[0] = 1
    size = 1 << (len(sound) + length - 1).bit_length()
    return np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(tail, size), size)[: len(sound)]


def _quantise(sound: np.ndarray) -> np.ndarray:
    peak = np.abs(sound).max() + 1e-9
    steps = np.round(np.log1p(MU * np.abs(sound) / peak) / np.log1p(MU) * COARSE_STEPS) / COARSE_STEPS
    return np.sign(sound) * peak * np.expm1(steps * np.log1p(MU)) / MU
