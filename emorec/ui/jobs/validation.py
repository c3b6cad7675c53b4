"""Checks of requests before any work is done: the prior, the baseline, the part of a recording."""

import sys
from collections.abc import Mapping
from typing import Any

from emorec.errors import EmorecError
from emorec.extraction import options
from emorec.extraction.options import Settings
from emorec.inference import baseline_choice
from emorec.inference import prior as priors

NO_PRIOR = "The prior {given!r} does not exist; choose from {names}, or give a share for each of the seven emotions."
NO_BASELINE = "The baseline {given!r} does not exist; choose one of {names}, or a stretch of time such as 0:10-0:40."
NO_NUMBER = "The {name} {given!r} is not a whole number; give one."
NO_TIME = "The {name} {given!r} is not a time; give seconds, m:ss or h:mm:ss, as in 75, 1:15 or 0:01:15."
MAX_SHOWN = 40  # characters of a wrong value that the error repeats


def prior(given: object) -> str | priors.Prior:
    """A prior from its name, or from a mapping of emotions to shares. Raises EmorecError.

    A path is refused: the library would open the file.
    """
    if isinstance(given, Mapping):
        return priors.resolve(given)
    if not isinstance(given, str) or given not in priors.NAMES:
        raise EmorecError(NO_PRIOR.format(given=_short(given), names=", ".join(priors.NAMES)))
    return given


def baseline(given: object) -> str:
    """A baseline from its name or as a stretch of time. Raises EmorecError.

    A path is refused: the library would open the file.
    """
    text = given if isinstance(given, str) and len(given) <= MAX_SHOWN else ""
    if text not in baseline_choice.CHOICES and baseline_choice.stretch_of(text) is None:
        raise EmorecError(NO_BASELINE.format(given=_short(given), names=", ".join(baseline_choice.CHOICES)))
    return text


def settings(
    fusion: str,
    *,
    start: object = None,
    end: object = None,
    channel: object = "mix",
    audio_track: object = None,
    video_track: object = None,
    rotate: object = None,
) -> Settings:
    """The settings of the extraction.

    ``start`` and ``end`` are seconds, or text such as "1:15"; "" and None mean the whole recording. A track of None or
    0 is chosen automatically. With fusion "voice" no picture is decoded. Raises EmorecError.
    """
    numbers = {"audio_track": audio_track, "video_track": video_track, "rotate": rotate}
    given: dict[str, Any] = {name: number for name, value in numbers.items() if (number := _number(name, value))}
    found = Settings(
        faces=fusion != "voice",
        channel=channel,  # type: ignore[arg-type]  # checked below
        start=_time("start", start) or 0.0,
        end=_time("end", end),
        **given,
    )
    options.check(found)
    return found


def _number(name: str, given: object) -> int | None:
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or given != given // 1:
        raise EmorecError(NO_NUMBER.format(name=name.replace("_", " "), given=_short(given)))
    return int(given)


def _time(name: str, given: object) -> float | None:
    if given is None or given == "":
        return None
    if isinstance(given, str) and len(given) <= MAX_SHOWN:
        return options.seconds(given)
    if isinstance(given, bool) or not is_finite(given):
        raise EmorecError(NO_TIME.format(name=name, given=_short(given)))
    return float(given)  # type: ignore[arg-type]


def is_finite(given: object) -> bool:
    """Whether a value is a number that a float can hold: not infinite, not NaN, and no larger whole number."""
    return isinstance(given, int | float) and abs(given) <= sys.float_info.max


def _short(given: object) -> str:
    return str(given)[:MAX_SHOWN]
