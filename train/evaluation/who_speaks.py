"""Measure who speaks: recordings composed of Javanese clips, with the voice of one of the people or of somebody else.

python -m train.evaluation.who_speaks --data DATA [--actors 06,08,10] [--heads CLIP ...]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from emorec.errors import EmorecError
from emorec.extraction import pipeline, sources
from emorec.extraction.features import Features
from emorec.extraction.spoken import OFF_SCREEN, PERSON, SPEECH, UNSURE
from emorec.face.detection import Detector
from emorec.media import streams
from emorec.media.streams import AudioBlock
from emorec.models import checkpoint as checkpoints
from emorec.models import pretrained
from emorec.models.checkpoint import Checkpoint
from train.data.pack import face_detector
from train.evaluation.identity import FRAME_RATE, pictures

ACTORS = "06,08,10"  # neither the network nor the thresholds know them
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


def given(features: Features, shots: Sequence[Shot]) -> np.ndarray:
    """Counts of hops with speech that are given right, unsure, and given wrong."""
    arrays = features.arrays
    ends = np.cumsum([len(shot.images) / FRAME_RATE for shot in shots])
    counts = np.zeros(3, int)
    for row in np.flatnonzero(arrays["voice_speech"] >= SPEECH):
        middle, found = float(arrays["voice_time"][row]), int(arrays[PERSON][row])
        shot = shots[min(int(np.searchsorted(ends, middle, side="right")), len(shots) - 1)]
        right = found == OFF_SCREEN if shot.speaker is None else found == _person_at(features, middle, shot.speaker)
        counts[0 if right and found != UNSURE else 1 if found == UNSURE else 2] += 1
    return counts


def _person_at(features: Features, time: float, place: float) -> int | None:
    """The person whose face is nearest to a place, as a share of the width, in the picture at a time (s)."""
    arrays = features.arrays
    shown = np.flatnonzero(np.abs(arrays["face_time"] - time) <= 0.75 / FRAME_RATE)
    centres = arrays["face_box"][shown, 0] + arrays["face_box"][shown, 2] / 2
    close = np.abs(centres - place)
    if not len(shown) or close.min() > 0.25:
        return None
    return int(arrays["face_person"][shown[close.argmin()]])


def measure(
    actors: dict[str, list[Clip]],
    model: Checkpoint,
    detector: Detector,
    seed: int = 0,
    only: str = "",
    count: int = RECORDINGS,
    report: Callable[[str], None] = print,
) -> dict[str, np.ndarray]:
    """Counts as ``given`` counts them of every kind of recording, whose name holds ``only``."""
    totals: dict[str, np.ndarray] = {}
    for name, shots in recordings(actors, seed, count):
        if only not in name:
            continue
        images = [image for shot in shots for image in shot.images]
        samples = np.concatenate([shot.samples for shot in shots])
        *_, features = pipeline.extract(sources.from_arrays(images, FRAME_RATE, samples, RATE), model, detector)
        totals[name] = totals.get(name, np.zeros(3, int)) + given(features, shots)
    for name, counts in totals.items():
        right, unsure, wrong = counts / max(counts.sum(), 1)
        report(f"{name:<48} right {right:.0%}, unsure {unsure:.0%}, wrong {wrong:.0%} of {counts.sum()} hops")
    return totals


def main(arguments: list[str] | None = None) -> None:
    """Print the measurements."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of the corpora")
    parser.add_argument("--actors", default=ACTORS, help="whose clips to use, with commas between them")
    parser.add_argument("--heads", type=Path, nargs="*", default=[], help="clips of one person who talks throughout")
    parser.add_argument("--only", default="", help="only recordings whose name holds this")
    parser.add_argument("--count", type=int, default=RECORDINGS, help="recordings of each kind")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    model, detector = checkpoints.load(pretrained.BUNDLED), face_detector()
    measure(clips(asked.data, asked.actors.split(",")), model, detector, asked.seed, asked.only, asked.count)
    for file in asked.heads:
        *_, features = pipeline.extract(file, model, detector)
        arrays = features.arrays
        speakers = arrays[PERSON][arrays["voice_speech"] >= SPEECH]
        print(f"{file.name}: {(speakers == 0).mean():.0%} of {len(speakers)} hops with the head")


if __name__ == "__main__":
    main()
