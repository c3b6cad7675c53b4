"""Measure who speaks: recordings composed of Javanese clips, with the voice of one of the people or of somebody else.

python -m train.evaluation.who_speaks --data DATA --left_out [--heads CLIP ...]

The bundled network is trained on all actors. So ``--left_out`` trains a network for every pair of actors on the others
and measures it on recordings of the pair; without it the bundled network is measured, on people it knows.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest import mock

import cv2
import numpy as np

from emorec.extraction import pipeline, sources
from emorec.extraction.features import Features
from emorec.extraction.spoken import OFF_SCREEN, PERSON, SPEECH, UNSURE
from emorec.face.detection import Detector
from emorec.models import checkpoint as checkpoints
from emorec.models import pretrained, speaker
from emorec.models.checkpoint import Checkpoint
from train.data.pack import face_detector
from train.evaluation.composed import RATE, RECORDINGS, Clip, Shot, clips, recordings
from train.evaluation.identity import FRAME_RATE
from train.recipes import speaker as recipe

ACTORS = recipe.ACTORS
CHOSEN_ON = {"01", "02", "04", "05"}  # the thresholds of emorec/extraction/sync.py and speakers.py


def count_hops(features: Features, shots: Sequence[Shot]) -> np.ndarray:
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
    """Counts of ``count_hops`` for every kind of recording, whose name holds ``only``."""
    totals: dict[str, np.ndarray] = {}
    for name, shots in recordings(actors, seed, count):
        if only not in name:
            continue
        images = [image for shot in shots for image in shot.images]
        samples = np.concatenate([shot.samples for shot in shots])
        *_, features = pipeline.extract(sources.from_arrays(images, FRAME_RATE, samples, RATE), model, detector)
        totals[name] = totals.get(name, np.zeros(3, int)) + count_hops(features, shots)
    show(totals, report)
    return totals


def show(totals: dict[str, np.ndarray], report: Callable[[str], None] = print) -> None:
    """Report the shares of every kind, and of all hops of a kind's group."""
    in_view = {name for name in totals if not name.startswith(("off screen", "one who talks, then"))}
    groups = {"in view": [*in_view], "off screen": [name for name in totals if name not in in_view]}
    sums = {
        f"all {group}": np.sum([totals[name] for name in names], axis=0) for group, names in groups.items() if names
    }
    for name, counts in (totals | sums).items():
        right, unsure, wrong = counts / max(counts.sum(), 1)
        report(f"{name:<48} right {right:.1%}, unsure {unsure:.1%}, wrong {wrong:.1%} of {counts.sum()} hops")


def measure_left_out(
    data: Path, actors: Sequence[str], model: Checkpoint, detector: Detector, seed: int, only: str, count: int
) -> dict[str, dict[str, np.ndarray]]:
    """Counts of recordings of each pair of ``actors`` by a network that was trained on the others; by how many of the
    two are among those whom the thresholds were chosen on."""
    training = [*recipe.clips(data, actors, detector)]
    groups: dict[str, dict[str, np.ndarray]] = {}
    for pair in itertools.combinations(actors, 2):
        net = recipe.fit([clip for clip in training if clip.actor not in pair], report=_silent)
        with mock.patch.object(speaker, "load", lambda net=net: net):
            totals = measure(clips(data, pair), model, detector, seed, only, count, _silent)
        known = len(CHOSEN_ON.intersection(pair))
        group = groups.setdefault(f"{known} of 2 known to the thresholds", {})
        for name, counts in totals.items():
            group[name] = group.get(name, np.zeros(3, int)) + counts
        print(f"{' and '.join(pair)}: done", flush=True)
    return groups


def _silent(_: str) -> None:
    pass


def main(arguments: list[str] | None = None) -> None:
    """Print the measurements."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of the corpora")
    parser.add_argument("--actors", default=ACTORS, help="whose clips to use, with commas between them")
    parser.add_argument("--heads", type=Path, nargs="*", default=[], help="clips of one person who talks throughout")
    parser.add_argument("--only", default="", help="only recordings whose name holds this")
    parser.add_argument("--count", type=int, default=RECORDINGS, help="recordings of each kind (and pair)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--left_out", action="store_true", help="a network for each pair, trained on the other actors")
    asked = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    model, detector = checkpoints.load(pretrained.BUNDLED), face_detector()
    actors = asked.actors.split(",")
    if asked.left_out:
        for group, totals in measure_left_out(
            asked.data, actors, model, detector, asked.seed, asked.only, asked.count
        ).items():
            print(group)
            show(totals)
    else:
        measure(clips(asked.data, actors), model, detector, asked.seed, asked.only, asked.count)
    for file in asked.heads:
        *_, features = pipeline.extract(file, model, detector)
        arrays = features.arrays
        speakers = arrays[PERSON][arrays["voice_speech"] >= SPEECH]
        print(f"{file.name}: {(speakers == 0).mean():.0%} of {len(speakers)} hops with the head")


if __name__ == "__main__":
    main()
