"""Batches of 30 files: every item once, whatever happens to processes, and the results of a single process."""

import csv
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pyarrow import parquet

import emorec
from emorec import files
from emorec.batch import choices, items, local_engine, run
from emorec.batch.local_engine import LocalEngine
from emorec.errors import EmorecError
from emorec.models import checkpoint
from emorec.output import workbook
from support import batches
from support.paths import ROOT
from support.waiting import until

FILES, BAD = 30, batches.BAD

# A batch in a process of its own, which prints a line for every item.
DRIVER = """
import multiprocessing, sys
import emorec
def show(progress):
    print(progress.done, *(child.pid for child in multiprocessing.active_children()), flush=True)
media, out, model, workers = sys.argv[1:]
emorec.analyze_batch(media, out, model, "cpu", show, workers=int(workers))
"""


@pytest.fixture(scope="module")
def media(tmp_path_factory):
    return batches.recordings(tmp_path_factory.mktemp("batch") / "media", FILES)


@pytest.fixture(scope="module")
def single(media, model, tmp_path_factory):
    """The result of everything in this process: the folder, the cache and what the call returned."""
    folder = tmp_path_factory.mktemp("single")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOREC_CACHE", str(folder / "cache"))
        result = emorec.analyze_batch(media, folder / "out", model, "cpu", workers=0)
    return folder / "out", folder / "cache", result


def rows(folder):
    return {row["item"]: row for row in parquet.read_table(folder / "manifest.parquet").to_pylist()}


def tree(folder):
    """The content of every file, by its path, apart from the program's own folder and the manifest.

    What a killed process had begun to write lies beside its file, and is nobody's result.
    """
    found = (path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in found
        if ".emorec" not in path.parts and "manifest" not in path.name and path.suffix != ".partial"
    }


def test_every_item_is_in_the_manifest_once(single, media):
    out, _, result = single
    found = rows(out)
    assert (result.done, result.analyzed, len(result.failed)) == (FILES - BAD, FILES, BAD)
    assert {row["source"] for row in found.values()} == {str(path) for path in media.rglob("*") if path.is_file()}
    done = [row for row in found.values() if row["status"] == "done"]
    failed = [row for row in found.values() if row["status"] == "failed"]
    assert (len(done), len(failed)) == (FILES - BAD, BAD)
    for row in done:
        assert row["duration"] == pytest.approx(1, abs=0.1) and row["error"] is None
        assert len(row["features"]) == 32 and row["model"] == done[0]["model"]
        assert {path.suffix for path in (out / row["item"]).iterdir()} >= {".csv", ".json"}
    assert len({row["features"] for row in done}) == FILES - BAD
    for row in failed:
        assert row["error"][-1] in ".?" and Path(row["source"]).name in row["error"]
        assert not (out / row["item"]).exists()
    with open(out / "manifest.csv", newline="") as lines:
        assert [row["item"] for row in csv.DictReader(lines)] == sorted(found)


def test_results_are_those_of_analyzing_one_recording(single, media, model):
    out, _, _ = single
    source = media / "item 01.mp4"
    (row,) = (row for row in rows(out).values() if row["source"] == str(source))
    loaded = emorec.load(model, "cpu")
    timeline = loaded.analyze(source)
    assert (out / row["item"] / "item 01.csv").read_text() == timeline.to_csv()
    assert (out / row["item"] / "item 01.json").read_text() == timeline.to_json()


def test_two_workers_of_which_one_is_killed_give_the_same_features_and_files(single, media, model, tmp_path):
    alone, cache, _ = single
    killed = []

    def show(progress):
        if progress.analyzed == 10:
            pid = next(worker for worker in engine._running if worker.task is not None)._process.pid
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    engine = LocalEngine(workers=2)
    made, _ = choices.build({}, {}, model=str(model), device="cpu", cache=tmp_path / "cache")
    made = local_engine.build_engine(2, made)[1]
    result = run.run([str(media)], tmp_path / "out", made, engine, progress=show)
    assert killed and (result.done, result.analyzed, len(result.failed)) == (FILES - BAD, FILES, BAD)
    assert tree(tmp_path / "out") == tree(alone)
    stored, expected = tree(tmp_path / "cache"), tree(cache)
    assert len(expected) > FILES - BAD and stored == expected


