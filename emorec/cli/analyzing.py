"""``emorec analyze``: recordings in, results out."""

from __future__ import annotations

import argparse
import contextlib
import functools
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Only what --help and mistakes in the options need; torch, numpy and Altair are imported inside the functions.
from emorec import download
from emorec.cli import failures, marking, printing, result_files, standard_input, streams
from emorec.cli.result_files import Writers
from emorec.download.links import names_host, strip_punctuation
from emorec.errors import EmorecError
from emorec.output import names

if TYPE_CHECKING:
    from emorec.analyzer import Analyzer
    from emorec.extraction.features import Features
    from emorec.timeline import Timeline

NO_RECORDING = "Give at least one recording, as MEDIA or with --media_path."
ONE_PLOT = "--save_plot names one file, which cannot hold the charts of several recordings; leave it out, or use --out."
ONE_VIDEO = "--save_video names one file, which cannot hold several recordings; give one recording, or leave it out."
BLUR_ALONE = "--blur hides faces in the video of --save_video and in --report; give one of them, or leave it out."
NO_FILE_IN_HOST = "There is no file {name} in the folder {host} here; check the name, or write https:// before a link."


def run(options: argparse.Namespace) -> int:
    """Analyze every recording that the options name; return the exit code. Raises EmorecError."""
    given, writers = _given_media(options), result_files.format_writers(options)
    from emorec import analyzer
    from emorec.batch import temporary
    from emorec.extraction import people_file
    from emorec.inference import timeline

    choices = inference_choices(options)
    timeline.check(**choices)
    choices["people"] = people_file.resolve(options.people)
    extraction_settings(options)
    marker_options = marking.read_markers(options)
    if options.save_plot and not options.no_plot:
        from emorec.output import charts

        charts.check_suffix(options.save_plot)
        if len(given) > 1:
            raise EmorecError(ONE_PLOT)
    _check_video(options, given)
    temporary.remove_leftovers()
    loaded, failed = None, False
    for name in given:
        try:
            media = _check_name(name)
        except EmorecError as error:
            failed = failures.report(error, name, given)
            continue
        if loaded is None:
            loaded = analyzer.load(options.model_path, options.device)
            printing.print_notices(loaded)
        try:
            _analyze_one(media, loaded, choices, writers, options, name if len(given) > 1 else None, marker_options)
        except BrokenPipeError:  # see ``write_and_print``
            raise
        except (EmorecError, OSError) as error:
            failed = failures.report(error, name, given)
    return failures.USER_ERROR if failed else 0


def _check_video(options: argparse.Namespace, given: list[str]) -> None:
    """Raise EmorecError if --save_video or --blur cannot be used."""
    if options.save_video:
        from emorec.output import video

        video.check_name(options.save_video, None if download.is_link(given[0]) else given[0])
        if len(given) > 1:
            raise EmorecError(ONE_VIDEO)
    elif options.blur and not options.report:
        raise EmorecError(BLUR_ALONE)


def _analyze_one(
    given: str | Path,
    loaded: Analyzer,
    choices: dict[str, Any],
    writers: Writers,
    options: argparse.Namespace,
    heading: str | None,
    marker_options: marking.MarkerOptions | None = None,
) -> None:
    """Analyze one recording, then write and print its result, below a heading if there are several."""
    with _open_recording(given, options) as (media, link_facts, owner):
        latest: deque[Features] = deque(maxlen=1)
        shared = heading is not None  # the markers are for several recordings
        problems: list[EmorecError] = []  # of files that cannot be written; the others still are

        def keep(features: Features) -> None:
            if marker_options and not shared:
                marking.check(marker_options, features)
            bar.show(features)
            latest.append(features)

        with printing.ProgressBar() as bar:
            result = loaded.analyze(media, keep, person=options.person, **extraction_settings(options), **choices)
        result = replace(result, media=result.media | link_facts)
        if marker_options:
            with result_files.collect_error(problems):
                result = result.with_markers(marker_options.markers, shared=shared)
        features, people = latest[0], choices["people"]
        if options.people or len(features.persons) > 1:
            write = functools.partial(result_files.write_people, loaded, features, people, options.people)
            writers = writers | {result_files.PEOPLE: write}
        if options.report:
            write = functools.partial(result_files.write_report, loaded, features, people, options.blur)
            writers = writers | {names.REPORTS[options.blur]: write}
        with result_files.collect_error(problems):
            result_files.write_and_print(
                owner, media, result, writers, options, heading, marker_options if result.markers else None
            )
        if options.save_video:
            with result_files.collect_error(problems):
                _save_video(media, loaded, features.with_people(people), result, options)
        result_files.raise_all(problems)


