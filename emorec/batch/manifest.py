"""The manifest of a batch: one row an item, as Parquet for programs and as CSV for people.

It is made from the records of the items, so it can be written again at any time.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from emorec import files
from emorec.errors import EmorecError
from emorec.library.schema import MANIFEST as PARQUET
from emorec.library.schema import MANIFEST_KEY as KEY
from emorec.library.schema import MANIFEST_VERSION as VERSION
from emorec.library.schema import MEDIA as COLUMNS
from emorec.output.tables import delimited

CSV = "manifest.csv"

Row = Mapping[str, Any]

OTHER_VERSION = (
    "{path} is a manifest of another version ({found}, not {known}), so nothing in this folder was touched; use the "
    "version of emorec that made it, or another folder."
)
NO_MANIFEST = "{path} is no manifest of emorec ({reason}), so nothing in this folder was touched; use another folder."


def check(folder: Path) -> None:
    """Raise EmorecError if a folder has a manifest that this version does not write."""
    from pyarrow import parquet

    path = folder / PARQUET
    if not path.exists():
        return
    try:
        found = (parquet.read_schema(path).metadata or {}).get(KEY)
    except (OSError, ValueError) as error:  # pyarrow's own errors are among these
        raise EmorecError(NO_MANIFEST.format(path=path, reason=str(error).splitlines()[0].rstrip("."))) from None
    if found is None:
        raise EmorecError(NO_MANIFEST.format(path=path, reason="it does not say its version"))
    if found != VERSION:
        values = {"found": files.shown(found.decode("utf-8", "surrogateescape")), "known": VERSION.decode()}
        raise EmorecError(OTHER_VERSION.format(path=path, **values))


def write(folder: Path, rows: Iterable[Row]) -> tuple[str, ...]:
    """Write both files, each completely or not at all; return the names of those that were not written.

    On some systems a program that has a file open keeps others from writing it. Raises OSError for anything else, as
    for a folder in which nothing may be written.
    """
    import pyarrow as pa
    from pyarrow import parquet

    rows = list(rows)
    types = {name: getattr(pa, kind)() for name, kind in COLUMNS.items()}
    arrays = {name: pa.array([_value(row, name) for row in rows], kind) for name, kind in types.items()}
    out = io.BytesIO()
    parquet.write_table(pa.table(arrays).replace_schema_metadata({KEY: VERSION}), out)
    cells = ([_value(row, name) for name in COLUMNS] for row in rows)
    unwritten = []
    for name, content in ((PARQUET, out.getvalue()), (CSV, delimited(COLUMNS, cells).encode())):
        try:
            files.write(folder / name, content)
        except PermissionError:
            with tempfile.TemporaryFile(dir=folder):  # raises too if the folder itself cannot be written
                unwritten.append(name)
    return tuple(unwritten)


def remove_leftovers(folder: Path) -> None:
    """Remove the partial files of a killed process; no other process may work in the folder."""
    for name in (PARQUET, CSV):
        files.remove_partials(folder, name)


def _value(row: Row, name: str) -> Any:
    """The value of a row in a column; None if it is missing or ""."""
    value = row.get(name)
    if isinstance(value, str):
        return files.shown(value) or None
    return value
