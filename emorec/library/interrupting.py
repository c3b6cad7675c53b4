"""Run work of DuckDB so that it ends after a time and on Ctrl-C, to which DuckDB itself does not react."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


class TooLong(Exception):
    """The work takes longer than it may."""


class TimeBudget:
    """The time (s) that several pieces of work may take together; the time between them does not count."""

    def __init__(self, seconds: float):
        self._left = seconds

    def run(self, work: Callable[[], Result], interrupt: Callable[[], None]) -> Result:
        """Run a piece of work, see ``run_interruptibly``. Raises TooLong, and what the work raises."""
        begin = time.monotonic()
        try:
            return run_interruptibly(work, interrupt, begin + self._left)
        finally:
            self._left -= time.monotonic() - begin


def run_interruptibly(work: Callable[[], Result], interrupt: Callable[[], None], end: float) -> Result:
    """Run ``work`` in a thread; return its result. ``interrupt`` ends it at the time ``end`` (of ``time.monotonic``).

    Raises TooLong, and what the work raises.
    """
    results: list[Result] = []
    errors: list[BaseException] = []
    ended = threading.Event()

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)
        finally:
            ended.set()

    # Not ``join``: a thread whose join Ctrl-C interrupts counts as ended in Python 3.11.
    threading.Thread(target=run, daemon=True).start()
    try:
        while not ended.is_set() and time.monotonic() < end:
            ended.wait(0.1)
    finally:
        late = not ended.is_set()
        while not ended.is_set():  # again and again: an interruption before the query begins has no effect
            interrupt()
            ended.wait(0.1)
    if late:
        raise TooLong
    if errors:
        raise errors[0]
    return results[0]
