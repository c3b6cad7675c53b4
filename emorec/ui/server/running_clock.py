"""A clock for the server's deadlines, which stands still while the server is stopped or its computer sleeps.

What browsers sent meanwhile waits in the system and is read a moment after such a pause. On another clock the deadlines
would be over by then: a page that was being loaded again would count as left, and its recordings would be removed.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Awaitable, Callable
from typing import TypeVar

from emorec.running_time import LOOK, RunningTime

Result = TypeVar("Result")


def now() -> float:
    """Seconds that this process has been running since the first call; see ``RunningTime``."""
    return _started().passed()


def call_later(seconds: float, function: Callable[..., object], *arguments: object) -> None:
    """Call a function in a thread once the process has been running for so many more seconds."""
    end, never = now() + seconds, threading.Event()

    def work() -> None:
        while (left := end - now()) > 0:
            never.wait(min(left, LOOK))
        function(*arguments)

    threading.Thread(target=work, daemon=True).start()


async def within(seconds: float, work: Awaitable[Result]) -> Result:
    """The result of ``work``.

    If it takes more than so many seconds, it is cancelled, and TimeoutError is raised once it has ended.
    """
    end, task = now() + seconds, asyncio.ensure_future(work)
    try:
        while not task.done():
            if (left := end - now()) <= 0:
                raise TimeoutError
            await asyncio.wait({task}, timeout=min(left, LOOK))
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled():
                task.exception()  # looked at, or Python reports it as forgotten


@functools.cache
def _started() -> RunningTime:
    running, never = RunningTime(), threading.Event()

    def look() -> None:
        while not never.wait(LOOK):
            running.passed()

    threading.Thread(target=look, daemon=True).start()
    return running
