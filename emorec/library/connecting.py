"""A connection to DuckDB in memory, with the views over the results, that can open their files and no other file.

DuckDB runs without a file of its own. Once the views exist, the paths it may open are fixed, and its settings locked.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emorec.library import views
from emorec.library.items import Item
from emorec.library.schema import MEDIA

if TYPE_CHECKING:
    import duckdb

VIEWS = ("media", "windows", "people", "highlights", "markers")
PATTERN = "*?["  # characters that make a path a pattern for DuckDB


def connect(
    items: Sequence[Item], others: Sequence[dict[str, Any]], memory: float, links: Path
) -> duckdb.DuckDBPyConnection:
    """Connect to the tables of ``items``; ``others`` are rows of the view ``media`` without tables.

    ``memory`` (GB) limits each query. ``links`` is a folder for links to files whose paths DuckDB cannot take. Raises
    duckdb.Error, or OSError if neither links nor copies can be made there.
    """
    import duckdb

    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,  # else a query could name variables of this program
            "memory_limit": f"{memory}GB",
            "temp_directory": "",
        }
    )
    try:
        allowed = _define_views(connection, items, others, links)
        connection.execute(f"SET allowed_paths = [{', '.join(map(views.quote, allowed))}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
    except duckdb.Error:
        connection.close()
        raise
    return connection


def _define_views(
    connection: duckdb.DuckDBPyConnection, items: Sequence[Item], others: Sequence[dict[str, Any]], links: Path
) -> list[str]:
    """Define the views; returns the paths of all files that they read."""
    import pyarrow as pa

    views.store_table(connection, "media", views.arrow_table(MEDIA, [*(item.media for item in items), *others], pa))
    differ = len({item.columns for item in items if item.paths}) > 1
    places: list[tuple[str, str]] = []
    for view in VIEWS[1:]:
        paths = [(item.name, _readable_path(item.paths[view], links)) for item in items if view in item.paths]
        tables = [
            item.tables[view].append_column("item", pa.array([item.name] * len(item.tables[view]), pa.string()))
            for item in items
            if view in item.tables
        ]
        places += paths
        table = pa.concat_tables(tables, promote_options="default") if tables else None
        views.define(connection, view, [path for _, path in paths], table, differ)
    # The table ``places`` is made with the views, so it is filled after them.
    if places:
        connection.executemany("INSERT INTO places VALUES (?, ?)", places)
    return [path for _, path in places]


def _readable_path(path: Path, links: Path) -> str:
    """A path that DuckDB takes as it is: a link to the file if its own path is a pattern or not valid text.

    Raises OSError.
    """
    text = os.fsdecode(path)
    if not any(letter in PATTERN for letter in text) and text.isprintable():
        return text
    link = links / hashlib.sha256(os.fsencode(path)).hexdigest()
    if not link.is_symlink():
        try:
            link.symlink_to(path)
        except OSError:  # Windows lets few users make links
            shutil.copyfile(path, link)
    return str(link)
