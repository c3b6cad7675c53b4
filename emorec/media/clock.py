"""A continuous clock for recordings whose own clock is reset in the middle.

The times of packets jump if parts were joined byte by byte (MPEG-TS, chained Ogg, camcorder chapters) or a recorder
restarted its clock. Here every part begins where the previous one ended, for all streams alike. All streams of a file
are followed, whichever is decoded, so picture and sound get the same times in separate processes.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import av

from emorec.media.integrity import JUMP

# Containers in which a jump forwards is a new clock as well, not a gap: FFmpeg's flag AVFMT_TS_DISCONT. A clock of 33
# bits that is reset looks like a jump forwards by up to a day.
DISCONTINUOUS = {"mpegts", "mpeg", "ogg"}

# Seconds; no gap is longer. FFmpeg adds 49 days to the times of an flv file that wrap at 24 bits.
MAX_GAP = 24 * 3600.0

FORWARD = 10.0  # seconds by which all streams must jump forwards for that; FFmpeg's ``dts_delta_threshold``

# How many packets, and bytes, are read ahead to distinguish a new clock from a single invalid time.
LOOK_AHEAD = 256
LOOK_AHEAD_BYTES = 32 << 20

# Up to so many packets do not count as a part: FFmpeg derives the next times from a first one that may be invalid.
FEW_PACKETS = 4

LAG = 3.0  # seconds of a new part after which no stream can still be in the previous part

LONGEST_PACKET = 10.0  # seconds; a packet that claims to last longer is invalid


@dataclass
class _Stream:
    part: int
    last: float  # s, on the file's own clock: the latest packet that was not broken
    step: float = 0.0  # s, from the previous packet to that one
    end: float = -math.inf  # s, on the continuous clock
    packets: int = 0  # in this part


class Clock:
    """Moves packets of one file, read from its beginning, onto a continuous clock.

    ``container`` is FFmpeg's name of the format; ``seconds(packet, ticks)`` converts from a packet's time base.
    """

    def __init__(self, container: str, seconds: Callable[[av.Packet, int], float]):
        self._seconds = seconds
        self._discontinuous = container in DISCONTINUOUS
        self._streams: dict[int, _Stream] = {}
        self._offsets = [0.0]  # s, of each part
        self._begin = -math.inf  # s, on the file's own clock: start of the newest part

    @property
    def parts(self) -> int:
        """The number of parts so far."""
        return len(self._offsets)

    def continuous(self, packets: Iterable[av.Packet]) -> Iterator[av.Packet]:
        """Yield the packets with their times changed."""
        source, ahead = iter(packets), deque()
        while (packet := ahead.popleft() if ahead else next(source, None)) is not None:
            time = self._time(packet)
            if time is not None:
                self._follow(packet, time, source, ahead)
            self._move(packet)
            yield packet

    def _follow(self, packet: av.Packet, time: float, source: Iterator[av.Packet], ahead: deque[av.Packet]) -> None:
        """Follow the next packet, which may begin a new part."""
        stream = self._streams.get(packet.stream_index)
        newest = len(self._offsets) - 1
        if stream is None:
            stream = self._streams[packet.stream_index] = _Stream(newest, time)
        if stream.part < newest or (stream.packets == 0 and newest):
            now = self._now(newest)
            if now - self._begin > LAG:
                # It had no packet in this part so far, so it continues where the others are.
                stream.part, stream.last, stream.packets = newest, now, FEW_PACKETS
            elif abs(time - now) < abs(time - stream.last):
                stream.part, stream.last, stream.packets = newest, time, 0
        if stream.part == newest and self._jumps(stream, time):
            _read_ahead(source, ahead)
            if not self._continues(packet.stream_index, stream, time, ahead):
                if time < stream.last:
                    packet.pts = packet.dts = None  # a single invalid time: the decoder continues from the previous one
                return
            if stream.packets < FEW_PACKETS:
                stream.last, stream.end = time, -math.inf  # the earlier times were the invalid ones
            elif time < stream.last or self._discontinuous or time > stream.last + MAX_GAP:
                self._begin_part(packet, time, ahead)
                stream.part, stream.last, stream.packets = newest + 1, time, 0
        if time > stream.last:
            stream.step = min(time - stream.last, LONGEST_PACKET)
            stream.last = time
        stream.packets += 1
        stream.end = max(stream.end, self._offsets[stream.part] + self._end_of(packet, time, stream.step))

    def _jumps(self, stream: _Stream, time: float) -> bool:
        """Whether ``time`` is too far from that of the previous packet, or too far ahead of every stream."""
        if stream.last - JUMP <= time <= stream.last + FORWARD:
            return False
        return time < stream.last or time > self._now(stream.part) + FORWARD

    def _now(self, part: int) -> float:
        """The latest time in a part (s), on the file's own clock."""
        return max((stream.last for stream in self._streams.values() if stream.part == part), default=-math.inf)

    def _continues(self, index: int, stream: _Stream, time: float, ahead: Iterable[av.Packet]) -> bool:
        """Whether the next packet of the stream continues from ``time``, not from the previous packet."""
        times = (self._time(packet) for packet in ahead if packet.stream_index == index)
        following = next((later for later in times if later is not None), None)
        if following is None or not -JUMP <= following - time <= FORWARD:
            return False
        return abs(following - time) < abs(following - stream.last)

    def _begin_part(self, first: av.Packet, time: float, ahead: Iterable[av.Packet]) -> None:
        """Begin a part with the packet ``first``, when all streams have ended; their last packets may still follow in
        ``ahead``."""
        begin = self._shown(first, time)
        last = {index: stream.last for index, stream in self._streams.items()}
        begun = {first.stream_index}
        for packet in ahead:
            index, other = packet.stream_index, self._time(packet)
            if other is None or index in begun:
                continue
            if index in last and abs(other - last[index]) <= abs(other - time):
                stream = self._streams[index]
                end = self._offsets[stream.part] + self._end_of(packet, other, stream.step)
                stream.end, last[index] = max(stream.end, end), other
            else:
                begun.add(index)
                begin = min(begin, self._shown(packet, other))
        self._offsets.append(max(stream.end for stream in self._streams.values()) - begin)
        self._begin = time

    def _move(self, packet: av.Packet) -> None:
        stream = self._streams.get(packet.stream_index)
        offset = self._offsets[stream.part if stream else -1]
        if offset:
            ticks = round(offset / packet.time_base)
            if packet.pts is not None:
                packet.pts += ticks
            if packet.dts is not None:
                packet.dts = packet.dts + ticks if packet.pts is None else min(packet.dts + ticks, packet.pts)

    def _time(self, packet: av.Packet) -> float | None:
        """When a packet of sound or video is to be decoded (s); None if unknown or if it is not shown."""
        pts, dts = packet.pts, packet.dts
        # Nothing is shown before it is decoded: FFmpeg derived such a time from packets before the clock was reset.
        stamp = dts if pts is None or (dts is not None and dts <= pts) else pts
        kind = packet.stream.type
        if stamp is None or packet.is_discard or kind not in ("video", "audio") or (kind == "video" and dts is None):
            return None  # of a picture only the time when it is shown may be known, which may be before the last one
        return self._seconds(packet, stamp)

    def _shown(self, packet: av.Packet, time: float) -> float:
        """When a packet that is to be decoded at ``time`` (s) is to be shown (s)."""
        shown = time if packet.pts is None else self._seconds(packet, packet.pts)
        return min(max(time, shown), time + JUMP)

    def _end_of(self, packet: av.Packet, time: float, step: float) -> float:
        """When what a packet shows ends (s)."""
        length = self._seconds(packet, packet.duration or 0)
        return self._shown(packet, time) + (length if 0 < length <= LONGEST_PACKET else step)


def _read_ahead(source: Iterator[av.Packet], ahead: deque[av.Packet]) -> None:
    size = sum(packet.size for packet in ahead)
    for packet in itertools.islice(source, LOOK_AHEAD - len(ahead)):
        ahead.append(packet)
        size += packet.size
        if size > LOOK_AHEAD_BYTES:
            return
