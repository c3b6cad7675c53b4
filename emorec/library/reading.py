"""Queries over the results of many recordings: SQL over views in memory, which can read the tables and nothing else.

Only one SELECT is taken at a time, so nothing is written either.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from emorec import files
from emorec.errors import EmorecError, listed, require
from emorec.library import connecting, interrupting, items
from emorec.library.connecting import VIEWS
from emorec.library.items import Item
from emorec.library.schema import EXTRA

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

MEMORY_GB = 2.0
SECONDS = 600.0
BATCH_ROWS = 20_000

READ_ONLY = "A query only reads: give one SELECT (also WITH, FROM, DESCRIBE, SUMMARIZE or VALUES), and nothing else."
REFUSED = "The query wants a file or a setting outside of these results, which is refused: {reason}."
WRONG = "The query cannot be answered: {reason}."
TOO_LONG = "The query takes longer than {seconds:g} s; ask for less, or give it more time with --timeout."
TOO_LARGE = "The query needs more than {memory:g} GB of memory; ask for less, or give it more with --memory."
INTERNAL = re.compile(r'; perhaps you mean "(?:\w+\.)*(?:places|\w+_in_memory)"')  # no table of a user's
Result = TypeVar("Result")


class Library:
    """The results in some folders, to be closed after use. ``notes`` are sentences about what is left out.

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
                self._items.append(replace(item, name=name, media=item.media | {"item": name}))
            self._media += [row | {"item": _unique(row["item"], folder, names)} for row in found.others]
        try:
            self._links = tempfile.TemporaryDirectory(prefix="emorec-query-", ignore_cleanup_errors=True)
        except OSError as error:
            raise files.no_temporary(error) from None
        try:
            self._connection = self._connect()
        except EmorecError:
            self._links.cleanup()
            raise

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
        """The columns of each view, with their types. Raises EmorecError."""
        import duckdb

        try:
            described = {view: self._connection.execute(f"DESCRIBE {view}").fetchall() for view in VIEWS}
        except duckdb.Error as error:
            raise self._problem(error) from None
        return {view: {row[0]: row[1] for row in rows} for view, rows in described.items()}

    def query(self, sql: str) -> pa.Table:
        """The answer to a SELECT as a pyarrow table; ``.to_pandas()`` makes a data frame. Raises EmorecError."""
        import pyarrow as pa

        schema, batches = self.stream(sql)
        return pa.Table.from_batches(list(batches), schema)

    def stream(self, sql: str) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """The columns of the answer, and its rows in batches as they are found. Raises EmorecError.

        A second column named ``a`` becomes ``a_1``.
        """
        self._check(sql)
        budget = interrupting.TimeBudget(self.seconds)
        try:
            cursor, reader, first = self._begin(sql, budget)
        except _Damaged as error:
            self._leave_out(error.problems)
            self._connection.close()
            self._connection = self._connect()
            cursor, reader, first = self._begin(sql, budget)
        schema = _with_distinct_names(reader.schema)

        def rest() -> Iterator[pa.RecordBatch]:
            batch = first
            with cursor:
                while batch is not None:
                    yield batch.rename_columns(schema.names)
                    batch = self._guarded(lambda: _next(reader), cursor, budget)

        return schema, rest()

    def _begin(
        self, sql: str, budget: interrupting.TimeBudget
    ) -> tuple[duckdb.DuckDBPyConnection, Any, pa.RecordBatch | None]:
        """Begin a query; return its cursor, the reader of its answer, and the first batch (None: no rows)."""
        # A cursor of its own, because a connection runs no other query before an answer is read to its end.
        cursor = self._connection.cursor()

        def begin() -> tuple[Any, pa.RecordBatch | None]:
            reader = cursor.sql(sql).to_arrow_reader(BATCH_ROWS)
            return reader, _next(reader)

        try:
            return cursor, *self._guarded(begin, cursor, budget)
        except BaseException:
            cursor.close()
            raise

    def _check(self, sql: str) -> None:
        """Raise EmorecError unless this is one statement that reads."""
        import duckdb

        if not isinstance(sql, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise EmorecError(READ_ONLY)
        try:
            statements = self._connection.extract_statements(sql)
        except duckdb.Error as error:
            raise EmorecError(WRONG.format(reason=_reason(error))) from None
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise EmorecError(READ_ONLY)

    def _guarded(
        self, work: Callable[[], Result], cursor: duckdb.DuckDBPyConnection, budget: interrupting.TimeBudget
    ) -> Result:
        """Run work of a cursor within the time budget. Raises EmorecError for its errors."""
        try:
            return budget.run(work, cursor.interrupt)
        except interrupting.TooLong:
            raise EmorecError(TOO_LONG.format(seconds=self.seconds)) from None
        except Exception as error:
            raise self._problem(error) from None

    def _problem(self, error: Exception) -> Exception:
        """The exception to raise for an error of DuckDB: an EmorecError, ``_Damaged`` if files are the cause."""
        import duckdb

        wrong = WRONG.format(reason=_reason(error))
        if isinstance(error, duckdb.PermissionException):
            # For a file that is gone, DuckDB looks for others of its name, which is not allowed either.
            if gone := {item.name: found for item in self._items if (found := items.find_missing(item))}:
                return _Damaged(wrong, gone)
            return EmorecError(REFUSED.format(reason=_reason(error)))
        if isinstance(error, duckdb.OutOfMemoryException) or "Out of Memory" in str(error):
            return EmorecError(TOO_LARGE.format(memory=self.memory))
        # The query itself causes these. For other errors all files are checked for damage, which takes long.
        if isinstance(
            error,
            duckdb.ParserException | duckdb.BinderException | duckdb.CatalogException | duckdb.ConversionException,
        ):
            return EmorecError(wrong)
        if problems := {item.name: found for item in self._items if (found := items.find_damage(item))}:
            return _Damaged(wrong, problems)
        return EmorecError(wrong) if isinstance(error, duckdb.Error | OSError | ValueError) else error

    def _leave_out(self, problems: Mapping[str, str]) -> None:
        """Leave out the items that have problems, and note the sentences about them."""
        self.notes += problems.values()
        self._items = [item for item in self._items if item.name not in problems]

    def _connect(self) -> duckdb.DuckDBPyConnection:
        """Connect to the items, leaving out those whose files were damaged or removed since they were found."""
        import duckdb

        def attempt() -> duckdb.DuckDBPyConnection:
            return connecting.connect(self._items, self._media, self.memory, Path(self._links.name))

        try:
            return attempt()
        except duckdb.Error as error:
            problem = self._problem(error)
        if not isinstance(problem, _Damaged):
            raise problem
        self._leave_out(problem.problems)
        try:
            return attempt()
        except duckdb.Error as error:
            raise self._problem(error) from None


class _Damaged(EmorecError):
    """Files are damaged, which is only seen when they are read; ``problems`` are sentences by item."""

    def __init__(self, text: str, problems: Mapping[str, str]):
        super().__init__(text)
        self.problems = problems


def _next(reader: Any) -> pa.RecordBatch | None:
    """The next batch of a reader, None after the last one."""
    try:
        return reader.read_next_batch()
    except StopIteration:
        return None


def _with_distinct_names(schema: pa.Schema) -> pa.Schema:
    """The schema with _1, _2 and so on behind names that an earlier column has, as DuckDB does in a subquery."""
    import pyarrow as pa

    names: dict[str, None] = {}
    for name in schema.names:
        chosen, number = name, 0
        while chosen in names or (number and chosen in schema.names):
            number += 1
            chosen = f"{name}_{number}"
        names[chosen] = None
    return pa.schema([field.with_name(name) for field, name in zip(schema, names, strict=True)], schema.metadata)


def _unique(name: str, folder: Path, taken: set[str]) -> str:
    """A name that is not ``taken``, if necessary with the folder's name before it; it is added to ``taken``."""
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
    lines = [" ".join(line.split()).rstrip(".!?") for line in words.splitlines()]
    sentence = "; ".join(line for line in lines if line).replace("; Did you mean ", "; perhaps you mean ")
    sentence = INTERNAL.sub(f"; the tables are {listed(VIEWS)}", sentence)
    return sentence.replace(":; ", ": ")  # a line that announces the next ones
