"""Sandboxed versions of the functions of ``media``: files are decoded in a child process.

If a decoder crashes, never ends or takes all memory, only that process ends, and the caller gets an EmorecError. The
children are forks of a process that has everything imported, so decoding in a child costs only milliseconds more;
docs/RELIABILITY.md says how many.
"""

from __future__ import annotations

import base64
import contextlib
import math
import os
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from emorec import settings
from emorec.errors import EmorecError
from emorec.media import containers
from emorec.media.passes import Damage, ShownUntil
from emorec.media.playback import Picture
from emorec.media.sandbox import checks, replies
from emorec.media.sandbox.requests import Answer, ask_decoder
from emorec.media.selection import EVERYTHING, Selection
from emorec.media.streams import AudioBlock, Frame, MediaInfo
from emorec.media.track_list import Track

MAX_SECONDS = 24 * 3600.0  # of a recording; a file of a few bytes can claim to last for years


def probe(path: str | Path, selection: Selection = EVERYTHING) -> MediaInfo:
    """``streams.probe``, in a child process."""
    path = Path(path)
    containers.check_file(path)
    make = replies.Info(path, _max_seconds())
    return _only(path, ask_decoder("probe", path, make, selection=asdict(selection)))


def frames(
    path: str | Path,
    rate: float = 5.0,
    start: float = 0.0,
    max_side: int = 1280,
    selection: Selection = EVERYTHING,
    end: float = math.inf,
) -> Iterator[Frame | Damage | ShownUntil]:
    """``streams.frames``, in a child process."""
    choices = {"rate": rate, "start": start, "max_side": max_side, "selection": asdict(selection), "end": end}
    make = replies.Frames(Path(path), rate, max_side, _max_seconds())
    yield from ask_decoder("frames", Path(path), make, **choices)


def audio(
    path: str | Path,
    rate: int = 16_000,
    start: float = 0.0,
    block_seconds: float = 10.0,
    selection: Selection = EVERYTHING,
    end: float = math.inf,
    part_from: float = 0.0,
) -> Iterator[AudioBlock | Damage]:
    """``streams.audio``, in a child process."""
    choices = {"rate": rate, "start": start, "block_seconds": block_seconds, "part_from": part_from}
    choices |= {"selection": asdict(selection), "end": end}
    channels = 2 if selection.channel == "split" else None
    make = replies.Blocks(Path(path), rate, block_seconds, _max_seconds(), channels)
    yield from ask_decoder("audio", Path(path), make, **choices)


def sounds(
    path: str | Path, selection: Selection, places: Sequence[float], seconds: float, rate: int
) -> Iterator[np.ndarray]:
    """``excerpt.sounds``, in a child process."""
    choices = {"selection": asdict(selection), "places": list(places), "seconds": seconds, "rate": rate}
    yield from ask_decoder("sounds", Path(path), replies.Sounds(len(places), seconds, rate), **choices)


def stills(path: str | Path, selection: Selection, places: Sequence[float], max_side: int) -> Iterator[np.ndarray]:
    """``excerpt.pictures``, in a child process."""
    choices = {"selection": asdict(selection), "places": list(places), "max_side": max_side}
    yield from ask_decoder("stills", Path(path), replies.Stills(len(places), max_side), **choices)


def pictures(
    path: str | Path,
    start: float = 0.0,
    max_side: int = 1280,
    selection: Selection = EVERYTHING,
    end: float = math.inf,
) -> Generator[Picture | Damage]:
    """``playback.pictures``, in a child process."""
    choices = {"start": start, "max_side": max_side, "selection": asdict(selection), "end": end}
    yield from ask_decoder("pictures", Path(path), replies.Pictures(Path(path), max_side, _max_seconds()), **choices)


def stereo(
    path: str | Path,
    rate: int = 48_000,
    start: float = 0.0,
    selection: Selection = EVERYTHING,
    end: float = math.inf,
) -> Generator[np.ndarray]:
    """``playback.stereo``, in a child process."""
    choices = {"rate": rate, "start": start, "selection": asdict(selection), "end": end}
    yield from ask_decoder("stereo", Path(path), replies.Stereo(Path(path), rate, start, _max_seconds()), **choices)


def read_tracks(path: str | Path) -> list[Track]:
    """``track_list.read_tracks``, in a child process."""
    path = Path(path)
    containers.check_file(path)

    def make(header: dict, _: list[np.ndarray]) -> list[Track]:
        return [checks.checked(Track, track) for track in header["tracks"][: checks.MAX_ENTRIES]]

    return _only(path, ask_decoder("track_list", path, make))


def min_duration(path: str | Path, enough: float) -> float:
    """``duration.min_duration``, in a child process."""
    path = Path(path)
    answered = ask_decoder("min_duration", path, lambda header, _: checks.number(header["min_duration"]), enough=enough)
    return _only(path, answered)


def find_seek_points(path: str | Path, times: Sequence[float], selection: Selection = EVERYTHING) -> list[float | None]:
    """``seek_points.find_seek_points``, in a child process."""
    path = Path(path)

    def make(header: dict, _: list[np.ndarray]) -> list[float | None]:
        found = header["seek_points"]
        if len(found) != len(times):
            raise ValueError("not a time for each place")
        return [None if time is None else checks.number(time) for time in found]

    return _only(path, ask_decoder("seek_points", path, make, times=list(times), selection=asdict(selection)))


def picture(path: str | Path, max_pixels: int, max_side: int) -> np.ndarray:
    """``image.read``, in a child process."""
    path = Path(path)
    containers.check_there(path)
    choices = {"max_pixels": max_pixels, "max_side": max_side}
    answered = ask_decoder("picture", path, lambda _, arrays: checks.picture(checks.only(arrays), max_side), **choices)
    return _only(path, answered)


def jpeg(content: bytes, max_side: int) -> np.ndarray:
    """``image.read_jpeg``, in a child process."""
    here = Path(os.devnull)  # a task names a file, and this one is always there
    choices = {"content": base64.b64encode(content).decode("ascii"), "max_side": max_side}
    return _only(
        here, ask_decoder("jpeg", here, lambda _, arrays: checks.picture(checks.only(arrays), max_side), **choices)
    )


def _only(path: Path, answered: Generator[Answer]) -> Answer:
    """The only answer; the process is ended after it."""
    with contextlib.closing(answered):
        for answer in answered:
            return answer
    raise EmorecError(f"{path.name} cannot be decoded: the decoder gave no answer; give another file.")


def _max_seconds() -> float:
    """Seconds that a recording may last: EMOREC_MAX_MINUTES, or a day."""
    return settings.longest_file() or MAX_SECONDS
