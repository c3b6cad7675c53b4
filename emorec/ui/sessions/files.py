"""Which files belong to which session: no other may name them, and they go when it does.

Each upload is moved into a folder with a name that cannot be guessed, before its path is told to anybody. So who has
the same content, and thus knows where Gradio puts it, can neither read nor name another's upload.
"""

import contextlib
import filecmp
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

from emorec.errors import EmorecError
from emorec.ui.server.limits import BYTES_OF_SESSION

KEPT = 3600.0  # seconds that files stay which their session does not use, or that nobody has named
PREFIX = "emorec-"
OBSERVATIONS = "observations"
TOO_MUCH = "Your recordings here take more than {gigabytes:g} GB together; delete them, or open the page again."


class _Session:
    """The files of one session, its own folder if it has one, and when it was last used (s)."""

    def __init__(self):
        self.files: set[Path] = set()
        self.folder: Path | None = None
        self.used = 0.0


class Belongings:
    """Files below one folder, each in a secret folder of its own, that sessions brought or were given.

    Copies of ``everybodys`` files, the page's own examples, stay and may be used by all. ``most`` is how many bytes
    one session may keep.
    """

    def __init__(self, root, everybodys=(), most: int = BYTES_OF_SESSION, clock=time.monotonic):
        self._root = Path(root).resolve()
        self._most, self._clock = most, clock
        self._of: dict[str, _Session] = {}
        self._unclaimed: dict[Path, float] = {}
        self._lock = threading.RLock()
        self._everybodys = [Path(file) for file in everybodys]

    def new_folder(self) -> Path:
        """A new folder whose name cannot be guessed."""
        folder = self._root / f"{PREFIX}{secrets.token_hex(16)}"
        folder.mkdir(mode=0o700, parents=True)
        return folder

    def brought(self, file) -> Path:
        """Somebody has uploaded this file: move it to a secret place. One session may claim it there."""
        path = Path(file).resolve()
        kept = self.new_folder() / path.name
        try:
            os.rename(path, kept)
        except FileNotFoundError:  # the same content came twice at once; the other upload has it
            kept.parent.rmdir()
            return path
        with contextlib.suppress(OSError):
            path.parent.rmdir()
        with self._lock:
            self._unclaimed[kept] = self._clock()
        return kept

    def add(self, session: str, file) -> None:
        """A file that was made for a session, in a folder of its own."""
        path = Path(file).resolve()
        if self._root in path.parent.parents and path.exists() and not self.is_everybodys(path):
            with self._lock:
                self._session(session).files.add(path)

    def claim(self, session: str, file) -> bool:
        """Tell whether a session may use a file: an example, one that it has, or an upload that nobody claimed yet.

        Raises EmorecError for an upload with which the session has too much; it is removed.
        """
        path = Path(file).resolve()
        with self._lock:
            mine = self._session(session)
            if path in mine.files or self.is_everybodys(path):
                return True
            if self._unclaimed.pop(path, None) is None:
                return False
            mine.files.add(path)
            try:
                self.check_space(session)
            except EmorecError:
                mine.files.discard(path)
                shutil.rmtree(path.parent, ignore_errors=True)
                raise
        return True

    def check_space(self, session: str) -> None:
        """Raise EmorecError if a session has more than it may keep."""
        with self._lock:
            if self._bytes(self._session(session)) > self._most:
                raise EmorecError(TOO_MUCH.format(gigabytes=self._most / 1e9))

    def folder(self, session: str) -> Path:
        """A session's own folder, which goes when it does."""
        with self._lock:
            mine = self._session(session)
            if mine.folder is None:
                mine.folder = self.new_folder()
            return mine.folder

    def store(self, session: str) -> Path:
        """Where only this session's observations are stored."""
        return self.folder(session) / OBSERVATIONS

    def is_everybodys(self, file) -> bool:
        """Whether a file is a copy of one that belongs to all."""
        path = Path(file)
        with contextlib.suppress(OSError):
            return any(path.name == own.name and filecmp.cmp(path, own, shallow=False) for own in self._everybodys)
        return False

    def end(self, session: str, after: Callable[[], None] = lambda: None) -> None:
        """Remove all that a session has, once ``after`` has returned; from now on it has nothing."""
        with self._lock:
            mine = self._of.pop(session, None)
        after()
        if mine:
            for folder in {file.parent for file in mine.files} | ({mine.folder} if mine.folder else set()):
                if self._root in folder.parents:
                    shutil.rmtree(folder, ignore_errors=True)

    def sweep(self) -> list[str]:
        """Remove uploads that nobody named within KEPT seconds; the sessions that used nothing for as long."""
        with self._lock:
            old = self._clock() - KEPT
            left = [path for path, when in self._unclaimed.items() if when < old]
            for path in left:
                del self._unclaimed[path]
            idle = [session for session, mine in self._of.items() if mine.used < old]
        for path in left:
            shutil.rmtree(path.parent, ignore_errors=True)
        return idle

    def _session(self, session: str) -> _Session:
        mine = self._of.setdefault(session, _Session())
        mine.used = self._clock()
        return mine

    def _bytes(self, mine: _Session) -> int:
        total = 0
        for file in mine.files | set(mine.folder.rglob("*") if mine.folder else ()):
            with contextlib.suppress(OSError):
                if file.is_file():
                    total += file.stat().st_size
        return total
