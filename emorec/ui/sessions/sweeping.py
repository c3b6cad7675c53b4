"""End idle sessions from time to time, for as long as there is a service."""

import threading
import weakref
from typing import Protocol

from emorec.ui.server import log

INTERVAL = 300.0  # seconds between two checks


class Sweepable(Protocol):
    """An object with sessions that may be idle."""

    def end_idle_sessions(self) -> None: ...


def end_idle_regularly(service: Sweepable) -> None:
    """End idle sessions at regular intervals, in a thread that ends when the service is garbage collected.

    An error does not end the thread, because then no file would be removed any more.
    """
    reference, ended = weakref.ref(service), threading.Event()
    weakref.finalize(service, ended.set)

    def work() -> None:
        while not ended.wait(INTERVAL):
            try:
                if (found := reference()) is not None:
                    found.end_idle_sessions()
            except Exception as error:
                log.error("Idle sessions could not be ended", error)
            found = None

    threading.Thread(target=work, daemon=True).start()
