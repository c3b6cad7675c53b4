"""The folder that features are stored in: how large it may be, and what is removed from it."""

from __future__ import annotations

import contextlib
import math
import re
import shutil
import time
import uuid
from pathlib import Path

from emorec import files, settings
from emorec.errors import EmorecError
from emorec.extraction.feature_folder import HEAD_FILE

ABANDONED = 3600  # seconds; a partly written file that is older was left by a run that was killed
FUTURE = 86_400  # seconds; a recording that was used so much later than now was used while the clock was wrong
TOLERANCE = 0.05  # share of the limit that a run may add before the size of the folder is measured again
KEY = re.compile(r"[0-9a-f]{32}")


class CacheLimit:
    """Keeps the folder within EMOREC_CACHE_MB while one recording, ``keep``, is stored in it.

    The folder is not measured for every segment; a run may exceed the limit by TOLERANCE in between. Raises EmorecError
    for a wrong limit.
    """

    def __init__(self, folder: Path, keep: Path):
        self._folder, self._keep, self._limit_mb = folder, keep, settings.cache_limit()
        self._added = 0

    def add(self, size: int) -> None:
        """Count ``size`` more bytes, and enforce the limit if they may exceed it."""
        self._added += size
        if self._added > TOLERANCE * self._limit_mb * 1e6:
            self.enforce()

    def enforce(self) -> None:
        """Remove the oldest recordings now if the folder exceeds the limit."""
        self._added = 0
        drop_oldest(self._folder, self._keep, self._limit_mb)


def drop_oldest(folder: Path, keep: Path, limit_mb: float | None = None) -> None:
    """Remove the least recently used recordings until the folder is within its limit; ``keep`` stays.

    Those with a time in the future go first: it is that of a wrong clock, and they would outlast all others. The limit
    is ``limit_mb``, or EMOREC_CACHE_MB. Raises EmorecError for a wrong limit.
    """
    if limit_mb is None:
        limit_mb = settings.cache_limit()
    stored, now = [], time.time()
    for recording in Path(folder).glob("*"):
        with contextlib.suppress(OSError):  # another run may remove files and folders at the same time
            for partial in recording.glob(".*.partial"):  # of runs that were killed
                if abs(now - partial.stat().st_mtime) > ABANDONED:
                    partial.unlink()
            used = (recording / HEAD_FILE).stat().st_mtime
            used = -math.inf if used > now + FUTURE else used
            stored.append((used, sum(file.stat().st_size for file in recording.iterdir()), recording))
    total = sum(size for _, size, _ in stored)
    for _, size, path in sorted(stored, key=lambda entry: entry[0]):
        if total <= limit_mb * 1e6:
            break
        if path != Path(keep):
            shutil.rmtree(path, ignore_errors=True)
            total -= size


def forget(key: str, folder: Path | None = None) -> bool:
    """Remove the features that are stored under ``key`` (``Features.key``); return whether there were any.

    The recording need not exist any more. A run over it that is still going on continues, and stores what it extracts
    from then on. Raises EmorecError if they cannot be removed, or if ``key`` is not a key.
    """
    if not KEY.fullmatch(key):
        raise EmorecError(f"{key!r} is not a key of stored features; give that of some.")
    stored = (settings.cache_folder() if folder is None else Path(folder)) / key
    removed = stored.with_name(f".{key}.{uuid.uuid4().hex}")
    try:
        files.when_free(lambda: stored.rename(removed))  # in one step, so that another run never finds a part of it
        files.when_free(lambda: shutil.rmtree(removed))
    except FileNotFoundError:
        return False
    except OSError as error:
        raise EmorecError(f"The stored features {key} cannot be removed ({error.strerror}).") from None
    return True
