"""Files: written completely or not at all, locked while a process runs, and named in valid text."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

from emorec.errors import EmorecError


def write(path: str | Path, content: bytes) -> None:
    """Write bytes to a temporary file beside it and rename that, so that no partial file remains. Raises OSError."""
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        partial.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise


def write_result(path: str | Path, content: bytes) -> None:
    """As ``write``, for a file that the user named: raises EmorecError with one sentence."""
    try:
        write(path, content)
    except OSError as error:
        raise EmorecError(f"{path} cannot be written ({error.strerror or error}); choose another place.") from None


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
