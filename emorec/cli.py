"""The command line: ``python -m emorec analyze MEDIA`` and ``python -m emorec info``."""

import argparse
import contextlib
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from emorec import __version__, source
from emorec.emotions import EMOJI
from emorec.errors import EmorecError

USER_ERROR = 2  # exit code for anything that the user can put right
INTERRUPTED = 130  # what shells expect after Ctrl-C
DEFAULT_OUT = "emorec-out"
MODEL_HELP = "checkpoint folder, or org/name[@revision] on the Hub (default: EMOREC_MODEL, or the bundled one)"
NAME_WIDTH = 9


def main(arguments=None):
    """Run the command line, return its exit code; what a user can put right is one sentence and code 2."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except EmorecError as error:
        print(f"emorec: {error}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        print("emorec: stopped; what was observed is kept, and the same command goes on from there.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away, as `| head` does; pointing stdout elsewhere keeps Python's exit quiet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        what = f"{error.filename} cannot be used" if error.filename else "The system refused"
        print(f"emorec: {what} ({error.strerror or error}); nothing was lost, try again.", file=sys.stderr)
        return USER_ERROR


def _parser():
    parser = argparse.ArgumentParser(prog="emorec", description="A video or audio file in, a timeline of emotions out.")
    parser.add_argument("--version", action="version", version=f"emorec {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    analyze = commands.add_parser("analyze", help="turn a recording into a timeline")
    analyze.set_defaults(run=_analyze)
    analyze.add_argument("media", nargs="?", metavar="MEDIA", help="video or audio file, or a link to one or its page")
    _option(analyze, "--media_path", metavar="MEDIA", help="another way to give MEDIA")
    _option(
        analyze, "--max_height", type=int, default=source.MAX_HEIGHT, metavar="N", help="lines of a link's video (720)"
    )
    choices = analyze.add_argument_group("what is decided (changing these never observes again)")
    _option(choices, "--fusion", default="late", metavar="HOW", help="late, intermediate, face or voice (default late)")
    _option(choices, "--step_sec", type=_seconds, default=1.0, metavar="S", help="seconds a row, 0.1 to 10 (default 1)")
    _option(choices, "--window_sec", type=_seconds, default=3.0, metavar="S", help="seconds of evidence (default 3)")
    _option(choices, "--smooth_sec", type=_seconds, default=0.0, metavar="S", help="average over time (default 0, off)")
    _option(choices, "--person", type=int, metavar="N", help="only this person's face (default: whoever is seen most)")
    observed = analyze.add_argument_group("what is observed")
    _option(observed, "--audio_track", type=int, metavar="N", help="sound track, from 1 (default: one with speech)")
    _option(observed, "--video_track", type=int, metavar="N", help="video track, from 1 (default: one with a face)")
    _option(observed, "--channel", default="mix", metavar="C", help="left, right or mix of the sound (default mix)")
    _option(observed, "--start", metavar="S", help="where to begin: seconds, m:ss or h:mm:ss")
    _option(observed, "--end", metavar="S", help="where to end")
    _option(observed, "--rotate", type=int, default=0, metavar="D", help="turn the picture by 90, 180 or 270 degrees")
    results = analyze.add_argument_group("what is written")
    _option(results, "--out", type=Path, metavar="DIR", help=f"folder for the results (default {DEFAULT_OUT})")
    _option(results, "--format", default="csv", metavar="F", help="csv, json or csv,json (default csv)")
    _option(
        results, "--save_plot", type=Path, metavar="FILE", help="chart as .png, .svg or .html (default DIR/NAME.png)"
    )
    _option(results, "--no_plot", action="store_true", help="write no chart")
    _option(results, "--json", action="store_true", help="print the result; files only where --out or --save_plot asks")
    _engine_options(analyze)

    info = commands.add_parser("info", help="show the weights in use, how accurate they were measured, their limits")
    info.set_defaults(run=_info)
    _engine_options(info)
    return parser


def _option(parser, name, **settings):
    """Add an option that is accepted with underscores and with hyphens."""
    parser.add_argument(*dict.fromkeys((name, "--" + name[2:].replace("_", "-"))), dest=name[2:], **settings)


def _engine_options(parser):
    group = parser.add_argument_group("what it runs with")
    _option(group, "--model_path", metavar="MODEL", help=MODEL_HELP)
    _option(group, "--device", default="auto", metavar="D", help="auto, cpu or cuda (default auto)")


def _seconds(text):
    value = float(text)
    if value != value:
        raise argparse.ArgumentTypeError("not a number")
    return value


def _analyze(options):
    given, writers = _media_of(options), _writers_of(options.format)
    choices = {
        "fusion": options.fusion,
        "step": options.step_sec,
        "window": options.window_sec,
        "smooth": options.smooth_sec,
    }
    from emorec import charts, engine, exports, timeline  # imported late: --help and typing errors answer at once

    timeline.check(**choices)
    observed = _observed(options)
    if options.save_plot and not options.no_plot:
        charts.check_suffix(options.save_plot)
    loaded = engine.load(options.model_path, options.device)
    for notice in loaded.notices:
        print(f"emorec: note: {notice}", file=sys.stderr)
    with _recording(given, options) as (media, facts), _ProgressBar() as bar:
        result = loaded.analyze(media, bar.show, person=options.person, **observed, **choices)
    result = replace(result, media=result.media | facts)
    plot = _plot_of(options, media)
    for note in result.notes:
        print(f"emorec: note: {note}", file=sys.stderr)

    written = []
    if options.out or not options.json:
        folder = options.out or Path(DEFAULT_OUT)
        for suffix, write in writers.items():
            written.append(folder / f"{media.stem}.{suffix}")
            write(result, written[-1])
    if plot:
        charts.save(result, plot)
        written.append(plot)
    if options.json:
        sys.stdout.write(exports.json_text(result))
    else:
        _print_summary(result, written)
    return 0


def _observed(options):
    """What of the recording is observed, as ``Engine.analyze`` takes it."""
    from emorec import choices

    observed = {name: getattr(options, name) for name in ("audio_track", "video_track", "channel", "rotate")}
    observed["start"] = choices.seconds(options.start) if options.start else 0.0
    observed["end"] = choices.seconds(options.end) if options.end else None
    choices.check(choices.Settings(**observed))
    return observed


def _media_of(options):
    given = [path for path in (options.media, options.media_path) if path]
    if len(given) != 1:
        raise EmorecError("Give one recording, as MEDIA or with --media_path.")
    return source.check_link(given[0]) if source.is_link(given[0]) else Path(given[0])


@contextlib.contextmanager
def _recording(given, options):
    """The file to analyze, a link's for as long as it is needed, and what results say of where it is from."""
    if isinstance(given, Path):
        yield given, {}
        return
    with tempfile.TemporaryDirectory(prefix="emorec-", ignore_cleanup_errors=True) as folder:
        sound_only = options.fusion == "voice"
        with _ProgressBar() as bar:
            fetched = source.fetch(
                given, folder, progress=bar.fetched, max_height=options.max_height, sound_only=sound_only
            )
        yield fetched.path, fetched.facts


