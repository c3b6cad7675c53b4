"""The bench: its recordings, going on where it stopped, leaving nothing behind, and a report that says what was."""

import contextlib
import inspect
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from benchmarks import jobs, made, plan, report, tables
from benchmarks.__main__ import main
from benchmarks.stages import READING, REST, SOUND, Spent
from emorec.media import sampling, streams
from support.paths import ROOT

WITHIN = 120  # seconds in which a process must have started, or ended
OPTIONS = ("--plan", "tiny", "--out")
SIZE = (96, 64)
SECONDS = 3.0


@pytest.fixture
def bench(tmp_path, monkeypatch, capsys):
    """``bench(arguments)`` runs a tiny bench: its exit code, and what it said in the two ways."""
    monkeypatch.setattr(tempfile, "tempdir", str(temporary(tmp_path)))
    before = signal.getsignal(signal.SIGTERM)

    def run(*arguments):
        code = main([*OPTIONS, str(tmp_path / "out"), *arguments])
        return code, *capsys.readouterr()

    yield run
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def started(tmp_path):
    """``started(arguments)`` starts one in a separate process, that can be interrupted."""
    processes = []

    def start(*arguments):
        processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks", *OPTIONS, str(tmp_path / "out"), *arguments],
                cwd=ROOT,
                env=os.environ | {"TMPDIR": str(temporary(tmp_path))},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                # Tests that a shell runs in its background ignore Ctrl-C, and what they start would too.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
        )
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def temporary(folder):
    (folder / "temporary").mkdir(exist_ok=True)
    return folder / "temporary"


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return str(made.media(tmp_path_factory.mktemp("made"), {"one": (SIZE, SECONDS, plan.BOTH)})["one"])


def test_a_bench_goes_on_where_it_stopped(bench, tmp_path):
    code, printed, _ = bench("--only", "decode 360p #0")
    assert code == 0 and "[1/1] decode 360p #0" in printed
    # Of the two that are asked for, one is done.
    code, printed, _ = bench("--only", "[df]e* 360p #0")
    assert code == 0 and "[1/1] fer 360p #0" in printed
    found = json.loads((tmp_path / "out" / "results.json").read_text())["jobs"]
    assert found["decode 360p #0"]["pictures"] == plan.TINY.speed * made.FRAME_RATE
    document = (tmp_path / "out" / "PERFORMANCE.md").read_text()
    assert "| 720p, end to end, times real time | at least 20 | not measured |" in document
    assert (tmp_path / "out" / "memory.png").read_bytes().startswith(b"\x89PNG")
    assert list(temporary(tmp_path).iterdir()) == []


def test_a_job_that_failed_is_said_and_tried_again(bench, tmp_path):
    (tmp_path / "not.mp4").write_text("no recording")
    for _ in range(2):
        code, printed, errors = bench("--only", "decode given #0", "--media", str(tmp_path / "not.mp4"))
        assert code == 1 and "[1/1] decode given #0" in printed
        assert "decode given #0 failed: " in errors and "Traceback" not in errors


def test_a_bench_that_is_interrupted_while_it_analyses_leaves_nothing_behind(started, tmp_path):
    process = started("--only", "memory*")
    wait_for(lambda: any("sandbox.server" in line for line in below(process.pid)), process)
    interrupted(process, signal.SIGINT, tmp_path)


def test_a_bench_that_is_ended_while_it_makes_recordings_leaves_nothing_behind(started, tmp_path):
    process = started("--only", "first window*")
    assert "making recordings" in process.stdout.readline()
    wait_for(lambda: [*temporary(tmp_path).rglob("*.mp4")], process)
    interrupted(process, signal.SIGTERM, tmp_path)


def interrupted(process, how, folder):
    """Send that signal; nothing may be left."""
    process.send_signal(how)
    errors = process.communicate()[1]
    assert process.returncode == 130 and "Interrupted" in errors and "Traceback" not in errors
    assert list(temporary(folder).iterdir()) == []
    wait_for(lambda: not ours(folder))


def below(pid):
    """Command lines of a process's children, and theirs. A decoder's environment is emptied, so it names no folder."""
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in children.read_text().split():
                found += [Path(f"/proc/{child}/cmdline").read_text().replace("\0", " "), *below(child)]
    return found


