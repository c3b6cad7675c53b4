"""Jobs: they pause for others, stop when no client waits any more, and download one link after the other."""

import threading

import pytest

from emorec.errors import EmorecError
from emorec.ui.jobs import job_queue
from emorec.ui.jobs.job import UNEXPECTED, Job, JobOptions
from emorec.ui.jobs.job_queue import BUSY, JobQueue
from emorec.ui.server import log
from emorec.ui.server.limits import LINKS, QueueLimits, Visitor
from support import factories
from support.waiting import PATIENCE, until

ONE, OTHER = Visitor("a", "127.0.0.1"), Visitor("b", "127.0.0.1")


class Slices:
    """An analyzer that extracts one second whenever ``go`` allows it, and continues after it in the next call."""

    def __init__(self, seconds=4):
        self.seconds, self.stored, self.go, self.opened, self.open = seconds, 0, threading.Semaphore(0), 0, 0

    def extract(self, path, **choices):
        self.opened += 1
        self.open += 1
        try:
            if self.stored:
                yield self.features()
            while self.stored < self.seconds:
                assert self.go.acquire(timeout=PATIENCE)
                self.stored += 1
                yield self.features()
        finally:
            self.open -= 1

    def features(self):
        return factories.observations(float(self.stored), complete=self.stored == self.seconds, duration=4.0, key="k")


@pytest.fixture
def impatient(monkeypatch):
    """Jobs pause as early as possible."""
    monkeypatch.setattr(job_queue, "SHORTEST_TURN", 0.0)
    monkeypatch.setattr(job_queue, "LONGEST_TURN", 0.0)


def test_a_long_job_pauses_for_a_short_one_with_nothing_open_and_continues(impatient):
    queue, long, short = JobQueue(), Slices(), Slices(1)
    job = Job(long, "long", queue, options=JobOptions(visitor=ONE))
    long.go.release()
    until(lambda: job.features is not None)
    other = Job(short, "short", queue, options=JobOptions(visitor=OTHER))
    until(lambda: other.jobs_ahead == 1)
    long.go.release()
    until(lambda: job.jobs_ahead == 1)
    assert long.open == 0 and job.features.until == 2.0
    until(lambda: short.open == 1)
    short.go.release()
    other.join()
    assert other.features.complete
    for _ in range(2):
        long.go.release()
    job.join()
    assert job.features.complete and not job.stored and not job.problem
    assert long.opened == 2 and not len(queue)


class Crowded(JobQueue):
    """A queue in which another job always waits."""

    def pause(self, ticket):
        return True


def test_a_job_makes_progress_between_two_pauses():
    analyzer = Slices()
    for _ in range(analyzer.seconds):
        analyzer.go.release()
    job = Job(analyzer, "x", Crowded())
    until(lambda: not job.running or analyzer.opened > 20)
    job.stop()
    assert job.features.complete and analyzer.opened == analyzer.seconds


@pytest.mark.parametrize("where", ["waiting", "active"])
def test_a_job_stops_when_its_client_has_gone(where):
    queue, analyzer, gone = JobQueue(), Slices(), threading.Event()
    before = queue.join() if where == "waiting" else None
    job = Job(analyzer, "x", queue, options=JobOptions(client_gone=gone.is_set))
    analyzer.go.release()
    until(lambda: job.jobs_ahead == 1 if before else job.features is not None)
    gone.set()
    analyzer.go.release()
    job.join()
    assert not job.problem and analyzer.open == 0 and len(queue) == (1 if before else 0)
    assert job.features is None or not job.features.complete


def test_links_are_downloaded_one_after_the_other_and_do_not_delay_files():
    queue, links = JobQueue(), JobQueue(LINKS)
    fetching, most, going, go = [], 0, threading.Lock(), threading.Event()

    def fetch(arrived):
        nonlocal most
        with going:
            fetching.append("x")
            most = max(most, len(fetching))
        while not go.wait(0.02):
            arrived(None)
        fetching.pop()
        return "fetched", {}

    analyzer = Slices(1)
    jobs = [Job(analyzer, "", queue, fetch, JobOptions(link_queue=links)) for _ in range(5)]
    until(lambda: sorted(job.links_ahead for job in jobs) == [0, 1, 2, 3, 4])
    assert not len(queue) and len(links) == 5
    file = Job(analyzer, "file", queue, options=JobOptions(link_queue=links))
    analyzer.go.release()
    file.join()
    assert file.features.complete
    jobs[-1].stop()
    jobs[-1].join()
    assert len(links) == 4 and not jobs[-1].problem
    go.set()
    for job in jobs:
        job.join()
    assert most == 1 and [bool(job.features) for job in jobs] == [True] * 4 + [False] and not len(links)


