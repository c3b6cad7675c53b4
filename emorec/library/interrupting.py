"""Work of DuckDB that ends at a time and on Ctrl-C, to which DuckDB itself does not react."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


class TooLong(Exception):
    """The time is over."""


class Limited:
    """Work in several pieces that take ``seconds`` at most together; the time between them does not count."""

    def __init__(self, seconds: float):
        self._left = seconds

    def result(self, work: Callable[[], Result], interrupt: Callable[[], None]) -> Result:
        """What a piece of work gives, see ``result``. Raises TooLong, and what work raises."""
        begin = time.monotonic()
        try:
            return result(work, interrupt, begin + self._left)
        finally:
            self._left -= time.monotonic() - begin


def result(work: Callable[[], Result], interrupt: Callable[[], None], end: float) -> Result:
    """What ``work`` gives in a thread, which ``interrupt`` ends at the time ``end`` (of ``time.monotonic``).

    Raises TooLong, and what work raises.
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
