"""Annotations in a table: CSV or TSV with a header, also BORIS's, and the label files of Audacity, which have none."""

from __future__ import annotations

import csv
import re
from typing import Literal

from emorec.annotation import boris
from emorec.annotation.boris import Row
from emorec.annotation.record import Annotation
from emorec.annotation.times import LINE_END, WrongFormat, decode_text, parse_seconds
from emorec.emotions import EMOTIONS

DELIMITERS = "\t;,"
NAMED_DELIMITER = re.compile(r'"?sep=([\t;,])"?', re.IGNORECASE)  # a first line for Excel, no part of the table

# Names of columns in lower case; "onset", "duration" and "trial_type" are those of BIDS.
START = ("start", "time", "onset", "begin", "start_time", "begin_time", "starttime", "tmin")
END = ("end", "offset", "stop", "end_time", "endtime", "tmax")
DURATION = ("duration", "length")
TEXT = ("label", "emotion", "marker", "name", "text", "annotation", "event", "trial_type", "value", "condition")
TEXT_OF_RESULT = ("dominant",)  # the column "name" of a result is the name of the person
PERSON = ("person", "speaker", "participant", "subject", "face")
TIER = ("tier",)

AUDACITY_RANGES = "\\"  # the first character of lines with the frequencies of the label above


def read(content: bytes) -> list[Annotation]:
    """The annotations of a table. Raises WrongFormat."""
    try:
        text = decode_text(content)
    except WrongFormat as error:
        raise WrongFormat(f"{error}; save it in one of these, in Excel as CSV UTF-8") from None
    lines = enumerate(LINE_END.split(text), 1)
    used = [(number, line) for number, line in lines if line.strip() and not line.startswith(AUDACITY_RANGES)]
    named = NAMED_DELIMITER.fullmatch(used[0][1].strip(" ")) if used else None
    used = used[1:] if named else used
    if not used:
        return []
    delimiter, header = _delimiter(used[0][1], named[1] if named else DELIMITERS)
    # Audacity writes quotes as they are, so a label may begin with one; others, such as R, put text between two.
    quoting = csv.QUOTE_MINIMAL if header or delimiter != "\t" else csv.QUOTE_NONE
    try:
        rows = _rows(used, delimiter, quoting)
    except csv.Error as error:
        raise WrongFormat(str(error)) from None
    if quoting == csv.QUOTE_NONE:
        rows = [(number, [_unquoted(cell) for cell in row]) for number, row in rows]
    if not rows:
        return []
    if parse_seconds(rows[0][1][0]) is not None:
        return [_without_header(row, number) for number, row in rows]
    numbers, cells = [number for number, _ in rows], [row for _, row in rows]
    cells[1:] = without_row_names(cells[0], cells[1:], delimiter)
    return _with_header(list(zip(numbers, cells, strict=True)), delimiter)


def without_row_names(columns: list[str], rows: list[list[str]], delimiter: str) -> list[list[str]]:
    """The cells of rows without the names of the rows, which R writes into a first column that has no name.

    Every row then has one cell more than there are columns. Between commas this may also be a decimal comma, and an
    empty last cell is a delimiter at the end of the line: these rows are returned as they are.
    """
    named = delimiter != "," and rows and all(len(row) == len(columns) + 1 for row in rows)
    return [row[1:] for row in rows] if named and any(row[-1] for row in rows) else rows


def _rows(lines: list[tuple[int, str]], delimiter: str, quoting: Literal[0, 3]) -> list[Row]:
    """The rows of numbered lines, without rows whose cells are all empty. Raises csv.Error."""
    reader = csv.reader((line for _, line in lines), delimiter=delimiter, quoting=quoting)
    rows, first = [], 0
    for row in reader:
        cells = [cell.strip() for cell in row]
        if any(cells):
            rows.append((lines[first][0], cells))
        first = reader.line_num  # text in quotes may go on for several lines
    return rows