def _save_video(
    media: Path, loaded: Analyzer, features: Features, result: Timeline, options: argparse.Namespace
) -> None:
    with printing.ProgressBar() as bar:
        loaded.save_video(
            media, features, result, options.save_video, blur=options.blur, progress=bar.show_video(features)
        )
    if not options.json:
        with streams.tolerate_errors():
            print(f"wrote {options.save_video}")


def inference_choices(options: argparse.Namespace) -> dict[str, Any]:
    """The choices of stage 2, as ``Analyzer.infer`` takes them, apart from persons. Raises EmorecError."""
    from emorec.inference import prior

    return {
        "fusion": options.fusion,
        "prior": prior.resolve(options.prior),
        "step": options.step_sec,
        "window": options.window_sec,
        "smooth": options.smooth_sec,
        "unsure_below": options.unsure_below,
        "baseline": options.baseline,
    }


def extraction_settings(options: argparse.Namespace) -> dict[str, Any]:
    """The settings of stage 1, as ``Analyzer.analyze`` takes them. Raises EmorecError."""
    from emorec.extraction import options as extraction

    chosen = {name: getattr(options, name) for name in ("audio_track", "video_track", "channel", "rotate")}
    chosen["start"] = extraction.seconds(options.start) if options.start else 0.0
    chosen["end"] = extraction.seconds(options.end) if options.end else None
    extraction.check(extraction.Settings(**chosen))
    return chosen


def _given_media(options: argparse.Namespace) -> list[str]:
    """Every recording that was given, each once, in order. Raises EmorecError if there is none."""
    given = list(dict.fromkeys([*options.media, *options.media_path]))
    if not given:
        raise EmorecError(NO_RECORDING)
    return given


def _check_name(name: str) -> str | Path:
    """Check the name of a recording; return a file as a Path, a link and standard input as text.

    Raises EmorecError for a link that cannot be used, and for a file that is missing in a folder called like a host.
    """
    if name == standard_input.NAME:
        return name
    if download.is_link(name):
        return download.check_link(name)
    path = Path(name)
    if names_host(strip_punctuation(name)) and not path.exists():
        raise EmorecError(NO_FILE_IN_HOST.format(name=name, host=path.parts[0]))
    return path


@contextlib.contextmanager
def _open_recording(
    given: str | Path, options: argparse.Namespace
) -> Iterator[tuple[Path, dict[str, Any], str | Path]]:
    """The file to analyze, what results say about its link, and a text or path that identifies the recording.

    The file of a link, and that of standard input, are removed at the end of the context. Raises EmorecError.
    """
    if isinstance(given, Path):
        yield given, {}, given
        return
    from emorec.batch import temporary

    with temporary.folder() as folder:
        if given == standard_input.NAME:
            path, digest = standard_input.receive(Path(folder))
            yield path, {}, f"{standard_input.FILE} {digest}"
            return
        sound_only = options.fusion == "voice" and not options.save_video
        with printing.ProgressBar() as bar:
            fetched = download.fetch(
                given, folder, progress=bar.show_download, max_height=options.max_height, sound_only=sound_only
            )
        yield fetched.path, fetched.facts, given
