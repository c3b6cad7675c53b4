"""Which files belong to which session, so that they go when it does."""

import filecmp
import shutil
import threading
from collections import defaultdict
from pathlib import Path


class Belongings:
    """Files below one folder, each in a folder of its own, that sessions brought or were given.

    Two sessions that bring the same file share it: it goes with the last of them. Copies of ``everybodys`` files,
    the page's own examples, stay.
    """

    def __init__(self, root, everybodys=()):
        self._root = Path(root).resolve()
        self._of = defaultdict(dict)
        self._lock = threading.Lock()
        self._everybodys = [Path(file) for file in everybodys]

    def add(self, session, file):
        """A session's file; one that lies elsewhere is nobody's to remove."""
        path = Path(file).resolve()
        if self._root in path.parent.parents and path.exists() and not self._is_everybodys(path):
            with self._lock:
                self._of[session][path] = path.stat().st_mtime_ns

    def _is_everybodys(self, path):
        return any(path.name == file.name and filecmp.cmp(path, file, shallow=False) for file in self._everybodys)

    def end(self, session):
        """Remove what only this session had."""
        with self._lock:
            mine = self._of.pop(session, {})
            others = {path for files in self._of.values() for path in files}
            for path, when in mine.items():
                # A file that was written anew meanwhile is somebody's who is not known yet.
                if path not in others and path.exists() and path.stat().st_mtime_ns == when:
                    path.unlink()
                    shutil.rmtree(path.parent, ignore_errors=True)
