"""The folder that observations are stored in, as a whole: how much it may hold, and what is removed from it."""

from __future__ import annotations

import contextlib
import re
import shutil
import time
import uuid
from pathlib import Path

from emorec import settings
from emorec.errors import EmorecError
from emorec.extraction.features import HEAD_FILE

ABANDONED = 3600  # seconds after which a half written file is nobody's any more
TOLERANCE = 0.05  # share of the limit that a run may add before the folder is looked through again
KEY = re.compile(r"[0-9a-f]{32}")


class CacheLimit:
    """Keeps the folder within EMOREC_CACHE_MB while one recording is stored in it, without a look at all of it for
    every segment; in between a run may exceed the limit by TOLERANCE. Raises EmorecError for a wrong limit."""

    def __init__(self, folder: Path, keep: Path):
        self._folder, self._keep, self._limit_mb = folder, keep, settings.cache_limit()
        self._added = 0

    def added(self, size: int) -> None:
        """Take note of so many more bytes."""
        self._added += size
        if self._added > TOLERANCE * self._limit_mb * 1e6:
            self.enforce()

    def enforce(self) -> None:
        """Remove what is too much now."""
        self._added = 0
        drop_oldest(self._folder, self._keep, self._limit_mb)


def drop_oldest(folder: Path, keep: Path, limit_mb: float | None = None) -> None:
    """Remove the recordings used longest ago until the folder is within its limit; ``keep`` stays.

    The limit is EMOREC_CACHE_MB, by default 4096 MB.
    """
    if limit_mb is None:
        limit_mb = settings.cache_limit()
    stored = []
    for path in Path(folder).glob("*/" + HEAD_FILE):
        with contextlib.suppress(OSError):  # another run may be tidying too
            size = sum(file.stat().st_size for file in path.parent.iterdir())
            stored.append((path.stat().st_mtime, size, path.parent))
    for partial in Path(folder).glob("*/.*.partial"):  # of runs that were killed
        with contextlib.suppress(OSError):
            if partial.stat().st_mtime < time.time() - ABANDONED:
                partial.unlink()
    total = sum(size for _, size, _ in stored)
    for _, size, path in sorted(stored, key=lambda entry: entry[0]):
        if total <= limit_mb * 1e6:
            break
        if path != Path(keep):
            shutil.rmtree(path, ignore_errors=True)
            total -= size


def forget(key: str, folder: Path | None = None) -> bool:
    """Remove the observations that are stored under ``key`` (``Features.key``); tell whether there were any.

    The recording need not exist any more. A run over it that is under way goes on and stores what it still observes.
    Raises EmorecError if they cannot be removed, or for what is no key.
    """
    if not KEY.fullmatch(key):
        raise EmorecError(f"{key!r} is no name of stored observations; give the key of some.")
    stored = (settings.cache_folder() if folder is None else Path(folder)) / key
    going = stored.with_name(f".{key}.{uuid.uuid4().hex}")
    try:
        stored.rename(going)  # at once, so that a run beside this one never meets half of it
        shutil.rmtree(going)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise EmorecError(f"The stored observations {key} cannot be removed ({error.strerror}).") from None
    return True
