"""The files of each session: no other session may use them, and they are removed when the session ends.

Gradio stores an upload under a hash of its content, so anybody who has the same content knows its path. Therefore each
upload is moved into a folder with a random name before its path is told to anybody.
"""

import contextlib
import filecmp
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from gradio.utils import get_upload_folder

from emorec import files
from emorec.errors import EmorecError
from emorec.ui.server import log
from emorec.ui.server.limits import MAX_SESSION_BYTES
from emorec.ui.sessions.removal import Removal

KEEP = 3600.0  # seconds that the files of an idle session, and uploads that no session has claimed, are kept
PREFIX = "emorec-"
CACHE = "features"
NOT_WRITTEN = "The server could not write the file, perhaps because its disk is full; try again later."
TOO_MUCH = "Your recordings here take more than {gigabytes:g} GB together; delete them, or open the page again."


def upload_folder() -> Path:
    """The folder in which Gradio stores uploads, and from which it may serve files."""
    return Path(get_upload_folder())


class _Session:
    """The files of one session, its own folder if it has one, and the time (s) when it was last used."""

    def __init__(self):
        self.files: set[Path] = set()
        self.downloads: dict[Path, str] = {}  # those of ``files`` that were written from features, and their keys
        self.folder: Path | None = None
        self.last_used = 0.0


