"""The removal of visitors' files that a browser may still receive."""

import contextlib
import shutil
import threading
from pathlib import Path


class Removal:
    """Removes files and folders, and remembers those that cannot be removed yet.

    On Windows that are files which are open, such as a recording that a player is still receiving.
    """

    def __init__(self):
        self._left: set[Path] = set()
        self._lock = threading.Lock()

    def remove(self, path: Path) -> None:
        """Remove a file, or a folder with everything in it, now or when ``try_again`` is called."""
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink()
        with self._lock:
            if path.exists():
                self._left.add(path)

    def try_again(self) -> None:
        """Remove what could not be removed before."""
        with self._lock:
            left, self._left = self._left, set()
        for path in left:
            self.remove(path)
