"""What stage 1 reads: a media file, decoded in the sandbox, or ``array_source``'s pictures and sound in memory."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from emorec.errors import EmorecError
from emorec.extraction.array_source import ArraySource, from_arrays
from emorec.media import sandbox
from emorec.media.passes import Damage, ShownUntil
from emorec.media.selection import Selection
from emorec.media.streams import AudioBlock, Frame, MediaInfo

MediaLike = str | PathLike[str] | np.ndarray | Iterable[np.ndarray]

__all__ = ["ArraySource", "FileSource", "MediaLike", "Source", "from_arrays", "from_media", "as_source"]

NO_MEDIA = "A recording is a path, or an array with its sample_rate (sound) or frame_rate (pictures); this is {kind}."
NO_PATH = "The path of the recording is empty; give the path of a file."
LINK = (
    "This takes the path of a file, not a link; give the link to emorec.analyze_batch or to the command emorec "
    "analyze, or download it first."
)
IS_LINK = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
SEVERAL = "These are several recordings; give one at a time, or all of them to emorec.analyze_batch."
RATE_FOR_FILE = "A file has its own rates; give frame_rate, samples and sample_rate with arrays only."
NO_RATE = "Pictures need their frame_rate and sound its sample_rate; give one of them with this array."
TWO_SOUNDS = "Pictures need their frame_rate to be analyzed with samples; give it, or give the samples alone."


class Source(Protocol):
    """A recording that stage 1 can read."""

    @property
    def name(self) -> str:
        """What messages and results call it."""
        ...

    def probe(self, selection: Selection) -> MediaInfo:
        """What the recording holds. Raises EmorecError if it cannot be read."""
        ...

    def digest(self) -> str | None:
        """SHA-256 of the content, or None if its features are not stored. Raises EmorecError."""
        ...

    def frames(
        self,
        rate: float,
        start: float,
        max_side: int,
        selection: Selection,
        end: float,
    ) -> Iterator[Frame | Damage | ShownUntil]:
        """As ``emorec.media.streams.frames``."""
        ...

    def audio(
        self,
        rate: int,
        start: float,
        block_seconds: float,
        selection: Selection,
        end: float,
        part_from: float,
    ) -> Iterator[AudioBlock | Damage]:
        """As ``emorec.media.streams.audio``."""
        ...


@dataclass(frozen=True)
class FileSource:
    """A media file."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    def probe(self, selection: Selection) -> MediaInfo:
        return sandbox.probe(self.path, selection)

    def digest(self) -> str:
        try:
            with open(self.path, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            raise EmorecError(f"{self.name} is no longer there; put it back.") from None
        except OSError as error:
            raise EmorecError(f"{self.name} cannot be read ({error.strerror or error}).") from None

    def frames(
        self,
        rate: float,
        start: float,
        max_side: int,
        selection: Selection,
        end: float,
    ) -> Iterator[Frame | Damage | ShownUntil]:
        return sandbox.frames(self.path, rate, start=start, max_side=max_side, selection=selection, end=end)

    def audio(
        self,
        rate: int,
        start: float,
        block_seconds: float,
        selection: Selection,
        end: float,
        part_from: float,
    ) -> Iterator[AudioBlock | Damage]:
        return sandbox.audio(
            self.path,
            rate,
            start=start,
            block_seconds=block_seconds,
            selection=selection,
            end=end,
            part_from=part_from,
        )


def as_source(media: str | Path | Source) -> Source:
    """The source that a path names; a source stays what it is."""
    return FileSource(Path(media)) if isinstance(media, str | Path) else media


def from_media(
    media: MediaLike, frame_rate: float | None, samples: np.ndarray | None, sample_rate: float | None
) -> Source:
    """The source that ``Analyzer.analyze`` is called with.

    Raises EmorecError for anything but a path, or arrays with their rates.
    """
    if isinstance(media, str | PathLike):
        if frame_rate is not None or samples is not None or sample_rate is not None:
            raise EmorecError(RATE_FOR_FILE)
        if media == "":
            raise EmorecError(NO_PATH)
        if isinstance(media, str) and IS_LINK.match(media):
            raise EmorecError(LINK)
        return as_source(Path(media))
    iterable = hasattr(media, "__array__") or hasattr(media, "__iter__")
    if not iterable or isinstance(media, bytes | bytearray | Mapping) or hasattr(media, "readline"):
        raise EmorecError(NO_MEDIA.format(kind=f"a {type(media).__name__}"))
    if _holds_paths(media):
        raise EmorecError(SEVERAL)
    if frame_rate is not None:
        return from_arrays(media, frame_rate, samples, sample_rate)
    if samples is not None:
        raise EmorecError(TWO_SOUNDS)
    if sample_rate is None:
        raise EmorecError(NO_RATE)
    return from_arrays(samples=media, sample_rate=sample_rate)


def _holds_paths(media: Any) -> bool:
    """Whether these are the paths of files: a list, an array or a column of a table. What is read once is not begun."""
    kind = getattr(getattr(media, "dtype", None), "kind", "")
    again = isinstance(media, list | tuple | set) or (kind in "OUT" and getattr(media, "ndim", 0) == 1)
    return again and isinstance(next(iter(media), None), str | PathLike)
