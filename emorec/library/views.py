"""The views of a library, over Parquet files and over tables in memory; each has the column ``item``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emorec.library.schema import HIGHLIGHTS, MARKERS, PEOPLE

if TYPE_CHECKING:
    import pyarrow as pa

TYPES = {"string": "VARCHAR", "float64": "DOUBLE", "int32": "INTEGER"}


def define(connection: Any, view: str, paths: list[str], memory: pa.Table | None, differ: bool) -> None:
    """Define a view over Parquet files and a table in memory; ``differ`` says that the files have different columns."""
    connection.execute("CREATE TABLE IF NOT EXISTS places (item VARCHAR, filename VARCHAR)")
    parts = []
    if paths:
        file_list = ", ".join(map(quote, paths))
        by_name = ", union_by_name = true" if differ and view == "windows" else ""
        parts.append(
            f"SELECT places.item, rows.* EXCLUDE (filename) FROM read_parquet([{file_list}], filename = true{by_name}"
            # Without partitioning, because a folder called person=1 would become a column.
            ", hive_partitioning = false) AS rows JOIN places ON places.filename = rows.filename"
        )
    if memory is not None:
        store_table(connection, f"{view}_in_memory", memory)
        parts.append(f"SELECT item, * EXCLUDE (item) FROM {view}_in_memory")
    if not parts:
        kinds = {"people": PEOPLE, "highlights": HIGHLIGHTS, "markers": MARKERS}.get(view, {"start": "float64"})
        columns = ", ".join(f'NULL::{TYPES[kind]} AS "{name}"' for name, kind in {"item": "string", **kinds}.items())
        parts.append(f"SELECT {columns} WHERE false")
    connection.execute(f"CREATE VIEW {view} AS {' UNION ALL BY NAME '.join(parts)}")


def store_table(connection: Any, name: str, table: pa.Table) -> None:
    """Copy an arrow table into a table of the database."""
    connection.register("given", table)
    connection.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
    connection.unregister("given")


def arrow_table(columns: dict[str, str], rows: list[dict[str, Any]], pa: Any) -> pa.Table:
    """Rows as an arrow table with these columns and types."""
    return pa.table(
        {name: pa.array([row.get(name) for row in rows], getattr(pa, kind)()) for name, kind in columns.items()}
    )


def quote(text: str) -> str:
    """A text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"
