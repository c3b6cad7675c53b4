"""``python -m benchmarks``: measure, and write a table, JSON and a picture.

Results are stored after every job, so that an interrupted bench continues where it stopped. At the end, also after an
error, the running job is ended and the generated recordings are removed.
"""

import argparse
import hashlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from fnmatch import fnmatchcase
from pathlib import Path

from benchmarks import made, plan, report, tables

ROOT = Path(__file__).parents[1]
DEFAULT_OUT = ROOT / "out" / "bench"


def main(arguments=None):
    """Run the benchmark that the arguments describe; returns the exit code."""
    options = _options(arguments)
    if options.page:
        from benchmarks import page

        return page.main([])
    signal.signal(signal.SIGTERM, _interrupt)
    chosen = plan.PLANS[options.plan]
    given = options.media.resolve() if options.media else None
    if given and not given.is_file():
        print(f"There is no file {options.media}; check the name.", file=sys.stderr)
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / "results.json"
    results = _load_results(file, chosen, given, options.fresh)
    running = []
    try:
        with tempfile.TemporaryDirectory(prefix="emorec-bench-") as folder:
            _measure(chosen, given, Path(folder), results, file, running, options)
    except KeyboardInterrupt:
        print(f"\nInterrupted; what was measured is in {file}, and the next run goes on from it.", file=sys.stderr)
        return 130
    finally:
        for process in running:
            _end(process)
    report.write(results, options.out, ROOT if options.docs else None)
    print(tables.table(results))
    if failed := tables.failures(results):
        print(failed, file=sys.stderr)
        return 1
    return 0


def _options(arguments):
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--plan", choices=sorted(plan.PLANS), default="full", help="how much is measured (full)")
    parser.add_argument("--media", type=Path, help="a video of your own instead of the made ones")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="where results go (out/bench)")
    parser.add_argument("--minutes", type=float, default=25.0, help="begin no further job after so long (25)")
    parser.add_argument("--only", default="*", metavar="PATTERN", help="jobs to run, such as 'analyse *'")
    parser.add_argument("--page", action="store_true", help="measure the page in Chromium instead, on an hour")
    parser.add_argument("--fresh", action="store_true", help="forget what an earlier bench measured")
    parser.add_argument("--docs", action="store_true", help="write docs/PERFORMANCE.md and the README's section too")
    return parser.parse_args(arguments)


def _interrupt(*_):
    raise KeyboardInterrupt


def _load_results(file, chosen, given, fresh):
    """The results so far of the same bench on the same code and machine, or empty ones."""
    facts = {
        "plan": chosen.name,
        "given": given and given.name,
        "code": _fingerprint(),
        "machine": {"processor": _processor(), "cores": os.cpu_count(), "system": platform.platform()},
        "threads": os.environ.get("OMP_NUM_THREADS"),
    }
    if not fresh and file.exists():
        try:
            stored = json.loads(file.read_text())
        except ValueError:
            stored = {}
        if stored.get("facts") == facts:
            return stored
    return {"facts": facts, "jobs": {}}


def _measure(chosen, given, folder, results, file, running, options):
    begin = time.monotonic()
    wanted = plan.recordings(chosen, given)
    paths = {name: folder / f"{name}.{'mp4' if 'video' in how[2] else 'm4a'}" for name, how in wanted.items()}
    todo = plan.jobs(chosen, paths, given, _has_cuda())
    worked = [key for key, job in results["jobs"].items() if "failed" not in job]
    left = [entry for entry in todo if entry[0] not in worked and fnmatchcase(entry[0], options.only)]
    used = json.dumps([arguments for *_, arguments in left])
    needed = {name: how for name, how in wanted.items() if str(paths[name]) in used}
    if needed:
        print("making recordings ...", flush=True)
        made.media(folder, needed)
    for number, (key, job, arguments) in enumerate(left, 1):
        if time.monotonic() - begin > options.minutes * 60:
            print(f"{options.minutes:g} minutes are over; the rest is left out", flush=True)
            return
        print(f"[{number}/{len(left)}] {key}", flush=True)
        results["jobs"][key] = _run(job, arguments, folder, chosen.limit, running)
        part = file.with_suffix(".part")
        part.write_text(json.dumps(results, indent=1))
        os.replace(part, file)


def _run(job, arguments, folder, limit, running):
    """The job's result, or {"failed": why}."""
    # A group of its own, so that it can be ended with everything that it starts.
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.jobs", job, json.dumps(arguments)],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    running.append(process)
    try:
        output, errors = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        return {"failed": f"took longer than {limit:g} s"}
    finally:
        _end(process)
        running.remove(process)
    if process.returncode:
        return {"failed": (errors.strip().splitlines() or [f"exit code {process.returncode}"])[-1]}
    return json.loads(output.splitlines()[-1])


def _end(process):
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdout, process.stderr):
        pipe.close()


def _fingerprint():
    """What the results depend on: the sources and the weights."""
    digest = hashlib.sha256()
    ours = (ROOT / "benchmarks" / name for name in ("made.py", "jobs.py", "naive.py", "plan.py", "stages.py"))
    for path in sorted([*(ROOT / "emorec").rglob("*"), *ours]):
        if path.suffix in (".py", ".json", ".safetensors"):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _processor():
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _has_cuda():
    return shutil.which("nvidia-smi") is not None


if __name__ == "__main__":
    sys.exit(main())
