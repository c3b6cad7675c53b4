"""A batch whose command is killed while its Ray cluster works: nothing stays behind, and the same command continues."""

import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from emorec.batch import choices as batch_choices
from emorec.batch import items, run
from emorec.batch.local_engine import InlineEngine
from support import batches
from support.paths import ROOT
from support.waiting import until

pytest.importorskip("ray", reason="Ray (the extra ray) is not installed")

FILES, ENOUGH = 20, 4
MARK = "EMOREC_TEST_MARK"  # in the environment of the command and of everything that it starts


def alive(mark):
    """The numbers of all processes that were started with this mark."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            ended = (place / "stat").read_text().rpartition(")")[2].split()[0] in "ZX"
            if not ended and f"{MARK}={mark}".encode() in (place / "environ").read_bytes().split(b"\0"):
                found.append(int(place.name))
        except OSError:  # it has ended meanwhile
            continue
    return found


def recorded(out):
    return {record.outcome.item: record for record in items.Records(out)}


def tables(folder):
    """The results of all items, by their paths."""
    found = (path for path in folder.rglob("*") if path.is_file() and ".emorec" not in path.parts)
    return {path.relative_to(folder): path.read_bytes() for path in found if path.parent != folder}


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_a_killed_command_leaves_no_process_and_is_continued_on_two_workers(model, tmp_path):
    media, out = batches.recordings(tmp_path / "media", FILES), tmp_path / "out"
    made = batch_choices.build({}, {}, model=str(model), device="cpu", threads=1)[0]
    expected = run.run([str(media)], tmp_path / "single", made, InlineEngine())
    command = [sys.executable, "-m", "emorec", "batch", str(media), "--out", str(out), "--model_path", str(model)]
    command += ["--engine", "ray", "--workers", "2", "--device", "cpu", "--quiet"]
    mark = uuid.uuid4().hex
    variables = os.environ | {MARK: mark, "EMOREC_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, cwd=ROOT, env=variables) as driver:
        until(lambda: driver.poll() is not None or (out.exists() and len(recorded(out)) >= ENOUGH))
        assert len(alive(mark)) > 3  # the command, Ray's own processes, and two workers
        driver.send_signal(signal.SIGKILL)
    until(lambda: not alive(mark))
    before = recorded(out)
    assert ENOUGH <= len(before) < FILES
    again = subprocess.run(command, cwd=ROOT, env=variables, timeout=240)
    assert again.returncode == 2  # five are no recordings
    after = recorded(out)
    assert len(after) == FILES and {item: after[item] for item in before} == before
    assert tables(out) == tables(tmp_path / "single") and expected.done == FILES - batches.BAD
    assert not alive(mark)
