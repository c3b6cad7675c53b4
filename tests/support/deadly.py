"""A source that kills the process which gets it.

It has a file of its own: a process that first had to import torch would die late.
"""

import os
import signal
from pathlib import Path


class Deadly:
    """A source that kills the process which gets it as a task, every time or only once; then it is ``address``.

    ``once`` is a file that tells whether it has happened.
    """

    def __init__(self, address: str, once: Path | None = None):
        self.address, self.once = address, once

    def __reduce__(self):
        return _survive, (self.address, self.once)


def _survive(address: str, once: Path | None) -> str:
    if once is None or not once.exists():
        if once is not None:
            once.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return address
