"""Annotations in a table: CSV or TSV with a header, and the label files of Audacity, which have none."""

from __future__ import annotations

import csv
from typing import Literal

from emorec.annotation.record import Annotation
from emorec.annotation.times import LINE_END, NotThatFormat, seconds, text_of

DELIMITERS = "\t;,"

# Columns that tables of annotations have, in lower case; "onset", "duration" and "trial_type" are those of BIDS.
START = ("start", "time", "onset", "begin", "start_time", "begin_time", "starttime", "tmin")
END = ("end", "offset", "stop", "end_time", "endtime", "tmax")
DURATION = ("duration", "length")
TEXT = ("label", "emotion", "marker", "name", "text", "annotation", "event", "trial_type", "value", "condition")
PERSON = ("person", "speaker", "participant", "subject", "face")
TIER = ("tier",)

AUDACITY_RANGES = "\\"  # the first character of lines with the frequencies of the label above

Row = tuple[int, list[str]]  # the number of the line on which a row begins, and its cells


def read(content: bytes) -> list[Annotation]:
    """The annotations of a table. Raises NotThatFormat."""
    lines = enumerate(LINE_END.split(text_of(content)), 1)
    used = [(number, line) for number, line in lines if line.strip() and not line.startswith(AUDACITY_RANGES)]
    if not used:
        return []
    delimiter, header = _delimiter(used[0][1])
    # Audacity writes quotes as they are, so a label may begin with one; others, such as R, put text between two.
    quoting = csv.QUOTE_MINIMAL if header or delimiter != "\t" else csv.QUOTE_NONE
    try:
        rows = _rows(used, delimiter, quoting)
    except csv.Error as error:
        raise NotThatFormat(str(error)) from None
    if quoting == csv.QUOTE_NONE:
        rows = [(number, [_unquoted(cell) for cell in row]) for number, row in rows]
    if not rows:
        return []
    if seconds(rows[0][1][0]) is not None:
        return [_without_header(row, number) for number, row in rows]
    return _with_header(rows)


def _rows(lines: list[tuple[int, str]], delimiter: str, quoting: Literal[0, 3]) -> list[Row]:
    """The rows of numbered lines, without those that a spreadsheet writes for empty ones. Raises csv.Error."""
    reader = csv.reader((line for _, line in lines), delimiter=delimiter, quoting=quoting)
    found, first = [], 0
    for row in reader:
        cells = [cell.strip() for cell in row]
        if any(cells):
            found.append((lines[first][0], cells))
        first = reader.line_num  # text in quotes may go on for several lines
    return found


def _delimiter(line: str) -> tuple[str, bool]:
    """What is between the cells of the first line, and whether that may be a header.

    Without one it follows a time, and labels may have more of the others. Of equally frequent ones the first counts.
    """
    for delimiter in DELIMITERS:
        first, found, _ = line.partition(delimiter)
        if found and seconds(first) is not None:
            return delimiter, False
    return max(DELIMITERS, key=line.count), True


def _unquoted(cell: str) -> str:
    """A cell without the quotes around it, if it has both."""
    if len(cell) < 2 or not (cell.startswith('"') and cell.endswith('"')):
        return cell
    return cell[1:-1].replace('""', '"')


def _without_header(row: list[str], number: int) -> Annotation:
    """A row of start, end and text, or of a time and text."""
    start, end = seconds(row[0]), seconds(row[1]) if len(row) > 2 else None
    if start is None:
        raise NotThatFormat(f"line {number} does not begin with a time")
    if len(row) < 2:
        raise NotThatFormat(f"line {number} has no label")
    return _annotation(start, start if end is None else end, row[-1] if end is None else row[2], number)


def _with_header(rows: list[Row]) -> list[Annotation]:
    columns = rows[0][1]
    header = [name.lower() for name in columns]
    start, end, duration, text, person, tier = (
        next((header.index(name) for name in names if name in header), None)
        for names in (START, END, DURATION, TEXT, PERSON, TIER)
    )
    if start is None or text is None:
        lacking = "start" if start is None else "label"
        raise NotThatFormat(
            f"it has no column {lacking!r}; labels have the columns start, end and label, and person if there are "
            "several, markers need only time and label"
        )
    found = []
    for number, row in rows[1:]:
        cells = dict(enumerate(row))
        begins = seconds(cells.get(start, ""))
        if begins is None:
            raise NotThatFormat(f"line {number} has no time in the column {columns[start]!r}")
        if end is not None:
            ends = seconds(cells.get(end, ""))
        else:
            length = seconds(cells.get(duration, "")) if duration is not None else None
            ends = None if length is None else begins + length
        words = cells.get(text, "")
        whom, where = (cells.get(column, "") if column is not None else "" for column in (person, tier))
        found.append(_annotation(begins, begins if ends is None else ends, words, number, where, whom))
    return found


def _annotation(start: float, end: float, text: str, line: int, tier: str = "", person: str = "") -> Annotation:
    if end < start:
        raise NotThatFormat(f"line {line} ends before it begins")
    return Annotation(start, end, text, tier, person)