def test_a_downloaded_link_is_analysed_although_the_queue_is_full_and_a_file_is_refused():
    queue = JobQueue(QueueLimits(total=1, per_session=1, per_address=1, per_shared_address=1))
    ticket, analyzer = queue.join(), Slices(1)
    analyzer.go.release()
    fetched = Job(analyzer, "", queue, lambda arrived: ("fetched", {}))
    until(lambda: fetched.jobs_ahead == 1)
    refused = Job(analyzer, "file", queue)
    refused.join()
    assert refused.problem == BUSY
    queue.leave(ticket)
    fetched.join()
    assert fetched.features.complete


class Slow:
    """An analyzer that extracts one second of nothing whenever ``go`` allows it; ``ends`` is raised at the end."""

    def __init__(self, seconds=3, ends=None):
        self.go, self.seconds, self.ends, self.closed = threading.Semaphore(0), seconds, ends, False

    def extract(self, path):
        try:
            for until in range(1, self.seconds + 1):
                self.go.acquire()
                yield factories.observations(float(until), complete=until == self.seconds, duration=float(self.seconds))
            if self.ends:
                raise self.ends
        finally:
            self.closed = True


def test_a_job_has_growing_features_and_the_next_one_waits():
    queue, slow, next_one = JobQueue(), Slow(), Slow(1)
    job = Job(slow, "a", queue)
    slow.go.release()
    until(lambda: job.features is not None)
    assert job.features.until == 1.0
    other = Job(next_one, "b", queue)
    next_one.go.release()
    until(lambda: other.jobs_ahead == 1)
    assert other.features is None
    for _ in range(2):
        slow.go.release()
    job.join()
    other.join()
    assert job.features.complete and other.features.complete and not len(queue)
    assert other.stored and not job.stored


def test_a_stopped_job_keeps_its_features_and_leaves_the_queue():
    queue, slow = JobQueue(), Slow()
    job = Job(slow, "a", queue)
    slow.go.release()
    until(lambda: job.features is not None)
    job.stop()
    slow.go.release()
    job.join()
    assert job.features.until < 3 and not job.problem and slow.closed and not len(queue)


def test_a_job_that_is_stopped_while_it_waits_never_begins():
    queue, slow = JobQueue(), Slow()
    queue.join()
    job = Job(slow, "a", queue)
    until(lambda: job.jobs_ahead == 1)
    job.stop()
    job.join()
    assert len(queue) == 1 and job.features is None and not slow.closed


@pytest.mark.parametrize(("ends", "says"), [(EmorecError("No good."), "No good."), (ValueError("x"), UNEXPECTED)])
def test_a_job_that_fails_has_a_sentence_and_leaves_the_queue(ends, says):
    queue, slow = JobQueue(), Slow(1, ends)
    slow.go.release()
    job = Job(slow, "a", queue)
    job.join()
    assert job.problem == says and job.features is not None and not len(queue)


@pytest.mark.parametrize("inner", [None, OSError(2, "No such file", "/uploads/anna-at-home.mp4")])
def test_the_log_names_the_error_and_nothing_about_the_visitor(inner, caplog, monkeypatch):
    monkeypatch.setattr(log, "_last_logged", {})  # the same error is logged once a minute
    ends = ValueError("/uploads/anna-at-home.mp4 from https://example.org/anna")
    ends.__cause__ = inner
    queue, slow = JobQueue(), Slow(1, ends)
    slow.go.release()
    job = Job(slow, "/uploads/anna-at-home.mp4", queue)
    job.join()
    assert job.problem == UNEXPECTED
    assert "The analysis failed: ValueError at job.py:" in caplog.text
    assert inner is None or "FileNotFoundError" in caplog.text
    assert not any(word in caplog.text for word in ("anna", "uploads", "example.org"))


def test_a_link_is_downloaded_before_the_job_joins_the_queue_and_can_be_stopped():
    queue, slow, was_asked = JobQueue(), Slow(1), threading.Event()

    def fetch(arrived):
        arrived(0.25)
        was_asked.wait(PATIENCE)
        arrived(0.5)
        return "fetched"

    job = Job(slow, "", queue, fetch)
    until(lambda: job.fetched == 0.25)
    assert not len(queue)
    job.stop()
    was_asked.set()
    job.join()
    assert job.path == "" and not job.problem and job.features is None
