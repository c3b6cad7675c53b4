"""``media`` out of harm's way: the same functions, with every byte of the file read in another process.

A decoder that crashes, runs without end or takes all memory ends that process, and here that is one sentence. The
processes are copies of one that is started at first use and waits with everything loaded, so a recording costs
milliseconds more; docs/RELIABILITY.md says how many.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from emorec import settings
from emorec.errors import EmorecError
from emorec.media import containers
from emorec.media.sandbox import replies
from emorec.media.sandbox.process import Made, answers
from emorec.media.selection import EVERYTHING, Selection
from emorec.media.streams import AudioBlock, Frame, MediaInfo

LONGEST = 24 * 3600.0
"""Seconds; a file of a few bytes can claim to last for years, and silence takes time as well."""


def probe(path: str | Path, selection: Selection = EVERYTHING) -> MediaInfo:
    """As ``media.probe``."""
    path = Path(path)
    containers.check_file(path)
    made = replies.Info(path, _longest())
    return _only(path, answers("probe", path, made, selection=asdict(selection)))


def frames(
    path: str | Path,
    rate: float = 5.0,
    start: float = 0.0,
    max_side: int = 1280,
    on_damage: Callable[[str], None] | None = None,
    selection: Selection = EVERYTHING,
    end: float = math.inf,
) -> Iterator[Frame]:
    """As ``media.frames``."""
    choices = {"rate": rate, "start": start, "max_side": max_side, "selection": asdict(selection), "end": end}
    made = replies.Frames(Path(path), rate, max_side, _longest())
    yield from answers("frames", Path(path), made, on_damage, **choices)


def audio(
    path: str | Path,
    rate: int = 16_000,
    start: float = 0.0,
    block_seconds: float = 10.0,
    on_damage: Callable[[str], None] | None = None,
    selection: Selection = EVERYTHING,
    end: float = math.inf,
    part_from: float = 0.0,
) -> Iterator[AudioBlock]:
    """As ``media.audio``."""
    choices = {"rate": rate, "start": start, "block_seconds": block_seconds, "part_from": part_from}
    choices |= {"selection": asdict(selection), "end": end}
    made = replies.Blocks(Path(path), rate, block_seconds, _longest())
    yield from answers("audio", Path(path), made, on_damage, **choices)


def sounds(
    path: str | Path, selection: Selection, places: Sequence[float], seconds: float, rate: int
) -> Iterator[np.ndarray]:
    """As ``media_look.sounds``."""
    choices = {"selection": asdict(selection), "places": list(places), "seconds": seconds, "rate": rate}
    yield from answers("sounds", Path(path), replies.Sounds(len(places), seconds, rate), **choices)


def stills(path: str | Path, selection: Selection, places: Sequence[float], max_side: int) -> Iterator[np.ndarray]:
    """As ``media_look.pictures``."""
    choices = {"selection": asdict(selection), "places": list(places), "max_side": max_side}
    yield from answers("stills", Path(path), replies.Stills(len(places), max_side), **choices)


def reached(path: str | Path, enough: float) -> float:
    """As ``media_length.reached``."""
    answered = answers("reached", Path(path), lambda header, _: replies.number(header["reached"]), enough=enough)
    return _only(Path(path), answered)


def picture(path: str | Path, most_pixels: int, longest_side: int) -> np.ndarray:
    """As ``media_still.read``."""
    path = Path(path)
    containers.check_there(path)
    choices = {"most_pixels": most_pixels, "longest_side": longest_side}
    answered = answers("picture", path, lambda _, arrays: replies.picture(*arrays, longest_side), **choices)
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
