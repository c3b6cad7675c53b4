"""Answers to queries as text or files, written batch by batch, so that a large one needs little memory."""

from __future__ import annotations

import csv
import errno
import io
import json
import math
import os
import unicodedata
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from emorec import files
from emorec.errors import EmorecError
from emorec.output import spreadsheets

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ("table", "csv", "json", "parquet")
TABLE_ROWS = 40  # of a longer answer that a table shows
MAX_CELL = 40  # characters of a cell of a table
DIGITS = 4
MORE = "… and more rows; --format csv gives all, LIMIT fewer."
UNKNOWN = "The format {name!r} does not exist; choose from {known}."
UNFIT = "The answer cannot be written as {name} ({reason}); convert it in the query, for example by column::varchar."
CANNOT = "{path} cannot be written ({reason}); choose another place."

Batches = Iterable["pa.RecordBatch"]


def check(name: str) -> None:
    """Raise EmorecError for a format that is not one of FORMATS."""
    if name not in FORMATS:
        raise EmorecError(UNKNOWN.format(name=name, known=", ".join(FORMATS)))


def write(name: str, schema: pa.Schema, batches: Batches, out: BinaryIO) -> None:
    """Write an answer in one of FORMATS. Raises OSError, and EmorecError for a value that the format cannot hold."""
    import pyarrow as pa

    try:
        _write(name, schema, batches, out)
    except (EmorecError, OSError):
        raise
    except (ArithmeticError, ValueError, pa.ArrowException) as error:  # such as a time outside of Python's years
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise EmorecError(UNFIT.format(name=name, reason=reason)) from None


def _write(name: str, schema: pa.Schema, batches: Batches, out: BinaryIO) -> None:
    if name == "parquet":
        from pyarrow import parquet

        with parquet.ParquetWriter(out, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
        return
    texts = {"csv": _csv, "json": _json, "table": _table}[name](schema.names, batches)
    for text in texts:
        out.write(text.encode("utf-8", "replace"))


def write_file(name: str, schema: pa.Schema, batches: Batches, path: Path) -> None:
    """Write an answer to a file, completely or not at all; links, pipes and devices are as in ``files.write_result``.

    Raises EmorecError if it cannot be written.
    """
    try:
        if not path.name:  # such as ".", the folder
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        special = files.is_special(path)
        with path.open("wb") if special else files.replacing(os.path.realpath(path)) as out:
            write(name, schema, batches, out)
    except OSError as error:
        raise EmorecError(CANNOT.format(path=path, reason=error.strerror or error)) from None


def _rows(batches: Batches) -> Iterator[list[Any]]:
    for batch in batches:
        columns = [column.to_pylist() for column in batch.columns]
        for row in zip(*columns, strict=True):
            yield list(row)


def _csv(names: list[str], batches: Batches) -> Iterator[str]:
    yield _csv_lines([names])
    for batch in batches:
        yield _csv_lines([_cell(value) for value in row] for row in _rows([batch]))


def _csv_lines(rows: Iterable[list[Any]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def _cell(value: Any) -> Any:
    return json.dumps(_json_value(value), default=str) if isinstance(value, dict | list) else spreadsheets.cell(value)


def _json(names: list[str], batches: Batches) -> Iterator[str]:
    """One array of objects; a number that JSON does not have, such as infinity, is null."""
    begin = "[\n"
    for row in _rows(batches):
        values = {name: _json_value(value) for name, value in zip(names, row, strict=True)}
        yield begin + json.dumps(values, default=str, allow_nan=False)
        begin = ",\n"
    yield "\n]\n" if begin == ",\n" else "[]\n"


def _json_value(value: Any) -> Any:
    """A value as JSON has it; the decimals that DuckDB gives for sums become numbers too."""
    if isinstance(value, dict):
        return {str(name): _json_value(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(one) for one in value]
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _table(names: list[str], batches: Batches) -> Iterator[str]:
    rows, more = [], False
    for row in _rows(batches):
        if len(rows) == TABLE_ROWS:
            more = True
            break
        rows.append(row)
    numeric = [all(isinstance(row[i], int | float | Decimal | None) for row in rows) for i in range(len(names))]
    cells = [[_cell_text(name) for name in names], *([_cell_text(value) for value in row] for row in rows)]
    widths = [max(_width(row[i]) for row in cells) for i in range(len(names))]
    for number, row in enumerate(cells):  # the first one has the names of the columns
        padded = [
            " " * (width - _width(cell)) + cell if right else cell + " " * (width - _width(cell))
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ]
        yield "  ".join(padded).rstrip() + "\n"
        if not number:
            yield "  ".join("─" * width for width in widths) + "\n"
    if more:
        yield f"{MORE}\n"


def _cell_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    value = _json_value(value) if isinstance(value, dict | list) else value
    text = f"{value:.{DIGITS}g}" if isinstance(value, float) and abs(value) < 10**DIGITS else f"{value}"
    # A name in a result may hold letters that move a terminal's cursor.
    text = "".join(" " if unicodedata.category(letter) in ("Cc", "Cf") else letter for letter in text)
    return text if len(text) <= MAX_CELL else f"{text[: MAX_CELL - 1]}…"


def _width(text: str) -> int:
    """The columns of a terminal that a text takes."""
    return sum(
        2 if unicodedata.east_asian_width(letter) in "WF" else not unicodedata.combining(letter) for letter in text
    )
