"""Writing files whole or not at all."""

import contextlib
import os
import threading
from pathlib import Path

from emorec.errors import EmorecError


def write(path, content):
    """Write bytes by way of a neighbour that is then renamed, so that no half file is ever left. Raises OSError."""
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


def shown(text: str) -> str:
    """Text that can be encoded as UTF-8.

    A file's name may hold bytes that are not UTF-8, which Python keeps as lone surrogates; each becomes U+FFFD.
    """
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:  # surrogates that stand for no byte
        return text.encode("utf-8", "replace").decode("utf-8")


def write_result(path, content):
    """The same for a file that a user named: raises EmorecError, with one sentence."""
    try:
        write(path, content)
    except OSError as error:
        raise EmorecError(f"{path} cannot be written ({error.strerror or error}); choose another place.") from None
