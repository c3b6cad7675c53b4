"""Annotations of Praat: TextGrid files, long or short.

A TextGrid is a sequence of numbers and quoted strings. The long form adds words for human readers, which are skipped.
See "TextGrid file formats" in Praat's manual.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from emorec.annotation.record import Annotation
from emorec.annotation.times import WrongFormat, decode_text

# A quoted string, a flag, the index of an item, a word, or a number.
TOKEN = re.compile(r'"((?:[^"]|"")*)"|<\w+>|\[\d*\]|[A-Za-z_?]+|([+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)')

BINARY = b"ooBinaryFile"  # how files begin that Praat saves as binary


def read(content: bytes) -> list[Annotation]:
    """The intervals and points of every tier; intervals without text are left out. Raises WrongFormat."""
    if content.startswith(BINARY):
        raise WrongFormat("it is binary; open it in Praat and save it as a text file")
    values = _values(decode_text(content))
    try:
        # Praat used to write "ooTextFile short" into short files.
        if not str(next(values)).startswith("ooTextFile") or next(values) != "TextGrid":
            raise WrongFormat("it is no TextGrid")
        _skip_numbers(values, 2)  # the times from which and to which it goes
        found = []
        for _ in range(int(_number(values))):
            kind, name = next(values), next(values)
            if kind not in ("IntervalTier", "TextTier"):
                raise WrongFormat(f"it has a tier of the kind {kind!r}")
            _skip_numbers(values, 2)
            for _ in range(int(_number(values))):
                start = _number(values)
                end = _number(values) if kind == "IntervalTier" else start
                text = str(next(values)).strip()
                if text:
                    found.append(Annotation(start, max(start, end), text, str(name)))
        return found
    except StopIteration:
        raise WrongFormat("it ends too early") from None


def _values(text: str) -> Iterator[str | float]:
    for found in TOKEN.finditer(text):
        string, number = found.groups()
        if string is not None:
            yield string.replace('""', '"')
        elif number is not None:
            yield float(number)


def _number(values: Iterator[str | float]) -> float:
    value = next(values)
    if not isinstance(value, float):
        raise WrongFormat(f"a number is expected instead of {value!r}")
    return value


def _skip_numbers(values: Iterator[str | float], count: int) -> None:
    for _ in range(count):
        _number(values)
