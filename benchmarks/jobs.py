"""What is measured, each job in a process of its own: ``python -m benchmarks.jobs NAME ARGUMENTS_AS_JSON``.

A job prints one line of JSON. Times are seconds: ``wall``, and ``cpu`` over all threads of the process alone, without
those that it starts to decode in.
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

MEMORY_EVERY = 0.5  # seconds from one look at the memory to the next
FER_FRAMES_PER_SECOND = 5
LOOKS = 5  # times that each other decision is taken; the first also fills the processor's caches


@contextlib.contextmanager
def timed():
    """A dict that holds ``wall`` and ``cpu`` once the block has ended."""
    took = {}
    wall, cpu = time.perf_counter(), time.process_time()
    yield took
    took |= {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def decode(path):
    """Every picture of the recording decoded with all cores, and nothing else done."""
    import av

    with timed() as took, av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "AUTO", 0
        pictures = sum(1 for _ in container.decode(stream))
    return took | {"pictures": pictures}


def analyse(path, device="cpu", looks=False):
    """The whole analysis, with nothing in the cache; with ``looks`` also other decisions over what was observed."""
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
    """The most bytes that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _looks(analyzer, path, cache, observations):
    """Lists of seconds that other decisions take over observations in memory, and one over those on disk."""
    person = observations.persons[0] if observations.persons else None
    choices = {
        "another fusion": {"fusion": "intermediate"},
        "another step": {"step": 0.5},
        "another window": {"window": 6.0},
        "one person": {"person": person},
    }
    took = {name: [] for name in (*choices, "from disk, with finding the file again")}
    for _ in range(LOOKS):
        for name, seconds in took.items():
            with timed() as look:
                if name in choices:
                    analyzer.infer(observations, **choices[name])
                else:
                    analyzer.infer([*analyzer.extract(path, cache)][-1])
            seconds.append(look["wall"])
    return took


def first_window(path):
    """How soon something can be shown; the rest is not waited for."""
    analyzer = _engine(path)
    with tempfile.TemporaryDirectory() as cache:
        with timed() as took:
            growing = analyzer.extract(path, Path(cache))
            rows = len(analyzer.infer(next(growing)))
        with timed() as closing:
            growing.close()
    return took | {"closing": closing["wall"], "rows": rows}


def together(paths):
    """Several recordings one after the other, then all at once in one process, as the page has it."""
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
    """Where the processor's time goes, stage by stage."""
    from benchmarks.stages import watched

    analyzer = _engine(path)
    with tempfile.TemporaryDirectory() as cache, timed() as took, watched() as spent:
        *_, observations = analyzer.extract(path, Path(cache))
        with spent.stage("fuse"):
            analyzer.infer(observations)
    return took | {"media": observations.duration, "stages": spent.seconds(took["cpu"])}


def fer(path, seconds):
    """The fer library, faces only, on the sampled pictures of the first seconds; None where it is not installed."""
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
    """The engine with everything loaded that a first analysis would load."""
    import emorec
    from emorec.media import sandbox
    from emorec.voice import features

    analyzer = emorec.load(device=device)
    sandbox.probe(path)  # starts the process that decoding ones are copied from
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
    """Bytes that this process and all that it started hold; what they share is counted for each."""
    parents, held = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it may have ended
            values = stat.read_text().rpartition(")")[2].split()
            number = int(stat.parent.name)
            parents[number], held[number] = int(values[1]), int(values[21])
    ours = {os.getpid()}
    for _ in range(3):  # the one that waits, and its copies
        ours |= {number for number, parent in parents.items() if parent in ours}
    return sum(held.get(number, 0) for number in ours) * os.sysconf("SC_PAGE_SIZE")


JOBS = {job.__name__: job for job in (decode, analyse, first_window, together, naive, stages, fer)}

if __name__ == "__main__":
    print(json.dumps(JOBS[sys.argv[1]](**json.loads(sys.argv[2]))))
