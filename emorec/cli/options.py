"""The options of the command line."""

import argparse
import math
from pathlib import Path

from emorec import __version__, download

DEFAULT_OUT = "emorec-out"
MODEL_HELP = "checkpoint folder, or org/name[@revision] on the Hub (default: EMOREC_MODEL, or the bundled one)"
PRIOR_HELP = (
    "how common each emotion is expected to be: everyday (mostly neutral, as in ordinary life), even (all equally "
    "common), adaptive (estimated from the recording), or a JSON file with a share for each of the seven emotions "
    "(default everyday)"
)
UNSURE_HELP = "time with a lower confidence counts as unsure, 0 to 1 (default 0.4)"
FORMAT_HELP = "csv, json, srt, vtt, or several with commas between them (default csv)"
OUT_HELP = (
    f"folder for the results (default {DEFAULT_OUT}); they are named after the recording, and only a newer result of "
    "the same recording replaces them"
)


def parse(arguments: list[str] | None, commands: dict) -> argparse.Namespace:
    """The options that were given; ``run`` of them is the function of the command. Ends the program with code 2."""
    parser = _parser(commands)
    options, more = parser.parse_known_args(arguments)
    # argparse takes all recordings from one place; those behind a later option come back as left over.
    end = more.index("--") if "--" in more else len(more)  # behind it nothing is an option
    if more and ("media" not in options or any(word.startswith("-") for word in more[:end])):
        parser.error(f"unrecognized arguments: {' '.join(more)}")
    if more:
        options.media += more[:end] + more[end + 1 :]
    return options


def _parser(runs):
    parser = argparse.ArgumentParser(prog="emorec", description="A video or audio file in, a timeline of emotions out.")
    parser.add_argument("--version", action="version", version=f"emorec {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    analyze = commands.add_parser("analyze", help="turn recordings into timelines")
    analyze.set_defaults(run=runs["analyze"])
    analyze.add_argument("media", nargs="*", metavar="MEDIA", help="video or audio files, or links to one or its page")
    _option(analyze, "--media_path", action="append", default=[], metavar="MEDIA", help="another way to give MEDIA")
    _option(
        analyze,
        "--max_height",
        type=int,
        default=download.MAX_HEIGHT,
        metavar="N",
        help="lines of a link's video (720)",
    )
    choices = analyze.add_argument_group("what is decided (changing these never observes again)")
    _option(choices, "--fusion", default="late", metavar="HOW", help="late, intermediate, face or voice (default late)")
    _option(choices, "--prior", default="everyday", metavar="P", help=PRIOR_HELP)
    _option(choices, "--step_sec", type=number, default=1.0, metavar="S", help="seconds a row, 0.1 to 10 (default 1)")
    _option(choices, "--window_sec", type=number, default=3.0, metavar="S", help="seconds of evidence (default 3)")
    _option(choices, "--smooth_sec", type=number, default=0.0, metavar="S", help="average over time (default 0, off)")
    _option(choices, "--person", type=int, metavar="N", help="only this person's face (default: whoever is seen most)")
    _option(choices, "--unsure_below", type=number, default=0.4, metavar="P", help=UNSURE_HELP)
    _add_observed(analyze)
    results = analyze.add_argument_group("what is written")
    _option(results, "--out", type=Path, metavar="DIR", help=OUT_HELP)
    _option(results, "--format", default="csv", metavar="F", help=FORMAT_HELP)
    _option(
        results, "--save_plot", type=Path, metavar="FILE", help="chart as .png, .svg or .html (default DIR/NAME.png)"
    )
    _option(results, "--no_plot", action="store_true", help="write no chart")
    _option(
        results,
        "--json",
        action="store_true",
        help="print the result, of several recordings one on each line; files only if --out or --save_plot asks",
    )
    _engine_options(analyze)

    info = commands.add_parser("info", help="show the weights in use, how accurate they were measured, their limits")
    info.set_defaults(run=runs["info"])
    _engine_options(info)
    return parser


def _add_observed(analyze):
    group = analyze.add_argument_group("what of the recording is observed")
    _option(group, "--audio_track", type=int, metavar="N", help="sound track, from 1 (default: one with speech)")
    _option(group, "--video_track", type=int, metavar="N", help="video track, from 1 (default: one with a face)")
    _option(group, "--channel", default="mix", metavar="C", help="left, right or mix of the sound (default mix)")
    _option(group, "--start", metavar="S", help="where to begin: seconds, m:ss or h:mm:ss")
    _option(group, "--end", metavar="S", help="where to end")
    _option(group, "--rotate", type=int, default=0, metavar="D", help="turn the picture by 90, 180 or 270 degrees")


def number(text: str) -> float:
    """A number as people write it, 0.5 or 0,5. Raises ArgumentTypeError."""
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = math.nan
    if math.isnan(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number; write it like 0.5")
    return value


def _option(parser, name, **settings):
    """Add an option that is accepted with underscores and with hyphens."""
    parser.add_argument(*dict.fromkeys((name, "--" + name[2:].replace("_", "-"))), dest=name[2:], **settings)


def _engine_options(parser):
    group = parser.add_argument_group("what it runs with")
    _option(group, "--model_path", metavar="MODEL", help=MODEL_HELP)
    _option(group, "--device", default="auto", metavar="D", help="auto, cpu or cuda (default auto)")
