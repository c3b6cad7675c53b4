"""A wait counts only the time in which the program was running."""

import functools
import itertools
import math
import threading

import pytest

from emorec import running_time
from emorec.running_time import RunningTime, in_time
from support.clock import Clock


def test_of_a_pause_of_the_program_only_a_moment_counts():
    clock = Clock()
    waited = RunningTime(2.0, clock)
    clock.now = 1.5
    assert waited.passed() == 1.5
    clock.now = 3601.5
    assert waited.passed() == 3.5
    clock.now = 3602.0
    assert waited.passed() == 4.0


def test_a_wait_without_a_pause_ends():
    clock = Clock()
    waited, looks = RunningTime(2.0, clock), 0
    while waited.passed() < 60.0:
        clock.now += 1.0
        looks += 1
    assert math.isclose(clock.now, 60.0) and looks == 60


def test_items_in_time_are_all_there_also_after_a_pause(monkeypatch):
    hours = itertools.count(step=3600.0)
    monkeypatch.setattr(running_time, "RunningTime", functools.partial(RunningTime, clock=lambda: next(hours)))
    assert list(in_time(range(10), 600.0)) == list(range(10))


def test_an_item_that_never_comes_is_given_up():
    never = threading.Event()

    def slow():
        yield 1
        never.wait()
        yield 2

    items = in_time(slow(), 0.5)
    try:
        assert next(items) == 1
        with pytest.raises(TimeoutError):
            next(items)
    finally:
        never.set()


def test_who_wants_no_more_items_ends_the_thread_that_takes_them():
    taken, ended = [], threading.Event()

    def endless():
        try:
            for number in itertools.count():
                taken.append(number)
                yield number
        finally:
            ended.set()

    items = in_time(endless(), 60.0)
    assert next(items) == 0
    items.close()
    assert ended.wait(60) and len(taken) < 5


def test_what_the_items_raise_is_raised():
    def broken():
        yield 1
        raise ValueError("broken")

    items = in_time(broken(), 60.0)
    assert next(items) == 1
    with pytest.raises(ValueError, match="broken"):
        next(items)
