"""How long a recording is, from its packets: of a whole one that does not say, and of one that is still arriving."""

from __future__ import annotations

import math
from pathlib import Path

import av

from emorec.media import containers
from emorec.media.reader import DEFAULT_RATE, Reader


def stated(reader: Reader) -> float | None:
    """What the container says (s), None where it says nothing that can be relied on."""
    duration = reader.container.duration
    trusted = duration and reader.format not in containers.GUESSING and reader.broken_from == math.inf
    return duration / av.time_base if trusted else None


def counted(path: Path) -> float | None:
    """How long a recording without a stated duration is (s), from its packets alone."""
    with Reader(path) as reader:
        stream = reader.streams["video"] or reader.streams["audio"]
        end, count = 0.0, 0
        for packet in reader.packets():
            time = reader.packet_time(packet)
            if time is not None and time < reader.broken_from:
                end = max(end, time + float((packet.duration or 0) * packet.time_base))
            count += packet.stream_index == stream.index
        if end == 0.0 and stream.type == "video":
            end = count / float(stream.guessed_rate or DEFAULT_RATE)
        return end or None


def reached(path: str | Path, enough: float) -> float:
    """How long a recording is at least (s), of which only the beginning may be there: what its header states or how
    far its packets go, whichever is more. Looks no further than ``enough`` (s).

    Raises ``EmorecError`` where there is too little to tell, or no recording.
    """
    with Reader(Path(path)) as reader:
        longest, before = stated(reader) or 0.0, {}
        for packet in reader.packets():
            if longest > enough:
                break
            time = reader.packet_time(packet)
            if time is not None:
                # A single time far ahead of its neighbours is broken, and says nothing of the length.
                longest = max(longest, min(time, before.get(packet.stream_index, 0.0)))
                before[packet.stream_index] = time
        return longest
