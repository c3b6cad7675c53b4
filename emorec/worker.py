"""``media`` out of harm's way: the same functions, with every byte of the file read in another process.

A decoder that crashes, runs without end or takes all memory ends that process, and here that is one sentence. The
processes are copies of one that is started at first use and waits with everything loaded, so a recording costs
milliseconds more; docs/RELIABILITY.md says how many.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from emorec import media_formats
from emorec.errors import EmorecError
from emorec.media import AudioBlock, Frame, MediaInfo
from emorec.media_pictures import EXPANDED
from emorec.media_selection import EVERYTHING, Selection
from emorec.source_limits import Limits
from emorec.worker_process import answers

LONGEST = 24 * 3600.0
"""Seconds; a file of a few bytes can claim to last for years, and silence takes time as well."""


def probe(path: str | Path, selection: Selection = EVERYTHING) -> MediaInfo:
    """As ``media.probe``."""
    path = Path(path)
    media_formats.check_file(path)
    for header, _ in answers("probe", path, selection=asdict(selection)):
        info = MediaInfo(**header["info"] | {"path": path})
        _check_time(path, info.duration or 0.0, _longest())
        return info
    raise AssertionError("a probe answers")


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
    longest = _longest()
    for header, (image, plane) in answers("frames", Path(path), on_damage, **choices):
        _check_time(path, header["time"], longest)
        yield Frame(header["time"], image, SentGrey(plane, header["limited"]))


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
    longest = _longest()
    for header, (samples,) in answers("audio", Path(path), on_damage, **choices):
        _check_time(path, header["time"], longest)
        yield AudioBlock(header["time"], samples)


def sounds(
    path: str | Path, selection: Selection, places: Sequence[float], seconds: float, rate: int
) -> Iterator[np.ndarray]:
    """As ``media_look.sounds``."""
    choices = {"selection": asdict(selection), "places": list(places), "seconds": seconds, "rate": rate}
    for _, (samples,) in answers("sounds", Path(path), **choices):
        yield samples


def stills(path: str | Path, selection: Selection, places: Sequence[float], max_side: int) -> Iterator[np.ndarray]:
    """As ``media_look.pictures``."""
    choices = {"selection": asdict(selection), "places": list(places), "max_side": max_side}
    for _, (image,) in answers("stills", Path(path), **choices):
        yield image


def reached(path: str | Path, enough: float) -> float:
    """As ``media_length.reached``."""
    for header, _ in answers("reached", Path(path), enough=enough):
        return float(header["reached"])
    raise AssertionError("an answer is given")


def picture(path: str | Path, most_pixels: int, longest_side: int) -> np.ndarray:
    """As ``media_still.read``."""
    path = Path(path)
    media_formats.check_there(path)
    for _, (image,) in answers("picture", path, most_pixels=most_pixels, longest_side=longest_side):
        return image
    raise AssertionError("an answer is given")


def _longest() -> float:
    """Seconds that a recording may last: EMOREC_MAX_MINUTES, or a day."""
    return Limits.from_environment().seconds if os.environ.get("EMOREC_MAX_MINUTES") else LONGEST


def _check_time(path: str | Path, time: float, longest: float) -> None:
    if time > longest:
        raise EmorecError(
            f"{Path(path).name} is longer than {longest / 60:g} minutes, the limit here; give a shorter recording."
        )


class SentGrey:
    """As ``media_pictures.Grey``, from the plane ``(H, W)`` that was sent; ``limited`` if it goes from 16 to 235."""

    def __init__(self, plane: np.ndarray, limited: bool):
        self._plane, self._limited = plane, limited
        self.shape = plane.shape

    def __getitem__(self, part) -> np.ndarray:
        return EXPANDED[self._plane[part]] if self._limited else np.ascontiguousarray(self._plane[part])
