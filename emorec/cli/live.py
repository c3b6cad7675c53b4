"""``emorec live``: the webcam and the microphone of this machine, with the reading of this moment on one line."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emorec.cli import failures, printing, result_files, streams
from emorec.cli.live_feeds import Feed, open_feeds
from emorec.cli.options import DEFAULT_OUT
from emorec.cli.result_files import Writers
from emorec.emotions import EMOJI
from emorec.errors import EmorecError
from emorec.output import names

if TYPE_CHECKING:
    from emorec.analyzer import Analyzer
    from emorec.extraction.features import Features
    from emorec.live import Live, Reading
    from emorec.timeline import Timeline

SHOW_EVERY = 0.2  # seconds between two readings on a terminal
LINE_EVERY = 1.0  # seconds between two lines in a pipe

WRONG_NAME = "{name!r} cannot be the name of a result; give one without slashes, and a folder with --out."
LATER = "The baseline {name} counts for the result at the end; until then, only voices are relative to the speaker."
TOO_EARLY = "The session ended at {until:g} s, before the baseline {name} began, so it is relative to the speaker only."
NOT_SHOWN = "The readings can no longer be shown ({reason}); the session goes on until Ctrl-C, and is saved."


def run(options: argparse.Namespace) -> int:
    """Read the devices until Ctrl-C, show what is read, and save it under the name that was asked for.

    Returns the exit code. Raises EmorecError.
    """
    from emorec.inference import baseline_choice, prior, timeline

    # Files are read now: if one is gone when the session ends, the session would be lost.
    baseline = baseline_choice.resolve(options.baseline)
    choices: dict[str, Any] = {
        "fusion": options.fusion,
        "prior": prior.resolve(options.prior),
        "window": options.window_sec,
        "unsure_below": options.unsure_below,
        "baseline": baseline,
    }
    timeline.check(step=options.step_sec, **choices)
    writers = result_files.format_writers(options)
    if options.save:
        if Path(options.save).name != options.save:
            raise EmorecError(WRONG_NAME.format(name=options.save))
        names.check_folder(options.out or Path(DEFAULT_OUT))
    feeds = open_feeds(options)
    from emorec import analyzer
    from emorec.extraction.assembly import merge_notes
    from emorec.live import Live

    loaded = analyzer.load(options.model_path, options.device)
    printing.print_notices(loaded)
    live_choices = choices
    if baseline.stretch:
        streams.print_note(LATER.format(name=baseline.name))
        live_choices = choices | {"baseline": baseline_choice.DEFAULT}
    with Live(loaded, name=options.save or "live") as live:
        problem, damage = _show_readings(live, feeds, live_choices, bool(options.save))
        features = live.save()
    features = dataclasses.replace(features, notes=tuple(merge_notes([*features.notes], damage)))
    if baseline.stretch and baseline.stretch[0] >= features.until:
        streams.print_note(TOO_EARLY.format(until=features.until, name=baseline.name))
        choices = live_choices
    result = loaded.infer(features, step=options.step_sec, **choices)
    _write_or_print(loaded, features, result, writers, options)
    if problem:
        print(f"emorec: {problem}", file=sys.stderr)
    return failures.USER_ERROR if problem else 0


def _write_or_print(
    loaded: Analyzer, features: Features, result: Timeline, writers: Writers, options: argparse.Namespace
) -> None:
    """Write and print the result of a session if it is to be saved, else only print it. Raises EmorecError."""
    if not options.save or not len(result):
        for note in result.notes:
            streams.print_note(note)
        printing.print_summary(result, [])
        return
    from emorec.extraction.people import NOBODY

    if len(features.persons) > 1:
        write = functools.partial(result_files.write_people, loaded, features, NOBODY, None)
        writers = writers | {result_files.PEOPLE: write}
    # Every session has results of its own. The suffix is not part of their name, see ``names.claim``.
    result_files.write_and_print(f"live {time.time()}", Path(f"{options.save}.live"), result, writers, options, None)


def _show_readings(live: Live, feeds: list[Feed], choices: dict[str, Any], saved: bool) -> tuple[str, list[str]]:
    """Show readings until Ctrl-C, or until a device stops.

    Returns the sentence that says why a device stopped ("" after Ctrl-C), and sentences about damaged files.

    A session that is ``saved`` goes on if its readings can no longer be shown; of another one OSError is raised.
    """
    stop = threading.Event()
    problems: list[str] = []
    damage: list[str] = []

    def read(feed: Feed) -> None:
        try:
            for sentence in feed(live):
                if sentence is not None:
                    damage.append(sentence)
                if stop.is_set():
                    return
        except EmorecError as error:
            problems.append(str(error))

    threads = [threading.Thread(target=read, args=(feed,), daemon=True) for feed in feeds]
    line, shown = _Line(), True
    try:
        for thread in threads:
            thread.start()
        while (alive := [thread for thread in threads if thread.is_alive()]) and not problems:
            reading = live.reading(**choices)  # also raises what went wrong in a thread
            try:
                if shown:
                    line.show(reading, live.rate)
            except OSError as error:  # the reader of a pipe has ended, or the disk of a file is full
                if not saved:
                    raise
                shown = False
                streams.print_note(NOT_SHOWN.format(reason=error.strerror or error))
            alive[0].join(line.interval)
    except KeyboardInterrupt:
        pass
    finally:
        stop.set()
        if shown:
            line.end()
    for thread in threads:
        thread.join(1.0)  # a device may be silent; its thread ends with the program
    return problems[0] if problems else "", damage


class _Line:
    """The line with the reading: one that changes on a terminal, a new one every second in a pipe."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()
        self.interval = SHOW_EVERY if self._terminal else LINE_EVERY

    def show(self, reading: Reading, rate: float) -> None:
        """Show a reading; ``rate`` is that of the judged pictures (Hz)."""
        text = reading_line(reading, rate)
        if self._terminal:
            print(f"\r\x1b[K{text}", end="", flush=True)
        else:
            print(text, flush=True)

    def end(self) -> None:
        """End the line, so that what is printed next does not replace it."""
        if self._terminal:
            print()


def reading_line(reading: Reading, rate: float) -> str:
    """A reading as one line: the time, the emotion, the measured delay, and the rate of judged pictures (Hz)."""
    if reading.delay is None:
        return "waiting for the first picture or sound"
    minutes, seconds = divmod(int(reading.time), 60)
    emoji = EMOJI[reading.emotion] if reading.emotion and reading.sure else "❔"
    return (
        f"{minutes}:{seconds:02d}  {emoji} {reading.words}  (delay {reading.delay:.1f} s, {rate:.1f} pictures a second)"
    )
