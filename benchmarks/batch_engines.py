"""Throughput of batches on this machine: one worker, several, and a Ray cluster of as many.

    python benchmarks/batch_engines.py                            # 24 recordings of 20 s, two workers
    python benchmarks/batch_engines.py --items 12 --long 30       # also one of 30 minutes, in parts and as a whole

Every engine analyzes the same made recordings of 360p into an empty folder with an empty cache, one engine after the
other. What workers and Ray need to start is part of the time.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import made  # noqa: E402
from emorec.batch import choices as batch_choices  # noqa: E402
from emorec.batch import local_engine, ray_engine, run  # noqa: E402
from emorec.batch.engine import Engine  # noqa: E402
from emorec.batch.progress import Progress  # noqa: E402

SIZE = (640, 360)
HEAD = "| engine, workers | recordings | wall time, s | times real time |\n|---|---:|---:|---:|"
ROW = "| {name} | {items} | {seconds:.1f} | {speed:.1f} |"


@dataclass(frozen=True)
class Measured:
    """One batch: the ``name`` of its engine, how many ``items``, the ``seconds`` until all were done, and the ``media``
    (s) that was analyzed."""

    name: str
    items: int
    seconds: float
    media: float

    def __str__(self) -> str:
        speed = self.media / self.seconds
        return ROW.format(name=self.name, items=self.items, seconds=self.seconds, speed=speed)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=24, help="recordings of a batch (24)")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each (20)")
    parser.add_argument("--workers", type=int, default=2, help="workers of each engine but the first (2)")
    parser.add_argument("--long", type=float, default=0.0, metavar="MINUTES", help="also measure one long recording")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="emorec-batches-") as name:
        folder = Path(name)
        print(HEAD, flush=True)
        many = _recordings(folder / "many", options.items, options.seconds)
        for engine, workers in (("local", 1), ("local", options.workers), ("ray", options.workers)):
            print(_measure(many, folder, engine, workers), flush=True)
        if options.long:
            one = _recordings(folder / "long", 1, 60 * options.long)
            for length in (60 * options.long / options.workers, ray_engine.PART_SECONDS * 1000):
                print(_measure(one, folder, "ray", options.workers, length), flush=True)
    return 0


def _recordings(folder: Path, count: int, seconds: float) -> list[str]:
    """Recordings that differ in length by a tenth of a second each, so that none is another's copy."""
    folder.mkdir()
    wanted = {f"{number:03}": (SIZE, seconds + 0.1 * number, ("video", "audio")) for number in range(count)}
    return [str(path) for path in made.media(folder, wanted).values()]


def _measure(media: list[str], folder: Path, engine: str, workers: int, length: float | None = None) -> Measured:
    with tempfile.TemporaryDirectory(dir=folder) as place:
        choices, _ = batch_choices.build({}, {}, device="cpu", cache=Path(place, "cache"))
        runner: Engine
        if engine == "ray":
            part = ray_engine.PART_SECONDS if length is None else length
            runner, choices = ray_engine.build_engine(choices, workers=workers, length=part)
        else:
            runner, choices = local_engine.build_engine(workers, choices)
        lengths: list[float] = []

        def note(progress: Progress) -> None:
            if progress.last is not None:
                lengths.append(progress.last.duration or 0.0)

        begin = time.monotonic()
        result = run.run(media, Path(place, "out"), choices, runner, progress=note)
        seconds = time.monotonic() - begin
        if result.failed:
            raise SystemExit(f"{engine}: {next(iter(result.failed.values()))}")
        how = "" if length is None else ", whole" if length > sum(lengths) else f", parts of {length / 60:g} minutes"
        return Measured(f"{engine}, {workers}{how}", len(lengths), seconds, sum(lengths))


if __name__ == "__main__":
    raise SystemExit(main())
