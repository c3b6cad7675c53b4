"""Standard output and standard error that take no more, as after ``| head`` or on a full disk: work goes on without."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO

LOST = "emorec: standard output cannot be written ({reason}), so nothing more is printed there; the work goes on."


def tell(line: str) -> None:
    """Print a line to standard error; if it cannot be printed, nothing is printed there from now on."""
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:  # the reader of a pipe has ended, or the disk of a log is full
        discard(sys.stderr)


@contextlib.contextmanager
def going_on(alone: bool = False) -> Iterator[None]:
    """Within, print to standard output; if that takes no more, what follows the context is still done.

    A reader that has ended wants no more, while the rest of a log on a full disk is lost, which is told. Raises OSError
    for the latter if what is printed stands ``alone``, in no file.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        discard(sys.stdout)
    except OSError as error:
        discard(sys.stdout)
        if alone:
            raise
        tell(LOST.format(reason=error.strerror or error))


def discard(stream: TextIO) -> None:
    """Send what is printed to a stream from now on, and what it still holds, to nowhere, so that nothing fails."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        with contextlib.suppress(OSError, ValueError):  # a program may have replaced it by one without a file
            os.dup2(nowhere, stream.fileno())
    finally:
        os.close(nowhere)
