"""What a folder of results holds: the items with usable tables, and sentences about those without.

A folder is that of a batch, with a folder of tables for each item; or that of ``emorec analyze --out``, in which a
result is NAME.json or NAME.parquet. A JSON result has everything; a Parquet one has windows only.
"""

from __future__ import annotations

import errno
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emorec import files
from emorec.errors import EmorecError
from emorec.library import plain_results
from emorec.library.schema import (
    FACTS,
    GRID,
    KEY,
    MANIFEST,
    MANIFEST_KEY,
    MANIFEST_VERSION,
    MEDIA,
    NAMES,
    SUFFIX,
    VERSION,
)

if TYPE_CHECKING:
    import pyarrow as pa

DAMAGED = "{item} is left out, because {name} cannot be read ({reason})."
OTHER = "{item} is left out, because {name} is of another version ({found}, not {known})."
LINK = "{name} is left out, because it is a link, which may lead out of the folder."
OTHER_MANIFEST = (
    "{path} is a manifest of another version ({found}, not {known}); use the version of emorec that made it."
)
NO_MANIFEST = "{path} cannot be read ({reason}); run the batch again to write it again."
NO_FOLDER = "{folder} is no folder that can be read; give a folder of results."
NOTHING = "{folder} has no results; give the folder of emorec batch, or of emorec analyze --out with --format json."
DONE = "done"
READERS = 8  # threads that read the ends of files


@dataclass(frozen=True, kw_only=True)
class Item:
    """One recording: its name, its row in the view ``media``, and its tables, as files or in memory.

    ``facts`` are those of a timeline whose tables are in memory; files have them in their metadata.
    """

    name: str
    media: dict[str, Any]
    paths: dict[str, Path] = field(default_factory=dict)
    tables: dict[str, pa.Table] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Found:
    """The items of a folder, the rows of its manifest that have no tables, and sentences about what is left out."""

    items: list[Item]
    others: list[dict[str, Any]]
    notes: list[str]


def find(folder: Path) -> Found:
    """What a folder holds. Raises EmorecError if it is no folder of results, or its manifest is of another version."""
    try:
        entries = sorted(folder.iterdir())
        links = {entry for entry in entries if entry.is_symlink()}
    except OSError:
        raise EmorecError(NO_FOLDER.format(folder=folder)) from None
    entries = [entry for entry in entries if entry not in links]
    rows = {row["item"]: row for row in _manifest(folder) if row["item"]}
    stored = [entry for entry in entries if entry.is_dir() and _has_tables(entry)]
    with ThreadPoolExecutor(READERS) as threads:
        read = list(threads.map(lambda entry: _read(entry, rows.get(entry.name)), stored))
    plain, problems = plain_results.find(folder, entries)
    items = [one for one in read if isinstance(one, Item)]
    items += [Item(**{**one, "media": _complete(one["media"])}) for one in plain if one["name"] not in rows]
    notes = [one for one in read if isinstance(one, str)] + problems
    notes += [LINK.format(name=files.shown(link.name)) for link in sorted(links) if _may_be_result(link)]
    if not (items or rows or notes):
        raise EmorecError(NOTHING.format(folder=folder))
    done = {entry.name for entry, one in zip(stored, read, strict=True) if isinstance(one, Item)}
    return Found(
        items=_with_distinct_names(items), others=[row for name, row in rows.items() if name not in done], notes=notes
    )


def _with_distinct_names(items: list[Item]) -> list[Item]:
    """The items with -2, -3 and so on behind a name that an earlier one has, as two that are no UTF-8 may."""
    taken: set[str] = set()
    for index, item in enumerate(items):
        name, number = item.name, 2
        while name in taken:
            name, number = f"{item.name}-{number}", number + 1
        taken.add(name)
        items[index] = replace(item, name=name, media=item.media | {"item": name})
    return items


def damage(item: Item) -> str | None:
    """A sentence about the first table of an item that cannot be read to its end, None if all can."""
    from pyarrow import parquet

    if gone := missing(item):
        return gone
    for path in _needed(item):
        try:
            with path.open("rb") as file:
                parquet.read_table(file, page_checksum_verification=True)
        except (OSError, ValueError) as error:
            return DAMAGED.format(item=item.name, name=path.name, reason=_reason(error))
    return None


def missing(item: Item) -> str | None:
    """A sentence about the first table of an item whose file is gone, None if all are there."""
    for path in _needed(item):
        if not path.is_file():
            return DAMAGED.format(item=item.name, name=path.name, reason=os.strerror(errno.ENOENT))
    return None


