"""The settings of stage 1: what part of a recording is used, and which settings cannot be used."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from emorec.errors import EmorecError
from emorec.media.selection import Selection

MODALITIES = ("face", "voice")
CHANNELS = ("left", "right", "mix", "split")
ROTATIONS = (0, 90, 180, 270)  # degrees
INSTANT = 1e-6  # seconds; less than the time between two samples of sound

NO_MODALITY = "The modality {name!r} does not exist; choose from face and voice."
NO_MODALITIES = "There is no modality to use; choose face, voice or both."
MODALITY_MISSING = "The fusion {name!r} needs the modality {name}; add it, or choose another fusion."

CLOCK = re.compile(r"(?:(?:(\d+):([0-5]?\d)|(\d+)):)?(\d+(?:[.,]\d*)?|[.,]\d+)")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What stage 1 extracts.

    ``face_rate``: sampled pictures per second. ``faces``, ``voices``: whether that stream is decoded. ``audio_track``,
    ``video_track``: numbers from 1 among the streams of that kind; None lets ``tracks.choose`` choose. ``channel``:
    "left", "right", "mix" or "split" (both apart, each with a voice of its own). ``start``, ``end`` (s, on the
    recording's clock; None is its end): only this part is decoded. ``rotate`` (0, 90, 180 or 270 degrees): pictures are
    turned clockwise.
    """

    face_rate: float = 5.0
    faces: bool = True
    voices: bool = True
    audio_track: int | None = None
    video_track: int | None = None
    channel: str = "mix"
    start: float = 0.0
    end: float | None = None
    rotate: int = 0

    def __post_init__(self) -> None:
        for name in ("face_rate", "audio_track", "video_track", "start", "end", "rotate"):
            object.__setattr__(self, name, plain(getattr(self, name)))

    @property
    def selection(self) -> Selection:
        """These settings as the decoder takes them."""
        return Selection(
            audio_track=self.audio_track,
            video_track=self.video_track,
            channel=self.channel,
            rotate=self.rotate,
            pictures=self.faces,
            sound=self.voices,
        )

    @property
    def until(self) -> float:
        """The end (s), infinite if none is set."""
        return math.inf if self.end is None else self.end

    def overlap(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Whether intervals from ``low`` to ``high`` (s), (N,), overlap the part by more than an instant: (N,) bool."""
        return (high > self.start + INSTANT) & (low < self.until - INSTANT)


def plain(value: Any) -> Any:
    """A number of NumPy or of ``fractions`` as Python's own, which results can store; anything else as it is.

    One that no float holds is infinite, so that it is out of every range.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        return value
    try:
        nearest = float(value)
    except OverflowError:
        return -math.inf if value < 0 else math.inf
    return int(value) if isinstance(value, Integral) else nearest


WHOLE = Settings()


def check(settings: Settings) -> None:
    """Raise EmorecError, in one sentence, for settings that cannot be used with any recording."""
    for name in ("audio_track", "video_track"):
        number = getattr(settings, name)
        if number is not None and (isinstance(number, bool) or not isinstance(number, int) or number < 1):
            raise EmorecError(f"There is no {name.replace('_', ' ')} {number!r}; tracks are counted from 1.")
    if settings.channel not in CHANNELS:
        raise EmorecError(f"The channel {settings.channel!r} does not exist; choose from {', '.join(CHANNELS)}.")
    if not isinstance(settings.rotate, int) or settings.rotate not in ROTATIONS:
        raise EmorecError(f"The rotation {settings.rotate!r} is not possible; choose from 0, 90, 180, 270 degrees.")
    for name in ("start", "end"):
        time = getattr(settings, name)
        missing = time is None and name == "start"  # only the end may be None
        if missing or (time is not None and (isinstance(time, bool) or not isinstance(time, int | float))):
            raise EmorecError(f"The {name} must be a number of seconds, not {time!r}.")
        if time is not None and not 0 <= time < math.inf:
            raise EmorecError(f"The {name} of {time:g} s is not possible; choose a time of 0 s or more.")
    if settings.end is not None and settings.end <= settings.start:
        raise EmorecError(
            f"The end at {settings.end:g} s is not after the start at {settings.start:g} s; choose a later end."
        )


def non_default(settings: Settings) -> dict[str, object]:
    """The settings, apart from the tracks, that are not the default, by name."""
    names = ("channel", "start", "end", "rotate")
    return {name: getattr(settings, name) for name in names if getattr(settings, name) != getattr(WHOLE, name)}


def check_within(settings: Settings, name: str, duration: float | None) -> None:
    """Raise EmorecError if the part begins after the end of the recording of that name and duration (s)."""
    if settings.start and duration is not None and settings.start >= duration:
        raise start_after_end_error(settings, name, duration)


def start_after_end_error(
    settings: Settings, name: str, duration: float | None = None, damaged: bool = False
) -> EmorecError:
    """The error for a part that begins after the end of the recording, or of what can be read if it is ``damaged``."""
    long = f"it is {duration:.1f} s long" if duration else "it ends before that"
    if damaged:
        long = f"it is damaged or cut off {f'after {duration:.1f} s' if duration else 'before that'}"
    return EmorecError(f"{name} has nothing from {settings.start:g} s on, {long}; choose an earlier start.")


def checked_modalities(modalities: Iterable[str], fusion: str) -> tuple[str, ...]:
    """The modalities to decode. Raises EmorecError for unknown ones and for a fusion that needs another."""
    if not isinstance(modalities, Iterable):
        raise EmorecError(NO_MODALITY.format(name=modalities))
    given = (modalities,) if isinstance(modalities, str) else tuple(modalities)
    for name in given:
        if name not in MODALITIES:
            raise EmorecError(NO_MODALITY.format(name=name))
    if not given:
        raise EmorecError(NO_MODALITIES)
    if fusion in MODALITIES and fusion not in given:
        raise EmorecError(MODALITY_MISSING.format(name=fusion))
    return ("voice",) if fusion == "voice" else given


def seconds(text: str) -> float:
    """Seconds from ``75``, ``75.5``, ``1:15`` or ``0:01:15``; without hours there may be 60 minutes and more, as in
    ``75:00``. Raises EmorecError."""
    found = CLOCK.fullmatch(text.strip())
    if found is None:
        raise EmorecError(f"{text!r} is not a time; give seconds, m:ss or h:mm:ss, as in 75, 1:15 or 0:01:15.")
    hours, minutes, alone, rest = found.groups()
    minutes = minutes or alone
    value = float(rest.replace(",", "."))
    if minutes is not None and value >= 60:
        raise EmorecError(f"{text!r} is not a time; after a colon there are less than 60 seconds.")
    value += 3600 * float(hours or 0) + 60 * float(minutes or 0)
    if not math.isfinite(value):
        raise EmorecError(f"{text[:20]!r} … is not a time; it is too large.")
    return value
