"""Text and times as the formats of annotations write them."""

from __future__ import annotations

import math
import re

# Seconds, m:ss or h:mm:ss; after a point or a comma there are fractions of a second.
CLOCK = re.compile(r"(?:(?:(\d+):)?(\d{1,2}|\d+(?=:)):)?(\d+(?:[.,]\d*)?(?:[eE][+-]?\d+)?)")

# A file may begin with a mark of its encoding; Praat writes UTF-16.
ENCODINGS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))


class NotThatFormat(ValueError):
    """What is wrong with the content of a file, in words that continue a sentence."""


def seconds(text: str) -> float | None:
    """Seconds from ``75``, ``75.5``, ``75,5``, ``1:15`` or ``0:01:15``; None for anything else."""
    found = CLOCK.fullmatch(text.strip())
    if found is None:
        return None
    hours, minutes, rest = found.groups()
    value = 3600 * int(hours or 0) + 60 * int(minutes or 0) + float(rest.replace(",", "."))
    return value if math.isfinite(value) else None


def text_of(content: bytes) -> str:
    """The text of a file in UTF-8, or in UTF-16 with a mark of the byte order. Raises NotThatFormat."""
    encoding = next((name for mark, name in ENCODINGS if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise NotThatFormat("it is not text in UTF-8 or UTF-16") from None
