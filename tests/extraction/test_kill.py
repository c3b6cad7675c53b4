"""Runs that are killed at any moment, and simultaneous runs: the next run continues, and nothing is mixed up."""

import os
import queue
import random
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from emorec.analyzer import Analyzer
from support import factories
from support.make_media import Audio, Video, record
from support.paths import ROOT

KILLS = int(os.environ.get("EMOREC_TEST_KILLS", 3))  # 20 for the numbers in docs/RELIABILITY.md
DURATION = 62.0  # seconds of media; three segments and more
ANSWERS_WITHIN = 200.0  # seconds between two lines that an observer prints

# Observes one recording after the other, each in a copy of itself, which is what is killed; loading torch for every one
# would take longer than all the rest.
OBSERVER = """
import faulthandler, os, signal, sys
faulthandler.register(signal.SIGUSR1, all_threads=True)
sys.path.insert(0, "tests")
from pathlib import Path
from support import factories
from emorec.analyzer import Analyzer
analyzer = Analyzer(factories.checkpoint(), None)
for line in sys.stdin:
    media, cache = line.rstrip().split("|")
    copy = os.fork()
    if copy == 0:
        for seen in analyzer.extract(media, cache=Path(cache)):
            print(len(seen.segments), seen.until, seen.complete, flush=True)
        os._exit(0)
    print("copy", copy, flush=True)
    print("ended", os.waitpid(copy, 0)[1], flush=True)
"""


class Observer:
    """A process that observes what it is asked to."""

    def __enter__(self):
        self._process = subprocess.Popen(
            [sys.executable, "-c", OBSERVER],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # No threads before the fork: a copy of a process would find their locks held by nobody.
            env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        self._lines = queue.SimpleQueue()
        threading.Thread(target=lambda: [*map(self._lines.put, self._process.stdout)], daemon=True).start()
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()

    def extract(self, media, cache, kill_after=None, chance=None):
        """The printed lines as lists of words, and the exit status; it is killed soon after so many lines."""
        self._process.stdin.write(f"{media}|{cache}\n")
        self._process.stdin.flush()
        lines_printed, copy, timer = [], None, None
        while True:
            try:
                words = self._lines.get(timeout=ANSWERS_WITHIN).split()
            except queue.Empty:
                os.kill(copy or self._process.pid, signal.SIGUSR1)  # it prints where each of its threads stands
                pytest.fail(f"nothing was printed for {ANSWERS_WITHIN} s after {lines_printed}")
            if words[0] == "ended":
                if timer:
                    timer.cancel()
                return lines_printed, int(words[1])
            if words[0] == "copy":
                copy = int(words[1])
            else:
                lines_printed.append(words)
            if kill_after is not None and copy and timer is None and len(lines_printed) >= kill_after:
                timer = threading.Timer(chance.uniform(0, 0.3), os.kill, (copy, signal.SIGKILL))
                timer.start()


def analyzer():
    return Analyzer(factories.checkpoint(), None)


def recording(path, duration=DURATION, start_tone=3.0):
    video = Video(duration=duration, rate=10, size=(96, 64), keyframe_every=20)
    tones = tuple((at, at + 1.0) for at in np.arange(start_tone, duration - 2, 7.0))
    return record(path, video, Audio(duration=duration, tones=tones, codec="pcm_s16le", rate=16_000))


def stored(cache):
    """Every file of a cache with its content; the head without what may differ after a restart."""
    return {path.name: path.read_bytes() for path in cache.glob("*/*") if not path.name.startswith(".")}


def test_a_killed_run_loses_at_most_a_segment_and_ends_the_same(tmp_path):
    media = recording(tmp_path / "long.mkv")
    chance, kills = random.Random(6), 0
    with Observer() as observer:
        lines, status = observer.extract(media, tmp_path / "unbroken")
        assert status == 0 and lines[-1][2] == "True"
        expected = stored(tmp_path / "unbroken")
        for number in range(10 * KILLS):
            cache = tmp_path / f"broken-{number}"
            lines_printed, status = observer.extract(media, cache, chance.randrange(len(lines) - 1), chance)
            if status != signal.SIGKILL:
                continue  # it was faster
            kills += 1
            resumed, status = observer.extract(media, cache)
            assert status == 0 and resumed[-1][2] == "True"
            if lines_printed:
                # It continues after the last printed line, so at most the unfinished segment was lost.
                assert int(resumed[0][0]) >= int(lines_printed[-1][0])
            assert stored(cache) == expected  # bit for bit
            if kills == KILLS:
                break
    assert kills == KILLS
    whole, again = (
        analyzer().infer(last(analyzer().extract(media, cache=tmp_path / name))) for name in ("unbroken", cache)
    )
    np.testing.assert_allclose(again.probabilities, whole.probabilities, atol=1e-5)


def test_what_is_lost_is_never_more_than_thirty_seconds_of_media(tmp_path):
    media = recording(tmp_path / "long.mkv")
    seen = [observations.until for observations in analyzer().extract(media, cache=tmp_path / "cache")]
    assert max(np.diff([0.0, *seen])) <= 30.0


def test_eight_at_once_all_finish_and_none_mixes_with_another(tmp_path):
    files = [recording(tmp_path / f"{number}.mkv", 6.0 + number, 1.0 + 0.5 * number) for number in range(8)]
    shared = analyzer()
    alone = [last(shared.extract(file, cache=tmp_path / "alone")).arrays for file in files]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda file: last(shared.extract(file, cache=tmp_path / "together")), files))
    for file, expected, found in zip(files, alone, together, strict=True):
        assert found.complete and found.media["name"] == file.name
        for name, values in expected.items():
            np.testing.assert_array_equal(found.arrays[name], values, err_msg=f"{file.name}: {name}")
    lengths = [found.duration for found in together]
    assert len(set(np.round(lengths))) == 8


def test_the_same_recording_twice_at_once_is_stored_once_and_whole(tmp_path):
    media = recording(tmp_path / "a.mkv", 30.0)
    shared = analyzer()
    expected = last(shared.extract(media, cache=tmp_path / "alone"))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: last(shared.extract(media, cache=tmp_path / "together")), range(4)))
    assert stored(tmp_path / "together") == stored(tmp_path / "alone")
    assert last(shared.extract(media, cache=tmp_path / "together")).duration == expected.duration


@pytest.mark.parametrize("file", ["segment-00001.safetensors", "head.json"])
def test_a_cache_damaged_on_disk_is_observed_again(file, tmp_path):
    media = recording(tmp_path / "a.mkv", 45.0)
    before = last(analyzer().extract(media, cache=tmp_path / "cache")).arrays
    whole = stored(tmp_path / "cache")
    path = next((tmp_path / "cache").glob(f"*/{file}"))
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    after = last(analyzer().extract(media, cache=tmp_path / "cache")).arrays
    for name, values in before.items():
        np.testing.assert_array_equal(after[name], values, err_msg=name)
    assert stored(tmp_path / "cache") == whole


def last(growing):
    return [*growing][-1]
