"""Text and times as the formats of annotations write them."""

from __future__ import annotations

import math
import re

# Seconds, m:ss or h:mm:ss; after a point or a comma there are fractions of a second. What happens before a recording
# begins, such as the first events of BIDS, has a time below 0.
CLOCK = re.compile(r"(-?)(?:(?:(\d+):)?(\d{1,2}|\d+(?=:)):)?(\d+(?:[.,]\d*)?(?:[eE][+-]?\d+)?)")

# What keyboards and spreadsheets write for these in Arabic, Persian, Chinese and Japanese, and invisible marks of
# direction. The digits of every script are read as they are.
AS_ASCII = str.maketrans("\u066b．，：−－", "..,:--", "\u061c\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069")

LINE_END = re.compile(r"\r\n|\r|\n")  # str.splitlines also splits at U+2028 and others, which may stand in a label

# What R, pandas, BIDS, SQL and Stata write into a cell without a value, in lower case.
MISSING = ("", "na", "<na>", "nan", "n/a", "null", "none", ".")

# A file may begin with a mark of its encoding; Praat writes UTF-16.
ENCODINGS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))


class WrongFormat(ValueError):
    """The content of a file is not in the expected format; the text says why, as the second half of a sentence."""


def parse_seconds(text: str) -> float | None:
    """Seconds from ``75``, ``75.5``, ``75,5``, ``1:15``, ``0:01:15`` or ``-2``; None for anything else."""
    found = CLOCK.fullmatch(text.translate(AS_ASCII).strip())
    if found is None:
        return None
    sign, hours, minutes, rest = found.groups()
    value = 3600 * float(hours or 0) + 60 * float(minutes or 0) + float(rest.replace(",", "."))
    return (-value if sign else value) if math.isfinite(value) else None


def decode_text(content: bytes) -> str:
    """The text of a file in UTF-8, or in UTF-16 with a mark of the byte order. Raises WrongFormat."""
    encoding = next((name for mark, name in ENCODINGS if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise WrongFormat("it is not text in UTF-8 or UTF-16") from None
