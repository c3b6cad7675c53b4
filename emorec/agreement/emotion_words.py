"""The meanings of labels: which of the seven emotions a word of an annotator stands for."""

from __future__ import annotations

import csv
import json
import os
import re
import unicodedata
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from emorec.annotation.tables import without_row_names
from emorec.annotation.times import MISSING, decode_text
from emorec.emotions import EMOTIONS, FOLDING
from emorec.errors import EmorecError

# In addition to the labels of data sets. Only words with the same meaning: "smile" or "stressed" is left to the user.
SYNONYMS = {
    "angry": ("ang", "mad", "furious", "rage"),
    "disgust": ("dis", "disgusting"),
    "fear": ("fea", "afraid", "scared", "frightened"),
    "happy": ("hap", "joy", "joyful", "glad"),
    "neutral": ("neu", "neutrality", "no emotion", "no expression"),
    "sad": ("sorrow", "unhappy"),
    "surprise": ("sur", "surprising", "astonished"),
}
WORDS: dict[str, str | None] = FOLDING | {word: emotion for emotion, words in SYNONYMS.items() for word in words}

Mapped = Mapping[str, str | list[str] | None] | str | PathLike[str]

DELIMITERS = "\t;,"  # of a table; if a line has several of them, the first one here counts
QUOTED = re.compile(r'"[^"]*"')
NOTHING = (*MISSING, "-")  # in place of an emotion, for a label without a counterpart

WRONG_PAIR = (
    "The map has {one!r} beside {other!r}, which names none of the seven emotions; "
    "write EMOTION=LABEL, as in happy=Freude."
)
UNREADABLE = "The map {name} cannot be read ({reason}); give a JSON or CSV file, or pairs such as happy=Freude."
WRONG_FILE = 'The map {name} must hold an object of labels and emotions, as in {{"Freude": "happy"}}.'


def label_meanings(given: Mapped | None = None) -> dict[str, str | None]:
    """The emotion that each label stands for, by the label in lower case; None if it is none of the seven.

    ``given`` adds labels: a mapping of labels to emotions (None: leave the label out), the path of a JSON file with
    such an object or of a CSV or TSV file with the columns label and emotion, or pairs such as
    ``happy=Freude,sad=Trauer``. Label and emotion may also be in the other order. If both are emotions, the order
    described here counts, or the header of the table. A list in a mapping holds several labels of one emotion. Raises
    EmorecError.
    """
    if given is None:
        return dict(WORDS)
    if isinstance(given, Mapping):
        pairs = _pairs_of_mapping(given)
    elif isinstance(given, str) and "=" in given and not os.path.isfile(given):
        parts = [part.partition("=") for part in given.split(",") if part.strip()]
        return WORDS | dict(_ordered(label, emotion) for emotion, _, label in parts)
    else:
        pairs = _pairs_of_file(Path(given))
    return WORDS | dict(_ordered(label, None if _is_nothing(emotion) else emotion) for label, emotion in pairs)


def _ordered(one: Any, other: Any) -> tuple[str, str | None]:
    """A label in lower case and its emotion, in either order; if both are emotions, ``one`` is the label.

    Raises EmorecError if neither is an emotion or nothing.
    """
    one, other = (None if each is None else str(each).strip() for each in (one, other))
    for label, emotion in ((one, other), (other, one)):
        if label and emotion and emotion.lower() in EMOTIONS:
            return _folded(label), emotion.lower()
    for label, nothing in ((one, other), (other, one)):
        if label and _is_nothing(nothing):
            return _folded(label), None
    raise EmorecError(WRONG_PAIR.format(one=other, other=one))


def _folded(label: str) -> str:
    """A label without the difference between upper and lower case, and between the two ways to write é."""
    return unicodedata.normalize("NFC", label.casefold())


def _is_nothing(value: Any) -> bool:
    """Whether a value says that the label beside it has no counterpart."""
    return value is None or str(value).strip().lower() in NOTHING


def _pairs_of_file(path: Path) -> list[tuple[Any, Any]]:
    """Labels and emotions of a JSON, CSV or TSV file. Raises EmorecError."""
    try:
        text = decode_text(path.read_bytes())
        if path.suffix.lower() != ".json":
            return _pairs_of_table(text)
        content = json.loads(text)
    except (OSError, ValueError, RecursionError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise EmorecError(UNREADABLE.format(name=path.name, reason=reason)) from None
    if not isinstance(content, dict):
        raise EmorecError(WRONG_FILE.format(name=path.name))
    return _pairs_of_mapping(content)


def _pairs_of_table(text: str) -> list[tuple[Any, Any]]:
    """Labels and emotions of a table; the header, if there is one, names the columns. Raises csv.Error.

    There may be a title above the header, and a table that was joined from several repeats the header.
    """
    lines = text.splitlines()
    # The delimiter of the header, if there is one: a title may contain other delimiters.
    with_delimiter = [(each, line) for line in lines for each in DELIMITERS if each in QUOTED.sub("", line)]
    of_header = (
        each for each, line in with_delimiter if "label" in (cell.strip(' "').lower() for cell in line.split(each))
    )
    delimiter = next(of_header, with_delimiter[0][0] if with_delimiter else ",")
    rows = [row for row in csv.reader(lines, delimiter=delimiter) if any(map(str.strip, row))]
    label, emotion = 0, 1
    headers = [[cell.strip().lower() for cell in row] for row in rows]
    if header := next((cells for cells in headers if "label" in cells), None):
        label = header.index("label")
        emotion = header.index("emotion") if "emotion" in header else int(label == 0)
        kept = [row for row, cells in zip(rows, headers, strict=True) if cells != header]
        rows = [row for row in without_row_names(header, kept, delimiter) if "".join(row[label : label + 1]).strip()]
    cells_of = (dict(enumerate(row)) for row in rows)
    return [(cells.get(label), cells.get(emotion)) for cells in cells_of]


def _pairs_of_mapping(content: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    pairs = []
    for key, value in content.items():
        pairs += [(each, key) for each in value] if isinstance(value, list) else [(key, value)]
    return pairs


def emotion_of(label: str, meanings: Mapping[str, str | None]) -> tuple[bool, str | None]:
    """Whether a label is known, and the emotion that it stands for, None for none of the seven."""
    word = _folded(label.strip())
    for each in (word, word.replace("_", " ")):
        if each in meanings:
            return True, meanings[each]
    return False, None
