"""The folder that a running server keeps its visitors' files in, and what servers that were killed left of theirs.

Each server has a folder of its own below a common one, and holds a lock in it for as long as it lives. The kernel lets
go of a lock whatever a process dies of, so a folder whose lock can be had is nobody's any more.

It knows no Gradio, which reads the name of its folder when it is imported.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from emorec.errors import EmorecError
from emorec.settings import cache_folder

SETTING = "GRADIO_TEMP_DIR"  # read by Gradio too
PREFIX = "emorec-page-"
UNREADY = ".emorec-page-"
LOCK = ".in-use"
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
            unready.rename(self.path)
        except OSError as error:
            reason = error.strerror or error
            raise EmorecError(UNUSABLE.format(folder=common, reason=reason, setting=SETTING)) from None

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
