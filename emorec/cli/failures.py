"""Errors as the command line prints them: one sentence each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from emorec.cli import streams
from emorec.errors import EmorecError

USER_ERROR = 2  # exit code for everything that the user can correct
OS_PROBLEM = "{what} cannot be used ({reason}); check it and try again."


def sentence(error: EmorecError | OSError) -> str:
    """What went wrong, as one sentence."""
    if isinstance(error, OSError):
        return OS_PROBLEM.format(what=error.filename or "The system", reason=error.strerror or error)
    return str(error)


def report(error: EmorecError | OSError, name: str, given: Sequence[str]) -> bool:
    """Print why one of several files failed, with its name if the sentence lacks it; return True."""
    text = sentence(error)
    which = f"{name}: " if len(given) > 1 and Path(name).name not in text else ""
    streams.print_to_stderr(f"emorec: {which}{text}")
    return True
