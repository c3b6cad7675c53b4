"""What ``emorec analyze`` writes and prints of a result."""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emorec.cli import marking, printing, streams
from emorec.cli import options as cli_options
from emorec.errors import EmorecError
from emorec.output import names

if TYPE_CHECKING:
    from emorec.analyzer import Analyzer
    from emorec.extraction.features import Features
    from emorec.extraction.people import People
    from emorec.timeline import Timeline

MAX_ALIKE = 2  # sentences shown of those that differ only in the name of the file
CANNOT = " cannot be written ("  # stands between the name of the file and the reason in such a sentence
MORE = "{count} more files cannot be written for the same reason."

WITH_FACES = "{name}, the report of an earlier run, shows the faces."
WITH_PICTURES = "{name} has a small picture of each person in which the face is not hidden; do not give it to others."
PEOPLE = ".people.json"  # ending of names files
Writers = dict[str, Callable[[Any, Path], object]]  # by the suffix of their files; False: nothing was written


def format_writers(options: argparse.Namespace) -> Writers:
    """The functions that write the chosen formats, by suffix.

    Prints which formats "all" leaves out. Raises EmorecError for an unknown locale or format.
    """
    from emorec.output import formats, tables

    tables.check_locale(options.locale)
    chosen, notice = formats.parse_names(options.format)
    if notice:
        streams.print_note(notice)
    return {
        formats.FORMATS[name].suffix: functools.partial(formats.FORMATS[name].write, locale=options.locale)
        for name in chosen
    }


def write_and_print(
    given: str | Path,
    media: Path,
    result: Timeline,
    writers: Writers,
    options: argparse.Namespace,
    heading: str | None,
    marker_options: marking.MarkerOptions | None = None,
) -> None:
    """Write and print the result of one recording.

    Raises EmorecError at the end about the files that cannot be written, and BrokenPipeError if nobody reads what is
    printed and no file is written.
    """
    written, problems = _write_files(given, media, result, writers, options, marker_options)
    which = f"{heading}: " if heading else ""
    for note in [*result.notes, *_notes_on_faces(written, options.blur)]:
        streams.print_note(f"{which}{note}")
    with streams.tolerate_errors() if _writes_files(options) else streams.broken_pipe_is_told():
        if not options.json:
            printing.print_summary(result, written, heading)
        else:
            from emorec.output import tables

            text = f"{json.dumps(tables.as_dict(result), allow_nan=False)}\n" if heading else tables.json_text(result)
            sys.stdout.write(text)
        sys.stdout.flush()
    raise_all(problems)


def _writes_files(options: argparse.Namespace) -> bool:
    """Whether files are written, so that a recording is analyzed even if nobody reads what is printed."""
    return not options.json or bool(options.out or options.save_plot or options.save_video or options.report)


def _notes_on_faces(written: list[Path], blur: bool) -> list[str]:
    """Notes about files with faces beside those that hide them: an earlier report, and with ``blur`` the names file."""
    shown, hidden = names.REPORTS
    reports = [path for path in written if path.name.endswith(hidden)]
    earlier = [path.with_name(f"{path.name.removesuffix(hidden)}{shown}") for path in reports]
    pictures = [path for path in written if blur and path.name.endswith(PEOPLE)]
    return [
        *(WITH_FACES.format(name=path.name) for path in earlier if path.exists()),
        *(WITH_PICTURES.format(name=path.name) for path in pictures),
    ]


def raise_all(problems: list[EmorecError]) -> None:
    """Raise the problems, if there are any, as one EmorecError with at most MAX_ALIKE sentences of the same reason."""
    if not problems:
        return
    of_reason: dict[str, list[str]] = {}
    for sentence in dict.fromkeys(map(str, problems)):
        of_reason.setdefault(sentence.partition(CANNOT)[2] or sentence, []).append(sentence)
    told: list[str] = []
    for sentences in of_reason.values():
        left = len(sentences) - MAX_ALIKE
        told += sentences if left < 2 else [*sentences[:MAX_ALIKE], MORE.format(count=left)]
    raise EmorecError(" ".join(told))


def write_people(
    loaded: Analyzer, features: Features, people: People, given: Path | None, _: Timeline, path: Path
) -> bool:
    """Write the names file beside the results, unless it has changes of a user; return whether it was written.

    ``given`` is the names file that the people are from. It may be this one, which then may be about more than the part
    that was analysed, and is kept.
    """
    from emorec.extraction import people_changes

    if people_changes.is_given(path, given):
        return False
    if people_changes.is_changed(path, named=not people):
        streams.print_note(people_changes.KEPT.format(name=path.name))
        return False
    loaded.save_people(features, path, people=people)
    return True


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
    marker_options: marking.MarkerOptions | None = None,
) -> tuple[list[Path], list[EmorecError]]:
    """Write the result in every format and the chart, as the options say.

    Returns the paths of the files, and why others could not be written.
    """
    from emorec.output import result_names

    written: list[Path] = []
    problems: list[EmorecError] = []
    plot = None if options.no_plot else options.save_plot
    with_files = bool(options.out) or not options.json
    if not with_files:  # the result is only printed; a report is written all the same if it was asked for
        writers = {suffix: write for suffix, write in writers.items() if suffix in names.REPORTS}
    if writers:
        folder = options.out or Path(cli_options.DEFAULT_OUT)
        with_chart = with_files and not options.no_plot and not options.save_plot
        suffixes = [*writers] + ([".png"] if with_chart else [])
        owner = given if isinstance(given, str) else str(given.resolve())
        name = names.claim(folder, media, owner, lambda stem: result_names.file_name(stem, result, ""), suffixes)
        for suffix, write in writers.items():
            with collect_error(problems):
                if write(result, folder / f"{name}{suffix}") is not False:
                    written.append(folder / f"{name}{suffix}")
        plot = folder / f"{name}.png" if with_chart else plot
        if marker_options and with_files:
            with collect_error(problems):
                written += marking.write(result, marker_options, folder, name, not options.no_plot, options.locale)
    if plot:
        from emorec.output import charts

        with collect_error(problems):
            charts.save(result, plot)
            written.append(plot)
    return written, problems


@contextlib.contextmanager
def collect_error(problems: list[EmorecError]) -> Iterator[None]:
    """A context that adds an EmorecError to ``problems``, so that what follows it is still done."""
    try:
        yield
    except EmorecError as error:
        problems.append(error)
