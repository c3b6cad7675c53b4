"""The simulation of a cluster against a real batch on a Ray cluster of this machine: the same recordings in both.

The costs are fitted to another batch, with other lengths, on as many workers: a recording that has the machine for
itself takes fewer core seconds than one beside others, which share its caches and its memory.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from benchmarks import made
from benchmarks.cluster_simulation import Costs, simulate
from emorec.batch import choices as batch_choices
from emorec.batch import ray_engine, run
from emorec.batch.progress import Progress

SIZE = (640, 360)  # pixels
LENGTHS = (160.0, 40.0, 100.0, 240.0, 60.0, 200.0, 80.0, 120.0)  # seconds of media, in the order of the queue
WARM, LONG, SHORT = 5.0, 180.0, 20.0  # of the batch that the costs are fitted to, one of each for every worker
WORKERS = 2


def check(lengths: tuple[float, ...] = LENGTHS, workers: int = WORKERS) -> str:
    """Measure and compare; returns the result as a few lines of text."""
    with tempfile.TemporaryDirectory(prefix="emorec-cluster-") as name:
        folder = Path(name)
        costs = fit_costs(folder, workers)
        load = os.getloadavg()[0]
        predicted = simulate(lengths, workers, costs).seconds
        measured, _ = run_batch(folder, lengths, workers)
    predicted_work, measured_work = predicted - costs.worker, measured - costs.worker
    return (
        f"start {costs.start:.2f} s an item, {1000 * costs.rate:.1f} ms a second of media, "
        f"{costs.worker:.1f} s until {workers} workers work\n"
        f"{len(lengths)} recordings, {sum(lengths):g} s: predicted {predicted:.1f} s, measured {measured:.1f} s "
        f"({measured / predicted - 1:+.0%}); without the start of the workers {predicted_work:.1f} s and "
        f"{measured_work:.1f} s ({measured_work / predicted_work - 1:+.0%}); "
        f"load before it {load:.1f} on {os.cpu_count()} cores"
    )


def fit_costs(folder: Path, workers: int) -> Costs:
    """Fit the costs of items while all workers are busy: from short and long ones, after one that loads networks."""
    # A little longer each, so that none is a copy of another.
    lengths = tuple(kind + 0.5 * number for kind in (WARM, LONG, SHORT) for number in range(workers))
    seconds, spent = run_batch(folder, lengths, workers)
    long, short = (
        statistics.mean(spent[length] for length in lengths if kind <= length < kind + 0.5 * workers)
        for kind in (LONG, SHORT)
    )
    rate = (long - short) / (LONG - SHORT)
    costs = Costs(start=max(0.0, short - rate * SHORT), rate=rate, worker=0.0)
    return replace(costs, worker=seconds - simulate(lengths, workers, costs).seconds)


def run_batch(folder: Path, lengths: tuple[float, ...], workers: int) -> tuple[float, dict[float, float]]:
    """One batch on a cluster that is started for it: its wall time (s), and that of each item, by its length."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        media = Path(place, "media")
        media.mkdir()
        made.media(media, {f"{row:02}": (SIZE, length, ("video", "audio")) for row, length in enumerate(lengths)})
        for once in media.glob("once_*"):
            once.unlink()
        chosen, _ = batch_choices.build({}, {}, device="cpu", cache=Path(place, "cache"))
        engine, chosen = ray_engine.build_engine(chosen, workers=workers)
        spent: dict[float, float] = {}

        def note(progress: Progress) -> None:
            if progress.last is not None:
                row = int(progress.last.item[:2])
                spent[lengths[row]] = progress.last.seconds or 0.0

        begin = time.monotonic()
        result = run.run([str(media)], Path(place, "out"), chosen, engine, progress=note)
        seconds = time.monotonic() - begin
    if result.failed:
        raise SystemExit(next(iter(result.failed.values())))
    return seconds, spent
