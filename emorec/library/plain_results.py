"""The results of ``emorec analyze --out`` as items of a library: NAME.json with everything, or NAME.parquet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emorec import files
from emorec.emotions import EMOTIONS
from emorec.library.file_facts import reason_of, written_at
from emorec.library.schema import HIGHLIGHTS, JSON_SCHEMA, KEY, MANIFEST, MARKERS, MEAN, PEOPLE

if TYPE_CHECKING:
    import pyarrow as pa

NO_RESULT = "{name} is left out, because it cannot be read as a result ({reason})."
OTHER = "{name} is left out, because it is of another version ({found}, not {known})."
EARLY = (
    "{name} is left out, because an early version of emorec wrote it, without a schema; analyse the recording again."
)
NESTED = {"probabilities": "", "face": "face_", "voice": "voice_"}
FACTS = ("media", "choices", "complete")  # keys of a JSON result with what its rows do not say
TEXTS, FLAGS = ("dominant", "name"), ("sure",)


def find(folder: Path, entries: Sequence[Path]) -> tuple[list[dict[str, Any]], list[str]]:
    """Keywords of ``Item`` for every result in a folder, and a sentence for each that cannot be used."""
    found: dict[str, dict[str, Any]] = {}
    notes: list[str] = []
    for path in sorted(entries, key=lambda path: path.suffix != ".json"):
        if path.suffix not in (".json", ".parquet") or path.name == MANIFEST or not path.is_file():
            continue
        if path.stem in found:  # the same result as JSON, which has more
            continue
        try:
            item = _from_json(path) if path.suffix == ".json" else _from_parquet(path)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            notes.append(NO_RESULT.format(name=files.shown(path.name), reason=reason_of(error)))
            continue
        if isinstance(item, str):
            notes.append(item)
        elif item:
            found[path.stem] = item
    return list(found.values()), notes


def _from_json(path: Path) -> dict[str, Any] | str | None:
    """The item in a JSON result; None for a JSON file of another kind, such as NAME.people.json."""
    if path.name.endswith((".people.json", ".compare.json")):
        return None
    values = json.loads(path.read_bytes())
    if not isinstance(values, dict) or not {"emorec", "rows", "choices"} <= values.keys():
        return None
    if "schema" not in values:
        return EARLY.format(name=files.shown(path.name))
    if values["schema"] != JSON_SCHEMA:
        return OTHER.format(name=files.shown(path.name), found=values.get("schema"), known=JSON_SCHEMA)
    people = [_person(person) for person in values.get("people", [])]
    windows = _windows(values["rows"])
    return {
        "name": files.shown(path.stem),
        "media": _media_row(path, values["media"], values["choices"], values["duration"], len(people) or None)
        | {"face_share": values["summary"]["face_share"], "speech_share": values["summary"]["speech_share"]},
        "tables": {
            "windows": windows,
            "people": _table(PEOPLE, people),
            "highlights": _table(HIGHLIGHTS, values["highlights"]),
            "markers": _table(MARKERS, values["markers"]),
            **({MEAN: _windows(values["mean_rows"])} if "mean_rows" in values else {}),
        },
        "columns": tuple(windows.column_names),
        "facts": {name: values[name] for name in FACTS if name in values},
    }


def _from_parquet(path: Path) -> dict[str, Any] | None:
    """The item in a Parquet result; None for a Parquet file of another kind, such as a table of a batch."""
    from pyarrow import parquet

    with path.open("rb") as stream, parquet.ParquetFile(stream) as file:
        metadata = file.schema_arrow.metadata or {}
        if b"emorec" not in metadata or KEY in metadata:
            return None
        facts = json.loads(metadata[b"emorec"])
        duration = facts.get("duration")
        if duration is None:  # earlier versions did not write it
            duration = file.read(["end"])["end"].to_pylist()[-1] if file.metadata.num_rows else 0.0
    return {
        "name": files.shown(path.stem),
        "media": _media_row(path, facts["media"], facts["choices"], duration, None),
        "paths": {"windows": path},
        "columns": tuple(file.schema_arrow.names),
    }


def _media_row(path: Path, media: Any, choices: Any, duration: float, persons: int | None) -> dict[str, Any]:
    return {
        "item": files.shown(path.stem),
        "source": files.shown(media.get("name") or "") or None,
        "status": "done",
        "duration": duration,
        "finished": written_at(path),
        "persons": persons,
        "emorec_version": choices.get("emorec"),
        "model": choices.get("fingerprint"),
        "choices": json.dumps(choices),
    }


def _windows(rows: Iterable[dict[str, Any]]) -> pa.Table:
    """The rows of a JSON result as a table with a column for each number."""
    import pyarrow as pa

    flat: list[dict[str, Any]] = []
    for row in rows:
        values = {name: value for name, value in row.items() if name not in NESTED}
        for name, prefix in NESTED.items():
            shares = row[name] or {}
            values |= {f"{prefix}{emotion}": shares.get(emotion) for emotion in EMOTIONS}
        flat.append(values)
    names = flat[0].keys() if flat else ()
    kinds = {"person": pa.int32(), **dict.fromkeys(TEXTS, pa.string()), **dict.fromkeys(FLAGS, pa.bool_())}
    return pa.table({name: pa.array([row[name] for row in flat], kinds.get(name, pa.float64())) for name in names})


def _person(person: dict[str, Any]) -> dict[str, Any]:
    """A person of a JSON result as a row of the table people."""
    summary = person["summary"]
    return {
        "person": person["number"],
        "name": person["name"],
        "unsure": summary["unsure_share"],
        **{name: summary[name] for name in ("known_seconds", "confidence", "valence", "arousal")},
        **summary["dominant_shares"],
    }


def _table(columns: dict[str, str], rows: Iterable[dict[str, Any]]) -> pa.Table:
    import pyarrow as pa

    rows = list(rows)
    return pa.table(
        {name: pa.array([row.get(name) for row in rows], getattr(pa, kind)()) for name, kind in columns.items()}
    )
