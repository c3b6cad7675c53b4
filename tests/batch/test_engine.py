"""Tasks in processes of this machine: all of them end, whatever happens to the processes."""

import errno
import multiprocessing
import os
import pickle
import runpy
import sys
from dataclasses import replace

import pytest
from pyarrow import parquet

from emorec import files
from emorec.batch import choices, engine, local_engine
from emorec.batch.engine import DONE, FAILED, Task
from emorec.batch.local_engine import InlineEngine, LocalEngine
from emorec.batch.worker import Worker
from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.extraction import people_file
from emorec.inference import baseline_choice
from emorec.output import tables
from support import deadly, factories, result_folders


@pytest.fixture
def task(model, sound, tmp_path):
    made, _ = choices.build({}, {}, model=str(model), device="cpu")
    return lambda item, source=str(sound): Task(item=item, source=source, folder=tmp_path / item, choices=made)


def test_a_process_that_dies_is_replaced_and_its_recording_tried_once_more(task, sound, tmp_path):
    tasks = [
        task("always", deadly.Deadly(str(sound))),
        task("once", deadly.Deadly(str(sound), tmp_path / "flag")),
        task("good"),
        task("not begun"),
    ]
    running = LocalEngine(workers=1).run(tasks)
    outcomes = [next(running) for _ in range(3)]
    assert [(outcome.item, outcome.status) for outcome in outcomes] == [
        ("always", FAILED),
        ("once", DONE),
        ("good", DONE),
    ]
    died = "The process that analyzed this recording ended twice (killed by SIGKILL)"
    assert outcomes[0].error.startswith(died)
    assert len(multiprocessing.active_children()) == 1
    running.close()
    assert multiprocessing.active_children() == []


