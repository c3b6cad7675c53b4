"""The command line: ``emorec analyze MEDIA ...``, ``emorec image PICTURE ...``, ``info`` and ``serve``."""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Only what --help and mistakes in the options need; torch, numpy and Altair are imported inside the functions.
from emorec import download, settings
from emorec.cli import failures, printing
from emorec.cli import options as cli_options
from emorec.errors import EmorecError, require
from emorec.output import names

if TYPE_CHECKING:
    from emorec.analyzer import Analyzer
    from emorec.extraction.features import Features
    from emorec.extraction.people import People
    from emorec.timeline import Timeline

INTERRUPTED = 130  # exit code that shells expect after Ctrl-C
NO_RECORDING = "Give at least one recording, as MEDIA or with --media_path."
ONE_PLOT = "--save_plot names one file, which cannot hold the charts of several recordings; leave it out, or use --out."
STOPPED = "stopped; what was extracted is kept, and the same command continues from there."

Writers = dict[str, Callable[[Any, Path], None]]  # by the suffix of their files


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code; what the user can correct is one sentence and code 2."""
    with contextlib.suppress(AttributeError):  # a program that calls this may have replaced stdout
        # A terminal without emoji, or a file name that is not text, must not cost a finished result.
        sys.stdout.reconfigure(errors="replace")  # pyright: ignore[reportAttributeAccessIssue]
    options = cli_options.parse(arguments, {"analyze": _analyze, "image": _image, "info": _info, "serve": _serve})
    try:
        settings.check()
        return options.run(options)
    except KeyboardInterrupt:
        print(f"emorec: {STOPPED}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has ended, as `| head` does; stdout goes to devnull so that Python exits quietly.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (EmorecError, OSError) as error:
        print(f"emorec: {failures.sentence(error)}", file=sys.stderr)
        return failures.USER_ERROR


def _analyze(options: argparse.Namespace) -> int:
    given, writers = _media_of(options), _writers_of(options)
    from emorec import analyzer
    from emorec.extraction import people_file
    from emorec.inference import prior, timeline

    choices: dict[str, Any] = {
        "fusion": options.fusion,
        "prior": prior.of(options.prior),
        "step": options.step_sec,
        "window": options.window_sec,
        "smooth": options.smooth_sec,
        "unsure_below": options.unsure_below,
        "baseline": options.baseline,
    }
    timeline.check(**choices)
    choices["people"] = people_file.of(options.people)
    _extraction_settings(options)
    if options.save_plot and not options.no_plot:
        from emorec.output import charts

        charts.check_suffix(options.save_plot)
        if len(given) > 1:
            raise EmorecError(ONE_PLOT)
    loaded, failed = None, False
    for name in given:
        try:
            media = download.check_link(name) if download.is_link(name) else Path(name)
        except EmorecError as error:
            failed = failures.report(error, name, given)
            continue
        if loaded is None:
            loaded = analyzer.load(options.model_path, options.device)
            for notice in loaded.notices:
                print(f"emorec: note: {notice}", file=sys.stderr)
        try:
            _analyze_one(media, loaded, choices, writers, options, name if len(given) > 1 else None)
        except BrokenPipeError:
            raise
        except (EmorecError, OSError) as error:
            failed = failures.report(error, name, given)
    return failures.USER_ERROR if failed else 0


def _analyze_one(
    given: str | Path,
    loaded: Analyzer,
    choices: dict[str, Any],
    writers: Writers,
    options: argparse.Namespace,
    heading: str | None,
) -> None:
    """Analyze one recording, then write and print its result, below a heading if there are several."""
    with _recording(given, options) as (media, link_facts), printing.ProgressBar() as bar:
        seen: list[Features] = []

        def progress(features: Features) -> None:
            seen[:] = [features]
            bar.show(features)

        result = loaded.analyze(media, progress, person=options.person, **_extraction_settings(options), **choices)
    result = replace(result, media=result.media | link_facts)
    which = f"{heading}: " if heading else ""
    for note in result.notes:
        print(f"emorec: note: {which}{note}", file=sys.stderr)
    if seen and (options.people or len(seen[-1].persons) > 1):
        writers = writers | {".people.json": functools.partial(_write_people, loaded, seen[-1], choices["people"])}
    written = _write_files(given, media, result, writers, options)
    if not options.json:
        printing.print_summary(result, written, heading)
    else:
        from emorec.output import tables

        text = f"{json.dumps(tables.as_dict(result), allow_nan=False)}\n" if heading else tables.json_text(result)
        sys.stdout.write(text)
    sys.stdout.flush()


def _write_people(loaded: Analyzer, features: Features, people: People, _: Timeline, path: Path) -> None:
    """Write the names file beside the results."""
    loaded.save_people(features, path, people=people)


def _write_files(
    given: str | Path, media: Path, result: Timeline, writers: Writers, options: argparse.Namespace
) -> list[Path]:
    """Write the result in every format and the chart, as the options say; return the paths of the files."""
    from emorec.output import tables

    written = []
    plot = None if options.no_plot else options.save_plot
    if options.out or not options.json:
        folder = options.out or Path(cli_options.DEFAULT_OUT)
        with_chart = not options.no_plot and not options.save_plot
        suffixes = [*writers] + ([".png"] if with_chart else [])
        owner = given if isinstance(given, str) else str(given.resolve())
        name = names.claim(folder, media, owner, lambda stem: tables.file_name(stem, result, ""), suffixes)
        for suffix, write in writers.items():
            written.append(folder / f"{name}{suffix}")
            write(result, written[-1])
        plot = folder / f"{name}.png" if with_chart else plot
    if plot:
        from emorec.output import charts

        charts.save(result, plot)
        written.append(plot)
    return written


def _extraction_settings(options: argparse.Namespace) -> dict[str, Any]:
    """The settings of stage 1, as ``Analyzer.analyze`` takes them. Raises EmorecError."""
    from emorec.extraction import options as extraction

    chosen = {name: getattr(options, name) for name in ("audio_track", "video_track", "channel", "rotate")}
    chosen["start"] = extraction.seconds(options.start) if options.start else 0.0
    chosen["end"] = extraction.seconds(options.end) if options.end else None
    extraction.check(extraction.Settings(**chosen))
    return chosen


def _media_of(options: argparse.Namespace) -> list[str]:
    """Every recording that was given, each once, in order. Raises EmorecError if there is none."""
    given = list(dict.fromkeys([*options.media, *options.media_path]))
    if not given:
        raise EmorecError(NO_RECORDING)
    return given


@contextlib.contextmanager
def _recording(given: str | Path, options: argparse.Namespace) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The file to analyze, and what results say about the link that it is from.

    The file of a link is removed at the end of the context. Raises EmorecError.
    """
    if isinstance(given, Path):
        yield given, {}
        return
    with tempfile.TemporaryDirectory(prefix="emorec-", ignore_cleanup_errors=True) as folder:
        sound_only = options.fusion == "voice"
        with printing.ProgressBar() as bar:
            fetched = download.fetch(
                given, folder, progress=bar.show_download, max_height=options.max_height, sound_only=sound_only
            )
        yield fetched.path, fetched.facts


def _writers_of(options: argparse.Namespace) -> Writers:
    """The functions that write the chosen formats, by suffix; prints what "all" leaves out. Raises EmorecError."""
    from emorec.output import formats, tables

    tables.check_locale(options.locale)
    names, notice = formats.chosen(options.format)
    if notice:
        print(f"emorec: note: {notice}", file=sys.stderr)
    found = [formats.FORMATS[name] for name in names]
    return {form.suffix: functools.partial(form.write, locale=options.locale) for form in found}


def _image(options: argparse.Namespace) -> int:
    from emorec.cli import image

    return image.run(options)


def _info(options: argparse.Namespace) -> int:
    from emorec import analyzer

    printing.print_info(analyzer.load(options.model_path, options.device))
    return 0


def _serve(options: argparse.Namespace) -> int:
    require("app", "gradio", "starlette", "anyio")
    from emorec.ui import app

    return app.main(["--share"] if options.share else [])
