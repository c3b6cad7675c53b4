"""Temporary folders for what is fetched, and the removal of those that killed processes left.

A process may be killed at any time, by Ctrl-C for example. So each folder has a file that its process keeps locked; the
system releases the lock when the process ends, and a folder whose lock is free is no longer used. A second file says
that the first one has been locked, so that a folder whose process is about to lock it is not removed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from emorec import files

PREFIX = "emorec-fetched-"
LOCK = ".in-use"
LOCKED = ".locked"
NEW = 60.0  # seconds in which a lock file that is not locked yet belongs to a process that is about to do it


@contextlib.contextmanager
def folder() -> Iterator[str]:
    """A new folder, which is removed at the end of the context.

    Raises EmorecError if there is no folder for temporary files, and OSError.
    """
    remove_leftovers()
    try:
        common = tempfile.gettempdir()
    except FileNotFoundError as error:
        raise files.no_temporary(error) from None
    made = Path(tempfile.mkdtemp(prefix=PREFIX, dir=common))
    try:
        with open(made / LOCK, "wb") as lock:
            with contextlib.suppress(OSError):  # a disk without locks: then it stays if this process is killed
                if files.lock(lock.fileno()):
                    (made / LOCKED).touch()
            yield str(made)
    finally:
        _remove(made)


def remove_leftovers() -> None:
    """Remove the folders of processes that have ended."""
    try:
        common = Path(tempfile.gettempdir())
    except FileNotFoundError:  # no folder for temporary files can be written, as in a container that is read-only
        return
    for left in common.glob(f"{PREFIX}*"):
        # Another user's, one that is not locked yet, or one in use.
        with contextlib.suppress(OSError):
            if not (left / LOCKED).exists() and time.time() - (left / LOCK).stat().st_mtime < NEW:
                continue
            descriptor = os.open(left / LOCK, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
            try:
                free = files.lock(descriptor)
            finally:
                os.close(descriptor)
            if free:
                _remove(left)


def _remove(folder: Path) -> None:
    """Remove a folder; its locks stay until everything else is gone, so that what is in use is removed later."""
    if files.empty(folder, (LOCK, LOCKED)):
        shutil.rmtree(folder, ignore_errors=True)
