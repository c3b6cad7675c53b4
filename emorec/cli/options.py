"""The options of the command line."""

from __future__ import annotations

import argparse
import difflib
import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emorec import __version__, download
from emorec.cli import batch_options, query
from emorec.cli.batch_options import HEIGHT_HELP, Listed

DEFAULT_OUT = "emorec-out"
MEDIA_HELP = "video or audio files, links to a media file or to a page with a video, or - for standard input"
MODEL_HELP = "checkpoint folder, or org/name[@revision] on the Hub (default: EMOREC_MODEL, or the bundled one)"
PRIOR_HELP = (
    "how common each emotion is expected to be: everyday (mostly neutral, as in ordinary life), even (all equally "
    "common), adaptive (estimated from the recording), or a JSON file with a share for each of the seven emotions "
    "(default everyday)"
)
BASELINE_HELP = (
    "speaker (voices are read relative to the usual voice in a recording with enough speech), person (each person's "
    "usual expression is also taken out of the face), START-END (that of this stretch, as in 0:10-0:40), the JSON "
    "result of another recording (that of the same persons there), or none (default speaker)"
)
PERSON_HELP = (
    "a person's number or name, main (longest on screen), speaker (who speaks), or all (one row per step and person, "
    "one lane per person in the chart; default: whoever is visible)"
)
SMOOTH_HELP = "standard deviation (s) of a Gaussian average over time, 0 (off) to 60 (default 0)"
WINDOW_HELP = "seconds of evidence that a row is computed from, 0.2 to 60 (default 3)"
CHANNEL_HELP = "left, right or mix of the sound, or split: a voice in each (default mix)"
PEOPLE_HELP = "names file NAME.people.json: names of persons, and which faces are whose (default: as they are found)"
UNSURE_HELP = "rows with a lower confidence count as unsure, 0 to 1 (default 0.4)"
FORMAT_HELP = (
    "csv, tsv, json, parquet, xlsx, srt, vtt, eaf (ELAN), textgrid (Praat), audacity, rttm, emotionml, several with "
    "commas between them, or all (default csv)"
)
LOCALE_HELP = "numbers in CSV and TSV: en, or de for semicolons and decimal commas (default en)"
PICTURES_PRIOR_HELP = (
    "how common each emotion is expected to be: even (all equally common), everyday (mostly neutral), or a JSON file "
    "with a share for each of the seven emotions (default even)"
)
PICTURES_BLUR_HELP = "hide the faces in annotated pictures behind a mosaic; these are then NAME.faces-hidden.jpg"
PICTURES_FORMAT_HELP = "csv, json, picture (annotated), several with commas between them, or all (default csv,picture)"
PICTURES_OUT_HELP = (
    f"folder for the results (default {DEFAULT_OUT}); only a newer result of the same pictures replaces them"
)
LIBRARY_HELP = "also show the results in this folder, on the tab Library, to everybody who can open the page"
VIDEO_DEVICE_HELP = (
    "camera, as FFmpeg names it (default: the first one; on Linux /dev/video0), a video file in its place, or none"
)
AUDIO_DEVICE_HELP = "microphone, as FFmpeg names it (default: the usual one), a file in its place, or none"
OUT_HELP = (
    f"folder for the results (default {DEFAULT_OUT}); they are named after the recording, and only a newer result of "
    "the same recording replaces them"
)
VIDEO_HELP = "the recording as .mp4 with the emotion at every face, and the timeline below (not written by default)"
REPORT_HELP = (
    "also write NAME.report.html: summary, charts, highlights with small pictures, settings and limits on one page, "
    "to keep or to print"
)
BLUR_HELP = (
    "hide every face in the video and the report behind a mosaic; the report is then NAME.report.faces-hidden.html"
)
JSON_HELP = (
    "print the result as JSON, one line for each of several recordings; files are written only with --out, "
    "--save_plot, --save_video or --report"
)
MARKERS_HELP = (
    "points in time with a label (a table with the columns time and label, labels of Audacity, SRT, ELAN or Praat), "
    "shown in the chart, with the mean timeline around them as NAME.markers.csv and .png"
)
RESULT_HELP = "CSV, JSON, TSV or Parquet file of a recording; or a folder of such, with one of labels of the same names"
LABELS_HELP = "labels of the same recording: a table (start, end, label, person), ELAN (.eaf) or Praat (.TextGrid)"
MAP_HELP = "what labels mean: pairs such as happy=Freude,sad=Trauer, or a JSON or CSV file (English words are known)"

Commands = dict[str, Callable[[argparse.Namespace], int]]


