"""Standard output and standard error that nobody reads any more, as after ``| head``: work goes on without them."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO


def tell(line: str) -> None:
    """Print a line to standard error; if it cannot be printed, nothing is printed there from now on."""
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:  # the reader of a pipe has ended, or the disk of a log is full
        discard(sys.stderr)


@contextlib.contextmanager
def going_on() -> Iterator[None]:
    """Within, print to standard output; if nobody reads it any more, what follows the context is still done."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        discard(sys.stdout)


def discard(stream: TextIO) -> None:
    """Send what is printed to a stream from now on, and what it still holds, to nowhere, so that nothing fails."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        with contextlib.suppress(OSError, ValueError):  # a program may have replaced it by one without a file
            os.dup2(nowhere, stream.fileno())
    finally:
        os.close(nowhere)
