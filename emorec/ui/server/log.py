"""The log of the page: which error occurred, and where in the program; nothing about visitors.

An error message may contain a visitor's link or the name of a recording. Therefore only the type of an error and its
lines of code are logged. Libraries print whole messages and what clients sent, so ``filtered`` also filters everything
that they print or log.
"""

import contextlib
import io
import logging
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

MAX_LINE = 200  # characters of a line from a library's log
MAX_CLIENT_TEXT = 80  # characters of a text that a client sent
REPEAT_AFTER = 60.0  # seconds before the same error is logged again, so that nobody can fill the disk with it
MAX_REMEMBERED = 1000  # errors
SAME_ERROR_WITHIN = 1.0  # seconds; a library may print one error in many pieces
PRINTED = "A library reported an error"

_log = logging.getLogger("emorec")
_last_logged: dict[str, float] = {}  # time (s) of each line of ``error``


def error(what: str, cause: BaseException | None) -> None:
    """Log an unexpected error: what failed, its type, and its lines of code. The same line only once a minute."""
    lines = []
    while cause is not None:
        lines.append(f"{what}: {type(cause).__name__} at {code_lines(cause)}")
        what, cause = "  caused by", cause.__cause__
    _log_seldom(logging.ERROR, "\n".join(lines))


def note(sentence: str) -> None:
    """Log a sentence of our own for the owner of the server. The same one only once a minute."""
    _log_seldom(logging.WARNING, sentence)


def _log_seldom(level: int, text: str) -> None:
    now = time.monotonic()
    if now - _last_logged.get(text, -REPEAT_AFTER) < REPEAT_AFTER:
        return
    if len(_last_logged) >= MAX_REMEMBERED:
        _last_logged.clear()
    _last_logged[text] = now
    _log.log(level, "%s", text)


def code_lines(error: BaseException) -> str:
    """The lines of code that an error passed through."""
    lines = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    return " > ".join(lines) or "an unknown place"


def escaped(text: str, max_length: int = MAX_CLIENT_TEXT) -> str:
    """A text that a client sent, cut, with every character escaped that could end a line or control a terminal."""
    cut = text[:max_length].encode("unicode_escape").decode("ascii")
    return cut + ("..." if len(text) > max_length else "")


class LineFormatter(logging.Formatter):
    """One line for each record: from libraries only the message template without its arguments, and an error's type."""

    def format(self, record: logging.LogRecord) -> str:
        if record.name == _log.name:
            return record.getMessage()
        first = str(record.msg).splitlines()[:1]
        line = f"{record.levelname} {record.name}: {escaped(first[0] if first else '', MAX_LINE)}"
        cause = record.exc_info[1] if record.exc_info else None
        return line if cause is None else f"{line}: {type(cause).__name__} at {code_lines(cause)}"


class FilteredOutput(io.TextIOBase):
    """Replaces standard output and error: drops the text; if an error is being printed, logs its type."""

    def __init__(self):
        self._last = threading.local()

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        cause, now = sys.exc_info()[1], time.monotonic()
        if cause is not None:
            last, when = getattr(self._last, "error", (None, 0.0))
            if last != id(cause) or now - when > SAME_ERROR_WITHIN:
                self._last.error = (id(cause), now)
                error(PRINTED, cause)
        return len(text)


@contextlib.contextmanager
def filtered() -> Iterator[None]:
    """Within this context, only this module writes to standard output and error."""
    root, output, error_output = logging.getLogger(), sys.stdout, sys.stderr
    handler = logging.StreamHandler(error_output)
    handler.setFormatter(LineFormatter())
    loggers = [
        root,
        *(logger for logger in logging.root.manager.loggerDict.values() if isinstance(logger, logging.Logger)),
    ]
    before = [(logger, logger.handlers[:], logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.handlers, logger.propagate = [], True
    root.handlers = [handler]
    sys.stdout = sys.stderr = FilteredOutput()
    try:
        yield
    finally:
        sys.stdout, sys.stderr = output, error_output
        for logger, handlers, propagate in before:
            logger.handlers, logger.propagate = handlers, propagate