def test_windows_has_no_more_workers_than_it_can_wait_for(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    there = runpy.run_path(local_engine.__file__)
    with pytest.raises(EmorecError, match="There cannot be 62 workers; give 1 to 61"):
        there["build_engine"](62, choices.Choices())
    assert there["build_engine"](61, choices.Choices())[0].workers == 61


def test_processes_that_die_before_they_have_read_their_task_end_too(task, monkeypatch):
    made = []

    class Dead:
        """A process that cannot begin, as it is seen here: a task that fits into no buffer of the pipe is not sent."""

        def __init__(self):
            assert len(made) < 10
            made.append(self)
            self.task = None
            self.pipe, child = multiprocessing.Pipe()
            child.close()

        give, take = Worker.give, Worker.take

        def end(self):
            self.pipe.close()
            return 1

    monkeypatch.setattr(local_engine, "Worker", Dead)
    outcomes = list(LocalEngine(workers=1).run([task("one"), task("two")]))
    assert [(outcome.item, outcome.status) for outcome in outcomes] == [("one", FAILED), ("two", FAILED)]
    assert "ended twice (exit code 1)" in outcomes[0].error and len(made) == 4


def test_the_processors_are_divided_between_the_workers(task, monkeypatch):
    monkeypatch.setattr(local_engine, "processors", lambda: 8)
    made = task("a").choices
    assert [local_engine.build_engine(workers, made)[1].threads for workers in (0, 1, 3, 16)] == [0, 8, 2, 1]
    for wrong in (-1, 1000, True, 1.5):
        with pytest.raises(EmorecError, match="There cannot be"):
            local_engine.build_engine(wrong, made)


def test_every_failure_is_an_outcome_with_a_sentence(task, monkeypatch, tmp_path):
    (outcome,) = InlineEngine().run([task("none", str(tmp_path / "none.mp4"))])
    assert (outcome.status, outcome.disk_full) == (FAILED, False)
    assert outcome.error.startswith("There is no file") and outcome.started <= outcome.finished
    monkeypatch.setattr(engine, "infer_and_write", lambda *_: 1 / 0)
    (outcome,) = InlineEngine().run([task("fault")])
    assert "ZeroDivisionError" in outcome.error


def test_the_library_tables_and_the_manifest_follow_what_the_user_says_of_persons(task):
    features = result_folders.two_people(media={"name": "talk.mp4"})
    anna, ben = (people_file.as_dict(features)["persons"][number] | {"name": "Anna"} for number in (0, 1))

    def written(*persons):
        made, _ = choices.build({"people": {"persons": [*persons]}, "person": "all"}, {})
        one = task("talk")
        one = replace(one, choices=replace(one.choices, inferring=made.inferring))
        outcome = engine.infer_and_write(one, features)
        rows = {name: parquet.read_table(one.folder / f"{name}.parquet").to_pylist() for name in ("people", "windows")}
        assert {row["name"] for row in rows["people"]} == {row["name"] for row in rows["windows"]}
        return [(row["name"], round(row["seconds"])) for row in rows["people"]], outcome.persons

    assert written(anna, ben | {"name": "Ben"}) == ([("Anna", 15), ("Ben", 9)], 2)
    assert written(anna, ben) == ([("Anna", 24)], 1)  # one name: one person


def test_a_full_disk_is_told_from_other_failures(task, monkeypatch):
    def full(path, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(files, "write", full)
    (outcome,) = InlineEngine().run([task("full")])
    assert (outcome.status, outcome.disk_full) == (FAILED, True)


def test_the_baseline_of_a_file_is_that_of_the_beginning(tmp_path):
    result = tmp_path / "usual.json"
    named = {"names": {0: "Anna"}, "choices": {"prior_shares": dict.fromkeys(EMOTIONS, 1 / 7)}}
    result.write_text(tables.json_text(factories.timeline(factories.probabilities(4), **named)))
    chosen = choices.build({"baseline": str(result)}, {}, device="cpu")[0]
    digest = chosen.digest("f")
    result.unlink()
    again = pickle.loads(pickle.dumps(chosen))  # as a worker gets it
    assert again.digest("f") == digest
    assert baseline_choice.resolve(again.inferring["baseline"]).known.keys() == {"Anna"}


def test_choices_that_change_results_change_the_digest(tmp_path, model):
    def digest(inferring=None, extracting=None, fingerprint="f", **others):
        return choices.build(inferring or {}, extracting or {}, **others)[0].digest(fingerprint)

    prior = tmp_path / "prior.json"
    prior.write_text('{"angry":1,"disgust":1,"fear":1,"happy":1,"neutral":1,"sad":1,"surprise":1}')
    same = digest()
    person = {"number": 0, "tracks": [{"time": 1.0, "box": [0.1, 0.1, 0.2, 0.2]}]}
    later = person | {"tracks": [person["tracks"][0] | {"end": 9.0}]}
    assert digest({"people": {"persons": [person], "recording": "a.mp4"}}) == digest({"people": {"persons": [person]}})
    assert digest({"people": {"persons": [person]}}) == digest({"people": {"persons": [later]}}) != same
    assert same == digest(device="cpu", threads=2, model="other", cache=tmp_path)
    with_prior = digest({"prior": str(prior)})
    different = {
        digest({"step": 0.5}),
        digest({"baseline": "none"}),
        digest({"person": "all"}),
        digest({"people": {"persons": [{"number": 0, "name": "Anna"}]}}),
        digest({}, {"channel": "left"}),
        digest({}, {"end": 5.0}),
        digest(formats="csv"),
        digest(plot=True),
        digest(fingerprint="g"),
        with_prior,
        same,
    }
    assert len(different) == 11
    prior.write_text('{"angry":2,"disgust":1,"fear":1,"happy":1,"neutral":1,"sad":1,"surprise":1}')
    assert digest({"prior": str(prior)}) != with_prior


def test_a_new_version_does_not_repeat_what_the_same_choices_gave():
    # A field that is added to the choices, and changes no result by itself, must not change these.
    assert choices.build({}, {})[0].digest("f") == "3364379f3514b97625fdcbaea147a032"
    anna = {"persons": [{"number": 0, "name": "Anna"}]}
    assert choices.build({"people": anna}, {})[0].digest("f") == "e146d8dbcf7eab1b5ddb1053da98cbb5"


@pytest.mark.parametrize(
    ("inferring", "extracting", "others", "sentence"),
    [
        ({"step": 100}, {}, {}, "The step of 100 s is out of range"),
        ({"fusion": "none"}, {}, {}, "fusion"),
        ({}, {"channel": "up"}, {}, "The channel 'up' does not exist"),
        ({}, {}, {"formats": "doc"}, "The format 'doc' does not exist"),
        ({}, {}, {"locale": "xx"}, "The locale 'xx' does not exist"),
        ({}, {}, {"blur": True}, "give --report as well"),
        ({"person": -3}, {}, {}, "There is no person -3; persons are counted from 0"),
        ({}, {}, {"max_height": 0}, "A picture of 0 lines shows nothing"),
    ],
)
def test_choices_that_cannot_be_used_are_one_sentence(inferring, extracting, others, sentence):
    with pytest.raises(EmorecError, match=sentence):
        choices.build(inferring, extracting, **others)


def test_the_small_model_is_the_one_of_the_factories(model):
    from emorec.models import checkpoint

    assert checkpoint.load(model).fingerprint == factories.checkpoint().fingerprint
