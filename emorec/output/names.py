"""Names of result files in a folder, so that one recording's results never overwrite another's.

The folder keeps a record of whose results a name holds: ``.emorec/NAME`` contains the recording's path or link.
"""

import itertools
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from emorec.errors import EmorecError

RECORDS = ".emorec"


def claim(folder: Path, media: Path, source: str, label: Callable[[str], str], suffixes: Iterable[str]) -> str:
    """The name, without suffix, for the results of one recording in a folder; it is recorded as this recording's.

    ``label`` makes a name of a stem. The stem is the recording's (``clip``), or if that name is taken the whole name
    (``clip.mp4``), then with a number (``clip.mp4-2``). A name is taken if the record says that it is another
    recording's, or if there is no record but a file with one of the ``suffixes``. ``source`` tells recordings apart.
    Raises EmorecError if the folder cannot be written.
    """
    owner, suffixes = os.fsencode(source), list(suffixes)
    numbered = (f"{media.name}-{number}" for number in itertools.count(2))
    for stem in itertools.chain([media.stem, media.name], numbered):
        name = label(stem)
        record = folder / RECORDS / name
        if not record.exists() and any(os.path.lexists(folder / f"{name}{suffix}") for suffix in suffixes):
            continue
        if _owner(record, owner) == owner:
            return name


def _owner(record: Path, owner: bytes) -> bytes:
    """Who is recorded as the owner of a name; ``owner``, who asks, if it was nobody's."""
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
        try:
            with record.open("xb") as file:  # fails if another command was quicker
                file.write(owner)
            return owner
        except FileExistsError:
            return record.read_bytes()
    except OSError as error:
        folder = record.parent.parent
        raise EmorecError(f"{folder} cannot be written ({error.strerror or error}); choose another place.") from None
