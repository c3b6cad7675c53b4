"""Measure whose voice each channel is said to be: calls composed of Javanese clips, with one voice in each channel.

python -m train.evaluation.split_channels --data DATA [--actors 06,08,10]

The bundled speaker network is trained on all actors, so one is trained on the others first.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import cv2
import numpy as np

from emorec.extraction import channels, pipeline, sources
from emorec.extraction.features import Features
from emorec.extraction.options import Settings
from emorec.extraction.spoken import PERSON, SPEECH
from emorec.face.detection import Detector
from emorec.models import checkpoint as checkpoints
from emorec.models import pretrained, speaker
from emorec.models.checkpoint import Checkpoint
from train.data.pack import face_detector
from train.evaluation.composed import RATE, RECORDINGS, Clip, clips
from train.evaluation.identity import FRAME_RATE
from train.recipes import speaker as recipe

TURNS = 6
NOBODY = -1  # the place of a voice without a face
ACTORS = "06,08,10"
LEAK = 0.1  # of the other channel, as a factor (-20 dB)


@dataclass(frozen=True)
class Call:
    """``images`` at FRAME_RATE, ``samples`` (2, N) at RATE, and from where in the picture the voice of each channel
    comes, as a share of the width; NOBODY if from nowhere in it."""

    images: list[np.ndarray]
    samples: np.ndarray
    places: tuple[float, float]


def calls(actors: dict[str, list[Clip]], seed: int = 0, count: int = RECORDINGS) -> Iterator[tuple[str, Call]]:
    """Kinds of calls of TURNS turns, ``count`` of each, by name."""
    random = np.random.default_rng(seed)

    def turns(first: str, second: str) -> list[tuple[Clip, Clip]]:
        """Clips of the one who speaks and of the one who listens, by turns."""
        some = {name: random.permutation(len(actors[name])) for name in (first, second)}
        pairs = []
        for number in range(TURNS):
            speaking, listening = (first, second) if number % 2 == 0 else (second, first)
            spoken, heard = (actors[name][some[name][number % len(some[name])]] for name in (speaking, listening))
            pairs.append((spoken, heard))
        return pairs

    def sound(parts: Sequence[Clip], swapped: bool) -> np.ndarray:
        """Each part in the channel of its speaker, a little of it in the other."""
        pieces = []
        for number, part in enumerate(parts):
            both = np.stack([part.samples, LEAK * part.samples])
            pieces.append(both[::-1] if (number % 2 == 1) != swapped else both)
        return np.concatenate(pieces, axis=1)

    def lasting(clip: Clip, length: int, rests: bool) -> list[np.ndarray]:
        if rests:
            noise = [random.normal(0, 3.0, clip.images[0].shape) for _ in range(length)]
            return [(clip.images[0] + one).clip(0, 255).astype(np.uint8) for one in noise]
        there_and_back = clip.images + clip.images[-2:0:-1]
        return [there_and_back[number % len(there_and_back)] for number in range(length)]

    for _ in range(count):
        first, second, third = (str(name) for name in random.permutation([*actors])[:3])
        swapped = bool(random.integers(2))
        pairs = turns(first, second)
        heard = sound([clip for clip, _ in pairs], swapped)
        for kind, rests in (("rests", True), ("talks too", False)):
            images = []
            for number, (clip, other) in enumerate(pairs):
                both = [clip.images, lasting(other, len(clip.images), rests)]
                left, right = both if number % 2 == 0 else both[::-1]
                images += [np.concatenate(pair, axis=1) for pair in zip(left, right, strict=True)]
            places = (0.75, 0.25) if swapped else (0.25, 0.75)
            yield f"both in view, the listener {kind}", Call(images, heard, places)
            alone = []
            for number, (clip, other) in enumerate(pairs):
                alone += clip.images if number % 2 == 0 else lasting(other, len(clip.images), rests)
            places = (NOBODY, 0.5) if swapped else (0.5, NOBODY)
            yield f"one in view, who {kind} while the other speaks", Call(alone, heard, places)
        stranger = []
        for clip, _ in pairs:
            stranger += lasting(actors[third][random.integers(len(actors[third]))], len(clip.images), False)
        yield "a third one in view, who talks", Call(stranger, heard, (NOBODY, NOBODY))
        watching = []
        for clip, _ in pairs:
            watching += lasting(actors[third][0], len(clip.images), True)
        yield "a third one in view, who rests", Call(watching, heard, (NOBODY, NOBODY))


def judge(features: Features, call: Call) -> list[str]:
    """For each channel "right", "without a face" if it is somebody's in view, or "wrong"."""
    arrays, found = features.arrays, []
    for number, place in enumerate(call.places):
        own = arrays[PERSON][(arrays[channels.CHANNEL] == number) & (arrays["voice_speech"] >= SPEECH)]
        who = int(own[0]) if len(own) else channels.VOICES[number]
        unseen = who in channels.VOICES
        if place == NOBODY or unseen:
            found.append("right" if place == NOBODY and unseen else "without a face" if unseen else "wrong")
            continue
        boxes = arrays["face_box"][arrays["face_person"] == who]
        near = abs(float(np.median(boxes[:, 0] + boxes[:, 2] / 2)) - place) < 0.2
        found.append("right" if near else "wrong")
    return found


def measure(
    actors: dict[str, list[Clip]],
    model: Checkpoint,
    detector: Detector,
    seed: int = 0,
    count: int = RECORDINGS,
    report: Callable[[str], None] = print,
) -> dict[str, Counter[str]]:
    """Counts of channels as ``judge`` judges them, of every kind of call."""
    totals: dict[str, Counter[str]] = {}
    for name, call in calls(actors, seed, count):
        source = sources.from_arrays(call.images, FRAME_RATE, call.samples, RATE)
        *_, features = pipeline.extract(source, model, detector, Settings(channel=channels.SPLIT))
        totals.setdefault(name, Counter()).update(judge(features, call))
    for name, counts in totals.items():
        words = ", ".join(f"{what} {counts[what]}" for what in ("right", "without a face", "wrong"))
        report(f"{name:<56} {words} of {counts.total()} channels")
    return totals


def main(arguments: list[str] | None = None) -> None:
    """Print the measurements."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of the corpora")
    parser.add_argument("--actors", default=ACTORS, help="whose clips to use, with commas between them, at least three")
    parser.add_argument("--count", type=int, default=RECORDINGS, help="calls of each kind")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    model, detector = checkpoints.load(pretrained.BUNDLED), face_detector()
    actors = asked.actors.split(",")
    others = [actor for actor in recipe.ACTORS.split(",") if actor not in actors]
    net = recipe.fit([*recipe.clips(asked.data, others, detector)])
    with mock.patch.object(speaker, "load", lambda: net):
        measure(clips(asked.data, actors), model, detector, asked.seed, asked.count)


if __name__ == "__main__":
    main()
