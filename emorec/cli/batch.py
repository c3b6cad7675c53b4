"""``emorec batch``: many recordings in, a folder of results with a manifest out."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from emorec.cli import analyzing, failures, streams
from emorec.errors import EmorecError

if TYPE_CHECKING:
    from emorec.batch.choices import Choices
    from emorec.batch.engine import Engine
    from emorec.batch.progress import Progress
    from emorec.batch.run import Result

PRINT_EVERY = 10.0  # seconds at least between two lines about the progress where there is no terminal
BAR = "{percentage:3.0f}% |{bar}| {desc}"
FOR_RAY = "--ray-address, --cpus-per-item and --gpus-per-item are for a Ray cluster; add --engine ray."
NO_INPUT = "Give at least one recording, folder, list or link."
WITH_PICTURES = (
    "--blur hides the faces in the reports; a names file, NAME.people.json, has a small picture of each person in "
    "which the face is not hidden."
)
AGAIN = "the same command with --retry tries again what failed."


def run(options: argparse.Namespace) -> int:
    """Run the batch that the options describe; return the exit code. Raises EmorecError."""
    if not options.media:
        raise EmorecError(NO_INPUT)
    from emorec.batch import choices as batch_choices
    from emorec.batch import run as batch

    inferring = analyzing.inference_choices(options)
    inferring |= {"person": options.person, "people": options.people}
    others = {name: getattr(options, name) for name in ("locale", "plot", "report", "blur", "max_height", "device")}
    choices, notice = batch_choices.build(
        inferring, analyzing.extraction_settings(options), options.format, model=options.model_path, **others
    )
    if notice:
        streams.print_note(notice)
    engine, choices = _engine(options, choices)
    with ProgressDisplay(options.quiet) as display:
        result = batch.run(
            options.media,
            options.out,
            choices,
            engine,
            retry=options.retry,
            progress=display.show,
            notice=streams.print_note,
        )
    if not options.quiet:
        with streams.tolerate_errors():
            _print_result(result, display.failed_now)
    if options.blur:
        streams.print_note(WITH_PICTURES)
    return failures.USER_ERROR if result.failed else 0


def _engine(options: argparse.Namespace, choices: Choices) -> tuple[Engine, Choices]:
    """The engine that the options choose, and the choices for it. Raises EmorecError."""
    if options.engine == "ray":
        from emorec.batch import ray_engine

        cpus = 1.0 if options.cpus_per_item is None else options.cpus_per_item
        return ray_engine.build_engine(
            choices, address=options.ray_address, workers=options.workers, cpus=cpus, gpus=options.gpus_per_item
        )
    from emorec.batch import local_engine

    if any(value is not None for value in (options.ray_address, options.cpus_per_item, options.gpus_per_item)):
        raise EmorecError(FOR_RAY)
    return local_engine.build_engine(options.workers, choices)


class ProgressDisplay:
    """The progress of a batch: a bar on a terminal, else a line now and then; every failure is a line of its own."""

    def __init__(self, quiet: bool):
        self._quiet, self._bar, self._printed = quiet, None, -PRINT_EVERY
        self.failed_now = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, progress: Progress) -> None:
        """Show the state of a batch."""
        if progress.last is not None and progress.last.status == "failed":
            self.failed_now += 1
            self._print(f"emorec: {progress.last.item}: {progress.last.error}")
        if self._quiet:
            return
        if sys.stderr.isatty():
            self._show_bar(progress)
        elif time.monotonic() - self._printed >= PRINT_EVERY or progress.done + progress.failed == progress.total:
            self._printed = time.monotonic()
            streams.print_to_stderr(str(progress))

    def _show_bar(self, progress: Progress) -> None:
        from tqdm import tqdm

        if self._bar is None:
            self._bar = tqdm(total=progress.total, bar_format=BAR)
        bar: Any = self._bar
        bar.set_description_str(str(progress), refresh=False)
        bar.update(progress.done + progress.failed - bar.n)
        bar.refresh()

    def _print(self, line: str) -> None:
        if self._bar is None:
            streams.print_to_stderr(line)
        else:
            with contextlib.suppress(OSError):  # the terminal may be gone
                self._bar.write(line, file=sys.stderr)


def _print_result(result: Result, failed_now: int) -> None:
    """Print the counts of a batch, with the failures of earlier runs."""
    earlier = len(result.failed) - failed_now
    words = f"{result.done} done, {len(result.failed)} failed; {result.analyzed} of them in this run"
    print(words)
    if result.failed:
        print(f"{earlier} of the failures are of earlier runs; {AGAIN}" if earlier > 0 else AGAIN)
    if result.listed:
        print(f"wrote {Path(result.manifest)}")
