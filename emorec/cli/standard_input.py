"""A recording from standard input, ``emorec analyze -``: it is kept in a file while it is analysed."""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path
from typing import BinaryIO

from emorec.errors import EmorecError

NAME = "-"  # how a user names standard input
FILE = "stdin"  # the name of the file, and so of the results
BLOCK = 1 << 20  # bytes that are read at once
MAX_BYTES = 32 << 30  # many hours of film; an endless stream must not fill the disk
KEEP_FREE = 1 << 30  # bytes of the disk that are left to others
TERMINAL = "- stands for standard input; send a recording there, as in: cat clip.mp4 | emorec analyze -"
EMPTY = "Nothing came through standard input; send a recording there, as in: cat clip.mp4 | emorec analyze -"
TOO_LARGE = "What comes through standard input is larger than {size:g} GB, the limit; save it as a file first."
NO_SPACE = "There is no space in {folder} for what comes through standard input; save it as a file first."


def receive(folder: Path, source: BinaryIO | None = None) -> tuple[Path, str]:
    """Write all of standard input, or of ``source``, to a file in ``folder``; return it and a hash of its content.

    Raises EmorecError if there is nothing, if it is larger than MAX_BYTES, or if the disk is nearly full.
    """
    stream = _standard_input() if source is None else source
    path, digest, size = folder / FILE, hashlib.sha256(), 0
    with path.open("wb") as file:
        while block := stream.read(BLOCK):
            size += len(block)
            if size > MAX_BYTES:
                raise EmorecError(TOO_LARGE.format(size=MAX_BYTES / (1 << 30)))
            if shutil.disk_usage(folder).free < KEEP_FREE + len(block):
                raise EmorecError(NO_SPACE.format(folder=folder))
            file.write(block)
            digest.update(block)
    if not size:
        raise EmorecError(EMPTY)
    return path, digest.hexdigest()


def _standard_input() -> BinaryIO:
    if sys.stdin is None or sys.stdin.isatty():
        raise EmorecError(TERMINAL)
    return sys.stdin.buffer
