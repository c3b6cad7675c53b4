"""Print although standard output or standard error may fail, as after ``| head`` or on a full disk."""

from __future__ import annotations

import codecs
import contextlib
import errno
import os
import re
import sys
from collections.abc import Iterator
from typing import TextIO

PLAIN = "emorec-plain"  # the name of ``_plainer`` among Python's handlers of characters that an encoding lacks
ON_WINDOWS = os.name == "nt"
LOST = "emorec: standard output cannot be written ({reason}), so nothing more is printed there; the work goes on."


# Control characters and line separators, and those that change the direction of what follows: names of files may
# contain them, and a terminal obeys them.
OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def harmless(text: str) -> str:
    """Text for a line of a terminal: U+FFFD in place of each character of OBEYED."""
    return OBEYED.sub("\N{REPLACEMENT CHARACTER}", text)


def print_note(sentence: str) -> None:
    """Print a note for the user, which is not part of a result."""
    print_to_stderr(f"emorec: note: {sentence}")


def print_to_stderr(line: str) -> None:
    """Print a line to standard error; after a failure nothing is printed there any more."""
    try:
        print(harmless(line), file=sys.stderr, flush=True)
    except OSError:  # the reader of a pipe has ended, or the disk of a log is full
        discard(sys.stderr)


@contextlib.contextmanager
def broken_pipe_is_told() -> Iterator[None]:
    """A context in which a pipe that nobody reads raises BrokenPipeError, also on Windows, where it is EINVAL."""
    try:
        yield
    except OSError as error:
        if ON_WINDOWS and error.errno == errno.EINVAL and error.filename is None:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)) from error
        raise


@contextlib.contextmanager
def tolerate_errors(alone: bool = False) -> Iterator[None]:
    """A context for printing to standard output, in which a failure does not stop the program.

    If the reader of a pipe has ended, it wants no more output. If a log cannot be written, as on a full disk, a note
    says so; if what is printed stands ``alone``, in no file, OSError is raised too.
    """
    try:
        with broken_pipe_is_told():
            yield
            sys.stdout.flush()
    except BrokenPipeError:
        discard(sys.stdout)
    except OSError as error:
        discard(sys.stdout)
        if alone:
            raise
        print_to_stderr(LOST.format(reason=error.strerror or error))


def discard(stream: TextIO) -> None:
    """Discard what a stream still holds, and what is printed to it from now on, so that printing does not fail."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        with contextlib.suppress(OSError, ValueError):  # a program may have replaced it by one without a file
            os.dup2(nowhere, stream.fileno())
    finally:
        os.close(nowhere)


def _plainer(error: UnicodeError) -> tuple[str, int]:
    """In place of characters that an encoding lacks: a hyphen for a minus sign, else a question mark.

    The encoding of a pipe on Windows lacks the minus sign, and with a question mark a number would lose its sign.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join("-" if letter == "\N{MINUS SIGN}" else "?" for letter in lacking), error.end


codecs.register_error(PLAIN, _plainer)