class SessionFiles:
    """Files below the folder ``root``, each in a folder with a random name, that sessions uploaded or were given.

    Copies of ``shared_examples`` may be used by every session and are never removed. A session may have ``max_bytes``.
    Sessions with the same ``owner``, the pages of one browser, have everything in common.
    """

    def __init__(
        self,
        root: Path | str,
        shared_examples: Iterable[Path | str] = (),
        max_bytes: int = MAX_SESSION_BYTES,
        clock: Callable[[], float] = time.monotonic,
        owner: Callable[[str], str] = lambda session: session,
    ):
        self._root = Path(root).resolve()
        self._max_bytes, self._clock, self._owner = max_bytes, clock, owner
        self._sessions: dict[str, _Session] = {}
        self._unclaimed: dict[Path, float] = {}  # uploads, and the times (s) when they arrived
        self._lock = threading.RLock()
        self._removal = Removal()
        self._shared_examples = [Path(file) for file in shared_examples]

    def new_folder(self) -> Path:
        """A new folder with a random name."""
        folder = self._root / f"{PREFIX}{secrets.token_hex(16)}"
        folder.mkdir(mode=0o700, parents=True)
        return folder

    def register_upload(self, file: Path | str) -> Path:
        """Move a new upload into a folder with a random name, where one session may claim it; returns its new path.

        An example that somebody uploads stays: Gradio has stored it where its own copy for all sessions is.
        """
        path = Path(file).resolve()
        if self.is_shared_example(path):
            return path
        moved = self.new_folder() / path.name
        try:
            files.when_free(lambda: os.rename(path, moved))
        except FileNotFoundError:  # the same content was uploaded twice at once, and the other upload has moved it
            moved.parent.rmdir()
            return path
        with contextlib.suppress(OSError):
            path.parent.rmdir()
        with self._lock:
            self._unclaimed[moved] = self._clock()
        return moved

    def add(self, session: str, file: Path | str) -> None:
        """Give a file, which is in a separate folder, to a session."""
        path = Path(file).resolve()
        if self._root in path.parent.parents and path.exists() and not self.is_shared_example(path):
            with self._lock:
                self._session(session).files.add(path)

    def claim(self, session: str, file: Path | str) -> bool:
        """Whether a session may use a file: an example, its own file, or an upload that no session has claimed yet.

        Raises EmorecError, and removes the upload, if the session has too many bytes with it.
        """
        path = Path(file).resolve()
        with self._lock:
            own = self._session(session)
            if path in own.files or self.is_shared_example(path):
                return True
            if self._unclaimed.pop(path, None) is None:
                return False
            own.files.add(path)
            try:
                self.check_space(session)
            except EmorecError:
                own.files.discard(path)
                self._removal.remove(path.parent)
                raise
        return True

    def was_removed(self, file: object) -> bool:
        """Whether a path that a client names was an upload that does not exist any more.

        It is False for paths outside of the folder, so that clients learn nothing about other files.
        """
        path = Path(file if isinstance(file, str) else "").resolve()
        return self._root in path.parents and not path.is_file()

    def check_space(self, session: str) -> None:
        """Raise EmorecError if a session has more bytes than it may have."""
        with self._lock:
            if self._bytes(self._session(session)) > self._max_bytes:
                raise EmorecError(TOO_MUCH.format(gigabytes=self._max_bytes / 1e9))

    @contextlib.contextmanager
    def new_download(self, session: str, key: str | None = None) -> Iterator[Path]:
        """A new folder whose files the session gets at the end of the context; an error removes the folder.

        ``key`` is that of the features that the files are written from, "" for those of several recordings.
        Raises EmorecError, without a path, if the session has too many bytes, if something cannot be written, or if the
        folder contains anything but plain files, which happens if the name of a file is a path.
        """
        self.check_space(session)
        folder = None
        try:
            folder = self.new_folder()
            yield folder
            written = list(folder.iterdir())
            if not all(file.is_file() and not file.is_symlink() for file in written):
                raise OSError("not a plain file")
        except BaseException as error:
            if folder is not None:
                self._removal.remove(folder)
            # Functions that write results turn an error of the system into an EmorecError, whose sentence has the path.
            if isinstance(error, OSError) or (
                isinstance(error, EmorecError) and isinstance(error.__context__, OSError)
            ):
                log.error("A download could not be written", error)
                raise EmorecError(NOT_WRITTEN) from None
            raise
        for file in written:
            self.add(session, file)
            if key is not None:
                with self._lock:
                    self._session(session).downloads[file.resolve()] = key

    def folder(self, session: str) -> Path:
        """A session's own folder, which is removed when the session ends."""
        with self._lock:
            own = self._session(session)
            if own.folder is None:
                own.folder = self.new_folder()
            return own.folder

    def cache(self, session: str) -> Path:
        """The folder for features that only this session may use."""
        return self.folder(session) / CACHE

    def is_shared_example(self, file: Path | str) -> bool:
        """Whether a file is a copy of an example."""
        path = Path(file)
        with contextlib.suppress(OSError):
            return any(path.name == own.name and filecmp.cmp(path, own, shallow=False) for own in self._shared_examples)
        return False

    def remove(self, session: str, wait: Callable[[], object] = lambda: None) -> None:
        """Remove all files of a session, after ``wait`` has returned; the session loses them at once."""
        with self._lock:
            own = self._sessions.pop(self._owner(session), None)
        wait()
        if own:
            for folder in {file.parent for file in own.files} | ({own.folder} if own.folder else set()):
                if self._root in folder.parents:
                    self._removal.remove(folder)

    def use(self, session: str) -> None:
        """Note that the session is in use now."""
        with self._lock:
            self._session(session)

    def is_known(self, session: str) -> bool:
        """Whether the session was in use since its files were removed last."""
        with self._lock:
            return self._owner(session) in self._sessions

    def remove_files(self, session: str, file: Path | str | None = None) -> None:
        """Remove one file of a session, or all; its own folder, which may contain stored features, stays."""
        with self._lock:
            own = self._sessions.get(self._owner(session), _Session())
            found = set(own.files) if file is None else own.files & {Path(file).resolve()}
            own.files -= found
            own.downloads = {path: key for path, key in own.downloads.items() if path not in found}
            # A folder may be shared by several files.
            kept = {each.parent for each in own.files} | ({own.folder} if own.folder else set())
        for path in found:
            self._removal.remove(path)
            if path.parent not in kept and self._root in path.parent.parents:
                self._removal.remove(path.parent)

    def remove_downloads(self, session: str, key: str) -> None:
        """Remove the files that were written from features with this key, alone or with those of other recordings."""
        with self._lock:
            found = [path for path, own in self._session(session).downloads.items() if own in (key, "")]
        for path in found:
            self.remove_files(session, path)

    def remove_unclaimed(self) -> None:
        """Remove uploads that no session has claimed within KEEP seconds, and what could not be removed before."""
        self._removal.try_again()
        with self._lock:
            oldest = self._clock() - KEEP
            unclaimed = [path for path, when in self._unclaimed.items() if when < oldest]
            for path in unclaimed:
                del self._unclaimed[path]
        for path in unclaimed:
            self._removal.remove(path.parent)

    def idle_sessions(self) -> list[str]:
        """The sessions that have used no file within KEEP seconds."""
        with self._lock:
            oldest = self._clock() - KEEP
            return [session for session, own in self._sessions.items() if own.last_used < oldest]

    def _session(self, session: str) -> _Session:
        own = self._sessions.setdefault(self._owner(session), _Session())
        own.last_used = self._clock()
        return own

    def _bytes(self, own: _Session) -> int:
        files = set(own.files)
        if own.folder:
            for folder, _, names in os.walk(own.folder):  # skips folders that are removed meanwhile
                files |= {Path(folder, name) for name in names}
        total = 0
        for file in files:
            with contextlib.suppress(OSError):
                if file.is_file():
                    total += file.stat().st_size
        return total