def _needed(item: Item) -> list[Path]:
    """The files without which an item is of no use: all but GRID, whose place the windows take."""
    return [path for name, path in item.paths.items() if name != GRID]


def facts(path: Path) -> dict[str, Any]:
    """What the windows in a file say of their timeline beside its rows. Raises OSError or ValueError."""
    from pyarrow import parquet

    with path.open("rb") as file:
        metadata = parquet.read_schema(file).metadata or {}
    return {**json.loads(metadata[b"emorec"]), **json.loads(metadata.get(FACTS, b"{}"))}


def _has_tables(folder: Path) -> bool:
    return any((folder / f"{name}{SUFFIX}").is_file() for name in NAMES)


def _may_be_result(link: Path) -> bool:
    return link.suffix in (".json", SUFFIX) or link.is_dir()


def _manifest(folder: Path) -> list[dict[str, Any]]:
    from pyarrow import parquet

    path = folder / MANIFEST
    if path.is_symlink() or not path.is_file():
        return []
    try:
        with path.open("rb") as file:
            table = parquet.read_table(file)
    except (OSError, ValueError) as error:
        raise EmorecError(NO_MANIFEST.format(path=path, reason=_reason(error))) from None
    found = (table.schema.metadata or {}).get(MANIFEST_KEY)
    if found != MANIFEST_VERSION:
        values = {"found": _shown(found), "known": MANIFEST_VERSION.decode()}
        raise EmorecError(OTHER_MANIFEST.format(path=path, **values))
    return [_complete(row) for row in table.to_pylist()]


def _complete(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row.get(name) for name in MEDIA}


def _read(folder: Path, row: dict[str, Any] | None) -> Item | str:
    """The item in a folder, or a sentence why it is left out."""
    from pyarrow import parquet

    paths, columns, item = {}, (), files.shown(folder.name)
    for name in NAMES:
        path = folder / f"{name}{SUFFIX}"
        try:
            if path.is_symlink():
                raise OSError("it is a link")
            with path.open("rb") as file:  # pyarrow takes no path that is not UTF-8
                schema = parquet.read_schema(file)
        except (OSError, ValueError) as error:
            return DAMAGED.format(item=item, name=path.name, reason=_reason(error))
        found = (schema.metadata or {}).get(KEY)
        if found != VERSION:
            known = VERSION.decode()
            return OTHER.format(item=item, name=path.name, found=_shown(found), known=known)
        paths[name] = path
        columns = tuple(schema.names) if name == "windows" else columns
    try:
        media = row if row and row["status"] == DONE else _row_of(item, paths["windows"])
        if row:  # of a recording that failed later, or waits again, the earlier result is still there
            media = media | {name: value for name, value in row.items() if value is not None}
    except (OSError, ValueError, KeyError) as error:
        return DAMAGED.format(item=item, name=paths["windows"].name, reason=_reason(error))
    return Item(name=item, media=media, paths=paths | _grid(folder), columns=columns)


def _grid(folder: Path) -> dict[str, Path]:
    """The path of the table GRID by its name; none if the batch wrote none: a recording may be called grid too."""
    from pyarrow import parquet

    path = folder / f"{GRID}{SUFFIX}"
    if path.is_symlink() or not path.is_file():
        return {}
    try:
        with path.open("rb") as file:
            metadata = parquet.read_schema(file).metadata or {}
    except (OSError, ValueError):  # without it highlights are found on the rows of windows
        return {}
    return {GRID: path} if metadata.get(KEY) == VERSION else {}


def _row_of(name: str, path: Path) -> dict[str, Any]:
    """The row of an item that no manifest has, as a batch that is running, or that was killed, has some."""
    known = facts(path)
    choices = known.get("choices") or {}
    return _complete(
        {
            "item": name,
            "source": files.shown((known.get("media") or {}).get("name") or "") or None,
            "status": DONE,
            "duration": known["duration"],
            "finished": written(path),
            "persons": len(known["names"]),
            "emorec_version": choices.get("emorec"),
            "model": known["fingerprint"],
            "features": known["features"] or None,
            "choices": json.dumps(choices),
        }
    )


def written(path: Path) -> str:
    """When a file was written: UTC in ISO 8601."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")


def _reason(error: Exception) -> str:
    # The system's words are about the file; those of pyarrow are about its own functions.
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return files.shown(str(error)).splitlines()[0].rstrip(".")[:120] if str(error) else type(error).__name__


def _shown(version: bytes | None) -> str:
    return "none" if version is None else files.shown(version.decode("utf-8", "surrogateescape"))
