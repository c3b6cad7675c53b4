"""Questions to the results of many recordings: SQL over views in memory, which can read the tables and nothing else.

DuckDB runs without a file of its own. Once the views exist, it may open the files of these tables and no other file,
and its settings are locked. Only one SELECT is taken at a time, so nothing is written either.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from emorec.errors import EmorecError, require
from emorec.library import items, views
from emorec.library.items import Item
from emorec.library.schema import EXTRA

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

VIEWS = ("media", "windows", "people", "highlights", "markers")
MEMORY_GB = 2.0
SECONDS = 600.0
BATCH_ROWS = 20_000
GLOB = "*?["  # letters of a path that DuckDB takes for a pattern

READ_ONLY = "A query only reads: give one SELECT (also WITH, FROM, DESCRIBE, SUMMARIZE or VALUES), and nothing else."
REFUSED = "The query wants a file or a setting outside of these results, which is refused: {reason}."
WRONG = "The query cannot be answered: {reason}."
TOO_LONG = "The query takes longer than {seconds:g} s; ask for less, or give it more time with --timeout."
TOO_LARGE = "The query needs more than {memory:g} GB of memory; ask for less, or give it more with --memory."
Result = TypeVar("Result")


class Library:
    """The results in some folders. ``notes`` are sentences about what is left out. To be closed.

    ``memory`` (GB) and ``seconds`` limit each query. Raises EmorecError for a folder without results.
    """

    def __init__(self, folders: Sequence[Path], memory: float = MEMORY_GB, seconds: float = SECONDS):
        require(EXTRA, "duckdb", "pyarrow")
        self.memory, self.seconds = memory, seconds
        self.notes: list[str] = []
        self._items: list[Item] = []
        self._media: list[dict[str, Any]] = []
        names: set[str] = set()
        for folder in dict.fromkeys(Path(folder).absolute() for folder in folders):
            found = items.find(folder)
            self.notes += found.notes
            for item in found.items:
                name = _unique(item.name, folder, names)
                row = item.media | {"item": name}
                self._items.append(
                    Item(name=name, media=row, paths=item.paths, tables=item.tables, columns=item.columns)
                )
            self._media += [row | {"item": _unique(row["item"], folder, names)} for row in found.others]
        self._links = tempfile.TemporaryDirectory(prefix="emorec-query-", ignore_cleanup_errors=True)
        self._connection = self._connect()

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; nothing was written."""
        self._connection.close()
        self._links.cleanup()

    @property
    def items(self) -> tuple[Item, ...]:
        """The items whose tables can be read."""
        return tuple(self._items)

    def columns(self) -> dict[str, dict[str, str]]:
        """The columns of each view, with their types."""
        return {
            view: {row[0]: row[1] for row in self._connection.execute(f"DESCRIBE {view}").fetchall()} for view in VIEWS
        }

    def query(self, sql: str) -> pa.Table:
        """The answer to a SELECT as a pyarrow table; ``.to_pandas()`` makes a data frame. Raises EmorecError."""
        import pyarrow as pa

        schema, batches = self.stream(sql)
        return pa.Table.from_batches(list(batches), schema)

    def stream(self, sql: str) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """The columns of the answer, and its rows in batches as they are found. Raises EmorecError."""
        self._check(sql)
        end = time.monotonic() + self.seconds

        def begin() -> tuple[Any, pa.RecordBatch | None]:
            reader = self._connection.sql(sql).to_arrow_reader(BATCH_ROWS)
            return reader, _next(reader)

        try:
            reader, first = self._guarded(begin, end)
        except _Damaged:
            self._leave_out_damaged()
            reader, first = self._guarded(begin, end)

        def rest() -> Iterator[pa.RecordBatch]:
            batch = first
            while batch is not None:
                yield batch
                batch = self._guarded(lambda: _next(reader), end)

        return reader.schema, rest()

    def _check(self, sql: str) -> None:
        """Raise EmorecError unless this is one statement that reads."""
        import duckdb

        try:
            statements = self._connection.extract_statements(sql)
        except duckdb.Error as error:
            raise EmorecError(WRONG.format(reason=_reason(error))) from None
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise EmorecError(READ_ONLY)

    def _guarded(self, work: Callable[[], Result], end: float) -> Result:
        """The result of work in a thread that is interrupted at a time, and by Ctrl-C, which DuckDB does not heed."""
        import duckdb

        results: list[Result] = []
        errors: list[BaseException] = []
        ended = threading.Event()

        def run() -> None:
            try:
                results.append(work())
            except BaseException as error:
                errors.append(error)
            finally:
                ended.set()

        # Not ``join``: a thread whose join Ctrl-C interrupts counts as ended in Python 3.11.
        threading.Thread(target=run, daemon=True).start()
        try:
            while not ended.is_set() and time.monotonic() < end:
                ended.wait(0.1)
        finally:
            late = not ended.is_set()
            while not ended.is_set():  # again and again: an interruption before the query begins has no effect
                self._connection.interrupt()
                ended.wait(0.1)
        if late:
            raise EmorecError(TOO_LONG.format(seconds=self.seconds))
        if not errors:
            return results[0]
        error = errors[0]
        if isinstance(error, duckdb.PermissionException):
            raise EmorecError(REFUSED.format(reason=_reason(error))) from None
        if isinstance(error, duckdb.OutOfMemoryException) or "Out of Memory" in str(error):
            raise EmorecError(TOO_LARGE.format(memory=self.memory)) from None
        if any(items.damage(item) for item in self._items):
            raise _Damaged(WRONG.format(reason=_reason(error)))
        if isinstance(error, duckdb.Error | OSError | ValueError):
            raise EmorecError(WRONG.format(reason=_reason(error))) from None
        raise error

    def _leave_out_damaged(self) -> None:
        """Connect again without the items whose files are damaged behind a whole end."""
        problems = {item.name: items.damage(item) for item in self._items}
        self.notes += [sentence for sentence in problems.values() if sentence]
        self._items = [item for item in self._items if not problems[item.name]]
        self._connection.close()
        self._connection = self._connect()

    def _connect(self) -> duckdb.DuckDBPyConnection:
        import duckdb

        connection = duckdb.connect(
            config={
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "python_enable_replacements": False,  # else a query could name variables of this program
                "memory_limit": f"{self.memory}GB",
                "temp_directory": "",
            }
        )
        allowed = self._define(connection)
        connection.execute(f"SET allowed_paths = [{', '.join(map(views.quoted, allowed))}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        return connection

    def _define(self, connection: duckdb.DuckDBPyConnection) -> list[str]:
        """Define the views; returns the paths of all files that they read."""
        import pyarrow as pa

        media = [item.media for item in self._items] + self._media
        views.keep(connection, "media", views.arrow(items.MEDIA, media, pa))
        allowed, places, tables = [], [], dict[str, pa.Table]()
        for view in VIEWS[1:]:
            paths = [(item.name, self._place(item.paths[view])) for item in self._items if view in item.paths]
            memory = [
                item.tables[view].append_column("item", pa.array([item.name] * len(item.tables[view]), pa.string()))
                for item in self._items
                if view in item.tables
            ]
            allowed += [path for _, path in paths]
            places += paths
            if memory:
                tables[view] = pa.concat_tables(memory, promote_options="default")
            views.define(connection, view, [path for _, path in paths], tables.get(view), self._columns_differ())
        # Filled last: the views name it.
        if places:
            connection.executemany("INSERT INTO places VALUES (?, ?)", places)
        return allowed

    def _columns_differ(self) -> bool:
        return len({item.columns for item in self._items if item.paths}) > 1

    def _place(self, path: Path) -> str:
        """A path that DuckDB takes as it is: below a link if the folder's name is a pattern, or no text."""
        text = os.fsdecode(path)
        if not any(letter in GLOB for letter in text) and text.isprintable():
            return text
        link = Path(self._links.name) / f"{abs(hash(path.parent))}"
        if not link.is_symlink():
            link.symlink_to(path.parent, target_is_directory=True)
        return str(link / path.name)


class _Damaged(EmorecError):
    """A file turned out to be damaged in its middle."""


def _next(reader: Any) -> pa.RecordBatch | None:
    try:
        return reader.read_next_batch()
    except StopIteration:
        return None


def _unique(name: str, folder: Path, taken: set[str]) -> str:
    """A name that no item of another folder has, with the folder's name in front if need be."""
    chosen, number = name, 1
    while chosen in taken:
        chosen = f"{folder.name}/{name}" if number == 1 else f"{folder.name}-{number}/{name}"
        number += 1
    taken.add(chosen)
    return chosen


def _reason(error: BaseException) -> str:
    """DuckDB's own words in one sentence: without the kind of the error and the excerpt of the query."""
    words = str(error).partition("\nLINE ")[0].strip()
    kind, _, rest = words.partition(": ")
    words = rest if kind.endswith("Error") else words
    return " ".join(words.replace("\n", "; ").split()).rstrip(".!").replace("; ;", ";")