def ours(folder):
    """Command lines of the processes whose temporary files are to go to that folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"TMPDIR={temporary(folder)}".encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:  # it has ended, or is not ours
            continue
    return [line for line in found if line]  # a process that has ended but was not waited for has none


def wait_for(true, process=None):
    begin = time.monotonic()
    while not true():
        assert process is None or process.poll() is None, process.stderr.read()
        assert time.monotonic() - begin < WITHIN
        time.sleep(0.05)


def test_every_job_measures_what_it_says(recording):
    decoded = jobs.decode(recording)
    assert decoded["pictures"] == SECONDS * made.FRAME_RATE and decoded["wall"] > 0
    analysed = jobs.analyse(recording, looks=True)
    assert analysed["media"] == pytest.approx(SECONDS, abs=0.1) and analysed["rows"] == SECONDS
    assert 0 < analysed["first"] <= analysed["wall"] and 0 < analysed["peak"] <= analysed["peak together"]
    assert analysed["peak"] <= analysed["peak with looks"]
    assert {len(seconds) for seconds in analysed["looks"].values()} == {jobs.REPEATS}
    window = jobs.first_window(recording)
    assert window["wall"] > 0 and window["rows"] >= 1
    both = jobs.together([recording, recording])
    assert min(both.values()) > 0
    looked = jobs.naive(recording, [1.0, 2.0], plan.NAIVE_STEP)
    assert looked["windows"] == 2 and looked["wall"] > 0
    assert jobs.fer(recording, 1.0)


def test_the_stages_sum_up_to_all(recording):
    staged = jobs.stages(recording)
    assert {READING, SOUND, REST, "detect faces", "speech activity", "encode voice", "store"} <= staged["stages"].keys()
    assert sum(staged["stages"].values()) == pytest.approx(staged["cpu"], rel=0.2)


def test_jobs_that_are_planned_exist_and_take_what_they_are_given(tmp_path):
    for chosen in plan.PLANS.values():
        names = plan.recordings(chosen)
        for given in (None, tmp_path / "own.mp4"):
            todo = plan.jobs(chosen, {name: tmp_path / name for name in names}, given, cuda=True)
            assert len({key for key, *_ in todo}) == len(todo)
            for _, job, arguments in todo:
                inspect.signature(jobs.JOBS[job]).bind(**arguments)


def test_a_long_recording_repeats_a_short_one(tmp_path):
    paths = made.media(
        tmp_path,
        {
            "long": ((96, 64), 5.0, plan.BOTH),
            "sound": ((96, 64), 4.0, plan.SOUND),
            "short": ((96, 64), 2.0, plan.BOTH),
        },
    )
    info = streams.probe(paths["long"])
    assert info.duration == pytest.approx(5.0, abs=0.2) and info.has_video and info.has_audio
    assert [sampling.bin_of(frame.time, 5.0) for frame in streams.frames(paths["long"])][:25] == list(range(25))
    assert not streams.probe(paths["sound"]).has_video
    assert streams.probe(paths["short"]).duration == pytest.approx(2.0, abs=0.1)


def test_a_stage_within_a_stage_counts_once():
    spent = Spent()
    with spent.stage("outer"):
        busy()
        with spent.stage("inner"):
            busy()
    seconds = spent.seconds(100.0)
    assert seconds["inner"] > 0 and seconds["outer"] > 0
    assert sum(seconds.values()) == pytest.approx(100.0)
    assert seconds[REST] < 100.0 - seconds["inner"]


def busy():
    return sum(number**2 for number in range(100_000))


def results(**jobs):
    facts = {"plan": "full", "given": None, "machine": {"cores": 2, "processor": "any"}}
    return {"facts": facts, "jobs": jobs}


def test_the_table_says_what_was_met(tmp_path):
    jobs = {f"analyse 720p #{k}": {"media": 60.0, "wall": wall} for k, wall in enumerate((2.0, 2.5, 6.0))}
    jobs |= {
        "analyse 360p #0": {"media": 60.0, "wall": 2.0},
        "decode 360p #0": {"wall": 0.5},
        "analyse sound #0": {"failed": "x"},
    }
    jobs |= {"naive 360p #0": {"wall": 8.0, "windows": 4, "step": 0.5}}
    jobs |= {
        f"memory {minutes} minutes #0": {
            "peak": peak,
            "peak together": 2 * peak,
            "peak with looks": 1.5 * peak,
            "wall": 2.0,
            "memory": [[0.5, peak], [1.0, 2 * peak]],
            "looks": {"one person": [0.2, 0.1, 0.05]},
        }
        for minutes, peak in ((5, 5.0e8), (60, 5.3e8))
    }
    lines = tables.table(results(**jobs)).splitlines()
    assert "| 720p, end to end, times real time | at least 20 | 24.0 | 10.0 to 30.0 | met |" in lines
    assert "| 360p, end to end, times real time | at least 45 | 30.0 |  | **not met** |" in lines
    assert "| sound only, times real time | at least 150 | not measured | | |" in lines
    assert "| 360p, wall time over a plain full decode of it | at most 3.5 | 4.00 |  | **not met** |" in lines
    # Two windows of 2 s for every second, against a thirtieth of a second.
    assert "| 360p, times the naive loop at a step of 0.5 s | at least 20 | 120 |  | met |" in lines
    assert "| peak memory for 60 minutes over that for 5 | at most 1.1 | 1.06 |  | met |" in lines
    assert "| second look at 60 minutes: one person, s | at most 0.5 | 0.10 | 0.05 to 0.20 | met |" in lines
    report.write(results(**jobs), tmp_path)
    assert "| 60 minutes | 530 | 1060 | 795 |" in (tmp_path / "PERFORMANCE.md").read_text().splitlines()
    assert (tmp_path / "memory.png").read_bytes().startswith(b"\x89PNG")


def test_the_readme_gets_its_section_and_keeps_the_rest():
    text = f"before\n{report.MARKS[0]}\nold\n{report.MARKS[1]}\nafter\n"
    made_section = report.section(results(**{"analyse 720p #0": {"media": 60.0, "wall": 2.0}}))
    assert "| 720p, end to end | 30.0 |" in made_section
    changed = report.with_section(text, made_section)
    assert (
        changed.startswith("before\n")
        and changed.endswith("after\n")
        and "old" not in changed
        and made_section in changed
    )
    assert report.MARKS[0] in (ROOT / "README.md").read_text()
