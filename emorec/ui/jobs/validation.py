"""What visitors ask for, checked before any work is done: the prior, and what of a recording is observed."""

import math
from collections.abc import Mapping

from emorec.errors import EmorecError
from emorec.extraction import options
from emorec.extraction.options import Settings
from emorec.inference import prior as priors

NO_PRIOR = "The prior {given!r} does not exist; choose from {names}, or give a share for each of the seven emotions."
NO_NUMBER = "The {name} {given!r} is not a whole number; give one."
NO_TIME = "The {name} {given!r} is no time; give seconds, m:ss or h:mm:ss, as in 75, 1:15 or 0:01:15."
SHOWN = 40  # characters of what was given that an error repeats


def prior(given: object) -> str | priors.Prior:
    """A prior by its name, or a mapping of emotions to shares; never a file's path, which the library would take.

    Raises EmorecError.
    """
    if isinstance(given, Mapping):
        return priors.of(given)
    if given not in priors.NAMES:
        raise EmorecError(NO_PRIOR.format(given=_short(given), names=", ".join(priors.NAMES)))
    return given


def settings(fusion: str, *, start: object = None, end: object = None, channel: object = "mix", **numbers) -> Settings:
    """Settings of stage 1; ``start`` and ``end`` in seconds or as a clock shows them, "" and None for the whole.

    ``numbers`` are ``audio_track``, ``video_track`` (None, 0: chosen automatically) and ``rotate``. Fusion "voice"
    asks for no picture. Raises EmorecError.
    """
    given = {name: _number(name, value) for name, value in numbers.items()}
    given = {name: value for name, value in given.items() if value}
    found = Settings(
        faces=fusion != "voice", channel=channel, start=_time("start", start) or 0.0, end=_time("end", end), **given
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
    if isinstance(given, str) and len(given) <= SHOWN:
        return options.seconds(given)
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        raise EmorecError(NO_TIME.format(name=name, given=_short(given)))
    return float(given)


def _short(given: object) -> str:
    return str(given)[:SHOWN]
