"""Fuzz test: randomly damaged and hostile files are analysed, from the file to the result.

    python benchmarks/fuzz.py --mutants 2000 --seed 1 --table docs/fuzz.md

The content of a mutant depends only on its number and the seed, so ``--only NUMBER`` reproduces a finding. A process
analyses many of them, as a server does; it must neither crash nor exceed the time limit. The networks are tiny and
random, because the test is of the code that reads files, not of the results.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import resource
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.mutants import CONTAINERS, PICTURES, ROOT, mutant, seeds

SECONDS = 60.0  # limit for one mutant, on a machine that is busy with other work
MEMORY = 2 << 30  # bytes that the analysing process may use; the decoding processes have their own limit
OUTCOMES = ("analysed", "refused", "crashed", "hung")


def main(arguments=None):
    """Analyse the mutants and print the table; the exit code is 1 if any crashed or hung."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutants", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0, help="number of the first mutant, to split a run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="analyse only this mutant, and print its result")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="limit for one mutant")
    parser.add_argument("--results", type=Path, help="file to which a line of JSON is appended for every mutant")
    parser.add_argument("--table", type=Path, help="file for the table")
    parser.add_argument("--analyse", type=Path, help=argparse.SUPPRESS)  # how the analysing process is started
    options = parser.parse_args(arguments)
    if options.analyse:
        return analyse(options.analyse)
    with tempfile.TemporaryDirectory(prefix="emorec-fuzz-") as folder:
        numbers = range(options.first, options.first + options.mutants) if options.only is None else [options.only]
        results = run(Path(folder), numbers, options.seed, options.seconds, options.only is not None, options.results)
    table = as_table(results, options.seed)
    print(table)
    if options.table:
        options.table.write_text(table + "\n")
    return int(any(result["outcome"] in ("crashed", "hung") for result in results))


def run(folder, numbers, seed, seconds=SECONDS, loud=False, file=None):
    """Results of all mutants, a dict each: number, suffix, kind, outcome, said, seconds."""
    sound, results, waiting = seeds(folder), [], collections.deque(numbers)
    began = time.monotonic()
    while waiting:
        with _Analysing(folder) as process:
            while waiting:
                number = waiting.popleft()
                suffix, kind, content = mutant(sound, number, seed)
                path = folder / f"mutant-{number}.{suffix}"
                path.write_bytes(content)
                start = time.monotonic()
                answer = process.ask(path, seconds)
                path.unlink()
                facts = {"number": number, "suffix": suffix, "kind": kind, "seconds": time.monotonic() - start}
                results.append(facts | answer)
                if file:
                    with file.open("a") as lines:
                        lines.write(json.dumps(results[-1]) + "\n")
                if loud or answer["outcome"] in ("crashed", "hung"):
                    print(json.dumps(results[-1]), flush=True)
                elif len(results) % 100 == 0:
                    print(f"{len(results)} tried in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
                if process.ended:
                    break
    return results


class _Analysing:
    """A process that analyses one file after the other."""

    def __init__(self, folder):
        environment = {"EMOREC_CACHE": str(folder / "cache"), "EMOREC_MAX_MINUTES": "2", "OMP_NUM_THREADS": "1"}
        self.ended = False
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--analyse", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | environment,
            cwd=ROOT,
        )

    def __enter__(self):
        self._line(600)  # everything is loaded
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.stdout.close()
        if self.ended:
            self._process.kill()
        self._process.wait()

    def ask(self, path, seconds):
        """The outcome of one file, and the message."""
        self._process.stdin.write(f"{path}\n".encode())
        self._process.stdin.flush()
        line = self._line(seconds)
        if line:
            return json.loads(line)
        self.ended = True
        if line is None:
            self._process.send_signal(signal.SIGKILL)
            return {"outcome": "hung", "said": f"nothing within {seconds:g} s"}
        return {"outcome": "crashed", "said": f"the process ended with {self._process.wait()}"}

    def _line(self, seconds):
        """A line of output; empty if the process has ended, None if none came in time."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            return self._process.stdout.readline() if selector.select(seconds) else None


def analyse(folder):
    """The analysing process: reads paths, and prints one line of JSON for each."""
    sys.path.insert(0, str(ROOT / "tests"))
    import shutil

    from emorec import image
    from emorec.analyzer import Analyzer
    from emorec.errors import EmorecError
    from support import factories as made

    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    detector = os.environ.get("EMOREC_FACE_MODEL")
    analyzer = Analyzer(made.checkpoint(), Path(detector) if detector else None)
    still = image.detector(analyzer.detector_file)
    out.write("ready\n")
    out.flush()
    for line in sys.stdin:
        path = Path(line.strip())
        try:
            if path.suffix[1:] in PICTURES:
                faces = image.recognise(image.read(path), analyzer.model, still)
                message = f"{len(faces)} faces"
            else:
                result = analyzer.analyze(path)
                message = f"{len(result)} rows; {' '.join(result.notes)}"
            outcome = "analysed"
        except EmorecError as error:
            outcome, message = "refused", str(error)
            if "\n" in message or not message.endswith((".", "?")) or len(message) > 300:
                outcome, message = "crashed", f"no sentence: {message}"
        except Exception as error:
            outcome, message = "crashed", f"{type(error).__name__}: {error}"
        shutil.rmtree(folder / "cache", ignore_errors=True)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        out.write(json.dumps({"outcome": outcome, "said": message, "peak_mb": peak}) + "\n")
        out.flush()
    return 0


def as_table(results, seed):
    """A Markdown table: a row per format, a column per outcome."""
    counted = collections.Counter((result["suffix"], result["outcome"]) for result in results)
    rows = ["| format | tried | " + " | ".join(OUTCOMES) + " |", "|---|" + "---:|" * (1 + len(OUTCOMES))]
    for suffix in [suffix for suffix in CONTAINERS + PICTURES if any(counted[suffix, each] for each in OUTCOMES)]:
        numbers = [counted[suffix, outcome] for outcome in OUTCOMES]
        rows.append(f"| {suffix} | {sum(numbers)} | " + " | ".join(map(str, numbers)) + " |")
    totals = [sum(result["outcome"] == outcome for result in results) for outcome in OUTCOMES]
    rows.append(f"| **all** | **{sum(totals)}** | " + " | ".join(f"**{number}**" for number in totals) + " |")
    peak = max((result.get("peak_mb", 0) for result in results), default=0)
    slowest = max((result["seconds"] for result in results), default=0.0)
    rows.append(
        f"\nSeed {seed}; the analysing process held at most {peak} MB; the slowest mutant took {slowest:.1f} s."
    )
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