def _writers_of(formats):
    from emorec.exports import WRITERS

    chosen = [name.strip() for name in formats.split(",") if name.strip()]
    unknown = [name for name in chosen if name not in WRITERS]
    if unknown or not chosen:
        raise EmorecError(f"The format {(unknown or [formats])[0]!r} does not exist; choose from {', '.join(WRITERS)}.")
    return {name: WRITERS[name] for name in chosen}


def _plot_of(options, media):
    if options.no_plot:
        return None
    if options.save_plot:
        return options.save_plot
    if options.json and not options.out:
        return None
    return (options.out or Path(DEFAULT_OUT)) / f"{media.stem}.png"


class _ProgressBar:
    """Share done, speed and time left on a terminal; nothing in a pipe."""

    def __init__(self):
        self._bar = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._bar is not None:
            self._bar.close()

    def fetched(self, progress):
        """Show how far a download is."""
        from tqdm import tqdm

        if self._bar is None:
            self._bar = tqdm(unit="B", unit_scale=True, disable=None, desc="downloading", leave=False)
        self._bar.total = progress.total
        self._bar.update(progress.done - self._bar.n)

    def show(self, observations):
        from tqdm import tqdm

        if self._bar is None:
            self._bar = tqdm(
                total=observations.duration - observations.start,
                initial=observations.until
                - observations.start,  # what an earlier run observed does not count for the speed
                unit="s",
                disable=None,
                bar_format="{percentage:3.0f}% |{bar}| {n:.0f} of {total:.0f} s  {rate_noinv_fmt} left {remaining}",
            )
            return
        self._bar.total = observations.duration - observations.start
        self._bar.update(observations.until - observations.start - self._bar.n)


def _print_summary(result, written):
    shares, known = result.shares()
    seconds = result.end[-1] - result.start[0] if len(result) else 0.0
    print(f"{seconds:.1f} s, {len(result)} rows of {result.step:g} s, fusion {result.fusion}")
    for emotion, share in shares.items():
        if share > 0:
            print(f"  {EMOJI[emotion]} {emotion:<{NAME_WIDTH}} {share:6.1%}")
    print(f"  evidence for {known:.0%} of the time" if known else "  neither a face nor speech was found")
    for path in written:
        print(f"wrote {path}")


def _info(options):
    from emorec import engine, provenance
    from emorec.observations import cache_folder

    loaded = engine.load(options.model_path, options.device)
    model = loaded.model
    print(f"emorec {__version__}")
    origin = loaded.origin
    print(f"weights        {origin}")
    if origin.repo:
        print(f"commit         {origin.commit}")
        print(f"folder         {origin.folder}")
    print(f"sha256         {origin.sha256}")
    print(f"fingerprint    {model.fingerprint[:16]}")
    print(f"detector       {'YuNet' if loaded.detector_file else 'Haar cascades (fallback)'}")
    print(f"cache          {cache_folder()}")
    for name in ("face", "voice", "fusion"):
        print(f"{name + ' network':<15}{sum(p.numel() for p in getattr(model, name).parameters()):,} parameters")
    print("\nmeasured on people never seen in training:")
    for found in provenance.protocols(model.evaluation):
        print(f"  {found.name}: {found.what} ({found.metric}, {found.items:,} items)")
        width = max([NAME_WIDTH + 4, *(len(result.way) + 1 for result in found.results)])
        for result in found.results:
            print(f"    {result.way:<{width}}{result.text(width=6)}")
    if not model.evaluation:
        print("  nothing yet; run python train/evaluate.py")
    print("\nlimits:")
    for limit in provenance.limits(model.training):
        print(f"  - {limit}")
    for notice in loaded.notices:
        print(f"\n{notice}")
    return 0
