"""The log, which tells what went wrong and where in the program, and nothing of whom it befell.

The words of an error may hold a visitor's link or the name of a recording, so only its kind and the lines of the
program that it came through are written down.
"""

import logging
import traceback
from pathlib import Path


def failed(what, error):
    """Write down that something failed that should not have."""
    while error is not None:
        lines = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
        logging.error("%s: %s at %s", what, type(error).__name__, " > ".join(lines) or "an unknown place")
        what, error = "  that came of", error.__cause__