def parse(arguments: list[str] | None, commands: Commands) -> argparse.Namespace:
    """Parse the options; their ``run`` is the function of the command. Exits with code 2 for a wrong option."""
    parser = _parser(commands)
    arguments = sys.argv[1:] if arguments is None else arguments
    if "-out" in arguments:  # argparse would take it for -o ut
        parser.error("unrecognized arguments: -out; did you mean --out?")
    options, rest = parser.parse_known_args(arguments)
    # argparse takes the recordings only from one place of the line, so recordings, or a query, after a later option
    # are in the rest.
    several = next((name for name in ("media", "given") if name in options), None)
    end = rest.index("--") if "--" in rest else len(rest)  # nothing after it is an option
    if rest and (several is None or any(word.startswith("-") and word != "-" for word in rest[:end])):
        # The command's own parser, for its usage.
        options.parser.error(f"unrecognized arguments: {' '.join(rest)}{_did_you_mean(rest[:end], options.parser)}")
    if several and rest:
        getattr(options, several).extend(rest[:end] + rest[end + 1 :])
    return options


def _did_you_mean(words: list[str], parser: argparse.ArgumentParser) -> str:
    """The options that look most like the unknown ones in ``words``, as a question; "" if none does."""
    known = re.findall(r"--[a-z][a-z_-]*", parser.format_help())
    given = [word.split("=")[0] for word in words if word.startswith("--")]
    near = [match for word in given for match in difflib.get_close_matches(word, known, n=1)]
    return f"; did you mean {' and '.join(dict.fromkeys(near))}?" if near else ""


def _parser(commands: Commands) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="emorec", description="A video or audio file in, a timeline of emotions out.")
    parser.add_argument("--version", action="version", version=f"emorec {__version__}")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, about: str) -> argparse.ArgumentParser:
        added = subparsers.add_parser(name, help=about)
        added.set_defaults(parser=added, run=commands[name])
        return added

    analyze = command("analyze", "turn recordings into timelines")
    _add_media(analyze)
    _add_inference(analyze)
    _add_extraction(analyze)
    _add_results(analyze)
    _add_model(analyze)

    batch = command("batch", "turn folders, lists and buckets of recordings into timelines")
    batch_options.add(batch)
    _add_inference(batch)
    _add_extraction(batch)
    _add_model(batch)
    compare = command("compare", "set a result beside labels that people gave to the recording")
    _add_compare(compare)
    image = command("image", "recognise the emotions of the faces in still pictures")
    image.add_argument("media", nargs="*", metavar="PICTURE", help="JPEG, PNG, WebP, AVIF, BMP, GIF or TIFF files")
    _option(image, "--prior", default="even", metavar="P", help=PICTURES_PRIOR_HELP)
    _option(image, "--out", type=Path, metavar="DIR", help=PICTURES_OUT_HELP)
    _option(image, "--format", action=Listed, default="csv,picture", metavar="F", help=PICTURES_FORMAT_HELP)
    _option(image, "--blur", action="store_true", help=PICTURES_BLUR_HELP)
    _option(image, "--json", action="store_true", help="print the result as JSON; files are written only with --out")
    _add_model(image)

    live = command("live", "read the webcam and the microphone of this machine until Ctrl-C")
    live.set_defaults(json=False, save_plot=None, locale="en", blur=False)
    _add_devices(live)
    _add_live_inference(live)
    _add_model(live)

    info = command("info", "show the weights in use, their measured accuracy and their limits")
    _add_model(info)

    query_parser = command("query", "ask in SQL what the results of many recordings say")
    query.add(query_parser)
    serve = command("serve", "start the page, for a browser")
    _option(serve, "--share", action="store_true", help="also give a public link, through Gradio's servers")
    _option(serve, "--port", metavar="N", help="port of the page (default: GRADIO_SERVER_PORT, or 7860)")
    _option(serve, "--library", type=Path, metavar="DIR", help=LIBRARY_HELP)
    return parser


