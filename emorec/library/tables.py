"""The tables of one recording in a library: windows, people, highlights and markers, as Parquet files in its folder."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emorec import files
from emorec.emotions import EMOTIONS
from emorec.errors import require
from emorec.extraction.features import Features
from emorec.extraction.persons import seconds_shown
from emorec.inference.people import ALL
from emorec.inference.timeline import Timeline, infer_again
from emorec.library.schema import EXTRA, FACTS, GRID, HIGHLIGHTS, KEY, MARKERS, PEOPLE, SUFFIX, VERSION
from emorec.models.checkpoint import Checkpoint
from emorec.output.highlights import find_highlights
from emorec.output.parquet import arrow_table
from emorec.output.portraits import NOBODY, highlighted_person
from emorec.output.rows import DIGITS, person_of
from emorec.output.summary import summary
from emorec.output.text import plain

if TYPE_CHECKING:
    import pyarrow as pa


def write_tables(folder: Path, timeline: Timeline, features: Features, model: Checkpoint | None = None) -> None:
    """Write the four tables of a recording into its folder, each file completely or not at all.

    There is a fifth table, GRID, if highlights are found on other rows than those of the timeline.
    ``features`` and ``model`` are those that the timeline was made from; without ``model`` the table of persons counts
    of each only the rows that show this person. Raises EmorecError if pyarrow is not installed, and OSError.
    """
    require(EXTRA, "pyarrow")
    tables = {
        **({} if timeline.grid is None else {GRID: _windows(timeline.grid, features)}),
        "people": _table(PEOPLE, _people(timeline, features, model)),
        "highlights": _table(HIGHLIGHTS, _highlights(timeline)),
        "markers": _table(MARKERS, ({"time": each.time, "label": each.label} for each in timeline.markers)),
        "windows": _windows(timeline, features),
    }
    from pyarrow import parquet

    for name, table in tables.items():
        out = io.BytesIO()
        parquet.write_table(table, out, write_page_checksum=True)
        files.write(Path(folder) / f"{name}{SUFFIX}", out.getvalue())


def _windows(timeline: Timeline, features: Features) -> pa.Table:
    table = arrow_table(timeline)
    facts = json.dumps(_facts(timeline, features), allow_nan=False)
    return table.replace_schema_metadata({**(table.schema.metadata or {}), FACTS: facts, KEY: VERSION})


def _facts(timeline: Timeline, features: Features) -> dict[str, Any]:
    """What a timeline has beside its rows, as plain values."""
    return {
        "fusion": timeline.fusion,
        "step": timeline.step,
        "window": timeline.window,
        "prior": {"name": timeline.prior.name, "shares": [float(share) for share in timeline.prior.shares]},
        "duration": timeline.duration,
        "complete": timeline.complete,
        "unsure_below": timeline.unsure_below,
        "names": {str(number): name for number, name in timeline.names.items()},
        "people": [[person_of(one), one.name] for one in timeline.people],
        "name": timeline.name,
        "features": features.key,
        "fingerprint": features.fingerprint,
    }


def _table(columns: dict[str, str], rows: Iterable[dict[str, Any]]) -> pa.Table:
    import pyarrow as pa

    rows = list(rows)
    arrays = {
        name: pa.array([_value(row[name]) for row in rows], getattr(pa, kind)()) for name, kind in columns.items()
    }
    return pa.table(arrays).replace_schema_metadata({KEY: VERSION})


def _value(value: Any) -> Any:
    if isinstance(value, float):
        return None if np.isnan(value) else round(value, DIGITS)
    return plain(value) if isinstance(value, str) else value


def _people(timeline: Timeline, features: Features, model: Checkpoint | None) -> Iterable[dict[str, Any]]:
    """A row for each person of the recording, with what ``_persons_alone`` gives for the person."""
    shown, person = seconds_shown(features.arrays, features.until), features.arrays["face_person"]
    for number, one in _persons_alone(timeline, features, model):
        figures = summary(one)
        yield {
            "person": int(number),
            "name": features.names[number],
            "seconds": float(shown[person == number].sum()),
            **{emotion: figures.shares.get(emotion) for emotion in EMOTIONS},
            "unsure": figures.unsure if figures.shares else None,
            "known_seconds": figures.known_seconds,
            "confidence": figures.confidence,
            "valence": figures.valence,
            "arousal": figures.arousal,
        }


def _persons_alone(timeline: Timeline, features: Features, model: Checkpoint | None) -> Iterator[tuple[int, Timeline]]:
    """Each person's number and a timeline of that person alone; without ``model`` it has the rows that show the person.

    They are made one after the other, because those of hundreds of persons would take much memory.
    """
    alone = {person_of(one): one for one in timeline.people}
    if model and not alone and timeline.baseline.known is not None and features.names:
        # A baseline file with one person is applied to whoever is chosen alone. Only if all persons are inferred
        # together are they matched by name.
        alone = {person_of(one): one for one in infer_again(timeline, features, model, ALL).people}
        if timeline.name:
            alone[person_of(timeline)] = timeline
    for number in features.names:
        if number in alone:
            yield number, alone[number]
        else:
            yield number, infer_again(timeline, features, model, number) if model else _rows_of(timeline, number)


def _rows_of(timeline: Timeline, person: int) -> Timeline:
    """The rows of a timeline that show a person."""
    mine = timeline.person == person
    arrays = {one.name: getattr(timeline, one.name)[mine] for one in fields(timeline) if one.type == "np.ndarray"}
    return replace(timeline, **arrays, grid=None, people=())


def _highlights(timeline: Timeline) -> Iterable[dict[str, Any]]:
    for found in find_highlights(timeline):
        number = highlighted_person(timeline, found)
        yield asdict(found) | {"person": None if number == NOBODY else number}
