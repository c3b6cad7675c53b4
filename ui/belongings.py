"""Which files belong to which session, so that no other may name them, and that they go when it does."""

import filecmp
import shutil
import tempfile
import threading
import time
from collections import defaultdict, deque
from pathlib import Path

CLAIMABLE = 3600  # seconds in which whoever uploaded a file must have named it


class Belongings:
    """Files below one folder, each in a folder of its own, that sessions brought or were given.

    Two sessions that bring the same file share it: it goes with the last of them. Copies of ``everybodys`` files,
    the page's own examples, stay.

    An upload does not say whose it is, and the same content under the same name lies at the same path whoever brought
    it. So each upload, which ``brought`` notes, lets one session ``claim`` the path: the one that names it next, in
    practice the one that waited for that upload's answer.
    """

    def __init__(self, root, everybodys=()):
        self._root = Path(root).resolve()
        self._of = defaultdict(dict)
        self._folders = {}
        self._unclaimed = defaultdict(deque)
        self._lock = threading.Lock()
        self._everybodys = [Path(file) for file in everybodys]

    def add(self, session, file):
        """A session's file; one that lies elsewhere is nobody's to remove."""
        path = Path(file).resolve()
        if self._root in path.parent.parents and path.exists() and not self.is_everybodys(path):
            with self._lock:
                self._of[session][path] = path.stat().st_mtime_ns

    def brought(self, file):
        """Somebody has uploaded this file."""
        now = time.monotonic()
        with self._lock:
            self._unclaimed[Path(file).resolve()].append(now)
            for path, times in list(self._unclaimed.items()):
                while times and times[0] < now - CLAIMABLE:
                    times.popleft()
                if not times:
                    del self._unclaimed[path]

    def claim(self, session, file):
        """Tell whether a session may use a file: an example, one that it has, or an upload that nobody claimed yet."""
        path = Path(file).resolve()
        if self.is_everybodys(path):
            return True
        with self._lock:
            if path in self._of.get(session, ()):
                return True
            if path not in self._unclaimed:
                return False
            self._unclaimed[path].popleft()
            if not self._unclaimed[path]:
                del self._unclaimed[path]
        self.add(session, path)
        return True

    def folder(self, session):
        """A session's own folder, which goes when it does."""
        with self._lock:
            if session not in self._folders:
                self._root.mkdir(parents=True, exist_ok=True)
                self._folders[session] = Path(tempfile.mkdtemp(prefix="emorec-", dir=self._root))
            return self._folders[session]

    def is_everybodys(self, file):
        """Whether a file is a copy of one that belongs to all."""
        path = Path(file)
        return any(path.name == own.name and filecmp.cmp(path, own, shallow=False) for own in self._everybodys)

    def end(self, session):
        """Remove what only this session had."""
        with self._lock:
            mine = self._of.pop(session, {})
            if folder := self._folders.pop(session, None):
                shutil.rmtree(folder, ignore_errors=True)
            others = {path for files in self._of.values() for path in files}
            for path, when in mine.items():
                # A file that was written anew meanwhile is somebody's who is not known yet.
                if path not in others and path.exists() and path.stat().st_mtime_ns == when:
                    path.unlink()
                    shutil.rmtree(path.parent, ignore_errors=True)
