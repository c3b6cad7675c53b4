"""``emorec query DIR "select ..."``: questions in SQL to the results of many recordings."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import BinaryIO, cast

from emorec.cli import streams
from emorec.errors import EmorecError, require

DIRS_HELP = "folder of emorec batch, or of emorec analyze --out; then the query (without one: the views are listed)"
USAGE = "%(prog)s [-h] [--format F] [--out FILE] [--memory GB] [--timeout S] DIR [DIR ...] [QUERY]"
FORMAT_HELP = "table, csv, json or parquet (default: table on a terminal, else csv; with --out by the file's ending)"
EXAMPLE = 'emorec query {folder} "select item, avg(happy) from windows where sure group by item order by 2 desc"'
INTO_FILE = "Parquet is no text; name a file with --out, or send the output into a file or another program."
WRONG_LIMIT = "The {name} of {value:g} is out of range; choose a number above 0."
NO_QUERY = "{given} is no folder of results; give folders first, then one query."


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options to a parser."""
    parser.usage = USAGE  # argparse would repeat the query after each folder
    parser.add_argument("given", nargs="+", metavar="DIR ... [QUERY]", help=DIRS_HELP)
    parser.add_argument("--format", default="", metavar="F", help=FORMAT_HELP)
    parser.add_argument("--out", "-o", type=Path, metavar="FILE", help="write the answer into this file")
    parser.add_argument("--memory", type=float, default=2.0, metavar="GB", help="most memory of a query (default 2)")
    parser.add_argument("--timeout", type=float, default=600.0, metavar="S", help="longest time of one (default 600)")


def run(options: argparse.Namespace) -> int:
    """Answer the query, or list the views; returns the exit code. Raises EmorecError."""
    require("library", "duckdb", "pyarrow")
    from emorec import library
    from emorec.library import writing

    for name in ("memory", "timeout"):
        if not 0 < getattr(options, name) < 1e6:
            raise EmorecError(WRONG_LIMIT.format(name=name, value=getattr(options, name)))
    format_name = _format(options)
    writing.check(format_name)
    *folders, last = options.given
    # Not Path.is_dir, which fails for a query that is longer than the name of a file may be.
    query = last if folders and not os.path.isdir(last) else None
    folders = folders if query is not None else options.given
    for folder in folders:
        if not os.path.isdir(folder):
            raise EmorecError(NO_QUERY.format(given=folder))
    with library.open(*folders, memory=options.memory, seconds=options.timeout) as results:
        if query is None:
            _print_views(results.columns(), folders[0])
            _print_notes(results.notes)
            return 0
        if format_name == "parquet" and not options.out and sys.stdout.isatty():
            raise EmorecError(INTO_FILE)
        schema, batches = results.stream(query)
        if options.out:
            writing.write_file(format_name, schema, batches, options.out)
            print(f"wrote {options.out}")
        else:
            sys.stdout.flush()
            writing.write(format_name, schema, batches, cast(BinaryIO, _StandardOutput()))
        _print_notes(results.notes)
    return 0


class _StandardOutput:
    """Standard output as a stream of bytes, even if a program has replaced it by one that takes only text."""

    closed = False

    def write(self, content: bytes) -> int:
        buffer = getattr(sys.stdout, "buffer", None)
        if buffer is None:
            sys.stdout.write(content.decode())
        else:
            buffer.write(content)
            buffer.flush()
        return len(content)

    def flush(self) -> None:
        sys.stdout.flush()


def _format(options: argparse.Namespace) -> str:
    if options.format:
        return options.format.lower()
    if options.out:
        return options.out.suffix.lower().removeprefix(".") or "csv"
    return "table" if sys.stdout.isatty() else "csv"


def _print_views(views: dict[str, dict[str, str]], folder: str) -> None:
    for view, columns in views.items():
        print(f"{view}: {', '.join(columns)}")
    print(f"\nFor example: {EXAMPLE.format(folder=os.fsdecode(folder))}")


def _print_notes(notes: list[str]) -> None:
    for note in notes:
        streams.print_note(note)
