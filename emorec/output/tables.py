"""A timeline as CSV, TSV and JSON; docs/SCHEMA.md explains every column and key."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from emorec import files
from emorec._version import __version__
from emorec.affect import DIMENSIONS
from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.inference.timeline import Timeline
from emorec.output import spreadsheets
from emorec.output.highlights import find_highlights
from emorec.output.negative import most_negative
from emorec.output.rows import number, person_of, rows, rows_of_all
from emorec.output.summary import summary
from emorec.output.text import valid

# New columns come last, so that programs that read by position keep working.
COLUMNS: tuple[str, ...] = (
    "start",
    "end",
    "person",
    *EMOTIONS,
    "dominant",
    "confidence",
    "face_coverage",
    "speech_coverage",
    "sure",
    "evidence",
    "row_face",
    "row_speech",
    *DIMENSIONS,
    "name",
)
AFTER_EMOTIONS = COLUMNS[COLUMNS.index("dominant") :]
JSON_SCHEMA = 1  # version of docs/timeline.schema.json; it increases if a key changes its meaning

# The decimal mark, the delimiter of CSV, and the start of the file: without a byte order mark, spreadsheet programs in
# German take the text for an older encoding.
LOCALES = {"en": (".", ",", ""), "de": (",", ";", "\ufeff")}


def table(timeline: Timeline, max_rows: int | None = None) -> list[dict[str, Any]]:
    """One dict per row with the keys of COLUMNS; None is unknown. ``max_rows`` limits it to the first rows.

    A timeline of all persons has a row for each step and person, in order of time.
    """
    return [*_row_values(timeline, max_rows)]


def _row_values(timeline: Timeline, max_rows: int | None = None) -> Iterator[dict[str, Any]]:
    for row in rows_of_all(timeline, max_rows):
        yield (
            {"start": row["start"], "end": row["end"], "person": row["person"]}
            | (row["probabilities"] or dict.fromkeys(EMOTIONS))
            | {name: row[name] for name in AFTER_EMOTIONS}
        )


def as_dict(timeline: Timeline) -> dict[str, Any]:
    """The whole timeline as plain JSON values.

    It has the metadata of the recording, all settings, summary, highlights, and one row per step, also with the
    probabilities from each modality alone. With several persons there is a row for each step and person, ``people``
    has the summary of each person, and ``mean_rows`` are the rows of their mean, which ``summary`` describes.
    """
    return {key: [*value] if isinstance(value, Iterator) else value for key, value in _facts(timeline).items()}


def _facts(timeline: Timeline) -> dict[str, Any]:
    """The values of ``as_dict``, with iterators in place of the lists of rows."""
    everybody: dict[str, Any] = {}
    if timeline.people:
        everybody["people"] = [_person(person) for person in timeline.people]
        everybody["mean_rows"] = rows(timeline)
    return {
        "emorec": __version__,
        "media": valid(timeline.media),
        "duration": number(timeline.duration),
        "fusion": timeline.fusion,
        "step": timeline.step,
        "window": timeline.window,
        "complete": timeline.complete,
        "notes": [files.shown(note) for note in timeline.notes],
        "emotions": list(EMOTIONS),
        "choices": choices(timeline),
        "summary": summary_values(timeline),
        "highlights": highlight_values(timeline),
        "rows": rows_of_all(timeline),
        "markers": [{"time": number(each.time), "label": each.label} for each in timeline.markers],
        "most_negative": [_rounded(asdict(stretch)) for stretch in most_negative(timeline)],
        **everybody,
        "schema": JSON_SCHEMA,
    }


def summary_values(timeline: Timeline) -> dict[str, Any]:
    """The summary of a timeline as plain values."""
    figures = summary(timeline)
    return {
        "known_share": number(figures.known),
        "dominant_shares": {emotion: number(share) for emotion, share in figures.shares.items()},
        "unsure_share": number(figures.unsure),
        "too_little": figures.too_little,
        "known_seconds": number(figures.known_seconds),
        "seconds": number(figures.seconds),
        "face_share": number(figures.face),
        "speech_share": number(figures.speech),
        "confidence": number(figures.confidence),
        "valence": number(figures.valence),
        "arousal": number(figures.arousal),
        "by_prior_share": number(figures.by_prior),
    }


def highlight_values(timeline: Timeline) -> list[dict[str, Any]]:
    """The highlights of a timeline as plain values."""
    return [_rounded(asdict(highlight)) for highlight in find_highlights(timeline)]


def choices(timeline: Timeline) -> dict[str, Any]:
    """All settings that made a timeline, by name, with the prior, the model and the version of emorec."""
    return valid(timeline.choices) | {"emorec": __version__}


def check_locale(locale: str) -> None:
    """Raise EmorecError for a locale that is not one of LOCALES."""
    if locale not in LOCALES:
        raise EmorecError(f"The locale {locale!r} does not exist; choose from {', '.join(LOCALES)}.")


def delimited(columns: Iterable[str], rows: Iterable[Iterable[Any]], delimiter: str = ",", mark: str = ".") -> str:
    """A header and rows as text, with a delimiter and a decimal mark; booleans are written as true and false."""
    return "".join(_delimited(columns, rows, delimiter, mark))


class _Echo:
    """A file whose ``write`` returns the text, because ``csv.writer`` returns what ``write`` returns."""

    def write(self, text: str) -> str:
        return text


def _delimited(columns: Iterable[str], rows: Iterable[Iterable[Any]], delimiter: str, mark: str) -> Iterator[str]:
    writer = csv.writer(_Echo(), delimiter=delimiter, lineterminator="\n")
    yield writer.writerow(columns)
    for row in rows:
        yield writer.writerow([_cell(value, mark) for value in row])


def localized(columns: Iterable[str], rows: Iterable[Iterable[Any]], locale: str) -> str:
    """A header and rows as CSV text in the form of a locale, see LOCALES. Raises EmorecError for an unknown locale."""
    check_locale(locale)
    mark, delimiter, begin = LOCALES[locale]
    return begin + delimited(columns, rows, delimiter, mark)


def csv_text(timeline: Timeline, locale: str = "en") -> str:
    """The rows as CSV text, a header and one line per row; booleans are written as true and false.

    The locale "de" has semicolons and decimal commas. Raises EmorecError for an unknown locale.
    """
    return "".join(csv_parts(timeline, locale))


def tsv_text(timeline: Timeline, locale: str = "en") -> str:
    """The rows as ``csv_text`` with tabs between the cells. Raises EmorecError for an unknown locale."""
    return "".join(tsv_parts(timeline, locale))


def csv_parts(timeline: Timeline, locale: str = "en", delimiter: str | None = None) -> Iterator[str]:
    """The text of ``csv_text`` line by line. ``delimiter`` is by default that of the locale."""
    check_locale(locale)
    mark, usual, begin = LOCALES[locale]
    lines = _delimited(COLUMNS, (row.values() for row in _row_values(timeline)), delimiter or usual, mark)
    return itertools.chain([begin], lines)


def tsv_parts(timeline: Timeline, locale: str = "en") -> Iterator[str]:
    """The text of ``tsv_text`` line by line."""
    return csv_parts(timeline, locale, "\t")


def json_text(timeline: Timeline) -> str:
    """The timeline as JSON text; null is unknown."""
    return "".join(json_parts(timeline))


def json_parts(timeline: Timeline) -> Iterator[str]:
    """The text of ``json_text`` row by row: that of ``as_dict``, each level indented by one space."""
    encode = json.JSONEncoder(indent=1, allow_nan=False).encode
    before = "{\n "
    for key, value in _facts(timeline).items():
        yield f"{before}{encode(key)}: "
        before = ",\n "
        if not isinstance(value, Iterator):
            yield encode(value).replace("\n", "\n ")
            continue
        begin = "["
        for row in value:
            yield f"{begin}\n  " + encode(row).replace("\n", "\n  ")
            begin = ","
        yield "[]" if begin == "[" else "\n ]"
    yield "\n}\n"


def write_text(text: str, path: Path) -> None:
    """Write text to a file in UTF-8, completely or not at all. Raises EmorecError if it cannot be written."""
    files.write_result(path, text.encode())


def _person(timeline: Timeline) -> dict[str, Any]:
    return {"number": person_of(timeline), "name": timeline.name, "summary": summary_values(timeline)}


def _cell(value: Any, mark: str) -> Any:
    return str(value).replace(".", mark) if isinstance(value, float) else spreadsheets.cell(value)


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {name: number(value) if isinstance(value, float) else value for name, value in values.items()}
