"""Where decoding of the pictures can begin, for those who choose where to divide a recording."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

from emorec.media.packets import Packets
from emorec.media.selection import EVERYTHING, Selection

MAX_PACKETS = 1000  # that are read at one place to find the next picture


def find_seek_points(path: str | Path, times: Sequence[float], selection: Selection = EVERYTHING) -> list[float | None]:
    """The time (s) of the keyframe at which the decoding of pictures from each of ``times`` (s) on begins.

    None: it would begin at the beginning of the recording, because the container does not allow to seek. Raises
    ``EmorecError`` as ``probe`` does.
    """
    with Packets(Path(path), selection) as reader:
        stream = reader.streams["video"]
        if stream is None or not times or not reader.seek("video", max(times)):
            return [None] * len(times)
        return [_keyframe(reader, stream.index, time) for time in times]


def _keyframe(reader: Packets, index: int, time: float) -> float | None:
    if not reader.seek_unchecked(time):
        return None
    ours = (packet for packet in itertools.islice(reader.packets(), MAX_PACKETS) if packet.stream_index == index)
    first = next(ours, None)
    return None if first is None else reader.packet_time(first)
