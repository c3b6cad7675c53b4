"""Runs of stage 1: in slices between others, given up when nobody waits any more, links one after the other."""

import threading

import pytest

from emorec.ui.jobs import job_queue as line
from emorec.ui.jobs.job_queue import BUSY, Turns
from emorec.ui.jobs.runner import Order, Run
from emorec.ui.server.limits import LINKS, Limits, Visitor
from emorec.ui.sessions.session import Analysis, watch
from support import factories
from support.waiting import PATIENCE, until

ONE, OTHER = Visitor("a", "127.0.0.1"), Visitor("b", "127.0.0.1")


class Slices:
    """An engine that stores what it observes, a second whenever ``go`` lets it, and goes on behind that the next
    time, as the real one does."""

    def __init__(self, seconds=4):
        self.seconds, self.stored, self.go, self.opened, self.open = seconds, 0, threading.Semaphore(0), 0, 0

    def extract(self, path, **choices):
        self.opened += 1
        self.open += 1
        try:
            if self.stored:
                yield self.seen()
            while self.stored < self.seconds:
                assert self.go.acquire(timeout=PATIENCE)
                self.stored += 1
                yield self.seen()
        finally:
            self.open -= 1

    def seen(self):
        return factories.observations(float(self.stored), complete=self.stored == self.seconds, duration=4.0, key="k")


@pytest.fixture
def impatient(monkeypatch):
    """Turns as short as can be."""
    monkeypatch.setattr(line, "SHORTEST_TURN", 0.0)
    monkeypatch.setattr(line, "LONGEST_TURN", 0.0)


def test_a_long_recording_lets_a_short_one_pass_holds_nothing_open_meanwhile_and_goes_on(impatient):
    turns, long, short = Turns(), Slices(), Slices(1)
    run = Run(long, "long", turns, order=Order(visitor=ONE))
    long.go.release()
    until(lambda: run.observations is not None)
    other = Run(short, "short", turns, order=Order(visitor=OTHER))
    until(lambda: other.ahead == 1)
    long.go.release()
    until(lambda: run.ahead == 1)
    assert long.open == 0 and run.observations.until == 2.0
    until(lambda: short.open == 1)
    short.go.release()
    other.join()
    assert other.observations.complete
    for _ in range(2):
        long.go.release()
    run.join()
    assert run.observations.complete and not run.stored and not run.problem
    assert long.opened == 2 and not len(turns)


class Crowded(Turns):
    """A line in which somebody waits all the time."""

    def pause(self, ticket):
        return True


def test_every_slice_comes_further_however_many_wait():
    analyzer = Slices()
    for _ in range(analyzer.seconds):
        analyzer.go.release()
    run = Run(analyzer, "x", Crowded())
    until(lambda: not run.running or analyzer.opened > 20)
    run.stop()
    assert run.observations.complete and analyzer.opened == analyzer.seconds


def test_watching_says_that_others_have_their_turn(impatient):
    turns, long = Turns(), Slices()
    run = Run(long, "long", turns, order=Order(visitor=ONE))
    watching = watch(run, Analysis(path="long"))
    long.go.release()
    until(lambda: run.observations is not None)
    ticket = turns.join(OTHER)
    long.go.release()
    assert any(news and "shorter recordings of others" in news[1] for news in watching)
    turns.leave(ticket)
    for _ in range(2):
        long.go.release()
    assert [news for news in watching if news][-1][0].observations.complete


@pytest.mark.parametrize("where", ["in the line", "at work"])
def test_a_run_that_nobody_waits_for_ends_and_frees_its_place(where):
    turns, analyzer, gone = Turns(), Slices(), threading.Event()
    before = turns.join() if where == "in the line" else None
    run = Run(analyzer, "x", turns, order=Order(gone=gone.is_set))
    analyzer.go.release()
    until(lambda: run.ahead == 1 if before else run.observations is not None)
    gone.set()
    analyzer.go.release()
    run.join()
    assert not run.problem and analyzer.open == 0 and len(turns) == (1 if before else 0)
    assert run.observations is None or not run.observations.complete


def test_links_are_fetched_one_after_the_other_and_hold_up_no_file():
    turns, links = Turns(), Turns(LINKS)
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
    runs = [Run(analyzer, "", turns, fetch, Order(links=links)) for _ in range(5)]
    until(lambda: sorted(run.link_ahead for run in runs) == [0, 1, 2, 3, 4])
    assert not len(turns) and len(links) == 5
    file = Run(analyzer, "file", turns, order=Order(links=links))
    analyzer.go.release()
    file.join()
    assert file.observations.complete
    runs[-1].stop()
    runs[-1].join()
    assert len(links) == 4 and not runs[-1].problem
    go.set()
    for run in runs:
        run.join()
    assert most == 1 and [bool(run.observations) for run in runs] == [True] * 4 + [False] and not len(links)


def test_what_was_fetched_is_analysed_though_the_line_is_full_and_a_file_is_told_to_come_later():
    turns = Turns(Limits(places=1, of_session=1, of_address=1, of_shared_address=1))
    ticket, analyzer = turns.join(), Slices(1)
    analyzer.go.release()
    fetched = Run(analyzer, "", turns, lambda arrived: ("fetched", {}))
    until(lambda: fetched.ahead == 1)
    refused = Run(analyzer, "file", turns)
    refused.join()
    assert refused.problem == BUSY
    turns.leave(ticket)
    fetched.join()
    assert fetched.observations.complete
