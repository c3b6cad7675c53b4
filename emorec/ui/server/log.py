"""The log, which tells what went wrong and where in the program, and nothing of whom it befell.

The words of an error may hold a visitor's link or the name of a recording, so only its kind and the lines of the
program that it came through are written down. The libraries around us print whole errors, and what clients sent with
them; so while the page is served, all that they print or log goes through here, too.
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

MOST = 200  # characters of a line from a library's log
SHOWN = 80  # characters of what a client sent
AGAIN = 60.0  # seconds in which the same failure is written down once, so that nobody fills the disk with it
REMEMBERED = 1000  # failures
ONE_ERROR = 1.0  # seconds in which the same error is told once, though it is printed in many pieces
PRINTED = "A library reported an error"

_log = logging.getLogger("emorec")
_lately: dict[str, float] = {}  # when lines of ``failed`` were written


def failed(what: str, error: BaseException | None) -> None:
    """Write down that something failed that should not have; not again within a minute."""
    lines = []
    while error is not None:
        lines.append(f"{what}: {type(error).__name__} at {places(error)}")
        what, error = "  that came of", error.__cause__
    text, now = "\n".join(lines), time.monotonic()
    if now - _lately.get(text, -AGAIN) < AGAIN:
        return
    if len(_lately) >= REMEMBERED:
        _lately.clear()
    _lately[text] = now
    _log.error("%s", text)


def noted(what: str) -> None:
    """Write down something that a deployer may want to know; what clients sent in it must be ``shown``."""
    _log.warning("%s", what)


def places(error: BaseException) -> str:
    """The lines of the program that an error came through."""
    lines = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    return " > ".join(lines) or "an unknown place"


def shown(text: str, most: int = SHOWN) -> str:
    """What a client sent, cut and with everything escaped that could end a line or command a terminal."""
    return text[:most].encode("unicode_escape").decode("ascii") + ("..." if len(text) > most else "")


class Lines(logging.Formatter):
    """One line a record: of a library's only the template, without what was put into it, and the kind of an error."""

    def format(self, record: logging.LogRecord) -> str:
        if record.name == _log.name:
            return record.getMessage()
        first = str(record.msg).splitlines()[:1]
        line = f"{record.levelname} {record.name}: {shown(first[0] if first else '', MOST)}"
        error = record.exc_info[1] if record.exc_info else None
        return line if error is None else f"{line}: {type(error).__name__} at {places(error)}"


class Muffled(io.TextIOBase):
    """Stands in for standard output and error: of what is printed, only that an error was, and which kind, is told."""

    def __init__(self):
        self._last = threading.local()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        error, now = sys.exc_info()[1], time.monotonic()
        if error is not None:
            last, when = getattr(self._last, "told", (None, 0.0))
            if last != id(error) or now - when > ONE_ERROR:
                self._last.told = (id(error), now)
                failed(PRINTED, error)
        return len(text)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Meanwhile nothing is written to standard output and error but what this module lets through."""
    root, output, error = logging.getLogger(), sys.stdout, sys.stderr
    handler = logging.StreamHandler(error)
    handler.setFormatter(Lines())
    loggers = [
        root,
        *(logger for logger in logging.root.manager.loggerDict.values() if isinstance(logger, logging.Logger)),
    ]
    before = [(logger, logger.handlers[:], logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.handlers, logger.propagate = [], True
    root.handlers = [handler]
    sys.stdout = sys.stderr = Muffled()
    try:
        yield
    finally:
        sys.stdout, sys.stderr = output, error
        for logger, handlers, propagate in before:
            logger.handlers, logger.propagate = handlers, propagate
