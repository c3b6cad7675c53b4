"""Which tracks and channels of a recording are read, and how its picture is turned."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from av.stream import Disposition

from emorec.errors import EmorecError

NOT_MOVING = Disposition.attached_pic | Disposition.still_image | Disposition.timed_thumbnails
KIND_NAMES = {"audio": "sound", "video": "video"}


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which tracks and channels of a recording are read.

    ``audio_track`` and ``video_track`` count from 1 among the streams of that kind (None: the file's default).
    ``channel`` is "left", "right", "mix", or "split" for both apart (see ``mixdown``). ``rotate`` (degrees, a multiple
    of 90) is how far pictures are turned clockwise. Without ``pictures`` or ``sound`` no packet of that kind is
    decoded. ``filtered``: whether pictures go through the codec's last filter, which only the eye needs.
    """

    audio_track: int | None = None
    video_track: int | None = None
    channel: str = "mix"
    rotate: int = 0
    pictures: bool = True
    sound: bool = True
    filtered: bool = False

    def wants(self, kind: str) -> bool:
        """Whether streams of a kind, "video" or "audio", are decoded at all."""
        return self.pictures if kind == "video" else self.sound

    def track(self, kind: str) -> int | None:
        """The number of the chosen track of a kind."""
        return self.video_track if kind == "video" else self.audio_track


EVERYTHING = Selection()


def tracks(container, kind: str) -> list:
    """The streams of a kind in the order of the file, without cover art and still pictures."""
    return [stream for stream in container.streams if stream.type == kind and not stream.disposition & NOT_MOVING]


def pick(container, kind: str, path: Path, selection: Selection = EVERYTHING, related=None):
    """The chosen stream of a kind, else the file's default; None if there is none that can be decoded.

    Raises ``EmorecError`` if the chosen track does not exist or is in a format that cannot be decoded.
    """
    there, number = tracks(container, kind), selection.track(kind)
    if number is not None:
        if not 1 <= number <= len(there):
            raise EmorecError(f"{_holds(path, kind, len(there))}; there is no track {number}.")
        chosen = there[number - 1]
        if chosen.codec_context is None:
            raise EmorecError(
                f"The {KIND_NAMES[kind]} track {number} of {path.name} is in a format that cannot be "
                "decoded; choose another track."
            )
        return chosen
    usable = [stream for stream in there if stream.codec_context is not None]
    best = container.streams.best(kind, related=related)
    return best if best in usable else next(iter(usable), None)


def _holds(path: Path, kind: str, count: int) -> str:
    number = "no" if count == 0 else str(count)
    return f"{path.name} has {number} {KIND_NAMES[kind]} track{'s' * (count != 1)}"
