"""``media`` out of harm's way: the same functions, with every byte of the file read in another process.

A decoder that crashes, runs without end or takes all memory ends that process, and here that is one sentence. The
processes are copies of one that is started at first use and waits with everything loaded, so a recording costs
milliseconds more; docs/RELIABILITY.md says how many.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from emorec import media_formats, settings, worker_answers
from emorec.errors import EmorecError
from emorec.media import AudioBlock, Frame, MediaInfo
from emorec.worker_process import Made, answers

LONGEST = 24 * 3600.0
"""Seconds; a file of a few bytes can claim to last for years, and silence takes time as well."""


def probe(path: str | Path) -> MediaInfo:
    """As ``media.probe``."""
    path = Path(path)
    media_formats.check_file(path)
    return _only(path, answers("probe", path, worker_answers.Info(path, _longest())))


def frames(
    path: str | Path,
    rate: float = 5.0,
    start: float = 0.0,
    max_side: int = 1280,
    on_damage: Callable[[str], None] | None = None,
) -> Iterator[Frame]:
    """As ``media.frames``."""
    choices = {"rate": rate, "start": start, "max_side": max_side}
    made = worker_answers.Frames(Path(path), rate, max_side, _longest())
    yield from answers("frames", Path(path), made, on_damage, **choices)


def audio(
    path: str | Path,
    rate: int = 16_000,
    start: float = 0.0,
    block_seconds: float = 10.0,
    on_damage: Callable[[str], None] | None = None,
) -> Iterator[AudioBlock]:
    """As ``media.audio``."""
    choices = {"rate": rate, "start": start, "block_seconds": block_seconds}
    made = worker_answers.Blocks(Path(path), rate, block_seconds, _longest())
    yield from answers("audio", Path(path), made, on_damage, **choices)


def reached(path: str | Path, enough: float) -> float:
    """As ``media_length.reached``."""
    answered = answers("reached", Path(path), lambda header, _: worker_answers.number(header["reached"]), enough=enough)
    return _only(Path(path), answered)


def picture(path: str | Path, most_pixels: int, longest_side: int) -> np.ndarray:
    """As ``media_still.read``."""
    path = Path(path)
    media_formats.check_there(path)
    choices = {"most_pixels": most_pixels, "longest_side": longest_side}
    answered = answers("picture", path, lambda _, arrays: worker_answers.picture(*arrays, longest_side), **choices)
    return _only(path, answered)


def _only(path: Path, answered: Iterator[Made]) -> Made:
    """The one answer, after which the process is ended."""
    with contextlib.closing(answered):
        for answer in answered:
            return answer
    raise EmorecError(f"{path.name} cannot be decoded: the decoder gave no answer; give another file.")


def _longest() -> float:
    """Seconds that a recording may last: EMOREC_MAX_MINUTES, or a day."""
    return settings.longest_file() or LONGEST
