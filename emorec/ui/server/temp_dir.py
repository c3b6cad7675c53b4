"""The folder in which a running server keeps its visitors' files, and the removal of the folders of killed servers.

Each server has its own folder below a common one, and holds a lock in it as long as it runs. The operating system
releases the lock when the process ends, for any reason. A folder whose lock is free was left by a dead server.

This module does not import Gradio, which reads the name of its folder at import.
"""

import contextlib
import math
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from emorec import files
from emorec.errors import EmorecError
from emorec.settings import cache_folder, make_default_cache
from emorec.ui.server import running_clock

VARIABLE = "GRADIO_TEMP_DIR"  # Gradio reads it too
CACHE_VARIABLE = "EMOREC_CACHE"
PREFIX = "emorec-page-"
UNREADY = ".emorec-page-"  # prefix of a folder that is not locked yet
LOCK = ".in-use"
RENAMES_IN_USE = os.name != "nt"  # whether a folder can be renamed while a file in it is open
TEMPORARY = "tmp"  # subfolder for all other temporary files
UNFINISHED = "tmp*"  # names of unfinished uploads: Python's temporary files
STALE = 300.0  # seconds since its last byte before an unfinished upload is removed while others are in progress
OLD = 3600.0  # seconds since the last write before other temporary files are removed
# Bytes that each file counts in addition to its content: file systems have about one inode for each 16 kB, and a file
# and its folder need two.
PER_FILE = 32_768
DIGEST = "[0-9a-f]" * 64  # pattern of the folder that Gradio makes for an uploaded file
UNUSABLE = "Uploads cannot be kept in {folder} ({reason}); free some space, or name another folder in {setting}."

NO_STORE = "Features cannot be stored in {folder} ({reason}); name another folder in EMOREC_CACHE."


