"""Files: written completely or not at all, locked while a process runs, and named in valid text."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import stat
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

from emorec.errors import EmorecError

PARTIAL_SUFFIX = ".partial"  # of a temporary file
# Names that Windows reserves for devices: no file can have one of them, whatever its ending.
DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d) *(\.|$)", re.IGNORECASE)
IN_USE = (
    5,
    32,
    None,
)  # Windows' numbers for "access is denied" and "used by another process"; those of open() have none
OPEN_ELSEWHERE = "another program may have it open, or it is read-only"
NO_TEMPORARY = "No temporary file can be written ({reason}); free some space, or name another folder in TMPDIR."
WAITS = (0.02, 0.05, 0.1, 0.2, 0.4)  # seconds before a file in use is tried again
PARTIAL = 150  # bytes of a file's name in that of its temporary file; most systems allow 255 for a name

Result = TypeVar("Result")


def write(path: str | Path, content: bytes | Iterable[bytes]) -> None:
    """Write a file, given whole or in parts, completely or not at all, see ``replacing``. Raises OSError."""
    with replacing(path) as file:
        file.writelines([content] if isinstance(content, bytes) else content)


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[BinaryIO]:
    """A context with a temporary file beside ``path`` to write to; at its end the file gets that name. Raises OSError.

    No partial file remains, and the content is on the disk before the file gets its name, so that a power cut leaves no
    file without content. The new file has the permissions of the one that it replaces.
    """
    path = Path(path)
    partial = partial_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            keep_mode(path, partial)
            yield file
            file.flush()
            _force(file.fileno())
        when_free(lambda: partial.replace(path))
    except BaseException:
        discard(partial)
        raise


def discard(partial: Path) -> None:
    """Remove a temporary file, if there is one."""
    with contextlib.suppress(OSError):  # a disk without permissions
        partial.chmod(0o600)  # Windows removes no file that is read-only, as the one that it replaces may be
    with contextlib.suppress(OSError):
        when_free(partial.unlink)


def empty(folder: Path, keep: Collection[str]) -> bool:
    """Remove all that is in a folder but the files named ``keep``; return whether these alone are left.

    Files in use stay on Windows, and others that the process may not remove. A folder of another user is removed with
    ``keep``, and a link stays as it is.
    """
    if not is_own(folder):  # somebody else may replace it by a link at any moment, and ``rmtree`` follows none
        shutil.rmtree(folder, ignore_errors=True)
        return False
    for path in folder.glob("*"):  # nothing if somebody has removed the folder
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name not in keep:
            with contextlib.suppress(OSError):
                path.unlink()
    return all(path.name in keep for path in folder.glob("*"))


def is_own(folder: Path) -> bool:
    """Whether there is a folder, and no link to one, that the user of this process made."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and (os.name == "nt" or found.st_uid == os.geteuid())


def when_free(action: Callable[[], Result]) -> Result:
    """The result of an action on a file; while the file is in use, the action is tried again for a short time.

    On Windows nobody can rename, replace or remove a file that another program has open, and a virus scanner opens
    every new file for a moment. Raises OSError.
    """
    for wait in WAITS:
        try:
            return action()
        except PermissionError as error:
            if getattr(error, "winerror", 0) not in IN_USE:
                raise
            time.sleep(wait)
    return action()


def keep_mode(path: Path, partial: Path) -> None:
    """Give a temporary file the permissions of the file that it will replace, if there is one."""
    with contextlib.suppress(OSError):  # no file yet, or a disk without permissions
        partial.chmod(path.stat().st_mode & 0o777)


def _force(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):  # a shared disk may not support it
            raise


def partial_of(path: Path) -> Path:
    """The temporary file beside a file, of this thread; its name is valid for the longest name of a file too."""
    return path.with_name(f".{shortened(path.name, PARTIAL)}.{os.getpid()}-{threading.get_ident()}{PARTIAL_SUFFIX}")


def remove_partials(folder: Path, name: str = "*") -> None:
    """Remove the temporary files that killed processes left in a folder, of one file or of all.

    No process may be writing one of these files.
    """
    for left in folder.glob(f".{name}.*{PARTIAL_SUFFIX}"):
        with contextlib.suppress(OSError):
            left.unlink()


def shortened(text: str, most: int) -> str:
    """The beginning of a text, of at most so many bytes."""
    while len(text.encode("utf-8", "surrogatepass")) > most:
        text = text[:-1]
    return text


def avoid_device_name(name: str) -> str:
    """The name of a file, with "_" before it if Windows reserves it for a device."""
    return f"_{name}" if DEVICES.match(name) else name


def write_result(path: str | Path, content: bytes | Iterable[bytes]) -> None:
    """As ``write``, for a file that the user named: raises EmorecError with one sentence.

    A link stays, and the file that it points to is replaced. A pipe or a device is written to as it is.
    """
    try:
        if is_special(path):
            with open(path, "wb") as file:
                file.writelines([content] if isinstance(content, bytes) else content)
        else:
            write(os.path.realpath(path), content)
    except OSError as error:
        denied = isinstance(error, PermissionError) and getattr(error, "winerror", 0) in IN_USE
        in_use = denied and os.path.isfile(path)
        reason = OPEN_ELSEWHERE if in_use else error.strerror or error
        raise EmorecError(f"{path} cannot be written ({reason}); choose another place.") from None


def is_special(path: str | Path) -> bool:
    """Whether there is a pipe, a device or a socket, which no file may replace."""
    path = Path(path)
    return path.exists() and not path.is_file() and not path.is_dir()


def no_temporary(error: OSError) -> EmorecError:
    """The error for the user if no temporary file can be made, or if the disk for them is full."""
    return EmorecError(NO_TEMPORARY.format(reason=error.strerror or error))


def lock(descriptor: int) -> bool:
    """Lock an open file until it is closed or the process ends; False if the system has no such locks.

    Raises OSError if another process holds the lock.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        try:
            import msvcrt
        except ImportError:
            return False
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        return True
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return True


def shown(text: str) -> str:
    """Text that can be encoded as UTF-8.

    The name of a file may contain bytes that are not UTF-8, which Python represents as lone surrogates; each becomes
    U+FFFD.
    """
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:  # surrogates that represent no byte
        return text.encode("utf-8", "replace").decode("utf-8")
