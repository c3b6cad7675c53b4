"""Measure who is who: pairs of pictures of people never trained on, and recordings composed of several people.

python -m train.evaluation.identity --data DATA --teacher FACERES.onnx --cache DIR [--weights FILE] [--recordings]
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from emorec.errors import EmorecError
from emorec.extraction import pipeline, sources
from emorec.face.clustering import average_linkage
from emorec.face.detection import Detector
from emorec.models import checkpoint as checkpoints
from emorec.models import identity, pretrained
from emorec.models.checkpoint import Checkpoint
from train.data.identity_faces import Packed, load_packed
from train.data.pack import face_detector
from train.metrics import area_under_curve
from train.recipes.identity import central_crops, pair_cosines

FRAME_RATE = 5.0  # of composed recordings: as many as are sampled
THRESHOLDS = np.round(np.arange(0.2, 0.7, 0.025), 3)
GROUPS = 100  # drawn groups of people that a threshold is tried on
PEOPLE = (1, 5)  # in a group, at least and at most
LOOP_SECONDS = 20 * 60.0
CROWDS = 10  # recordings of several people in turn

Shot = tuple[list[np.ndarray], list[str]]  # pictures of a shot, and who is in them from left to right


@dataclass(frozen=True)
class Recording:
    """Pictures, and for each of them who is in it from left to right."""

    name: str
    images: list[np.ndarray]
    people: list[list[str]]

    @staticmethod
    def of(name: str, *shots: Shot) -> Recording:
        """Shots, one after the other."""
        images = [image for pictures, _ in shots for image in pictures]
        return Recording(name, images, [people for pictures, people in shots for _ in pictures])


def bcubed(truth: np.ndarray, found: np.ndarray) -> float:
    """The F measure of BCubed (Bagga and Baldwin, 1998) of two groupings (N,)."""
    _, truth = np.unique(truth, return_inverse=True)
    _, found = np.unique(found, return_inverse=True)
    table = np.zeros((truth.max() + 1, found.max() + 1))
    np.add.at(table, (truth, found), 1)
    precision = (table**2 / table.sum(axis=0)).sum() / len(truth)
    recall = (table**2 / table.sum(axis=1, keepdims=True)).sum() / len(truth)
    return float(2 * precision * recall / (precision + recall))


def pairs(faces: Packed, embeddings: np.ndarray) -> dict[str, float]:
    """How well cosines tell pairs of the same person from others."""
    same, other = pair_cosines(embeddings, faces.persons)
    return {
        "people": len(np.unique(faces.persons)),
        "pictures": len(faces.persons),
        "same pairs": len(same),
        "area under the curve": round(area_under_curve(same, other), 4),
        "found at 1 % false": round(float((same > np.quantile(other, 0.99)).mean()), 3),
    } | {f"cosine of others, {q:.1%}": round(float(np.quantile(other, q)), 3) for q in (0.5, 0.95, 0.99, 0.999)}


def score_groups(faces: Packed, embeddings: np.ndarray) -> dict[float, tuple[float, float]]:
    """For every threshold the mean BCubed F and the share of groups counted right, over drawn groups of people."""
    generator, found = np.random.default_rng(0), {float(threshold): [] for threshold in THRESHOLDS}
    names, counts = np.unique(faces.persons, return_counts=True)
    known = names[counts >= 2]
    for _ in range(GROUPS):
        chosen = generator.choice(known, generator.integers(PEOPLE[0], PEOPLE[1] + 1), replace=False)
        rows = np.flatnonzero(np.isin(faces.persons, chosen))
        cosines = embeddings[rows] @ embeddings[rows].T
        for threshold, scores in found.items():
            labels = average_linkage(cosines, np.zeros(cosines.shape, bool), threshold)
            scores.append((bcubed(faces.persons[rows], labels), len(np.unique(labels)) == len(chosen)))
    return {threshold: tuple(np.mean(scores, axis=0).round(3)) for threshold, scores in found.items()}


def clips(data: Path) -> dict[str, list[list[np.ndarray]]]:
    """A few clips of every Javanese actor, as pictures at FRAME_RATE."""
    files: dict[str, list[Path]] = {}
    for file in sorted((data / "JavaneseAV").rglob("*.mp4")):
        files.setdefault(file.stem.split("-")[0], []).append(file)
    return {actor: [pictures(file) for file in some[:: max(1, len(some) // 5)]] for actor, some in files.items()}


def pictures(file: Path) -> list[np.ndarray]:
    with av.open(str(file)) as container:
        stream = container.streams.video[0]
        apart = max(1, round(float(stream.average_rate or 25) / FRAME_RATE))
        return [frame.to_ndarray(format="rgb24") for n, frame in enumerate(container.decode(stream)) if n % apart == 0]


def compositions(actors: dict[str, list[list[np.ndarray]]]) -> Iterator[Recording]:
    """Recordings with two people, one person, and CROWDS with two to five people in turn."""
    first, second = list(actors)[:2]
    a = itertools.cycle([image for clip in actors[first] for image in clip])
    b = itertools.cycle([image for clip in actors[second] for image in clip])

    def take(pictures: Iterator[np.ndarray], seconds: float) -> list[np.ndarray]:
        return list(itertools.islice(pictures, round(seconds * FRAME_RATE)))

    def beside(left: Iterator[np.ndarray], right: Iterator[np.ndarray], seconds: float) -> list[np.ndarray]:
        return [np.concatenate(pair, axis=1) for pair in zip(take(left, seconds), take(right, seconds), strict=True)]

    yield Recording.of("side by side", (beside(a, b, 20), [first, second]))
    yield Recording.of("swap", (beside(a, b, 10), [first, second]), (beside(b, a, 10), [second, first]))
    empty = [np.full_like(actors[first][0][0], 90)] * round(30 * FRAME_RATE)
    yield Recording.of("leave and return", (take(a, 8), [first]), (empty, []), (take(a, 8), [first]))
    for seconds in (3, 1):
        turns = [(take(a, seconds), [first]) if turn % 2 == 0 else (take(b, seconds), [second]) for turn in range(20)]
        yield Recording.of(f"A-B-A-B every {seconds} s", *turns)
    lights = ((1.0, 0.0), (0.45, 0.0), (0.8, 70.0))
    lit = [
        ([(image * gain + offset).clip(0, 255).astype(np.uint8) for image in take(a, 8)], [first])
        for gain, offset in lights
    ]
    yield Recording.of("one person in three lights", *lit)
    clip = [image for clip in actors[first] for image in clip]
    times = round(LOOP_SECONDS * FRAME_RATE / len(clip))
    yield Recording("20-minute loop", clip * times, [[first]] * (len(clip) * times))
    generator = np.random.default_rng(0)
    for number in range(CROWDS):
        people = generator.choice(list(actors), 2 + number % 4, replace=False)
        shots = [(actors[who][turn % len(actors[who])], [str(who)]) for turn in range(3) for who in people]
        yield Recording.of(f"{len(people)} people in turn", *shots)


def follow(recording: Recording, model: Checkpoint, detector: Detector) -> dict[str, float]:
    """BCubed F of the face frames, and how many people there are and are found."""
    source = sources.from_arrays(recording.images, FRAME_RATE)
    *_, features = pipeline.extract(source, model, detector)
    arrays = features.arrays
    truth, kept = [], []
    frames = np.round(arrays["face_time"] * FRAME_RATE - 0.25).astype(int).clip(0, len(recording.people) - 1)
    for row, frame in enumerate(frames):
        who = recording.people[frame]
        centre = arrays["face_box"][row, 0] + arrays["face_box"][row, 2] / 2
        if who:
            truth.append(who[min(int(centre * len(who)), len(who) - 1)])
            kept.append(row)
    found = arrays["face_person"][kept]
    return {
        "F": round(bcubed(np.array(truth), found), 3),
        "people": len({who for people in recording.people for who in people}),
        "found": len(features.persons),
        "tracks": len(np.unique(arrays["face_track"])),
    }


def main(arguments: list[str] | None = None) -> None:
    """Print the measurements."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of the corpora")
    parser.add_argument("--teacher", type=Path, required=True, help="the published face encoder's ONNX file")
    parser.add_argument("--cache", type=Path, required=True, help="the folder of the packed faces")
    parser.add_argument("--weights", type=Path, default=identity.WEIGHTS_FILE)
    parser.add_argument("--recordings", action="store_true", help="follow people through composed recordings")
    parser.add_argument("--only", default="", help="only recordings whose name holds this")
    asked = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    network = identity.load(asked.weights)
    faces = load_packed(asked.data, face_detector(), asked.teacher, asked.cache)
    for split in ("valid", "test"):
        some = faces.of_split(split)
        embeddings = identity.embed(network, central_crops(some.crops))
        print(split, pairs(some, embeddings), flush=True)
        for threshold, (score, counted) in score_groups(some, embeddings).items():
            print(f"  threshold {threshold}: F {score}, counted right {counted}", flush=True)
    if asked.recordings:
        model = checkpoints.load(pretrained.BUNDLED)
        right = _measure(asked.data, model, face_detector(), asked.only)
        print(f"people counted right in {np.mean(right):.0%} of {len(right)} recordings")


def _measure(data: Path, model: Checkpoint, detector: Detector, only: str) -> list[bool]:
    actors, right = clips(data), []
    if not actors:
        raise EmorecError(f"{data} has no folder JavaneseAV with videos.")
    for recording in compositions(actors):
        if only in recording.name:
            found = follow(recording, model, detector)
            right.append(found["people"] == found["found"])
            print(recording.name, found, flush=True)
    return right


if __name__ == "__main__":
    main()