def _delimiter(line: str, delimiters: str) -> tuple[str, bool]:
    """The delimiter of the cells, judged by the first line, and whether that line may be a header.

    If the first cell is a time, the line is no header, and the delimiter is what follows the time, because the label
    may contain the others even more often. Else it is the most frequent delimiter; of several, the first of
    ``delimiters``.
    """
    for delimiter in delimiters:
        first, separator, _ = line.partition(delimiter)
        if separator and parse_seconds(first) is not None:
            return delimiter, False
    return max(delimiters, key=line.count), True


def _unquoted(cell: str) -> str:
    """A cell without the quotes around it, if it has one on each side."""
    if len(cell) < 2 or not (cell.startswith('"') and cell.endswith('"')):
        return cell
    return cell[1:-1].replace('""', '"')


def _without_header(row: list[str], number: int) -> Annotation:
    """The annotation in a row of start, end and text, or of a time and text."""
    start, end = parse_seconds(row[0]), parse_seconds(row[1]) if len(row) > 2 else None
    if start is None:
        raise WrongFormat(f"line {number} does not begin with a time")
    if len(row) < 2:
        raise WrongFormat(f"line {number} has no label")
    return _annotation(start, start if end is None else end, row[-1] if end is None else row[2], number)


def _with_header(rows: list[Row], delimiter: str) -> list[Annotation]:
    """The annotations of rows whose first one is a header. Raises WrongFormat."""
    columns = rows[0][1]
    header = [name.lower() for name in columns]
    if boris.is_export(header):
        return boris.read(header, rows[1:])
    texts = TEXT_OF_RESULT if {*EMOTIONS, *TEXT_OF_RESULT} <= {*header} else TEXT
    start, end, duration, text, person, tier = (
        next((header.index(name) for name in names if name in header), None)
        for names in (START, END, DURATION, texts, PERSON, TIER)
    )
    if start is None or text is None:
        lacking = "start" if start is None else "label"
        raise WrongFormat(
            f"it has no column {lacking!r}; labels have the columns start, end and label, and person if there are "
            "several, markers need only time and label"
        )
    if delimiter == ",":
        times = (place for place in (start, end, duration) if place is not None)
        _check_decimal_commas(rows, start, text if text > start else 1 + max(times))
    annotations = []
    for number, row in rows[1:]:
        cells: dict[int | None, str] = dict(enumerate(row))  # a column that the table lacks is None, and has no cell
        start_time = parse_seconds(cells.get(start, ""))
        if start_time is None:
            raise WrongFormat(f"line {number} has no time in the column {columns[start]!r}")
        if end is not None:
            end_time = parse_seconds(cells.get(end, ""))
        else:
            length = parse_seconds(cells.get(duration, ""))
            end_time = None if length is None else start_time + length
        if end_time is None:
            end_time = start_time
        more = number, cells.get(tier, ""), cells.get(person, "")
        annotations.append(_annotation(start_time, end_time, cells.get(text, ""), *more))
    return annotations


def _check_decimal_commas(rows: list[Row], start: int, after: int) -> None:
    """Raise WrongFormat if decimal commas divide the times into cells, so that a part of one is in the place ``after``.

    This is the place of the text, or what follows the times. A row then has more cells than the header, and the time at
    ``start`` has no point. If this place has numbers in other rows too, it may be for a comma in a remark.
    """
    width = len(rows[0][1])
    places = [(number, "".join(row[after : after + 1]), any(row[width:]), row) for number, row in rows[1:]]
    divided = [number for number, cell, more, row in places if more and cell.isdecimal() and "." not in row[start]]
    if divided and not any(cell.isdecimal() for _, cell, more, _ in places if not more):
        raise WrongFormat(
            f"line {divided[0]} has more cells than the header, as if it had decimal commas; with these, put "
            "semicolons or tabs between the cells"
        )


def _annotation(start: float, end: float, text: str, line: int, tier: str = "", person: str = "") -> Annotation:
    """An annotation of the line with this number. Raises WrongFormat if it ends before it begins."""
    if end < start:
        raise WrongFormat(f"line {line} ends before it begins")
    return Annotation(start, end, text, tier, person)
