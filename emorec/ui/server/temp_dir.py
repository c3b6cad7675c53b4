"""The folder that a running server keeps its visitors' files in, and what servers that were killed left of theirs.

Each server has a folder of its own below a common one, and holds a lock in it for as long as it lives. The kernel lets
go of a lock whatever a process dies of, so a folder whose lock can be had is nobody's any more.

It knows no Gradio, which reads the name of its folder when it is imported.
"""

import contextlib
import fcntl
import math
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from emorec.errors import EmorecError
from emorec.settings import cache_folder

SETTING = "GRADIO_TEMP_DIR"  # read by Gradio too
PREFIX = "emorec-page-"
UNREADY = ".emorec-page-"
LOCK = ".in-use"
TEMPORARY = "tmp"  # the folder for temporary files of every other kind
UNFINISHED = "tmp*"  # how Python names the temporary files, in which uploads arrive
STALE = 300.0  # seconds after its last byte that an unfinished upload is nobody's, while others are under way
OLD = 3600.0  # seconds that other temporary files are kept at most
DIGEST = "[0-9a-f]" * 64  # how Gradio names the folder of an uploaded file
UNUSABLE = "Uploads cannot be kept in {folder} ({reason}); free some space, or name another folder in {setting}."


def common_folder():
    """Where servers have their folders: what the deployer names in GRADIO_TEMP_DIR, else a folder of the cache."""
    return Path(os.environ.get(SETTING) or cache_folder() / "page").expanduser().absolute()


class Room:
    """A server's own folder: empty, private, with the leftovers of dead servers beside it removed; ``close`` ends it.

    Raises EmorecError where there can be none.
    """

    def __init__(self, common=None):
        common = Path(common or common_folder())
        try:
            common.mkdir(parents=True, exist_ok=True)
            remove_leftovers(common)
            # Under its real name only once it is locked, lest a server that starts now takes it for a leftover.
            unready = Path(tempfile.mkdtemp(prefix=UNREADY, dir=common))
            self._lock = os.open(unready / LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.path = unready.with_name(PREFIX + unready.name.removeprefix(UNREADY))
            (unready / TEMPORARY).mkdir()
            unready.rename(self.path)
            self.temporary = self.path / TEMPORARY
        except OSError as error:
            reason = error.strerror or error
            raise EmorecError(UNUSABLE.format(folder=common, reason=reason, setting=SETTING)) from None

    def used(self) -> int:
        """The bytes of all files that are in the folder, unfinished uploads left out."""
        unfinished = set(self.path.glob(UNFINISHED))
        return sum(size for path, size, _ in _files(self.path) if path not in unfinished)

    def sweep(self, idle: bool = False, now: float | None = None) -> None:
        """Remove what uploads that broke off left, all of it where ``idle`` tells that none is under way.

        Other temporary files that nobody has written to for long go too, and empty folders of removed uploads.
        """
        now = time.time() if now is None else now
        kept_since = math.inf if idle else now - STALE
        for path in self.path.glob(UNFINISHED):
            if path.is_file() and _changed(path) < kept_since:
                path.unlink(missing_ok=True)
        for path in self.temporary.iterdir():
            newest = max([_changed(path), *(changed for _, _, changed in _files(path))])
            if newest < now - OLD:
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        for path in self.path.glob(DIGEST):
            if _changed(path) < now - STALE:
                with contextlib.suppress(OSError):
                    path.rmdir()  # only an empty one

    @contextlib.contextmanager
    def holding_temporary_files(self) -> Iterator[None]:
        """Meanwhile the temporary files of this process, and of what it starts, are made in the folder."""
        before = tempfile.tempdir, os.environ.get("TMPDIR")
        tempfile.tempdir = os.environ["TMPDIR"] = str(self.temporary)
        try:
            yield
        finally:
            tempfile.tempdir = before[0]
            os.environ.pop("TMPDIR")
            if before[1] is not None:
                os.environ["TMPDIR"] = before[1]

    def close(self):
        """Remove the folder with all that is in it."""
        _empty(self.path)
        os.close(self._lock)


def remove_leftovers(common):
    """Remove the folders of servers that are dead."""
    for folder in Path(common).glob(PREFIX + "*"):
        with contextlib.suppress(OSError):  # another user's, or taken by a server that starts at the same time
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _empty(folder)
            finally:
                os.close(lock)


def _empty(folder):
    """Remove a folder; its lock goes last, so that whatever stays after an interruption is found again."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != LOCK:
            path.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _files(folder: Path) -> Iterator[tuple[Path, int, float]]:
    """Path, bytes, and time of the last change (s) of every file below a folder; files may vanish meanwhile."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            with contextlib.suppress(OSError):
                found = path.lstat()
                if stat.S_ISREG(found.st_mode):
                    yield path, found.st_size, found.st_mtime


def _changed(path: Path) -> float:
    """When a path was last changed (s); now, where it has gone."""
    try:
        return path.lstat().st_mtime
    except OSError:
        return math.inf
