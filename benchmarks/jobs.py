"""The jobs that are measured, each in a separate process: ``python -m benchmarks.jobs NAME ARGUMENTS_AS_JSON``.

A job prints one line of JSON. Times are seconds: ``wall``, and ``cpu`` over all threads of this process, without
the processes that decode.
"""

import contextlib
import importlib.util
import json
import os
import resource
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

MEMORY_EVERY = 0.5  # seconds between two measurements of the memory
FER_FRAMES_PER_SECOND = 5
REPEATS = 5  # repeats of each inference; the first one also fills the processor's caches


@contextlib.contextmanager
def timed():
    """A dict that gets ``wall`` and ``cpu`` when the block ends."""
    took = {}
    wall, cpu = time.perf_counter(), time.process_time()
    yield took
    took |= {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def decode(path):
    """Decode every picture of the recording with all cores, and do nothing else."""
    import av

    with timed() as took, av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "AUTO", 0
        pictures = sum(1 for _ in container.decode(stream))
    return took | {"pictures": pictures}


def analyse(path, device="cpu", looks=False):
    """The whole analysis, with an empty cache; with ``looks`` also inference with other settings."""
    analyzer = _engine(path, device)
    with tempfile.TemporaryDirectory() as cache, _memory() as memory:
        with timed() as took:
            first = None
            begin = time.perf_counter()
            for observations in analyzer.extract(path, Path(cache)):
                if first is None:
                    timeline = analyzer.infer(observations)
                    first = time.perf_counter() - begin
            timeline = analyzer.infer(observations)
        took |= {
            "media": observations.duration,
            "first": first,
            "rows": len(timeline),
            "detector": "YuNet" if analyzer.detector_file else "the bundled detector",
            "faces": len(observations.arrays["face_time"]),
            "speech": float((observations.arrays["voice_speech"] >= 0.5).mean()),
        }
        own = _peak()
        took |= {"memory": [*memory], "peak": own, "peak together": max([own, *(size for _, size in memory)])}
        if looks:
            took |= {"looks": _looks(analyzer, path, Path(cache), observations), "peak with looks": _peak()}
    return took


def _peak():
    """The peak memory (bytes) of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _looks(analyzer, path, cache, observations):
    """Seconds of inference with other settings: from features in memory, and once from features on disk."""
    person = observations.persons[0] if observations.persons else None
    choices = {
        "another fusion": {"fusion": "intermediate"},
        "another step": {"step": 0.5},
        "another window": {"window": 6.0},
        "one person": {"person": person},
    }
    took = {name: [] for name in (*choices, "from disk, with finding the file again")}
    for _ in range(REPEATS):
        for name, seconds in took.items():
            with timed() as look:
                if name in choices:
                    analyzer.infer(observations, **choices[name])
                else:
                    analyzer.infer([*analyzer.extract(path, cache)][-1])
            seconds.append(look["wall"])
    return took


def first_window(path):
    """The time until the first result; the rest is not awaited."""
    analyzer = _engine(path)
    with tempfile.TemporaryDirectory() as cache:
        with timed() as took:
            growing = analyzer.extract(path, Path(cache))
            rows = len(analyzer.infer(next(growing)))
        with timed() as closing:
            growing.close()
    return took | {"closing": closing["wall"], "rows": rows}


def together(paths):
    """Several recordings one after the other, then all at once in one process, as on the page."""
    analyzer = _engine(paths[0])

    def extract(path):
        with tempfile.TemporaryDirectory() as cache:
            for _ in analyzer.extract(path, Path(cache)):
                pass

    extract(paths[0])  # warm
    with timed() as one:
        for path in paths:
            extract(path)
    threads = [threading.Thread(target=extract, args=(path,)) for path in paths]
    with timed() as both:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return {"one after the other": one["wall"], "at once": both["wall"]}


def naive(path, windows, step):
    """For each of some windows: reopen, seek, decode, detect and encode; with the same networks."""
    from benchmarks.naive import one_window
    from emorec.media import sandbox

    analyzer = _engine(path)
    length = sandbox.probe(path).duration or 0.0
    windows = [middle for middle in windows if middle < length] or [length / 2]
    with timed() as took:
        seen = [one_window(analyzer, path, middle) for middle in windows]
    return took | {"windows": len(windows), "step": step, "faces": sum(seen)}


def stages(path):
    """The processor time of each stage."""
    from benchmarks.stages import watch_stages

    analyzer = _engine(path)
    with tempfile.TemporaryDirectory() as cache, timed() as took, watch_stages() as spent:
        *_, observations = analyzer.extract(path, Path(cache))
        with spent.stage("fuse"):
            analyzer.infer(observations)
    return took | {"media": observations.duration, "stages": spent.seconds(took["cpu"])}


def fer(path, seconds):
    """The fer library, faces only, on the sampled pictures of the first seconds; None if it is not installed."""
    if importlib.util.find_spec("fer") is None:
        return {"missing": True}
    from fer.fer import FER

    from emorec.media import streams
    from emorec.media.passes import without_damage

    detector = FER()
    with timed() as took:
        for frame in without_damage(streams.frames(path, FER_FRAMES_PER_SECOND)):
            if frame.time > seconds:
                break
            detector.detect_emotions(frame.image[..., ::-1])
    return took | {"media": seconds}


def _engine(path, device="cpu"):
    """An Analyzer that has loaded everything that a first analysis loads."""
    import emorec
    from emorec.media import sandbox
    from emorec.voice import features

    analyzer = emorec.load(device=device)
    sandbox.probe(path)  # starts the process that is forked for decoding
    features.speech(np.zeros(features.VoiceFrontEnd().hop, np.float32))
    assert analyzer.model.fingerprint
    return analyzer


@contextlib.contextmanager
def _memory():
    """A list of (seconds, bytes) that grows while the block runs."""
    seen, over = [], threading.Event()
    begin = time.perf_counter()

    def watch():
        while not over.wait(MEMORY_EVERY):
            seen.append((round(time.perf_counter() - begin, 1), _resident()))

    thread = threading.Thread(target=watch, daemon=True)
    if Path("/proc/self/stat").exists():
        thread.start()
    try:
        yield seen
    finally:
        over.set()


def _resident():
    """Memory (bytes) of this process and its descendants; shared memory is counted for each."""
    parents, held = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it may have ended
            values = stat.read_text().rpartition(")")[2].split()
            number = int(stat.parent.name)
            parents[number], held[number] = int(values[1]), int(values[21])
    ours = {os.getpid()}
    for _ in range(3):  # the forking process, and its forks
        ours |= {number for number, parent in parents.items() if parent in ours}
    return sum(held.get(number, 0) for number in ours) * os.sysconf("SC_PAGE_SIZE")


JOBS = {job.__name__: job for job in (decode, analyse, first_window, together, naive, stages, fer)}

if __name__ == "__main__":
    print(json.dumps(JOBS[sys.argv[1]](**json.loads(sys.argv[2]))))
