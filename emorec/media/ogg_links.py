"""Ogg files that are chained (RFC 3533, section 4) of links with other channels or another rate, as when a radio
station changes its programme; FFmpeg ends at the first of these."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

MAX_LINKS = 200  # with another form than the one before; each costs a decoder and 50 ms

PAGE = b"OggS"
HEADER = 27  # bytes of a page before the table of its segments' sizes
FIRST_OF_STREAM = 0x02  # flag of a page

# The first bytes of a stream's first packet, and where after them the channels and, for Vorbis, the rate stand.
FORMS = {b"OpusHead": slice(1, 2), b"\x01vorbis": slice(4, 9)}
LONGEST_FORM = 32


class FileFrom(io.FileIO):
    """A file that is read as if it began at the byte ``begin``."""

    def __init__(self, path: Path, begin: int):
        super().__init__(path)
        self._begin = begin
        self.seek(0)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a byte, counted from where the file is taken to begin."""
        return super().seek(offset + self._begin if whence == io.SEEK_SET else offset, whence) - self._begin

    def tell(self) -> int:
        """The current byte, counted in the same way."""
        return super().tell() - self._begin


def next_form(path: Path, begin: int) -> int | None:
    """The byte at which the first link after the one at the byte ``begin`` starts whose sound has another form, None if
    there is none."""
    first = None
    for at, form in _links(path, begin):
        first = first or form
        if form != first:
            return at
    return None


def _links(path: Path, begin: int) -> Iterator[tuple[int, tuple[bytes, bytes]]]:
    """The byte at which each link begins, with the codec and the form of its first stream of sound; ends where the file
    is damaged."""
    start: int | None = None  # of the link whose streams begin at these pages, until its first sound is found
    heads = False  # whether the page before begins a stream: all streams of a link begin before its other pages
    with open(path, "rb") as file:
        file.seek(begin)
        while (header := file.read(HEADER))[:4] == PAGE and len(header) == HEADER:
            sizes = file.read(header[-1])
            if header[5] & FIRST_OF_STREAM:
                start = start if heads else begin
                head = file.read(LONGEST_FORM)
                for codec, where in FORMS.items():
                    if start is not None and head.startswith(codec):
                        yield start, (codec, head[len(codec) :][where])
                        start = None
            heads = bool(header[5] & FIRST_OF_STREAM)
            begin += HEADER + len(sizes) + sum(sizes)
            file.seek(begin)