def check_store() -> None:
    """Raise EmorecError if no file can be made in the folder for stored features: no analysis could succeed."""
    folder = cache_folder()
    try:
        make_default_cache(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise EmorecError(NO_STORE.format(folder=folder, reason=error.strerror or error)) from None


def common_folder() -> Path:
    """The folder below which servers have their folders: GRADIO_TEMP_DIR, else a subfolder of the cache."""
    return Path(os.path.expanduser(os.environ.get(VARIABLE) or cache_folder() / "page")).absolute()


class ServerTempDir:
    """A server's own folder: new, private, locked. Folders of dead servers are removed; ``close`` removes this one.

    ``path`` is the folder, ``temporary`` its subfolder for temporary files. Raises EmorecError if it cannot be made.
    """

    def __init__(self, common: Path | str | None = None):
        self._closing, self._closed = threading.Lock(), False
        self._seen: dict[Path, tuple[float, float]] = {}  # times of last changes, and when they were first seen (s)
        setting = VARIABLE if common or os.environ.get(VARIABLE) else CACHE_VARIABLE
        common = Path(common or common_folder())
        try:
            if setting == CACHE_VARIABLE:
                make_default_cache(cache_folder())
            common.mkdir(parents=True, exist_ok=True)
            remove_leftovers(common)
            unready = Path(tempfile.mkdtemp(prefix=UNREADY, dir=common))
            self.path = unready.with_name(PREFIX + unready.name.removeprefix(UNREADY))
            if not RENAMES_IN_USE:
                unready = unready.rename(self.path)
            self._lock = _new_lock(unready)
            (unready / TEMPORARY).mkdir()
            if RENAMES_IN_USE:
                # Only when it is locked: a server that starts now would remove an unlocked folder.
                unready.rename(self.path)
            self.temporary = self.path / TEMPORARY
        except OSError as error:
            reason = error.strerror or error
            raise EmorecError(UNUSABLE.format(folder=common, reason=reason, setting=setting)) from None

    def is_own(self) -> bool:
        """Whether the folder is still a folder of this account, or is missing.

        Where all accounts may write, as in /tmp, another one could put a folder or a link in place of a removed one.
        """
        return not os.path.lexists(self.path) or files.is_own(self.path)

    def used(self) -> int:
        """Bytes that all files in the folder take, each with PER_FILE, without unfinished uploads."""
        unfinished = set(self.path.glob(UNFINISHED))
        return sum(size + PER_FILE for path, size, _ in _files(self.path) if path not in unfinished)

    def sweep(self, idle: bool = False, now: float | None = None) -> None:
        """Remove unfinished uploads: all of them if no upload is in progress (``idle``), else only stale ones.

        Old temporary files and empty upload folders are removed too, and what the system has removed is made again.
        What was seen unchanged for long is old, whatever its date: the system's time may be set, and goes on while the
        computer sleeps. ``now`` is the time (s) of ``running_clock``.
        """
        if not self.is_own():
            return
        self._keep_from_cleaners()
        now = running_clock.now() if now is None else now
        before, self._seen = self._seen, {}

        def unchanged(path: Path, *changes: float) -> float:
            """How long (s) the time of the last change has been the same."""
            changed = max((_changed(path), *changes))
            known = before.get(path)
            self._seen[path] = known if known and known[0] == changed else (changed, now)
            return now - self._seen[path][1]

        for path in self.path.glob(UNFINISHED):
            if path.is_file() and (unchanged(path) > STALE or idle):
                _remove_file(path)
        for path in self.temporary.glob("*"):
            if unchanged(path, *(changed for _, _, changed in _files(path))) > OLD:
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else _remove_file(path)
        for path in self.path.glob(DIGEST):
            if unchanged(path) > STALE:
                with contextlib.suppress(OSError):
                    path.rmdir()  # only an empty one

    def _keep_from_cleaners(self) -> None:
        """Give what lasts as long as the server the time of now, and make it again if it is missing.

        Systems remove from /tmp, and from caches, what has not been used for days.
        """
        with self._closing, contextlib.suppress(OSError):  # a full disk; the next time may succeed
            if self._closed:
                return
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)  # Gradio may have made it again, open to all
            if not (self.path / LOCK).exists():
                before, self._lock = self._lock, _new_lock(self.path)
                os.close(before)
            self.temporary.mkdir(exist_ok=True)
            for lasting in (self.path / LOCK, self.temporary, *self.path.glob(f"{DIGEST}/*")):
                os.utime(lasting)

    @contextlib.contextmanager
    def used_for_temporary_files(self) -> Iterator[None]:
        """Within this context, this process and its children make their temporary files in ``temporary``."""
        before = tempfile.tempdir, os.environ.get("TMPDIR")
        tempfile.tempdir = os.environ["TMPDIR"] = str(self.temporary)
        try:
            yield
        finally:
            tempfile.tempdir = before[0]
            os.environ.pop("TMPDIR")
            if before[1] is not None:
                os.environ["TMPDIR"] = before[1]

    def close(self) -> None:
        """Remove the folder with everything in it; what is in use on Windows is removed by the next server."""
        with self._closing:
            self._closed = True
            emptied = files.empty(self.path, (LOCK,))
            os.close(self._lock)
        if emptied:  # only now, as Windows does not remove an open file
            shutil.rmtree(self.path, ignore_errors=True)


def remove_leftovers(common: Path) -> None:
    """Remove the folders of dead servers.

    A folder without its lock file is never removed, so that file stays until everything else is gone.
    """
    for folder in Path(common).glob(PREFIX + "*"):
        with contextlib.suppress(
            OSError
        ):  # it belongs to another user, or a server that starts at the same time has locked it
            lock = os.open(folder / LOCK, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
            try:
                emptied = files.lock(lock) and files.empty(folder, (LOCK,))
            finally:
                os.close(lock)
            if emptied:
                shutil.rmtree(folder, ignore_errors=True)


def _new_lock(folder: Path) -> int:
    """The descriptor of a new lock file in a folder, locked."""
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        files.lock(descriptor)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _remove_file(path: Path) -> None:
    """Remove a file; one in use, which Windows does not remove, stays until the next removal."""
    with contextlib.suppress(OSError):
        path.unlink()


def _files(folder: Path) -> Iterator[tuple[Path, int, float]]:
    """Path, size (bytes) and time of the last change (s) of every file below a folder."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            with contextlib.suppress(OSError):  # removed in the meantime
                found = path.lstat()
                if stat.S_ISREG(found.st_mode):
                    yield path, found.st_size, found.st_mtime


def _changed(path: Path) -> float:
    """Time of the last change of a path (s); infinite if it does not exist."""
    try:
        return path.lstat().st_mtime
    except OSError:
        return math.inf
