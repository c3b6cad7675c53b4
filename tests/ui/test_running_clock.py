"""The clock of the server's deadlines stands still while the server does not run."""

import asyncio
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from emorec.running_time import RunningTime
from emorec.ui.server import running_clock


def run(work):
    """The result of a coroutine, in another thread: Playwright's event loop may run in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


@pytest.fixture
def asleep(monkeypatch):
    """An hour passes between two looks at the system's clock."""
    hours = itertools.count(step=3600.0)
    running = RunningTime(clock=lambda: next(hours))
    monkeypatch.setattr(running_clock, "_started", lambda: running)


def test_what_arrives_after_a_sleep_is_in_time(asleep):
    async def sent():
        await asyncio.sleep(0)
        return "all of it"

    assert run(running_clock.within(60.0, sent())) == "all of it"


def test_what_does_not_arrive_is_given_up():
    ended = []

    async def silent():
        try:
            await asyncio.sleep(600)
        finally:
            await asyncio.sleep(0.01)
            ended.append(True)

    async def wait():
        with pytest.raises(TimeoutError):
            await running_clock.within(0.05, silent())
        return ended == [True]  # not only cancelled

    assert run(wait())


def test_who_gives_up_waiting_ends_the_work():
    ended = asyncio.Event()

    async def silent():
        try:
            await asyncio.sleep(600)
        finally:
            ended.set()

    async def wait():
        waiting = asyncio.create_task(running_clock.within(600, silent()))
        await asyncio.sleep(0.05)
        waiting.cancel()
        await asyncio.wait_for(ended.wait(), 60)
        return waiting.cancelled()

    assert run(wait())


def test_an_error_of_the_work_is_raised():
    async def fails():
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        run(running_clock.within(60, fails()))


def test_a_call_that_was_put_off_comes():
    called = threading.Event()
    running_clock.call_later(0.05, called.set)
    assert called.wait(60)