def test_a_killed_batch_is_continued_and_nothing_is_done_twice(single, media, model, tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, "-c", DRIVER, str(media), str(out), str(model), "1"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as driver:
        for line in driver.stdout:
            done, *workers = line.split()
            if int(done) >= 5:
                driver.send_signal(signal.SIGKILL)
                break
    until(lambda: not any(map(alive, workers)))  # nobody would take what they make
    before = {record.outcome.item: record for record in items.Records(out)}
    assert 5 <= len(before) < FILES
    result = emorec.analyze_batch(media, out, model, "cpu", workers=0)
    assert (result.done, result.analyzed) == (FILES - BAD, FILES - len(before))
    after = {record.outcome.item: record for record in items.Records(out)}
    assert {item: after[item] for item in before} == before
    assert tree(out) == tree(single[0])
    assert {row["status"] for row in rows(out).values()} == {"done", "failed"}


def alive(pid):
    """Whether a process of this number still runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.fixture
def few(model, tmp_path):
    """Three good files and one bad one, and a function that analyzes them."""
    media = batches.recordings(tmp_path / "few", 4, videos=0, bad=1)

    def analyze(*inputs, **how):
        return emorec.analyze_batch(inputs or [media], analyze.out, analyze.model, "cpu", workers=0, **how)

    analyze.media, analyze.out, analyze.model = media, tmp_path / "out", model
    return analyze


def test_only_what_is_new_or_changed_or_asked_for_is_analyzed_again(few):
    assert (few().analyzed, few().analyzed) == (4, 0)
    assert few(retry=True).analyzed == 1
    first = sorted(few.media.rglob("*.m4a"))[0]
    batches.copy_with_other_bytes(first, first.with_name("new.m4a"), 7)
    assert few().analyzed == 1
    os.utime(first, (1, 1))
    assert few().analyzed == 1
    bad = next(few.media.glob("bad*"))
    bad.write_bytes(first.read_bytes())
    result = few()
    assert (result.analyzed, result.done, result.failed) == (1, 5, {})
    assert few(step=0.5).analyzed == 5
    assert few(str(first), step=0.5).done == 1  # other inputs: the rest stays in the manifest
    assert len(rows(few.out)) == 5


def test_nothing_is_repeated_when_the_model_is_measured_anew(few, model, tmp_path):
    few.model = shutil.copytree(model, tmp_path / "measured")
    few()
    for path in (few.out / items.FOLDER / "items").iterdir():  # as earlier versions wrote them
        record = json.loads(path.read_bytes())
        del record["digest"]
        path.write_text(json.dumps(record))
    assert few().analyzed == 0
    measured = checkpoint.load(few.model)
    measured.evaluation["own-data"] = {"what": "recordings", "metric": "accuracy", "items": 9, "results": {"face": 0.5}}
    before = (few.model / checkpoint.CONFIG_FILE).read_bytes()
    checkpoint.save_config(measured, few.model)
    assert (few.model / checkpoint.CONFIG_FILE).read_bytes() != before
    result = few()
    assert (result.analyzed, result.notes) == (0, ())


def test_reports_are_written_again_when_the_model_is_measured_anew(few, model, tmp_path):
    few.model = shutil.copytree(model, tmp_path / "measured")
    few(report=True)
    measured = checkpoint.load(few.model)
    measured.evaluation["own-data"] = {"what": "recordings", "metric": "accuracy", "items": 9, "results": {"face": 0.5}}
    checkpoint.save_config(measured, few.model)
    assert few(report=True).notes == (run.OUTDATED.format(outdated=3, all=4),)
    assert few(report=True).analyzed == 0


def test_a_note_says_that_results_of_other_choices_or_another_model_are_replaced(few, model, tmp_path):
    few.model = shutil.copytree(model, tmp_path / "calibrated")
    assert few().notes == ()
    note = run.OUTDATED.format(outdated=3, all=4)  # one failed before
    assert few(step=0.5).notes == (note,)
    assert few(step=0.5).notes == ()
    path = few.model / checkpoint.CONFIG_FILE
    config = json.loads(path.read_bytes())
    config["calibration"]["face"]["scale"] *= 2
    path.write_text(json.dumps(config))
    result = few(step=0.5)
    assert (result.analyzed, result.notes) == (4, (note,))


def test_files_that_a_later_run_does_not_write_are_removed_and_own_ones_stay(few):
    few(formats="csv,srt")
    folder = next(path for path in few.out.iterdir() if path.name.startswith("item"))
    (folder / "own.txt").write_text("mine")
    few(formats="json", person="all")
    assert sorted(path.name for path in folder.iterdir() if path.suffix != ".parquet") == [
        f"{folder.name.rpartition('-')[0].replace('-', ' ')}.all.json",
        "own.txt",
    ]


def test_a_format_that_cannot_be_written_does_not_cost_the_others(few, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(workbook, "MAX_ROWS", 0)
        result = few(formats="xlsx,csv", plot=True)
    assert result.done == 0 and sum("at most 0 rows" in sentence for sentence in result.failed.values()) == 3
    for item in (path for path in few.out.iterdir() if path.name.startswith("item")):
        assert {path.suffix for path in item.iterdir()} == {".parquet", ".csv", ".png"}
    result = few(formats="xlsx", retry=True)  # what was written beside it is known, and removed
    assert (result.done, result.analyzed) == (3, 4)
    for item in (path for path in few.out.iterdir() if path.name.startswith("item")):
        assert {path.suffix for path in item.iterdir()} == {".parquet", ".xlsx"}


def test_a_full_disk_is_one_sentence_and_the_same_call_continues(few, monkeypatch):
    tables, whole = set(), files.write

    def full(path, content):
        """Full from the second result on."""
        if Path(path).suffix == ".csv" and Path(path).parent != few.out:
            tables.add(path)
        if len(tables) > 1:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        whole(path, content)

    monkeypatch.setattr(files, "write", full)
    with pytest.raises(EmorecError, match=r"The disk is full .* 1 of 4 recordings are done, nothing of them is lost"):
        few()
    monkeypatch.setattr(files, "write", whole)
    before = len(list(items.Records(few.out)))
    assert 1 <= before < 4
    result = few()
    assert (result.done, result.analyzed, len(result.failed)) == (3, 4 - before, 1)


def test_a_second_batch_in_the_same_folder_is_refused(few):
    refused = []

    def again(_):
        with pytest.raises(EmorecError, match="Another batch is running in"):
            few()
        refused.append(True)

    few(progress=again)
    assert refused and few().done == 3


def test_a_manifest_of_another_version_is_refused_and_nothing_touched(few):
    import pyarrow as pa

    few.out.mkdir()
    table = pa.table({"item": ["a"]}).replace_schema_metadata({b"emorec_manifest": b"99"})
    parquet.write_table(table, few.out / "manifest.parquet")
    before = (few.out / "manifest.parquet").read_bytes()
    with pytest.raises(EmorecError, match=r"another version \(99, not 1\), so nothing in this folder was touched"):
        few()
    assert [path.name for path in few.out.iterdir()] == ["manifest.parquet"]
    assert (few.out / "manifest.parquet").read_bytes() == before


def test_what_stops_a_batch_is_an_error_and_leaves_what_waits_in_the_manifest(few):
    def stop(progress):
        if progress.analyzed == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        few(progress=stop)
    statuses = [row["status"] for row in rows(few.out).values()]
    assert sorted(statuses).count("waiting") == 2
    assert few().analyzed == 2


def test_nothing_to_do_and_wrong_folders_are_one_sentence(few, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(EmorecError, match="There is no recording in what was given"):
        few(str(tmp_path / "empty"))
    with pytest.raises(EmorecError, match="cannot be written"):
        emorec.analyze_batch(few.media, next(few.media.rglob("*.m4a")), workers=0)


def test_time_left_goes_by_the_size_of_what_is_done(monkeypatch):
    from emorec.batch import progress
    from emorec.batch.engine import Outcome

    clock = iter([0.0] + [10.0] * 9)
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    shown = progress.Progress(total=4, done=1, failed=0, sizes={"a": 100, "b": 300, "c": None})
    assert shown.left is None and str(shown) == "1 done, 0 failed of 4"
    shown.add(Outcome(item="a", status="done", duration=20.0))
    assert shown.left == pytest.approx(50)  # 100 of 600 took 10 s
    assert str(shown) == "2 done, 0 failed of 4, 2.0 h of media an hour, 0:00:50 left"
