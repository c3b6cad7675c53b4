"""``python -m benchmarks.batch``: one and two workers of ``emorec batch`` by turns over the same recordings.

Every turn begins with an empty cache. Videos and sounds are measured apart, because one worker already uses two cores
for a video. The time includes the start of the workers. Memory is the largest resident set of a worker (Linux only).
"""

import argparse
import json
import multiprocessing
import os
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import emorec
from benchmarks import made

SIZE = (640, 360)  # pixels
KINDS = {"video": (("video", "audio"), ".mp4", 10.0), "sound": (("audio",), ".m4a", 60.0)}  # streams, ending, seconds
TICK = 0.2  # seconds between two looks at the memory


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table, and write the numbers to a file if one is given."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batch", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--files", type=int, default=8, help="recordings of a batch (8)")
    parser.add_argument("--turns", type=int, default=3, help="turns of each number of workers (3)")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="numbers of workers (1 2)")
    parser.add_argument("--only", choices=sorted(KINDS), help="videos or sounds alone")
    parser.add_argument("--out", type=Path, help="write the numbers to this JSON file too")
    options = parser.parse_args(arguments)
    found = []
    with tempfile.TemporaryDirectory(prefix="emorec-bench-") as folder:
        for kind in [options.only] if options.only else KINDS:
            media = recordings(Path(folder) / kind, kind, options.files)
            for turn in range(options.turns):
                # Every other turn begins with the larger number, so that a drift of the machine counts for both.
                for workers in options.workers if turn % 2 == 0 else reversed(options.workers):
                    found.append({"kind": kind, "workers": workers, **measure(media, Path(folder), workers)})
                    print(json.dumps(found[-1]), flush=True)
    print(table(found))
    if options.out:
        options.out.write_text(json.dumps(found, indent=1))


def recordings(folder: Path, kind: str, count: int) -> Path:
    """A folder of recordings of one kind that differ in their bytes, so that none is found in the cache."""
    folder.mkdir()
    streams, ending, seconds = KINDS[kind]
    whole = made.record(folder / "whole.mp4", SIZE, min(seconds, made.ONCE))
    first = folder / f"first{ending}"
    made.repeat(whole, first, seconds, streams)
    whole.unlink()
    for number in range(count):
        path = folder / f"{number:03}{ending}"
        shutil.copyfile(first, path)
        with open(path, "ab") as file:  # a box that every reader of ISO files passes over
            file.write((16).to_bytes(4, "big") + b"free" + f"{number:08}".encode())
    first.unlink()
    return folder


def measure(media: Path, folder: Path, workers: int) -> dict[str, float]:
    """One batch: seconds, hours of media an hour, and the largest memory (MB) of a worker."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        os.environ["EMOREC_CACHE"] = f"{place}/cache"
        duration, memory, over = [0.0], [0.0], threading.Event()
        watch = threading.Thread(target=_watch, args=(memory, over))
        watch.start()
        begin = time.monotonic()
        try:
            result = emorec.analyze_batch(
                media, f"{place}/out", progress=lambda shown: duration.append(shown.media), workers=workers
            )
        finally:
            over.set()
            watch.join()
        seconds = time.monotonic() - begin
        assert not result.failed, result.failed
    return {"seconds": round(seconds, 2), "speed": round(duration[-1] / seconds, 2), "memory": round(memory[0])}


def _watch(memory, over):
    while not over.wait(TICK):
        for process in multiprocessing.active_children():
            try:
                status = Path(f"/proc/{process.pid}/status").read_text()
            except OSError:
                continue
            found = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")]
            memory[0] = max([memory[0], *(kilobytes / 1000 for kilobytes in found)])


def table(found: Sequence[Mapping[str, Any]]) -> str:
    """The medians as a table in Markdown."""
    lines = ["| recordings | workers | s | hours of media an hour | MB a worker |", "|---|---|---|---|---|"]
    for kind, workers in dict.fromkeys((each["kind"], each["workers"]) for each in found):
        same = [each for each in found if (each["kind"], each["workers"]) == (kind, workers)]
        seconds, speed = (statistics.median(each[name] for each in same) for name in ("seconds", "speed"))
        lines.append(f"| {kind} | {workers} | {seconds:.1f} | {speed:.1f} | {max(each['memory'] for each in same)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
