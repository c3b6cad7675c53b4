"""Measure the baseline "person": recordings put together from Javanese clips of one actor, faces with and without it.

python -m train.evaluation.usual_expression [--actors 06,08,10]

The clips are read from stored predictions. Each actor is judged by a calibration of faces that was fitted without the
actor, as in the protocol "javanese-av"; that of the checkpoint was fitted to clips of most of them.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.inference import prior as priors
from emorec.inference import usual_expression
from emorec.inference.usual_expression import Measured
from emorec.models import checkpoint as checkpoints
from emorec.models import pretrained
from train.data import datasets
from train.evaluation import unseen
from train.evaluation.predictions import Setting
from train.evaluation.unseen import Unseen

CHOSEN = ("01", "02", "04", "05")  # by whom the constants of emorec/inference/usual_expression.py were chosen
ACTORS = "06,08,10"
EVERYBODY = sorted(actor for actors in datasets.JAVANESE_FOLDS for actor in actors)
PREDICTIONS = Path(__file__).parents[1] / "folds" / "predictions"
WINDOWS = 20  # of a recording: about a minute
RECORDINGS = 20  # mixed ones of each actor
NEUTRAL = EMOTIONS.index("neutral")
PRIORS = {"even": priors.resolve("even"), "everyday": priors.resolve("everyday")}


@dataclass(frozen=True)
class Clips:
    """The clips of one actor: log likelihoods (N, 7) of the face, ``truth`` (N,), and ``seconds`` (N,) with a face."""

    face: np.ndarray
    truth: np.ndarray
    seconds: np.ndarray


def clips(everybody: Unseen, actors: Sequence[str]) -> list[Clips]:
    """Each clip of each actor as one window, by a calibration that was fitted without the fold of the actor.

    Raises EmorecError if an actor is unknown, or if it is not known who is in the clips.
    """
    if everybody.clip_people is None:
        raise EmorecError("The stored predictions do not say who is in the clips; collect them again.")
    found, heads = [], {}
    for actor in actors:
        if actor not in EVERYBODY:
            raise EmorecError(f"There is no actor {actor!r}; choose from {', '.join(EVERYBODY)}.")
        its = everybody.clips.only(everybody.clip_people == EVERYBODY.index(actor))
        fold = next(number for number, some in enumerate(datasets.JAVANESE_FOLDS) if actor in some)
        if fold not in heads:
            heads[fold] = unseen.fit_calibration(everybody.without(fold=fold)).face
        likely = heads[fold].log_likelihood(its.face_probabilities)
        found.append(Clips(likely, its.truth, its.face_coverage * its.seconds))
    return found


def recordings(truth: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Kinds of recordings, and the clips (WINDOWS,) of each."""
    random, shares = np.random.default_rng(0), np.array(priors.EVERYDAY)
    labels = np.unique(truth)
    for kind, likely in (("everyday shares", shares[labels]), ("even shares", np.ones(len(labels)))):
        for _ in range(RECORDINGS):
            drawn = random.choice(labels, WINDOWS, p=likely / likely.sum())
            yield kind, np.array([random.choice(np.flatnonzero(truth == label)) for label in drawn])
    for label in labels:
        kind = "neutral throughout" if label == NEUTRAL else "one emotion throughout"
        yield kind, np.resize(np.flatnonzero(truth == label), WINDOWS)


def measure_baselines(actors: list[Clips]) -> Iterator[tuple[str, str, str, float]]:
    """Kind, baseline, prior, and the unweighted average recall of the emotions that the actors show."""
    right: dict[tuple[str, str, str], list[np.ndarray]] = {}
    truths: dict[tuple[str, str, str], list[np.ndarray]] = {}

    def judge(kind: str, baseline: str, one: Clips, rows: np.ndarray, usual: Measured | None, named: bool) -> None:
        its = usual_expression.usual_of(usual, named) if usual else None
        face = usual_expression.remove_usual(one.face[rows], np.zeros(len(rows), int), {0: its} if its else {})
        labels = np.unique(one.truth)
        for name, prior in PRIORS.items():
            key = (kind, baseline, name)
            said = labels[priors.posterior(face, prior.log)[:, labels].argmax(axis=1)]
            right.setdefault(key, []).append(said == one.truth[rows])
            truths.setdefault(key, []).append(one.truth[rows])

    for one in actors:
        for kind, rows in recordings(one.truth):
            judge(kind, "none", one, rows, None, False)
            judge(kind, "person", one, rows, usual_expression.measure(one.face[rows], one.seconds[rows]), False)
        for pair in itertools.combinations(np.flatnonzero(one.truth == NEUTRAL), 2):
            stretch, rest = np.array(pair), np.setdiff1d(np.arange(len(one.truth)), pair)
            known = usual_expression.measure(one.face[stretch], one.seconds[stretch])
            judge("two neutral clips are named", "none", one, rest, None, True)
            judge("two neutral clips are named", "stretch", one, rest, known, True)
    for key, parts in right.items():
        hits, truth = np.concatenate(parts), np.concatenate(truths[key])
        yield *key, float(np.mean([hits[truth == label].mean() for label in np.unique(truth)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--predictions", type=Path, default=PREDICTIONS, help="folder of stored predictions")
    parser.add_argument("--actors", default=ACTORS, help=f"of {ACTORS} (left out) and {','.join(CHOSEN)} (chosen by)")
    options = parser.parse_args()
    setting = Setting(data=None, runs=None, cache=Path("runs/cache"), predictions=options.predictions)
    try:
        everybody = unseen.collect(setting, checkpoints.load(pretrained.BUNDLED).face, lambda folds: {})
        actors = clips(everybody, options.actors.split(","))
    except EmorecError as error:
        parser.exit(2, f"{error}\n")
    for kind, baseline, prior, recall in measure_baselines(actors):
        print(f"{kind:30} {baseline:8} {prior:9} {recall:6.1%}")


if __name__ == "__main__":
    main()
