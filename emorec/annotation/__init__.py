"""Annotations that people made with other programs: labels of stretches of time, and markers of points in time."""

from __future__ import annotations

import math
from collections.abc import Callable
from os import PathLike
from pathlib import Path

from emorec.annotation import elan, praat, subtitles, tables
from emorec.annotation.record import Annotation, Marker
from emorec.annotation.times import WrongFormat
from emorec.errors import EmorecError

__all__ = ["READERS", "Annotation", "Marker", "read", "read_markers"]

READERS: dict[str, Callable[[bytes], list[Annotation]]] = {
    ".csv": tables.read,
    ".tsv": tables.read,
    ".txt": tables.read,
    ".eaf": elan.read,
    ".textgrid": praat.read,
    ".srt": subtitles.read,
    ".vtt": subtitles.read,
}
MAX_BYTES = 50_000_000  # annotations of a whole day are smaller; a recording that was given by mistake is larger

UNKNOWN = "{name} is in no format that annotations are read from; choose CSV, TSV, ELAN (.eaf), TextGrid, SRT or VTT."
UNREADABLE = "{name} cannot be read ({reason}); choose another file."
TOO_LARGE = "{name} is larger than {limit} MB, so it is no file of annotations; choose another file."
WRONG = "{name} is no {kind} file that can be read: {reason}."
NUMBER_TOO_LARGE = "it has a number that is too large"
MOST_SHOWN = 200  # characters of the reason that an error gives, which may quote the file
NO_TEXT = "marker"  # the label of a marker without text
NOTHING = "{name} contains no annotations."


def read(path: str | PathLike[str]) -> list[Annotation]:
    """The annotations of a file, in order of time.

    The suffix names the format: ``.csv``, ``.tsv`` and ``.txt`` (with a header, or Audacity's labels), ``.eaf`` (ELAN),
    ``.TextGrid`` (Praat), ``.srt`` and ``.vtt``. Raises EmorecError if the file cannot be read or is empty.
    """
    path = Path(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise EmorecError(UNKNOWN.format(name=path.name))
    try:
        if path.stat().st_size > MAX_BYTES:
            raise EmorecError(TOO_LARGE.format(name=path.name, limit=MAX_BYTES // 1_000_000))
        content = path.read_bytes()
    except OSError as error:
        raise EmorecError(UNREADABLE.format(name=path.name, reason=error.strerror or error)) from None
    try:
        found = reader(content)
        if not all(math.isfinite(time) for each in found for time in (each.start, each.end)):
            raise WrongFormat(NUMBER_TOO_LARGE)
    except (WrongFormat, OverflowError) as error:
        reason = NUMBER_TOO_LARGE if isinstance(error, OverflowError) else _cut(str(error))
        raise EmorecError(WRONG.format(name=path.name, kind=path.suffix[1:], reason=reason)) from None
    if not found:
        raise EmorecError(NOTHING.format(name=path.name))
    return sorted(found, key=lambda each: (each.start, each.end))


def _cut(reason: str) -> str:
    """A reason without its middle if it is long: what is wrong stands at its end, behind a quotation of the file."""
    half = MOST_SHOWN // 2
    return reason if len(reason) <= MOST_SHOWN else f"{reason[:half]} ... {reason[-half:]}"


def read_markers(path: str | PathLike[str]) -> tuple[Marker, ...]:
    """The markers of a file: the start (s) and the text of each annotation, NO_TEXT if it has none.

    Raises EmorecError like ``read``.
    """
    return tuple(Marker(each.start, each.text or NO_TEXT) for each in read(path))
