"""A batch around its engine: what is told, counted and refused. Nothing is analyzed here."""

import contextlib
import errno
import json
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest

from emorec import cli, files
from emorec.batch import choices, items, manifest, model, progress, run, state, writing
from emorec.batch.engine import DONE, FAILED, Outcome
from emorec.errors import EmorecError
from emorec.extraction import people_changes
from emorec.extraction.people import People, Person
from emorec.inference.timeline import infer
from emorec.saving import Saving
from support import factories


class Loaded(Saving):
    """What writes results, without networks."""

    model = None


class Engine:
    """Everything is done at once, with a file of results in the folder of each item."""

    def run(self, tasks):
        for task in tasks:
            task.folder.mkdir(parents=True, exist_ok=True)
            yield Outcome(item=task.item, status=DONE, duration=1.0)


@pytest.fixture
def batch(monkeypatch, tmp_path):
    monkeypatch.setattr(model, "pin", lambda chosen: (chosen, ("model", "model"), ()))

    def of(*given, out=tmp_path / "out", **how):
        return run.run(list(map(str, given)), Path(out), choices.Choices(), Engine(), **how)

    return of


def recordings(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def test_results_may_lie_at_or_above_the_recordings(batch, tmp_path):
    media = recordings(tmp_path / "v", "a.mp4", "sub/b.mp4")
    assert batch(media, out=media).done == 2
    recordings(media / items.item_name(str(media / "a.mp4")), "own.mp4")  # in the results of an item: no recording
    again = batch(media, out=media)
    assert (again.done, again.analyzed) == (2, 0)
    assert batch(media / "*.mp4", out=media).done == 1
    (media / items.item_name(str(media / "a.mp4")) / "own.mp4").unlink()
    assert batch(media, out=tmp_path).done == 2


def test_no_note_says_that_results_of_an_unreachable_recording_are_replaced(batch, monkeypatch):
    url, store = "memory://done/a.mp4", fsspec.filesystem("memory")
    store.pipe("/done/a.mp4", b"x")
    try:
        with monkeypatch.context() as context:
            context.setattr(run.local_engine, "InlineEngine", Engine)  # of the process that has the object
            assert batch(url).done == 1
        monkeypatch.setattr(model, "pin", lambda chosen: (chosen, ("other", "other"), ()))
        result = batch(url)
    finally:
        store.rm("/done", recursive=True)
    assert list(result.failed) == [url] and result.notes == ()


def test_a_person_who_cannot_be_chosen_makes_no_other_settings():
    """Batches of earlier versions, which left such a person out, are not analysed again."""
    earlier = "880878f6f60d52786b1a35c97b437d9c"
    for person in (None, "Ann", 1):
        assert choices.build({"fusion": "voice", "person": person}, {})[0].digest("model") == earlier
    by_channel = choices.build({"fusion": "voice", "person": "Ann"}, {"channel": "split"})[0]
    assert by_channel.digest("model") == "ee7708425acfee84065f3de18b969996"


def test_what_a_killed_batch_left_unfinished_is_removed_and_nothing_else(batch, tmp_path):
    media = recordings(tmp_path / "v", "a.mp4")
    folder = batch(media).folder
    names = ("manifest.csv", "manifest.parquet", ".emorec/batch/items/a-0.json")
    left = [files.partial_of(folder / name) for name in names]
    other = files.partial_of(folder / "interview.csv")  # of emorec analyze, which may be at work here too
    for path in (*left, other):
        path.write_bytes(b"x")
    batch(media)
    assert other.exists() and not [path for path in left if path.exists()]


def test_what_fails_before_it_is_analyzed_is_told_and_counted(tmp_path, capsys):
    command = ["batch", "ftp://example.org/a.mp4", "--out", str(tmp_path / "out"), "--workers", "0"]
    assert cli.main([*command, "--quiet"]) == 2
    assert "must begin with http" in capsys.readouterr().err
    assert cli.main([*command, "--retry"]) == 2
    out, err = capsys.readouterr()
    assert "must begin with http" in err and "1 of them in this run" in out and "earlier" not in out
    assert cli.main(command) == 2
    assert "1 of the failures are of earlier runs" in capsys.readouterr().out


def test_a_folder_that_could_not_be_listed_is_no_failure_once_it_is(batch):
    url = "memory://later"
    assert list(batch(url).failed) == [url]
    store = fsspec.filesystem("memory")
    store.pipe("/later/a.mp4", b"x")
    try:
        result = batch(url)
    finally:
        store.rm("/later", recursive=True)
    assert url not in result.failed and url not in (result.folder / "manifest.csv").read_text().split(",")


@pytest.mark.parametrize("given", ["later", "./later/", "{here}/later/"])
def test_a_folder_that_was_not_there_is_no_failure_once_it_is(batch, given, tmp_path, monkeypatch):
    class Nothing:
        def run(self, tasks):
            return (Outcome(item=task.item, status=FAILED, error="There is no file.") for task in tasks)

    monkeypatch.chdir(tmp_path)
    given = given.format(here=tmp_path)
    assert run.run([given], tmp_path / "out", choices.Choices(), Nothing()).failed
    recordings(tmp_path / "later", "a.mp4")
    result = batch(given)
    table = (result.folder / "manifest.csv").read_text()
    assert result.done == 1 and FAILED not in table and table.count("\n") == 2


def test_two_sources_whose_items_have_one_name_are_refused(batch, tmp_path, monkeypatch):
    media = recordings(tmp_path / "v", "a.mp4", "b.mp4")
    monkeypatch.setattr(items, "item_name", lambda address: "same-1")
    with pytest.raises(EmorecError, match=r"a.mp4 and .*b.mp4 would have the same folder"):
        batch(media)


def test_a_disk_without_locks_is_noted_and_a_held_lock_refused(batch, tmp_path, monkeypatch):
    media = recordings(tmp_path / "v", "a.mp4")

    def lock(number):
        def fail(descriptor):
            raise OSError(number, "of the system")

        return fail

    monkeypatch.setattr(files, "lock", lock(errno.ENOLCK))
    result = batch(media)
    assert result.done == 1 and "without locks (of the system)" in result.notes[0]
    monkeypatch.setattr(files, "lock", lock(errno.EAGAIN))
    with pytest.raises(EmorecError, match="Another batch is running"):
        batch(media)


@pytest.mark.parametrize("name", ["manifest.csv", "manifest.parquet"])
def test_a_manifest_that_a_program_holds_open_ends_nothing_and_is_told(name, batch, tmp_path, monkeypatch):
    media = recordings(tmp_path / "v", "a.mp4", "b.mp4")
    written, tried = Path.replace, []
    monkeypatch.setattr(state, "PAUSE", 0.0)

    def held(path, target):
        if target.name == name:
            tried.append(path)
            raise PermissionError(errno.EACCES, "Permission denied", str(target))
        return written(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", held)
        result = batch(media)
    assert result.done == 2 and len(result.notes) == 1 and "may be using it" in result.notes[0]
    assert {path.name for path in result.folder.glob("manifest.*")} == {"manifest.csv", "manifest.parquet"} - {name}
    assert len(tried) > 4  # a program that reads it for a moment
    assert not list(result.folder.glob(".*.partial"))
    assert not batch(media).notes and (result.folder / name).exists()


def test_a_folder_that_may_not_be_written_ends_a_batch_before_its_work(batch, tmp_path, monkeypatch):
    media = recordings(tmp_path / "v", "a.mp4")
    batch(media)

    def refused(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(manifest.files, "write", refused)
    monkeypatch.setattr(manifest.tempfile, "TemporaryFile", refused)
    monkeypatch.setattr(state.State, "store", lambda *_: pytest.fail("it worked for nothing"))
    with pytest.raises(EmorecError, match="cannot be written \\(Permission denied\\)"):
        batch(recordings(tmp_path / "v", "b.mp4"))


def test_notes_about_the_inputs_are_part_of_the_result(batch, tmp_path):
    media = recordings(tmp_path / "v", "a.mp4")
    (tmp_path / "empty").mkdir()
    told = []
    result = batch(media, tmp_path / "empty", notice=told.append)
    assert list(result.notes) == told == [f"There is no recording in {tmp_path / 'empty'}."]


def test_a_line_about_the_progress_needs_no_look_at_every_item():
    reads = Counter()

    class Sizes(dict):
        def values(self):
            reads["values"] += 1
            return super().values()

    shown = progress.Progress(total=3, done=0, failed=0, sizes=Sizes(a=None, b=None, c=4))
    shown.add(Outcome(item="a", status=DONE))
    assert shown.left is not None and str(shown)
    assert reads["values"] == 1


def test_a_result_is_never_called_like_a_table_and_its_name_is_valid(tmp_path):
    def name(media, *formats):
        timeline = replace(factories.timeline(factories.probabilities(3)), media={"name": media})
        return writing._name(tmp_path, choices.Choices(formats=formats), timeline)

    assert name("Windows.mp4", "parquet") == "Windows.result"
    assert name("grid.mp4", "parquet") == "grid.result"
    assert name("windows.mp4", "csv") == "windows" and name("talk.mp4", "parquet") == "talk"
    long = name("ä" * 123 + ".mp4", "csv")
    assert len(f"{long}.face.person-2.people.json".encode()) <= 255
    files.write(tmp_path / ("x" * 250), b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["x" * 250]


@pytest.mark.parametrize("number", [0, errno.EINVAL, errno.ENOSPC])
def test_a_file_is_on_the_disk_before_it_has_its_name(number, tmp_path, monkeypatch):
    forced = []

    def force(descriptor):
        forced.append((os.fstat(descriptor).st_size, (tmp_path / "file").exists()))
        if number:
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", force)
    with pytest.raises(OSError) if number == errno.ENOSPC else contextlib.nullcontext():
        files.write(tmp_path / "file", b"content")
    assert forced == [(7, False)]
    assert [path.name for path in tmp_path.iterdir()] == ([] if number == errno.ENOSPC else ["file"])


def test_what_a_killed_process_left_of_a_file_goes_when_the_item_is_written_again(tmp_path):
    (tmp_path / ".markers.parquet.1-2.partial").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("of the user")
    features = factories.full_observations(3.0)
    timeline = infer(features, factories.checkpoint())
    written = writing.write(tmp_path, choices.Choices(formats=("csv",)), Loaded(), timeline, features)[0]
    assert {path.name for path in tmp_path.iterdir()} == {*written, "notes.txt"}


class Written:
    """Each item has one file of results and one of names, with the stem of the fusion."""

    def run(self, tasks):
        for task in tasks:
            task.folder.mkdir(parents=True, exist_ok=True)
            stem = f"a.{task.choices.inferring['fusion']}"
            names = f"{stem}.csv", f"{stem}.people.json"
            for name in names:
                (task.folder / name).write_text('{"persons": [{"number": 0, "name": ""}]}')
            yield Outcome(item=task.item, status=DONE, files=names, notes=(f"{stem} is written.",))


@pytest.mark.parametrize("becomes", ["typed", "given", "untouched"])
def test_a_names_file_of_the_user_stays_when_the_results_get_another_name(becomes, batch, tmp_path):
    media = recordings(tmp_path / "v", "a.mp4")

    def result(fusion, people=None):
        how = choices.Choices(inferring={"fusion": fusion}, people_file=people)
        made = run.run([str(media)], tmp_path / "out", how, Written())
        return made, {path.name: path for path in (tmp_path / "out").glob("a-*/*")}

    path = result("late")[1]["a.late.people.json"]
    if becomes == "typed":
        path.write_text(path.read_text().replace('""', '"Anna"'))
    made, found = result("face", path if becomes == "given" else None)
    expected = {"a.face.csv", "a.face.people.json"} | ({path.name} if becomes != "untouched" else set())
    assert {*found} == expected
    outdated = run.OUTDATED.format(outdated=1, all=1)
    assert made.notes == (outdated, f"{path.parent.name}: a.face is written.")
    assert not result("face")[0].notes  # nothing was written


def test_a_names_file_of_another_recording_is_told_once(batch, tmp_path):
    media = recordings(tmp_path / "v", "a.mp4", "b.mp4", "c.mp4")

    def told(recording, given):
        people = People((Person(number=0),), recording=recording)
        how = choices.Choices(inferring={"fusion": "late", "people": people})
        notes = run.run(given, tmp_path / "out", how, Written()).notes
        return [note for note in notes if "names file" in note]

    (note,) = told("A.mov", [str(media)])  # the name of a recording that was converted
    assert note.startswith("The names file was written for A.mov, and 2 of 3 recordings are called otherwise")
    assert not told("a.mp4", [str(media / "a.mp4")]) and not told("", [str(media)])


def test_names_that_were_typed_into_an_item_stay_when_it_is_written_again(tmp_path):
    features = factories.full_observations(3.0)
    timeline = infer(features, factories.checkpoint())
    how = choices.Choices(formats=("csv",), inferring={"people": People((Person(number=0),))})
    (names,) = _names_files(tmp_path, features, timeline)
    path = tmp_path / names
    fresh = path.read_text()
    assert '"name": ""' in fresh
    for content in (fresh, fresh.replace('"name": ""', '"name": "Anna"')):
        path.write_text(content)
        told = []
        assert names in writing.write(tmp_path, how, Loaded(), timeline, features, told.append)[0]
        assert path.read_text() == content and len(told) == ("Anna" in content)


def test_the_names_file_that_was_given_is_not_cut_down_to_the_part_that_is_analyzed(tmp_path):
    features = factories.full_observations(3.0)
    timeline = infer(features, factories.checkpoint())
    (name,) = _names_files(tmp_path, features, timeline)
    persons = [{"number": 0, "name": "Anna"}, {"number": 1, "name": "Eva"}]  # Eva is not in this part
    content = json.dumps({"persons": persons, people_changes.DIGEST: people_changes.digest(persons)})
    (tmp_path / name).write_text(content)
    how, _ = choices.build({"people": tmp_path / name}, {}, "csv")
    assert name in writing.write(tmp_path, how, Loaded(), timeline, features)[0]
    assert (tmp_path / name).read_text() == content
    assert how.digest("") == replace(how, people_file=None).digest("")
    other, _ = choices.build({"people": json.loads(content)}, {}, "csv")
    writing.write(tmp_path, other, Loaded(), timeline, features)
    assert (tmp_path / name).read_text() != content  # emorec wrote it, and nobody changed or gave it


def _names_files(folder, features, timeline):
    how = choices.Choices(formats=("csv",), inferring={"people": People((Person(number=0),))})
    return [name for name in writing.write(folder, how, Loaded(), timeline, features)[0] if "people.json" in name]
