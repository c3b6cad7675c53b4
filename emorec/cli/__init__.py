"""The command line: ``emorec analyze MEDIA ...``, ``emorec info`` and ``emorec serve``."""

from __future__ import annotations

import argparse
import contextlib
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
from emorec.cli import options as cli_options
from emorec.cli import printing
from emorec.errors import EmorecError, require
from emorec.output import names

if TYPE_CHECKING:
    from emorec.analyzer import Analyzer
    from emorec.timeline import Timeline

USER_ERROR = 2  # exit code for everything that the user can correct
INTERRUPTED = 130  # exit code that shells expect after Ctrl-C
NO_RECORDING = "Give at least one recording, as MEDIA or with --media_path."
ONE_PLOT = "--save_plot names one file, which cannot hold the charts of several recordings; leave it out, or use --out."
OS_PROBLEM = "{what} cannot be used ({reason}); nothing was lost, try again."
STOPPED = "stopped; what was extracted is kept, and the same command continues from there."

Writers = dict[str, Callable[[Any, Path], None]]


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code; what the user can correct is one sentence and code 2."""
    with contextlib.suppress(AttributeError):  # a program that calls this may have replaced stdout
        # A terminal without emoji, or a file name that is not text, must not cost a finished result.
        sys.stdout.reconfigure(errors="replace")  # pyright: ignore[reportAttributeAccessIssue]
    options = cli_options.parse(arguments, {"analyze": _analyze, "info": _info, "live": _live, "serve": _serve})
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
        print(f"emorec: {_sentence(error)}", file=sys.stderr)
        return USER_ERROR


def _sentence(error: EmorecError | OSError) -> str:
    if isinstance(error, OSError):
        return OS_PROBLEM.format(what=error.filename or "The system", reason=error.strerror or error)
    return str(error)


def _analyze(options: argparse.Namespace) -> int:
    given, writers = _media_of(options), _writers_of(options.format)
    from emorec import analyzer
    from emorec.inference import prior, timeline

    choices = {
        "fusion": options.fusion,
        "prior": prior.of(options.prior),
        "step": options.step_sec,
        "window": options.window_sec,
        "smooth": options.smooth_sec,
        "unsure_below": options.unsure_below,
        "baseline": options.baseline,
    }
    timeline.check(**choices)
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
            failed = _report_failure(error, name, given)
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
            failed = _report_failure(error, name, given)
    return USER_ERROR if failed else 0


def _report_failure(error: EmorecError | OSError, name: str, given: list[str]) -> bool:
    """Print why one of several recordings failed, with its name if the sentence lacks it; return True."""
    sentence = _sentence(error)
    which = f"{name}: " if len(given) > 1 and Path(name).name not in sentence else ""
    print(f"emorec: {which}{sentence}", file=sys.stderr, flush=True)
    return True


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
        result = loaded.analyze(media, bar.show, person=options.person, **_extraction_settings(options), **choices)
    result = replace(result, media=result.media | link_facts)
    which = f"{heading}: " if heading else ""
    for note in result.notes:
        print(f"emorec: note: {which}{note}", file=sys.stderr)
    written = _write_files(given, media, result, writers, options)
    if not options.json:
        printing.print_summary(result, written, heading)
    else:
        from emorec.output import tables

        text = f"{json.dumps(tables.as_dict(result), allow_nan=False)}\n" if heading else tables.json_text(result)
        sys.stdout.write(text)
    sys.stdout.flush()


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
        suffixes = [f".{form}" for form in writers] + ([".png"] if with_chart else [])
        owner = given if isinstance(given, str) else str(given.resolve())
        name = names.claim(folder, media, owner, lambda stem: tables.file_name(stem, result, ""), suffixes)
        for form, write in writers.items():
            written.append(folder / f"{name}.{form}")
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


def _writers_of(formats: str) -> Writers:
    """The functions that write the named formats. Raises EmorecError for an unknown format."""
    from emorec.output.tables import WRITERS

    chosen = [name.strip().lower() for name in formats.split(",") if name.strip()]
    unknown = [name for name in chosen if name not in WRITERS]
    if unknown or not chosen:
        raise EmorecError(f"The format {(unknown or [formats])[0]!r} does not exist; choose from {', '.join(WRITERS)}.")
    return {name: WRITERS[name] for name in chosen}


def _live(options: argparse.Namespace) -> int:
    from emorec.cli import live

    writers = _writers_of(options.format)
    # The suffix is not part of a result's name, see ``names.claim``.
    return live.run(
        options, lambda owner, name, result: _write_files(owner, Path(f"{name}.live"), result, writers, options)
    )


def _info(options: argparse.Namespace) -> int:
    from emorec import analyzer

    printing.print_info(analyzer.load(options.model_path, options.device))
    return 0


def _serve(options: argparse.Namespace) -> int:
    require("app", "gradio", "starlette", "anyio")
    from emorec.ui import app

    return app.main(["--share"] if options.share else [])
