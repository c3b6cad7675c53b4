"""The history of jobs: their stored features are deleted by key, even if the recordings no longer exist."""

import gc
import threading
import weakref

import pytest

from emorec.errors import EmorecError
from emorec.ui.jobs.job import Job, JobOptions
from emorec.ui.jobs.job_queue import JobQueue
from emorec.ui.sessions.history import JobHistory
from support import factories

PATIENCE = 60  # seconds


class Storing:
    """An analyzer that extracts at once, and stores under the name of the recording."""

    def extract(self, path, **choices):
        yield factories.observations(1.0, key=f"key of {path}")


class Endless:
    """An analyzer that extracts one second whenever ``go`` allows it."""

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
    """Records what is deleted; ``problem`` is raised instead."""

    def __init__(self):
        self.deleted, self.problem = [], None

    def __call__(self, key, cache):
        if self.problem:
            raise EmorecError(self.problem)
        self.deleted.append((key, cache))
        return True


def ran(path, cache=None):
    job = Job(Storing(), path, JobQueue(), options=JobOptions(cache=cache))
    job.join()
    return job


def test_deletion_removes_the_features_of_its_own_session_only(tmp_path):
    history, store = JobHistory(), Store()
    for whose, path, folder in (("a", "one", None), ("a", "two", tmp_path), ("b", "three", None)):
        history.add(whose, ran(path, folder))
    assert history.delete("a", store) == []
    assert store.deleted == [("key of one", None), ("key of two", tmp_path)]
    history.end("b")
    assert history.delete("b", store) == [] and len(store.deleted) == 2


def test_deletion_needs_no_recording(tmp_path):
    """Uploads are removed after an hour; their features are stored for longer."""
    recording = tmp_path / "gone.mp4"
    recording.write_text("x")
    history, store = JobHistory(), Store()
    history.add("a", ran(str(recording)))
    recording.unlink()
    assert history.delete("a", store) == []
    assert store.deleted == [(f"key of {recording}", None)]


def test_a_failed_deletion_is_reported_and_tried_again_the_next_time():
    history, store = JobHistory(), Store()
    history.add("a", ran("/up/talk.mp4"))
    store.problem = "It cannot be removed (Permission denied)."
    (said,) = history.delete("a", store)
    assert said.startswith("What is stored of talk.mp4 could not be deleted: It cannot be removed (Permission denied).")
    store.problem = None
    assert history.delete("a", store) == [] and store.deleted == [("key of /up/talk.mp4", None)]
    assert history.delete("a", store) == [] and len(store.deleted) == 1


def test_the_features_of_the_example_are_not_deleted():
    history, store = JobHistory(), Store()
    history.add("a", ran("example.mp4"), shared=True)
    history.add("a", ran("mine.mp4"))
    assert history.delete("a", store) == [] and store.deleted == [("key of mine.mp4", None)]


def test_the_features_of_finished_jobs_are_not_kept_in_memory():
    history, gone = JobHistory(), []
    for path in ("one", "two"):
        job = ran(path)
        gone.append(weakref.ref(job.features))
        history.add("a", job)
    del job
    assert not history.running("a")
    gc.collect()
    assert [ref() is None for ref in gone] == [True, True]


@pytest.mark.parametrize("how", ["delete", "end"])
def test_a_job_is_stopped_when_its_session_ends(how):
    history, analyzer, store, queue = JobHistory(), Endless(), Store(), JobQueue()
    job = Job(analyzer, "one", queue)
    history.add("a", job)
    analyzer.go.release()
    for _ in range(PATIENCE * 20):
        if job.features is not None:
            break
        job.wait(0.05)
    assert history.running("a")
    threading.Timer(0.3, analyzer.go.release).start()
    if how == "delete":
        assert history.delete("a", store) == [] and store.deleted == [("endless", None)]
    else:
        assert history.end("a") == [job]
        job.join()
    assert analyzer.closed and not len(queue) and not history.running("a")


def test_a_job_leaves_the_memory_at_its_end_and_its_key_stays():
    history, store = JobHistory(), Store()
    begin = threading.Event()

    class Waiting(Storing):
        def extract(self, path, **choices):
            assert begin.wait(PATIENCE)
            yield from super().extract(path)

    job = Job(Waiting(), "a", JobQueue(), options=JobOptions(ended=lambda job: history.finish("one", job)))
    history.add("one", job)
    begin.set()
    job.join()
    known = weakref.ref(job)
    del job
    gc.collect()
    assert known() is None
    history.delete("one", store)
    assert store.deleted == [("key of a", None)]