def _add_devices(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what is read, and what is written at the end")
    _option(group, "--video_device", metavar="D", help=VIDEO_DEVICE_HELP)
    _option(group, "--audio_device", metavar="D", help=AUDIO_DEVICE_HELP)
    _option(group, "--save", default="", metavar="NAME", help="write the results under this name when it ends")
    _option(group, "--out", type=Path, metavar="DIR", help=f"folder for the results (default {DEFAULT_OUT})")
    _option(group, "--format", action=Listed, default="csv", metavar="F", help=FORMAT_HELP)
    _option(group, "--no_plot", action="store_true", help="write no chart")


def _add_live_inference(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how emotions are inferred")
    _option(group, "--fusion", default="late", metavar="HOW", help="late, intermediate, face or voice (default late)")
    _option(group, "--prior", default="everyday", metavar="P", help=PRIOR_HELP)
    _option(group, "--baseline", default="speaker", metavar="B", help=BASELINE_HELP)
    _option(group, "--step_sec", type=number, default=1.0, metavar="S", help="seconds per written row (default 1)")
    _option(group, "--window_sec", type=number, default=3.0, metavar="S", help=WINDOW_HELP)
    _option(group, "--unsure_below", type=number, default=0.4, metavar="P", help=UNSURE_HELP)


def _add_media(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("media", nargs="*", metavar="MEDIA", help=MEDIA_HELP)
    _option(parser, "--media_path", action="append", default=[], metavar="MEDIA", help="another way to give MEDIA")
    _option(parser, "--max_height", type=int, default=download.MAX_HEIGHT, metavar="N", help=HEIGHT_HELP)


def _add_inference(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how emotions are inferred (changes here decode nothing again)")
    _option(group, "--fusion", default="late", metavar="HOW", help="late, intermediate, face or voice (default late)")
    _option(group, "--prior", default="everyday", metavar="P", help=PRIOR_HELP)
    _option(group, "--baseline", default="speaker", metavar="B", help=BASELINE_HELP)
    _option(group, "--step_sec", type=number, default=1.0, metavar="S", help="seconds per row, 0.1 to 10 (default 1)")
    _option(group, "--window_sec", type=number, default=3.0, metavar="S", help=WINDOW_HELP)
    _option(group, "--smooth_sec", type=number, default=0.0, metavar="S", help=SMOOTH_HELP)
    _option(group, "--person", type=person, metavar="P", help=PERSON_HELP)
    _option(group, "--people", type=Path, metavar="FILE", help=PEOPLE_HELP)
    _option(group, "--unsure_below", type=number, default=0.4, metavar="P", help=UNSURE_HELP)


def _add_extraction(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what part of the recording is used")
    _option(group, "--audio_track", type=int, metavar="N", help="sound track, from 1 (default: one with speech)")
    _option(group, "--video_track", type=int, metavar="N", help="video track, from 1 (default: one with a face)")
    _option(group, "--channel", default="mix", metavar="C", help=CHANNEL_HELP)
    _option(group, "--start", metavar="S", help="where to begin: seconds, m:ss or h:mm:ss")
    _option(group, "--end", metavar="S", help="where to end")
    _option(group, "--rotate", type=int, default=0, metavar="D", help="turn the picture clockwise (90, 180, 270)")


def _add_results(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what is written")
    _option(group, "--out", type=Path, metavar="DIR", help=OUT_HELP)
    _option(group, "--format", action=Listed, default="csv", metavar="F", help=FORMAT_HELP)
    _option(group, "--locale", default="en", metavar="L", help=LOCALE_HELP)
    _option(group, "--save_plot", type=Path, metavar="FILE", help="chart as .png, .svg or .html (default DIR/NAME.png)")
    _option(group, "--no_plot", action="store_true", help="write no chart")
    _option(group, "--save_video", type=Path, metavar="FILE", help=VIDEO_HELP)
    _option(group, "--report", action="store_true", help=REPORT_HELP)
    _option(group, "--blur", action="store_true", help=BLUR_HELP)
    _option(group, "--json", action="store_true", help=JSON_HELP)
    _option(group, "--markers", type=Path, metavar="FILE", help=MARKERS_HELP)
    _option(group, "--marker_window", default="5,10", metavar="B,A", help="seconds before and after (default 5,10)")


def _add_compare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("result", type=Path, metavar="RESULT", help=RESULT_HELP)
    parser.add_argument("labels", type=Path, metavar="LABELS", help=LABELS_HELP)
    _option(parser, "--map", metavar="M", help=MAP_HELP)
    _option(parser, "--tier", metavar="NAME", help="tier of an ELAN or Praat file (default: the one with emotions)")
    _option(parser, "--person", metavar="P", help="number or name of the labelled person; 0=Anna: the labels call 0 so")
    _option(parser, "--out", type=Path, metavar="DIR", help="folder for the numbers (JSON), the rows (CSV) and a chart")
    _option(parser, "--save_plot", type=Path, metavar="FILE", help="chart as .png, .svg or .html")
    _option(parser, "--json", action="store_true", help="print the numbers as JSON instead of a table")


def _add_model(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what it runs with")
    _option(group, "--model_path", metavar="MODEL", help=MODEL_HELP)
    _option(group, "--device", default="auto", metavar="D", help="auto, cpu, cuda or mps (default auto)")


def number(text: str) -> float:
    """A number as people write it, 0.5 or 0,5. Raises ArgumentTypeError."""
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = math.nan
    if math.isnan(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number; write it like 0.5")
    return value


def person(text: str) -> int | str:
    """A person as the library takes it: a number, or a name or word as it is."""
    return int(text) if text.strip().removeprefix("-").isdecimal() else text


def _option(parser: argparse._ActionsContainer, name: str, **settings: Any) -> None:
    """Add an option that is accepted with underscores and with hyphens; --step_sec and the like also as --step,
    and --out as -o.
    """
    short = ("-o",) if name == "--out" else ()
    names = (name.removesuffix("_sec"), name, "--" + name[2:].replace("_", "-"), *short)
    parser.add_argument(*dict.fromkeys(names), dest=name[2:], **settings)
