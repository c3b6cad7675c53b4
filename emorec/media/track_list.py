"""The tracks of a recording with what a person needs to choose one: the language, the codec, the size."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emorec.media.reader import Reader
from emorec.media.selection import tracks

MAX_LISTED = 32  # tracks of a kind
MAX_TEXT = 60  # characters of a title or a language
UNKNOWN = ("und", "")  # what files say of a language that they do not name


@dataclass(frozen=True, kw_only=True)
class Track:
    """A track: ``number`` counts from 1 among those of its ``kind``, "audio" or "video".

    ``language`` is the file's own word, mostly of ISO 639-2; it, ``title`` and ``codec`` are "" if unknown.
    ``channels`` is 0 for pictures and if unknown; ``width`` and ``height`` (px) are 0 for sound.
    """

    kind: str
    number: int
    language: str = ""
    title: str = ""
    codec: str = ""
    channels: int = 0
    width: int = 0
    height: int = 0


def read_tracks(path: str | Path) -> list[Track]:
    """The tracks of sound and pictures of a recording, without cover art. Raises EmorecError if it cannot be opened."""
    with Reader(Path(path)) as reader:
        return [
            _track(stream, kind, number)
            for kind in ("audio", "video")
            for number, stream in enumerate(tracks(reader.container, kind)[:MAX_LISTED], 1)
        ]


def _track(stream, kind: str, number: int) -> Track:
    context, tags = stream.codec_context, stream.metadata
    language = _short(tags.get("language", ""))
    size = {}
    if context is not None:
        names = ("channels",) if kind == "audio" else ("width", "height")
        size = {name: max(int(getattr(context, name, 0) or 0), 0) for name in names}
    return Track(
        kind=kind,
        number=number,
        language="" if language in UNKNOWN else language,
        title=_short(tags.get("title", "")),
        codec=_short(context.name) if context is not None else "",
        **size,
    )


def _short(text: str) -> str:
    """Text of the file as one short printable line."""
    return "".join(letter if letter.isprintable() else " " for letter in str(text))[:MAX_TEXT].strip()
