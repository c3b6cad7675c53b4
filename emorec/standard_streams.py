"""Standard input, output and error of a program that was started without them, as by some schedulers and services."""

import contextlib
import os
import sys

STREAMS = {"stdin": "r", "stdout": "w", "stderr": "w"}  # in the order of their descriptors


def open_missing() -> None:
    """Open the null device in place of every standard stream that is closed.

    Else the next file that is opened gets its descriptor, and receives what libraries print; and Python has None in
    place of the stream. To be called before anything else is opened.
    """
    for number, (name, mode) in enumerate(STREAMS.items()):
        with contextlib.suppress(OSError):  # not even the null device can be opened
            if not _is_open(number):
                nowhere = os.open(os.devnull, os.O_RDWR)
                if nowhere == number:
                    os.set_inheritable(number, True)
                else:
                    os.dup2(nowhere, number)
                    os.close(nowhere)
            if getattr(sys, name) is None:
                setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - for the whole program


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
