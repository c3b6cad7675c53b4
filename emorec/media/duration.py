"""The duration of a recording from its packets: if the container does not state it, or while it is downloaded."""

from __future__ import annotations

import math
from pathlib import Path

import av

from emorec.errors import EmorecError
from emorec.media import containers
from emorec.media.frame_rates import DEFAULT_RATE
from emorec.media.ogg_links import MAX_LINKS
from emorec.media.packets import Packets
from emorec.media.stated import is_ambiguous


def duration_from_header(reader: Packets) -> float | None:
    """The duration that the container states (s), None if it states none or is not reliable."""
    duration = reader.container.duration
    trusted = reader.format not in containers.WITHOUT_DURATION and reader.broken_from == math.inf
    if trusted and duration and duration > 0 and not is_ambiguous(reader.format, reader.zero):
        return duration / av.time_base
    return None


def duration_from_packets(path: Path) -> float | None:
    """The duration (s) according to the packets alone, None if unknown."""
    duration, link = _from_packets(path, 0)
    for _ in range(MAX_LINKS):
        if link is None:
            break
        try:
            further, link = _from_packets(path, link)
        except EmorecError:  # that it is damaged is said when it is decoded
            break
        duration = (duration or 0.0) + (further or 0.0)
    return duration


def _from_packets(path: Path, begin: int) -> tuple[float | None, int | None]:
    """The duration (s) from the byte ``begin`` on to the next link in another form, and where that is."""
    with Packets(path, begin=begin) as reader:
        stream = reader.streams["video"] or reader.streams["audio"]
        end, count = 0.0, 0
        for packet in reader.packets():
            time = reader.packet_time(packet)
            if time is not None and time < reader.broken_from:
                end = max(end, time + float((packet.duration or 0) * packet.time_base))
            count += packet.stream_index == stream.index
        end = max(end, reader.animated_seconds)
        if end == 0.0 and stream.type == "video":
            end = count / float(stream.guessed_rate or DEFAULT_RATE)
        return end or None, reader.next_link


def min_duration(path: str | Path, enough: float) -> float:
    """The duration (s) that an incomplete recording has at least: what its header states or how far its packets go,
    whichever is more. Reading stops at ``enough`` (s).

    Raises ``EmorecError`` if there is too little to know, or no recording.
    """
    with Packets(Path(path)) as reader:
        longest, before = duration_from_header(reader) or 0.0, {}
        for packet in reader.packets():
            if longest > enough:
                break
            time = reader.packet_time(packet)
            if time is not None:
                # A single time far after its neighbours is invalid.
                longest = max(longest, min(time, before.get(packet.stream_index, 0.0)))
                before[packet.stream_index] = time
        return longest
