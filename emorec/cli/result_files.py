"""What ``emorec analyze`` writes and prints of a result."""

from __future__ import annotations

import argparse
import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emorec.cli import marking, printing
from emorec.cli import options as cli_options
from emorec.output import names

if TYPE_CHECKING:
    from emorec.analyzer import Analyzer
    from emorec.extraction.features import Features
    from emorec.extraction.people import People
    from emorec.timeline import Timeline

Writers = dict[str, Callable[[Any, Path], None]]  # by the suffix of their files


def writers(options: argparse.Namespace) -> Writers:
    """The functions that write the chosen formats, by suffix.

    Prints which formats "all" leaves out. Raises EmorecError for an unknown locale or format.
    """
    from emorec.output import formats, tables

    tables.check_locale(options.locale)
    chosen, notice = formats.chosen(options.format)
    if notice:
        print(f"emorec: note: {notice}", file=sys.stderr)
    found = [formats.FORMATS[name] for name in chosen]
    return {form.suffix: functools.partial(form.write, locale=options.locale) for form in found}


def put_out(
    given: str | Path,
    media: Path,
    result: Timeline,
    writers: Writers,
    options: argparse.Namespace,
    heading: str | None,
    marked: marking.Marked | None = None,
) -> None:
    """Write and print the result of one recording."""
    which = f"{heading}: " if heading else ""
    for note in result.notes:
        print(f"emorec: note: {which}{note}", file=sys.stderr)
    written = _write_files(given, media, result, writers, options, marked)
    if not options.json:
        printing.print_summary(result, written, heading)
    else:
        from emorec.output import tables

        text = f"{json.dumps(tables.as_dict(result), allow_nan=False)}\n" if heading else tables.json_text(result)
        sys.stdout.write(text)
    sys.stdout.flush()


def write_people(loaded: Analyzer, features: Features, people: People, _: Timeline, path: Path) -> None:
    """Write the names file beside the results."""
    loaded.save_people(features, path, people=people)


def write_report(
    loaded: Analyzer, features: Features, people: People, blur: bool, result: Timeline, path: Path
) -> None:
    """Write the report beside the results."""
    loaded.save_report(result, path, features=features, people=people, blur=blur)


def _write_files(
    given: str | Path,
    media: Path,
    result: Timeline,
    writers: Writers,
    options: argparse.Namespace,
    marked: marking.Marked | None = None,
) -> list[Path]:
    """Write the result in every format and the chart, as the options say; return the paths of the files."""
    from emorec.output import tables

    written = []
    plot = None if options.no_plot else options.save_plot
    beside = bool(options.out) or not options.json
    if not beside:  # the result is only printed; of the files, a report that was asked for is still written
        writers = {suffix: write for suffix, write in writers.items() if suffix in names.REPORTS}
    if writers:
        folder = options.out or Path(cli_options.DEFAULT_OUT)
        with_chart = beside and not options.no_plot and not options.save_plot
        suffixes = [*writers] + ([".png"] if with_chart else [])
        owner = given if isinstance(given, str) else str(given.resolve())
        name = names.claim(folder, media, owner, lambda stem: tables.file_name(stem, result, ""), suffixes)
        for suffix, write in writers.items():
            written.append(folder / f"{name}{suffix}")
            write(result, written[-1])
        plot = folder / f"{name}.png" if with_chart else plot
        if marked and beside:
            written += marking.write(result, marked, folder, name, not options.no_plot, options.locale)
    if plot:
        from emorec.output import charts

        charts.save(result, plot)
        written.append(plot)
    return written
