"""What a session can have forgotten: by the names under which it is stored, whatever became of the recordings."""

import gc
import threading
import weakref

import pytest

from emorec.errors import EmorecError
from emorec.ui.jobs.job_queue import Turns
from emorec.ui.jobs.runner import Order, Run
from emorec.ui.sessions.history import Histories, History
from support import factories

PATIENCE = 60  # seconds


class Storing:
    """An engine that observes at once, and stores under the name of the recording."""

    def extract(self, path, **choices):
        yield factories.observations(1.0, key=f"key of {path}")


class Endless:
    """An engine that observes a second whenever ``go`` lets it."""

    def __init__(self):
        self.go, self.closed = threading.Semaphore(0), False

    def extract(self, path):
        try:
            for until in range(1, 50):
                assert self.go.acquire(timeout=PATIENCE)
                yield factories.observations(float(until), complete=False, duration=50.0, key="endless")
        finally:
            self.closed = True


class Store:
    """Takes note of what is forgotten; ``problem`` is raised instead."""

    def __init__(self):
        self.forgotten, self.problem = [], None

    def __call__(self, key, store):
        if self.problem:
            raise EmorecError(self.problem)
        self.forgotten.append((key, store))
        return True


def ran(path, store=None):
    run = Run(Storing(), path, Turns(), order=Order(store=store))
    run.join()
    return run


def test_deletion_forgets_what_a_session_had_analysed_and_nothing_else(tmp_path):
    histories, store = Histories(), Store()
    for whose, path, folder in (("a", "one", None), ("a", "two", tmp_path), ("b", "three", None)):
        histories.of(whose).add(ran(path, folder))
    assert histories.forget("a", store) == []
    assert store.forgotten == [("key of one", None), ("key of two", tmp_path)]
    histories.end("b")
    assert histories.forget("b", store) == [] and len(store.forgotten) == 2


def test_deletion_needs_no_recording(tmp_path):
    """Uploads are removed after an hour, and what was read from them is stored for longer."""
    recording = tmp_path / "gone.mp4"
    recording.write_text("x")
    history, store = History(), Store()
    history.add(ran(str(recording)))
    recording.unlink()
    assert history.forget(store) == []
    assert store.forgotten == [(f"key of {recording}", None)]


def test_what_could_not_be_deleted_is_said_and_tried_again_the_next_time():
    histories, store = Histories(), Store()
    histories.of("a").add(ran("/up/talk.mp4"))
    store.problem = "It cannot be removed (Permission denied)."
    (said,) = histories.forget("a", store)
    assert said.startswith("What is stored of talk.mp4 could not be deleted: It cannot be removed (Permission denied).")
    store.problem = None
    assert histories.forget("a", store) == [] and store.forgotten == [("key of /up/talk.mp4", None)]
    assert histories.forget("a", store) == [] and len(store.forgotten) == 1


def test_deletion_spares_the_example():
    history, store = History(), Store()
    history.add(ran("example.mp4"), spared=True)
    history.add(ran("mine.mp4"))
    assert history.forget(store) == [] and store.forgotten == [("key of mine.mp4", None)]


def test_a_history_holds_no_observations_of_runs_that_are_over():
    history, gone = History(), []
    for path in ("one", "two"):
        run = ran(path)
        gone.append(weakref.ref(run.observations))
        history.add(run)
    del run
    assert not history.running
    gc.collect()
    assert [ref() is None for ref in gone] == [True, True]


@pytest.mark.parametrize("how", ["forget", "end"])
def test_a_run_is_ended_when_its_session_is(how):
    histories, analyzer, store, turns = Histories(), Endless(), Store(), Turns()
    run = Run(analyzer, "one", turns)
    histories.of("a").add(run)
    analyzer.go.release()
    for _ in range(PATIENCE * 20):
        if run.observations is not None:
            break
        run.wait(0.05)
    assert histories.running("a")
    threading.Timer(0.3, analyzer.go.release).start()
    if how == "forget":
        assert histories.forget("a", store) == [] and store.forgotten == [("endless", None)]
    else:
        assert histories.end("a") == [run]
        run.join()
    assert analyzer.closed and not len(turns) and not histories.running("a")
