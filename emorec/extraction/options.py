"""What of a recording is observed: the settings of stage 1, and which of them cannot be used."""

import math
import re
from dataclasses import dataclass

from emorec.errors import EmorecError
from emorec.media.selection import Selection

CHANNELS = ("left", "right", "mix")
TURNS = (0, 90, 180, 270)
INSTANT = 1e-6
"""Seconds; less than the time between two samples of sound."""

CLOCK = re.compile(r"(?:(?:(\d+):)?([0-5]?\d):)?(\d+(?:[.,]\d*)?|[.,]\d+)")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What stage 1 extracts.

    ``face_rate``: sampled pictures a second. ``faces``, ``voices``: without one of them, that stream is not decoded.
    ``audio_track``, ``video_track``: counted from 1 among the streams of that kind; None lets ``tracks.chosen``
    choose. ``channel``: "left", "right" or "mix". ``start``, ``end`` (s, on the recording's clock; None: to its end):
    only this part is decoded. ``rotate`` (0, 90, 180 or 270 degrees): pictures are turned clockwise.
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

    @property
    def selection(self) -> Selection:
        """What the decoder is told."""
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

    def overlap(self, low, high):
        """Whether stretches of time from ``low`` to ``high`` (s, arrays) have more than an instant in the part."""
        return (high > self.start + INSTANT) & (low < self.until - INSTANT)


WHOLE = Settings()


def check(settings: Settings) -> None:
    """Raise EmorecError, in one sentence, for settings that no recording can be observed with."""
    for name in ("audio_track", "video_track"):
        number = getattr(settings, name)
        if number is not None and (not isinstance(number, int) or number < 1):
            raise EmorecError(f"There is no {name.replace('_', ' ')} {number}; tracks are counted from 1.")
    if settings.channel not in CHANNELS:
        raise EmorecError(f"The channel {settings.channel!r} does not exist; choose from {', '.join(CHANNELS)}.")
    if settings.rotate not in TURNS:
        raise EmorecError(f"The rotation {settings.rotate!r} is not possible; choose from 0, 90, 180, 270 degrees.")
    for name in ("start", "end"):
        time = getattr(settings, name)
        if time is not None and not 0 <= time < math.inf:
            raise EmorecError(f"The {name} of {time:g} s is not possible; choose a time of 0 s or more.")
    if settings.end is not None and settings.end <= settings.start:
        raise EmorecError(
            f"The end at {settings.end:g} s is not behind the start at {settings.start:g} s; choose a later end."
        )


def told(settings: Settings) -> dict:
    """What results say of the settings beside the tracks: those that are not the usual ones."""
    names = ("channel", "start", "end", "rotate")
    return {name: getattr(settings, name) for name in names if getattr(settings, name) != getattr(WHOLE, name)}


def check_within(settings: Settings, name: str, duration: float | None) -> None:
    """Raise EmorecError if the part begins behind the end of the recording of that name and duration (s)."""
    if settings.start and duration is not None and settings.start >= duration:
        raise starts_after_end(settings, name, duration)


def starts_after_end(settings: Settings, name: str, duration: float | None = None) -> EmorecError:
    """The error for a part that begins where the recording has ended."""
    long = f"it is {duration:.1f} s long" if duration else "it ends before that"
    return EmorecError(f"{name} has nothing from {settings.start:g} s on, {long}; choose an earlier start.")


def seconds(text: str) -> float:
    """Seconds from ``75``, ``75.5``, ``1:15`` or ``0:01:15``. Raises EmorecError."""
    found = CLOCK.fullmatch(text.strip())
    if found is None:
        raise EmorecError(f"{text!r} is no time; give seconds, m:ss or h:mm:ss, as in 75, 1:15 or 0:01:15.")
    hours, minutes, rest = found.groups()
    value = float(rest.replace(",", "."))
    if minutes is not None and value >= 60:
        raise EmorecError(f"{text!r} is no time; after a colon there are less than 60 seconds.")
    return 3600 * int(hours or 0) + 60 * int(minutes or 0) + value
