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


def write_result(path, content):
    """The same for a file that a user named: raises EmorecError, with one sentence."""
    try:
        write(path, content)
    except OSError as error:
        raise EmorecError(f"{path} cannot be written ({error.strerror or error}); choose another place.") from None
