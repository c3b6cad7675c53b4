"""What a container states about how long a recording and each of its tracks last."""

from __future__ import annotations

import re

import av

from emorec.media import containers

LATE = 0.1  # seconds; a recording whose first time is later begins late

CLOCK = re.compile(r"(\d+):(\d+):(\d+(?:\.\d+)?)")


# Containers whose header has one number for the last time and the length. FFmpeg and programs that use it write the
# last time, others the length, which differ if the first time is not 0. FLV begins late where pictures are far apart
# and shown in another order than decoded.
LAST_TIME_OR_LENGTH = {"matroska", "flv"}


def is_ambiguous(name: str, zero: float) -> bool:
    """Whether what the container of that FFmpeg ``name`` states may be the last time or the length, and the first time,
    ``zero`` (s), is so late that this matters."""
    return name in LAST_TIME_OR_LENGTH and zero > LATE


def promised_duration(container, name: str, zero: float) -> float | None:
    """The least duration (s) that the header of a recording promises, None if it promises none."""
    duration = container.duration if name in containers.WITH_DURATION else None
    return None if not duration else _since(zero, name, duration / av.time_base)


def promised_track_end(stream, name: str, zero: float) -> float | None:
    """The least time (s) at which a track ends according to the header, None if that does not say so."""
    if name != "matroska":
        end = (stream.start_time or 0) + stream.duration if stream.duration else None
        return None if end is None else float(end * stream.time_base) - zero
    # Here FFmpeg gives tracks the duration of the container; that of a track itself is a tag.
    found = CLOCK.fullmatch(stream.metadata.get("DURATION", ""))
    if found is None:
        return None
    hours, minutes, seconds = map(float, found.groups())
    return _since(zero, name, 3600 * hours + 60 * minutes + seconds) or None


def _since(zero: float, name: str, time: float) -> float:
    return max(0.0, time - zero) if name in LAST_TIME_OR_LENGTH and zero > 0 else time
