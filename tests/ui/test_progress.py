"""What the page says while a job runs and when it has ended."""

import threading
from dataclasses import replace

import pytest

from emorec.ui.jobs import job_queue
from emorec.ui.jobs.job import Job, JobOptions
from emorec.ui.jobs.job_queue import JobQueue
from emorec.ui.page.analysis import Analysis
from emorec.ui.page.progress import outcome, pace, watch
from emorec.ui.server.limits import Visitor
from support import factories
from support.waiting import until


class Stepwise:
    """An analyzer that extracts one second of nothing whenever ``go`` allows it."""

    def __init__(self, seconds):
        self.go, self.seconds, self.closed = threading.Semaphore(0), seconds, False

    def extract(self, path, **_):
        try:
            for second in range(1, self.seconds + 1):
                self.go.acquire()
                done = second == self.seconds
                yield factories.observations(float(second), complete=done, duration=float(self.seconds))
        finally:
            self.closed = True


def test_progress_is_shown_and_closing_the_generator_stops_the_job():
    queue, analyzer = JobQueue(), Stepwise(50)
    updates = watch(Job(analyzer, "x", queue), Analysis(path="x"))
    assert "Looking and listening" in next(updates)[1]
    for _ in range(2):
        analyzer.go.release()
    analysis, words = next(update for update in updates if update and update[0].features is not None)
    assert analysis.features.until >= 1 and 'role="progressbar"' in words
    updates.close()
    for _ in range(50):
        analyzer.go.release()
    until(lambda: analyzer.closed and not len(queue))


def test_a_job_that_is_found_again_has_taken_the_time_since_it_began():
    analyzer = Stepwise(1)
    analyzer.go.release()
    job = Job(analyzer, "x", JobQueue())
    job.began -= 60
    assert [update for update in watch(job, Analysis(path="x")) if update][-1][0].seconds >= 60


def test_a_job_that_is_paused_says_so(monkeypatch):
    monkeypatch.setattr(job_queue, "SHORTEST_TURN", 0.0)
    monkeypatch.setattr(job_queue, "LONGEST_TURN", 0.0)
    queue, analyzer = JobQueue(), Stored(4)
    job = Job(analyzer, "long", queue, options=JobOptions(visitor=Visitor("a", "127.0.0.1")))
    updates = watch(job, Analysis(path="long"))
    analyzer.go.release()
    until(lambda: job.features is not None)
    ticket = queue.join(Visitor("b", "127.0.0.1"))
    analyzer.go.release()
    assert any(update and "paused for a shorter recording" in update[1] for update in updates)
    queue.leave(ticket)
    for _ in range(2):
        analyzer.go.release()
    assert [update for update in updates if update][-1][0].features.complete


class Stored(Stepwise):
    """Continues after the seconds that it has extracted already, like the real analyzer."""

    stored = 0

    def extract(self, path, **_):
        if self.stored:
            yield self.features()
        while self.stored < self.seconds:
            self.go.acquire()
            self.stored += 1
            yield self.features()

    def features(self):
        done = self.stored == self.seconds
        return factories.observations(float(self.stored), complete=done, duration=float(self.seconds))


def test_the_pace_is_part_speed_and_time_left():
    features = factories.observations(40.0, complete=False, duration=100.0)
    words, share = pace(features, (10.0, 20.0), 12.0)
    assert (words, share) == ("0:40 of 1:40 · 10.0× real time · 0:06 left", 0.4)


@pytest.mark.parametrize(
    ("analysis", "words"),
    [
        (Analysis(), "Stopped before anything was analysed."),
        (Analysis(problem="It is <broken>."), "It is &lt;broken&gt;."),
        (Analysis(features=factories.observations(2.0, complete=False, duration=5.0)), "Stopped at 0:02 of 0:05."),
        (Analysis(features=factories.observations(3.0), stored=True), "before: 0:03 loaded from the store; nothing"),
        (Analysis(features=factories.observations(3.0), seconds=1.5), "Analysed 0:03 in 1.5 s."),
    ],
)
def test_the_outcome_of_a_job_is_a_sentence(analysis, words):
    assert words in outcome(analysis)
    sound_only = outcome(replace(analysis, sound_only=True))
    assert ("Only the sound was analysed" in sound_only) == (analysis.features is not None)
