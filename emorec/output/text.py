"""Texts for files: names, which may contain any characters, and confidences."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from emorec import files
from emorec.inference.timeline import Timeline

# Unicode's general categories of control characters, surrogates, and separators of lines and paragraphs.
BREAKING = ("Cc", "Cs", "Zl", "Zp")


def plain(text: str) -> str:
    """Text on one line for XML, spreadsheets and label files: characters that these do not allow become a space."""
    shown = files.shown(text)
    kept = (" " if unicodedata.category(letter) in BREAKING or letter in "\ufffe\uffff" else letter for letter in shown)
    return " ".join("".join(kept).split())


def valid(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by name, with texts that can be encoded as UTF-8, see ``files.shown``.

    The name of a recording may hold lone surrogates. JSON can escape them, but readers such as DuckDB refuse the file.
    """
    return {name: files.shown(value) if isinstance(value, str) else value for name, value in values.items()}


def token(text: str) -> str:
    """Text as one word, for formats whose fields end at a space."""
    return plain(text).replace(" ", "_")


def percent(confidence: float, sure: bool) -> str:
    """A confidence as "72%". One that is not ``sure`` is rounded down: 39.9 % must not read as 40 %, which is sure."""
    return f"{confidence:.0%}" if sure else f"{math.floor(100 * confidence + 1e-9)}%"


def media_name(timeline: Timeline) -> str:
    """The file name of the recording, "" if it is not known."""
    return plain(PurePath(str(timeline.media.get("name") or "")).name)
