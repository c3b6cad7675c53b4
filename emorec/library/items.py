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
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emorec import files
from emorec.errors import EmorecError
from emorec.library import plain_results
from emorec.library.file_facts import read_facts, reason_of, written_at
from emorec.library.schema import (
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
READERS = 8  # threads that read the ends of files, where Parquet has its metadata


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
    """Find what a folder holds.

    Raises EmorecError if it is no folder of results, or its manifest is of another version.
    """
    try:
        entries = sorted(folder.iterdir())
        links = {entry for entry in entries if entry.is_symlink()}
    except OSError:
        raise EmorecError(NO_FOLDER.format(folder=folder)) from None
    entries = [entry for entry in entries if entry not in links]
    rows = {row["item"]: row for row in _read_manifest(folder) if row["item"]}
    folders = [entry for entry in entries if entry.is_dir() and _has_tables(entry)]
    with ThreadPoolExecutor(READERS) as threads:
        read = list(threads.map(lambda entry: _read_item(entry, rows.get(entry.name)), folders))
    plain, problems = plain_results.find(folder, entries)
    items = [item for item in read if isinstance(item, Item)]
    items += [
        Item(**{**result, "media": _with_all_columns(result["media"])})
        for result in plain
        if result["name"] not in rows
    ]
    notes = [note for note in read if isinstance(note, str)] + problems
    notes += [LINK.format(name=files.shown(link.name)) for link in sorted(links) if _may_be_result(link)]
    if not (items or rows or notes):
        raise EmorecError(NOTHING.format(folder=folder))
    done = {entry.name for entry, item in zip(folders, read, strict=True) if isinstance(item, Item)}
    return Found(
        items=_with_distinct_names(items), others=[row for name, row in rows.items() if name not in done], notes=notes
    )


def _with_distinct_names(items: list[Item]) -> list[Item]:
    """The items, with -2, -3 and so on after a name that an earlier item has.

    That happens to folders whose names are not valid UTF-8 and are shown alike.
    """
    taken: set[str] = set()
    for index, item in enumerate(items):
        name, number = item.name, 2
        while name in taken:
            name, number = f"{item.name}-{number}", number + 1
        taken.add(name)
        items[index] = replace(item, name=name, media=item.media | {"item": name})
    return items


def find_damage(item: Item) -> str | None:
    """A sentence about the first table of an item that cannot be read to its end, None if all can."""
    from pyarrow import parquet

    if problem := find_missing(item):
        return problem
    for path in _needed(item):
        try:
            with path.open("rb") as file:
                parquet.read_table(file, page_checksum_verification=True)
        except (OSError, ValueError) as error:
            return DAMAGED.format(item=item.name, name=path.name, reason=reason_of(error))
    return None


def find_missing(item: Item) -> str | None:
    """A sentence about the first table of an item whose file is gone, None if all are there."""
    for path in _needed(item):
        if not path.is_file():
            return DAMAGED.format(item=item.name, name=path.name, reason=os.strerror(errno.ENOENT))
    return None


def _needed(item: Item) -> list[Path]:
    """The files that an item cannot do without: all but GRID, in place of which the windows are used."""
    return [path for name, path in item.paths.items() if name != GRID]


def _has_tables(folder: Path) -> bool:
    return any((folder / f"{name}{SUFFIX}").is_file() for name in NAMES)


def _may_be_result(link: Path) -> bool:
    return link.suffix in (".json", SUFFIX) or link.is_dir()


def _read_manifest(folder: Path) -> list[dict[str, Any]]:
    """The rows of the manifest in a folder, [] without one. Raises EmorecError if it cannot be used."""
    from pyarrow import parquet

    path = folder / MANIFEST
    if path.is_symlink() or not path.is_file():
        return []
    try:
        with path.open("rb") as file:
            table = parquet.read_table(file)
    except (OSError, ValueError) as error:
        raise EmorecError(NO_MANIFEST.format(path=path, reason=reason_of(error))) from None
    found = (table.schema.metadata or {}).get(MANIFEST_KEY)
    if found != MANIFEST_VERSION:
        values = {"found": _version_text(found), "known": MANIFEST_VERSION.decode()}
        raise EmorecError(OTHER_MANIFEST.format(path=path, **values))
    return [_with_all_columns(row) for row in table.to_pylist()]


def _with_all_columns(row: dict[str, Any]) -> dict[str, Any]:
    """The row with exactly the columns of MEDIA; what it lacks is None."""
    return {name: row.get(name) for name in MEDIA}


def _read_item(folder: Path, row: dict[str, Any] | None) -> Item | str:
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
            return DAMAGED.format(item=item, name=path.name, reason=reason_of(error))
        found = (schema.metadata or {}).get(KEY)
        if found != VERSION:
            known = VERSION.decode()
            return OTHER.format(item=item, name=path.name, found=_version_text(found), known=known)
        paths[name] = path
        columns = tuple(schema.names) if name == "windows" else columns
    try:
        media = row if row and row["status"] == DONE else _media_row(item, paths["windows"])
        if row:  # the recording may have failed later, or wait again; its earlier result is still there
            media = media | {name: value for name, value in row.items() if value is not None}
    except (OSError, ValueError, KeyError) as error:
        return DAMAGED.format(item=item, name=paths["windows"].name, reason=reason_of(error))
    return Item(name=item, media=media, paths=paths | _find_grid(folder), columns=columns)


def _find_grid(folder: Path) -> dict[str, Path]:
    """The path of the table GRID, by its name; {} if the batch wrote none: a recording may be called grid too."""
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


def _media_row(name: str, path: Path) -> dict[str, Any]:
    """The row of an item that is in no manifest, as it happens in a batch that is running or was killed."""
    known = read_facts(path)
    choices = known.get("choices") or {}
    return _with_all_columns(
        {
            "item": name,
            "source": files.shown((known.get("media") or {}).get("name") or "") or None,
            "status": DONE,
            "duration": known["duration"],
            "finished": written_at(path),
            "persons": len(known["names"]),
            "emorec_version": choices.get("emorec"),
            "model": known["fingerprint"],
            "features": known["features"] or None,
            "choices": json.dumps(choices),
        }
    )


def _version_text(version: bytes | None) -> str:
    """The version in the metadata of a file, for a sentence."""
    return "none" if version is None else files.shown(version.decode("utf-8", "surrogateescape"))
