"""The command line: ``python -m emorec analyze MEDIA ...`` and ``python -m emorec info``."""

import contextlib
import json
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from emorec import download, settings
from emorec.cli import options as cli_options
from emorec.cli import printing
from emorec.errors import EmorecError
from emorec.output import names

USER_ERROR = 2  # exit code for anything that the user can put right
INTERRUPTED = 130  # what shells expect after Ctrl-C
NO_RECORDING = "Give at least one recording, as MEDIA or with --media_path."
ONE_PLOT = "--save_plot names one file, which cannot hold the charts of several recordings; leave it out, or use --out."
OFF_LIMITS = "{what} cannot be used ({reason}); nothing was lost, try again."


def main(arguments=None):
    """Run the command line, return its exit code; what a user can put right is one sentence and code 2."""
    with contextlib.suppress(AttributeError):  # whatever stands in for a stream in a program that calls this
        # A terminal without emoji, or a file's name that is no text, must not cost a finished result.
        sys.stdout.reconfigure(errors="replace")
    options = cli_options.parse(arguments, {"analyze": _analyze, "info": _info})
    try:
        settings.check()
        return options.run(options)
    except KeyboardInterrupt:
        print("emorec: stopped; what was observed is kept, and the same command goes on from there.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away, as `| head` does; pointing stdout elsewhere keeps Python's exit quiet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (EmorecError, OSError) as error:
        print(f"emorec: {_sentence(error)}", file=sys.stderr)
        return USER_ERROR


def _sentence(error):
    if isinstance(error, EmorecError):
        return str(error)
    return OFF_LIMITS.format(what=error.filename or "The system", reason=error.strerror or error)


def _analyze(options):
    given, writers = _media_of(options), _writers_of(options.format)
    from emorec import analyzer  # imported late: --help and typing errors answer at once
    from emorec.inference import (
        prior,  # imported late: --help and typing errors answer at once
        timeline,  # imported late: --help and typing errors answer at once
    )
    from emorec.output import charts  # imported late: --help and typing errors answer at once

    choices = {
        "fusion": options.fusion,
        "prior": prior.of(options.prior),
        "step": options.step_sec,
        "window": options.window_sec,
        "smooth": options.smooth_sec,
        "unsure_below": options.unsure_below,
    }
    timeline.check(**choices)
    _observed(options)
    if options.save_plot and not options.no_plot:
        charts.check_suffix(options.save_plot)
        if len(given) > 1:
            raise EmorecError(ONE_PLOT)
    loaded, failed = None, False
    for name in given:
        try:
            media = download.check_link(name) if download.is_link(name) else Path(name)
        except EmorecError as error:
            failed = _failed(error, name, given)
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
            failed = _failed(error, name, given)
    return USER_ERROR if failed else 0


def _failed(error, name, given):
    sentence = _sentence(error)
    which = f"{name}: " if len(given) > 1 and Path(name).name not in sentence else ""
    print(f"emorec: {which}{sentence}", file=sys.stderr, flush=True)
    return True


def _analyze_one(given, loaded, choices, writers, options, heading):
    """Analyze one recording, and write and print its result, under a heading if there are several."""
    from emorec.output import charts, tables

    with _recording(given, options) as (media, facts), printing.ProgressBar() as bar:
        result = loaded.analyze(media, bar.show, person=options.person, **_observed(options), **choices)
    result = replace(result, media=result.media | facts)
    which = f"{heading}: " if heading else ""
    for note in result.notes:
        print(f"emorec: note: {which}{note}", file=sys.stderr)

    written = []
    plot = None if options.no_plot else options.save_plot
    if options.out or not options.json:
        folder = options.out or Path(cli_options.DEFAULT_OUT)
        charted = not options.no_plot and not options.save_plot
        suffixes = [f".{form}" for form in writers] + ([".png"] if charted else [])
        whose = given if isinstance(given, str) else str(given.resolve())
        name = names.claim(folder, media, whose, lambda stem: tables.file_name(stem, result, ""), suffixes)
        for form, write in writers.items():
            written.append(folder / f"{name}.{form}")
            write(result, written[-1])
        plot = folder / f"{name}.png" if charted else plot
    if plot:
        charts.save(result, plot)
        written.append(plot)
    if not options.json:
        printing.print_summary(result, written, heading)
    elif heading:
        print(json.dumps(tables.as_dict(result), allow_nan=False))
    else:
        sys.stdout.write(tables.json_text(result))
    sys.stdout.flush()


def _observed(options):
    """What of the recording is observed, as ``Analyzer.analyze`` takes it."""
    from emorec.extraction import options as choices

    observed = {name: getattr(options, name) for name in ("audio_track", "video_track", "channel", "rotate")}
    observed["start"] = choices.seconds(options.start) if options.start else 0.0
    observed["end"] = choices.seconds(options.end) if options.end else None
    choices.check(choices.Settings(**observed))
    return observed


def _media_of(options):
    """Every recording that was given, once each, in order."""
    given = list(dict.fromkeys([*options.media, *options.media_path]))
    if not given:
        raise EmorecError(NO_RECORDING)
    return given


@contextlib.contextmanager
def _recording(given, options):
    """The file to analyze, a link's for as long as it is needed, and what results say of where it is from."""
    if isinstance(given, Path):
        yield given, {}
        return
    with tempfile.TemporaryDirectory(prefix="emorec-", ignore_cleanup_errors=True) as folder:
        sound_only = options.fusion == "voice"
        with printing.ProgressBar() as bar:
            fetched = download.fetch(
                given, folder, progress=bar.fetched, max_height=options.max_height, sound_only=sound_only
            )
        yield fetched.path, fetched.facts


def _writers_of(formats):
    from emorec.output.tables import WRITERS

    chosen = [name.strip().lower() for name in formats.split(",") if name.strip()]
    unknown = [name for name in chosen if name not in WRITERS]
    if unknown or not chosen:
        raise EmorecError(f"The format {(unknown or [formats])[0]!r} does not exist; choose from {', '.join(WRITERS)}.")
    return {name: WRITERS[name] for name in chosen}


def _info(options):
    from emorec import analyzer

    printing.print_info(analyzer.load(options.model_path, options.device))
    return 0
