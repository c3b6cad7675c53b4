"""Recordings composed of Javanese clips, with the voice of one of the people in view or of somebody else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emorec.errors import EmorecError
from emorec.media import streams
from emorec.media.streams import AudioBlock
from train.evaluation.identity import FRAME_RATE, pictures

RATE = 16_000  # Hz
RECORDINGS = 12  # of each kind
TURNS = 6  # in a conversation
NOISE = 3.0  # standard deviation of the noise in a picture that stands still, of 255


@dataclass(frozen=True)
class Clip:
    """``images`` at FRAME_RATE and ``samples`` (N,) at RATE of the same length."""

    images: list[np.ndarray]
    samples: np.ndarray


@dataclass(frozen=True)
class Shot:
    """``images``, ``samples``, and from where in the picture the voice comes, as a share of the width; None if from
    nowhere in it."""

    images: list[np.ndarray]
    samples: np.ndarray
    speaker: float | None


def read(file: Path) -> Clip:
    """A clip; its sound is cut, or continued by silence, to the length of its pictures."""
    images = pictures(file)
    samples = np.zeros(round(len(images) / FRAME_RATE * RATE), np.float32)
    for block in streams.audio(file, RATE):
        if isinstance(block, AudioBlock):
            begin = round(block.time * RATE)
            part = block.samples[: max(0, len(samples) - begin)]
            samples[begin : begin + len(part)] = part
    return Clip(images, samples)


def clips(data: Path, actors: Sequence[str]) -> dict[str, list[Clip]]:
    """All clips of some actors. Raises EmorecError if there are none."""
    files = sorted((data / "JavaneseAV").rglob("*.mp4"))
    found = {actor: [read(file) for file in files if file.stem.split("-")[0] == actor] for actor in actors}
    if not all(found.values()):
        raise EmorecError(f"{data} has no folder JavaneseAV with videos of {', '.join(actors)}.")
    return found


def recordings(
    actors: dict[str, list[Clip]], seed: int = 0, count: int = RECORDINGS
) -> Iterator[tuple[str, list[Shot]]]:
    """Kinds of recordings, ``count`` of each, by name."""
    random = np.random.default_rng(seed)

    def two() -> tuple[str, str]:
        first, second = random.choice([*actors], 2, replace=False)
        return str(first), str(second)

    def some(actor: str) -> Clip:
        return actors[actor][random.integers(len(actors[actor]))]

    def lasting(images: list[np.ndarray], count: int) -> list[np.ndarray]:
        """Pictures forth and back, so that a face never jumps."""
        there_and_back = images + images[-2:0:-1]
        return [there_and_back[number % len(there_and_back)] for number in range(count)]

    def still(clip: Clip, count: int) -> list[np.ndarray]:
        """The first picture of a clip, in which the mouth rests, with the noise of a camera."""
        image = clip.images[0].astype(np.float32)
        return [(image + random.normal(0, NOISE, image.shape)).clip(0, 255).astype(np.uint8) for _ in range(count)]

    def beside(left: list[np.ndarray], right: list[np.ndarray]) -> list[np.ndarray]:
        return [np.concatenate(pair, axis=1) for pair in zip(left, right, strict=True)]

    def turn(speaking: str, listening: str, on_left: bool, rests: bool) -> Shot:
        clip, other = some(speaking), some(listening)
        count = len(clip.images)
        others = still(other, count) if rests else lasting(other.images, count)
        images = beside(clip.images, others) if on_left else beside(others, clip.images)
        return Shot(images, clip.samples, 0.25 if on_left else 0.75)

    def alone(actor: str) -> Shot:
        clip = some(actor)
        return Shot(clip.images, clip.samples, 0.5)

    def foreign(actor: str, voice: str) -> Shot:
        clip, other = some(actor), some(voice)
        while other is clip:
            other = some(voice)
        return Shot(lasting(clip.images, len(other.images)), other.samples, None)

    def conversation(first: str, second: str, rests: bool) -> list[Shot]:
        return [
            turn(*((first, second) if number % 2 == 0 else (second, first)), number % 2 == 0, rests)
            for number in range(TURNS)
        ]

    for _ in range(count):
        a, b = two()
        clip = some(a)
        yield "own voice, one clip", [alone(a)]
        yield "own voice, four clips", [alone(a) for _ in range(4)]
        yield "two side by side, the other talks too", [turn(a, b, True, False)]
        yield "two side by side, the other rests", [turn(a, b, True, True)]
        yield "conversation side by side, listener talks too", conversation(a, b, False)
        yield "conversation side by side, listener rests", conversation(a, b, True)
        yield "cuts between two who talk", [alone((a, b)[number % 2]) for number in range(TURNS)]
        yield "off screen: voice of another actor", [foreign(a, b)]
        yield "off screen: voice of another actor, four clips", [foreign(a, b) for _ in range(4)]
        yield "off screen: another clip of the same actor", [foreign(a, a)]
        yield "off screen: over a face that stands still", [Shot(still(clip, len(clip.images)), clip.samples, None)]
        yield "one who talks, then a voice over the same face", [alone(a), alone(a), foreign(a, b), foreign(a, b)]
