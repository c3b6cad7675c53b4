"""A timeline as an Excel workbook (.xlsx): the sheets windows, people, highlights and choices."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError, require
from emorec.inference.timeline import Timeline
from emorec.output.columns import columns
from emorec.output.rows import DIGITS, person_of
from emorec.output.tables import choices, highlight_values, summary_values
from emorec.output.text import plain

if TYPE_CHECKING:
    from openpyxl import Workbook

EXTRA = "exports"  # the extra that installs openpyxl
MAX_ROWS = 1_048_575  # of a sheet in Excel, below the row with the names of the columns
MAX_TEXT = 32_767  # characters of a cell in Excel
GROUP = "mean of all"  # name of the row that is the mean of all persons
TOO_LONG = "A sheet of Excel has at most {most:,} rows and this result has {rows:,}; choose a longer step or CSV."

Row = Iterable[Any]


def xlsx_bytes(timeline: Timeline) -> bytes:
    """The workbook; every text is a text, also one that looks like a formula, and what is not known is an empty cell.

    Raises EmorecError if openpyxl is not installed, or if the timeline has more rows than a sheet can have.
    """
    require(EXTRA, "openpyxl")
    from openpyxl import Workbook

    rows = sum(len(one) for one in timeline.each)
    if rows > MAX_ROWS:
        raise EmorecError(TOO_LONG.format(most=MAX_ROWS, rows=rows))
    book = Workbook(write_only=True)
    for name, content in (("windows", _windows), ("people", _people), ("highlights", _highlights)):
        _add_sheet(book, name, content(timeline))
    _add_sheet(book, "choices", _choices(timeline))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _add_sheet(book: Workbook, name: str, rows: Iterable[Row]) -> None:
    from openpyxl.cell import WriteOnlyCell

    sheet = book.create_sheet(name)
    sheet.freeze_panes = "A2"

    def cell(value: Any) -> Any:
        if isinstance(value, float):
            return None if math.isnan(value) else round(value, DIGITS)
        if not isinstance(value, str):
            return value
        text = WriteOnlyCell(sheet, plain(value)[:MAX_TEXT])
        text.data_type = "s"  # openpyxl takes a text that begins with "=" for a formula
        return text

    for row in rows:
        sheet.append([cell(value) for value in row])


def _windows(timeline: Timeline) -> Iterator[Row]:
    found = columns(timeline)
    yield found
    persons = [int(person) if person >= 0 else None for person in found["person"]]
    values = [persons if name == "person" else values.tolist() for name, values in found.items()]
    yield from zip(*values, strict=True)


def _people(timeline: Timeline) -> Iterator[Row]:
    everybody = [(one, one.name) for one in timeline.each]
    if timeline.people:
        everybody.append((timeline, GROUP))
    named = ["person", "name", *EMOTIONS]
    for number, (one, name) in enumerate(everybody):
        values = summary_values(one)
        shares = values.pop("dominant_shares")
        if not number:
            yield [*named, *values]
        person = None if name == GROUP and one is timeline else person_of(one)
        yield [person, name or None, *(shares.get(emotion) for emotion in EMOTIONS), *values.values()]


def _highlights(timeline: Timeline) -> Iterator[Row]:
    yield ["person", "name", "start", "end", "kind", "emotion", "strength", "text"]
    for one in timeline.each:
        for values in highlight_values(one):
            yield [person_of(one), one.name or None, *values.values()]


def _choices(timeline: Timeline) -> Iterator[Row]:
    yield ["choice", "value"]
    facts = {"media": timeline.media, "duration": timeline.duration, "complete": timeline.complete}
    facts |= choices(timeline) | {"notes": " ".join(timeline.notes)}
    for name, value in facts.items():
        for key, inner in value.items() if isinstance(value, dict) else [("", value)]:
            yield [f"{name}.{key}" if key else name, _scalar(inner)]


def _scalar(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float) else json.dumps(value)
