"""A timeline as an Excel workbook (.xlsx): the sheets windows, people, highlights and choices."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from emorec import files
from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError, require
from emorec.extraction.people import default_name
from emorec.inference.timeline import Timeline
from emorec.output.columns import columns
from emorec.output.highlights import Highlight, find_highlights
from emorec.output.portraits import NOBODY, highlighted_person
from emorec.output.rows import DIGITS, person_of
from emorec.output.summary import WHO
from emorec.output.tables import choices, summary_values
from emorec.output.text import plain
from emorec.output.zips import DatedZipFile

if TYPE_CHECKING:
    from openpyxl import Workbook

EXTRA = "exports"  # the extra that installs openpyxl
MAX_ROWS = 1_048_575  # of a sheet in Excel, below the row with the names of the columns
MAX_TEXT = 32_767  # characters of a cell in Excel
MEASURED = 1_000  # rows whose cells decide how wide a column is, because all rows would have to be held in memory
MAX_WIDTH = 60  # characters of the widest column
NUMBER_WIDTH = DIGITS + 3  # characters of a number, and of true and false in any language
# Without this format LibreOffice shows true and false as 1 and 0; it shows them in the user's language.
BOOLEAN = '"TRUE";"TRUE";"FALSE"'
# Names of the last row, which is about the whole recording.
GROUP = "mean of all"
ANYONE = "whoever is visible"
# Which rows a row of the sheet people counts.
ALL_ROWS, OF_PERSON = "all rows", "only rows that show this person"
TOO_LONG = "A sheet of Excel has at most {most:,} rows and this result has {rows:,}; choose a longer step or CSV."

Row = Iterable[Any]


def xlsx_bytes(timeline: Timeline) -> bytes:
    """The workbook; a text that looks like a formula stays a text, and an unknown value is an empty cell.

    Raises EmorecError if openpyxl is not installed, if the timeline has more rows than a sheet can have, or if the
    temporary files that openpyxl needs cannot be written.
    """
    require(EXTRA, "openpyxl")
    from openpyxl import Workbook
    from openpyxl.writer.excel import ExcelWriter

    rows = sum(len(one) for one in timeline.each)
    if rows > MAX_ROWS:
        raise EmorecError(TOO_LONG.format(most=MAX_ROWS, rows=rows))
    book, out = Workbook(write_only=True), io.BytesIO()
    try:
        for name, content in (("windows", _windows), ("people", _people), ("highlights", _highlights)):
            _add_sheet(book, name, content(timeline))
        _add_sheet(book, "choices", _choices(timeline))
        # As ``book.save``, whose ZIP file refuses the date of a wrong clock.
        with DatedZipFile(out) as archive:
            ExcelWriter(book, archive).save()
    except OSError as error:
        _give_up(book)
        raise files.no_temporary(error) from error
    return out.getvalue()


def _give_up(book: Workbook) -> None:
    """End the sheets of a book that cannot be written, and remove their files.

    Otherwise Python prints an error of each with its traceback when it forgets the book.
    """
    for sheet in book.worksheets:
        rows, writer = getattr(sheet, "_rows", None), getattr(sheet, "_writer", None)
        for end in (rows and rows.close, writer and writer.xf.close, writer and writer.cleanup):
            with contextlib.suppress(OSError, StopIteration):
                if end:
                    end()


def _add_sheet(book: Workbook, name: str, rows: Iterable[Row]) -> None:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.utils import get_column_letter

    sheet = book.create_sheet(name)
    sheet.freeze_panes = "A2"

    def cell(value: Any) -> Any:
        if isinstance(value, float):
            return None if math.isnan(value) else round(value, DIGITS)
        if not isinstance(value, str | bool):
            return value
        made = WriteOnlyCell(sheet, plain(value)[:MAX_TEXT] if isinstance(value, str) else value)
        if isinstance(value, str):
            made.data_type = "s"  # openpyxl takes a text that begins with "=" for a formula
        else:
            made.number_format = BOOLEAN
        return made

    rows = iter(rows)
    first = [[*row] for row in itertools.islice(rows, MEASURED)]
    for number, column in enumerate(itertools.zip_longest(*first), 1):  # openpyxl writes the widths before the rows
        sheet.column_dimensions[get_column_letter(number)].width = min(max(map(_width, column)) + 1, MAX_WIDTH)
    for row in itertools.chain(first, rows):
        sheet.append([cell(value) for value in row])


def _width(value: Any) -> int:
    """The characters that a cell needs."""
    return NUMBER_WIDTH if isinstance(value, float | bool) else len(plain(str(value)))


def _windows(timeline: Timeline) -> Iterator[Row]:
    arrays = columns(timeline)
    yield arrays
    persons = [int(person) if person >= 0 else None for person in arrays["person"]]
    values = [persons if name == "person" else values.tolist() for name, values in arrays.items()]
    yield from zip(*values, strict=True)


def _people(timeline: Timeline) -> Iterator[Row]:
    for first, (number, name, one) in enumerate(_people_and_whole(timeline)):
        values = summary_values(one)
        shares = values.pop("dominant_shares")
        if not first:
            yield ["person", "name", *EMOTIONS, *values, "counted"]
        counted = OF_PERSON if number is not None and not one.name else ALL_ROWS
        yield [number, name or None, *(shares.get(emotion) for emotion in EMOTIONS), *values.values(), counted]


def _people_and_whole(timeline: Timeline) -> Iterator[tuple[int | None, str, Timeline]]:
    """Number, name and timeline of each person; last the whole recording, unless it is about one person only."""
    if timeline.people:
        yield from ((person_of(one), one.name, one) for one in timeline.people)
        yield None, GROUP, timeline
    elif timeline.name:
        yield person_of(timeline), timeline.name, timeline
    else:
        shown = sorted({int(person) for person in timeline.person if person != NOBODY})
        numbers = list(dict.fromkeys([*timeline.names, *shown]))
        yield from ((number, _name(timeline, number), _rows_of_person(timeline, number)) for number in numbers)
        yield None, WHO.get(str(timeline.choices.get("person")), ANYONE) if numbers else "", timeline


def _rows_of_person(timeline: Timeline, person: int) -> Timeline:
    """The timeline without evidence in rows that do not show a person, so that shares are of the whole recording."""
    other = timeline.person != person
    arrays: dict[str, Any] = {}
    for each in fields(timeline):
        if each.type == "np.ndarray" and each.name not in ("start", "end", "person"):
            values = getattr(timeline, each.name)
            # NaN is unknown; coverage and evidence, which are always known, are 0.
            nothing = np.nan if each.name in ("probabilities", "face", "voice", "disagreement") else 0.0
            arrays[each.name] = np.where(other.reshape(-1, *[1] * (values.ndim - 1)), nothing, values)
    return replace(timeline, **arrays, grid=None)


def _name(timeline: Timeline, person: int) -> str:
    return timeline.names.get(person, default_name(person))


def _highlights(timeline: Timeline) -> Iterator[Row]:
    columns = [each.name for each in fields(Highlight) if each.name != "person"]
    yield ["person", "name", *columns]
    for one in timeline.each:
        for found in find_highlights(one):
            person = person_of(one) if one.name else highlighted_person(one, found)
            number = None if person == NOBODY else person
            name = one.name or ("" if number is None else _name(one, number))
            yield [number, name or None, *(getattr(found, column) for column in columns)]


def _choices(timeline: Timeline) -> Iterator[Row]:
    yield ["choice", "value"]
    facts = {"media": timeline.media, "duration": timeline.duration, "complete": timeline.complete}
    facts |= choices(timeline) | {"notes": " ".join(timeline.notes)}
    for name, value in facts.items():
        for key, inner in value.items() if isinstance(value, dict) else [("", value)]:
            yield [f"{name}.{key}" if key else name, _scalar(inner)]


def _scalar(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float) else json.dumps(value)
