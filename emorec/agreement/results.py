"""The rows of a result, from a timeline or from a result file."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from emorec.annotation.tables import without_row_names
from emorec.annotation.times import MISSING, decode_text
from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError, require
from emorec.extraction.people import plain_name
from emorec.inference.timeline import Timeline
from emorec.output.spreadsheets import FORMULA
from emorec.output.text import plain

UNKNOWN = "{name} is no result that can be compared; give the CSV, JSON, TSV or Parquet file of a recording."
NO_RESULT = "A result is a Timeline, or the path of its CSV, JSON, TSV or Parquet file, not a {kind}."
UNREADABLE = "{name} cannot be read ({reason}); give the CSV, JSON, TSV or Parquet file of a recording."
NOT_OURS = "{name} is no result of emorec: {reason}; give the CSV, JSON, TSV or Parquet file of a recording."
NO_PARQUET = "{name} needs pyarrow, which is not installed: run pip install pyarrow, or give the CSV or JSON file."
EMPTY = "{name} has no rows, so there is nothing to compare."

# Values of the column "sure". A spreadsheet program in another language saves true and false in that language.
TRUE = ("true", "wahr", "vrai", "verdadero", "verdadeiro", "vero", "waar", "prawda", "1", "1.0", "1,0", "yes")
FALSE = ("false", "falsch", "faux", "falso", "onwaar", "fałsz", "0", "0.0", "0,0", "no", "")
UNKNOWN_SURE = "The column 'sure' of {name} has {word!r}, which is neither true nor false; such rows count as unsure."

ResultLike = Timeline | str | PathLike[str]


@dataclass(frozen=True)
class Rows:
    """The rows of a result called ``name``.

    ``start`` and ``end`` (N,) are in seconds. ``dominant`` (N,) are indices into EMOTIONS, -1 without evidence;
    ``confidence`` (N,) is NaN there. ``sure`` (N,) is as in a timeline. ``persons`` (N,) are numbers as texts, "" for
    nobody, and ``names`` (N,) those persons' names. ``notes`` are warnings about the file.
    """

    name: str
    start: np.ndarray
    end: np.ndarray
    dominant: np.ndarray
    confidence: np.ndarray
    sure: np.ndarray
    persons: np.ndarray
    names: np.ndarray
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.start)

    def select(self, rows: np.ndarray) -> Rows:
        """Some of the rows, by a mask (N,)."""
        parts = (self.start, self.end, self.dominant, self.confidence, self.sure, self.persons, self.names)
        return Rows(self.name, *(part[rows] for part in parts), notes=self.notes)


def join_rows(parts: Sequence[Rows]) -> Rows:
    """The rows of all parts one after the other, with the name and the notes of the first part."""
    columns = ("start", "end", "dominant", "confidence", "sure", "persons", "names")
    joined = (np.concatenate([getattr(part, name) for part in parts]) for name in columns)
    return Rows(parts[0].name, *joined, notes=parts[0].notes)


def read_rows(result: ResultLike) -> Rows:
    """The rows of a timeline or of a result file; with several persons, those of each. Raises EmorecError."""
    if isinstance(result, Timeline):
        return _rows_of_timeline(result)
    if not isinstance(result, str | PathLike):
        raise EmorecError(NO_RESULT.format(kind=type(result).__name__))
    path = Path(result)
    readers = {".csv": _read_csv, ".tsv": _read_csv, ".json": _read_json, ".parquet": _read_parquet}
    if path.suffix.lower() not in readers:
        raise EmorecError(UNKNOWN.format(name=path.name))
    try:
        records = list(readers[path.suffix.lower()](path))
    except EmorecError:
        raise
    except (OSError, ValueError, RecursionError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise EmorecError(UNREADABLE.format(name=path.name, reason=reason)) from None
    if not records:
        raise EmorecError(EMPTY.format(name=path.name))
    try:
        return _rows_of_records(path.name, records)
    except KeyError as error:
        raise EmorecError(NOT_OURS.format(name=path.name, reason=f"it lacks {error.args[0]!r}")) from None
    except (TypeError, ValueError, AttributeError) as error:
        raise EmorecError(NOT_OURS.format(name=path.name, reason=error)) from None


def _rows_of_timeline(timeline: Timeline) -> Rows:
    name = Path(str(timeline.media.get("name", ""))).name or "the timeline"
    people: tuple[Timeline, ...] = getattr(timeline, "people", ()) or (timeline,)
    best = [np.where(each.known, np.nan_to_num(each.probabilities).argmax(axis=1), -1) for each in people]
    persons = [np.array([str(number) if number >= 0 else "" for number in each.person], str) for each in people]
    names = [[plain_name(plain(called)) for called in each.row_names] for each in people]
    return Rows(
        name,
        np.concatenate([each.start for each in people]),
        np.concatenate([each.end for each in people]),
        np.concatenate(best),
        np.concatenate([each.confidence for each in people]),
        np.concatenate([each.sure for each in people]),
        np.concatenate(persons),
        np.concatenate(names).astype(str),
    )


def _rows_of_records(name: str, records: list[Mapping[str, Any]]) -> Rows:
    dominant = [_text(record["dominant"]) for record in records]
    unknown = next((word for word in dominant if word and word not in EMOTIONS), None)
    if unknown:
        raise ValueError(f"{unknown!r} is none of the seven emotions")
    start, end, confidence = (
        np.array([_number(record[column]) for record in records]) for column in ("start", "end", "confidence")
    )
    if not (np.isfinite(start).all() and np.isfinite(end).all()):
        raise ValueError("a row has no time")
    if ((confidence < 0) | (confidence > 1 + 1e-6)).any():
        raise ValueError("a confidence is not between 0 and 1")
    sure = [_text(record["sure"]).lower() for record in records]
    persons = [_person(record["person"]) for record in records]
    strange = next((word for word in sure if word not in (*TRUE, *FALSE)), None)
    return Rows(
        name,
        start,
        end,
        np.array([EMOTIONS.index(word) if word else -1 for word in dominant]),
        confidence,
        np.array([word in TRUE for word in sure]),
        np.array(persons, str),
        np.array([_name(record, person) for record, person in zip(records, persons, strict=True)], str),
        () if strange is None else (UNKNOWN_SURE.format(name=name, word=strange),),
    )


def _read_csv(path: Path) -> Iterable[Mapping[str, Any]]:
    text = decode_text(path.read_bytes())
    header = text.partition("\n")[0]
    delimiter = max("\t;,", key=header.count)
    columns, *rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)) or [[]]
    rows = without_row_names(columns, [row for row in rows if row], delimiter)
    records = [dict(itertools.zip_longest(columns, row[: len(columns)])) for row in rows]
    for record in records:
        record["name"] = _without_apostrophe(record.get("name") or "")
    return records


def _without_apostrophe(name: str) -> str:
    """A name without the apostrophe that keeps a spreadsheet from taking it for a formula."""
    return name[1:] if name.startswith("'") and name[1:].startswith(FORMULA) else name


def _read_json(path: Path) -> Iterable[Mapping[str, Any]]:
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or not isinstance(content.get("rows"), list):
        raise EmorecError(NOT_OURS.format(name=path.name, reason="it lacks 'rows'"))
    # A result of all persons has their rows, as well as those of their mean.
    people = [one for one in content.get("people") or [] if isinstance(one, dict) and one.get("rows")]
    return [row for one in people for row in one["rows"]] or content["rows"]


def _read_parquet(path: Path) -> Iterable[Mapping[str, Any]]:
    require("dataframe", "pandas")
    import pandas as pd

    try:
        table = pd.read_parquet(path)
    except ImportError:
        raise EmorecError(NO_PARQUET.format(name=path.name)) from None
    return table.astype(object).where(table.notna(), None).to_dict("records")


def _number(value: object) -> float:
    """A number of a cell, also with a decimal comma; NaN for a cell without a value. Raises ValueError."""
    text = _text(value)
    return float(text.replace(",", ".")) if text else np.nan


def _text(value: object) -> str:
    """The text of a cell, "" for a cell without a value."""
    text = "" if value is None else str(value).strip()
    return "" if text.lower() in MISSING else text


def _person(value: object) -> str:
    """The number of a person as text, "" for nobody. Raises ValueError."""
    number = _number(value)
    if np.isinf(number):
        raise ValueError(f"{value!r} is no number of a person")
    return "" if np.isnan(number) or number < 0 else str(int(number))


def _name(record: Mapping[str, Any], person: str) -> str:
    """The name in a row. A person may be called "NA"; in a row about nobody this means that there is no name."""
    return plain_name(str(record.get("name") or "") if person else _text(record.get("name")))
