"""The decoded frames of an open recording, with times on the media's clock."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import av

from emorec.media import packets
from emorec.media.clock import LOOK_AHEAD, MAX_GAP
from emorec.media.frame_rates import DEFAULT_RATE
from emorec.media.holes import SHORTEST, TOGETHER, Holes
from emorec.media.integrity import AV_ERRORS, JUMP, NOTHING
from emorec.media.packets import Packets
from emorec.media.selection import EVERYTHING, Selection

PROBE_PACKETS = 5000  # packets that are searched for a first picture and a first sound

# Codecs whose decoder can skip frames that no other frame references.
SKIPPABLE = {"h264", "hevc"}

# What x264 writes into the first packet of a video whose frames reference only their nearest neighbours (ref=1: its
# presets superfast and veryfast): B-frames can be skipped even if others reference them.
SINGLE_REFERENCE = re.compile(rb"x264 - core \d+ .{0,200}? ref=1 ", re.DOTALL)

BIN_EPSILON = 1e-4  # share of a bin by which a time may lie before it and still belong to it


class Sampler(Protocol):
    """Whether frames are wanted, asked for their packets in decoding order."""

    def __call__(self, time: float) -> bool:
        """Whether the frame of a packet at ``time`` (s) is wanted."""
        ...

    def can_skip(self, time: float) -> bool:
        """Whether it is a B-frame that is not needed."""
        ...

    def is_early(self, time: float) -> bool:
        """Whether it comes before every frame that is wanted."""
        ...


class Reader(Packets):
    """An open file whose packets are decoded; packets that cannot be decoded count as errors."""

    def __init__(self, path: Path, selection: Selection = EVERYTHING, begin: int = 0):
        super().__init__(path, selection, begin)
        video = self.streams["video"]
        self.holes = Holes()
        self.shown_until = 0.0  # until when the latest decoded picture is shown (s), as its own length says
        self._reordered = False  # whether pictures are shown in another order than decoded
        self._first_decoded: int | None = None  # when the first packet of the current pass is decoded, in ticks
        self._single_reference = video is not None and self._has_single_reference(video)

    def _has_single_reference(self, video) -> bool:
        first = next((packet for packet in self._peeked if packet.stream_index == video.index), None)
        return first is not None and SINGLE_REFERENCE.search(bytes(first)) is not None

    @property
    def too_large(self) -> str | None:
        """The size of pictures that have more than ``packets.MAX_PIXELS``, so that none is decoded; else None."""
        video = self.streams["video"]
        if video is None or video.width * video.height <= packets.MAX_PIXELS:
            return None
        return f"{video.width} x {video.height}"

    def damage(self, kind: str) -> str | None:
        """The damage of a stream up to the current position, or that its pictures are too large; None if neither."""
        damage = super().damage(kind)
        if damage is None or kind != "video" or self._position > 0 or self.too_large is None:
            return damage
        return f"The video has too many pixels ({self.too_large}); {NOTHING}"

    def decode(self, kind: str, wanted: Sampler | None) -> Iterator[tuple[float, Any]]:
        """Yield every frame of a stream with its time (s); frames that no other references are skipped unless
        wanted."""
        stream, self._first_decoded = self.streams[kind], None
        frames = self._raw(stream, wanted)
        return self._timed(self._in_order(frames) if self._lacks_times(stream) else frames, stream)

    def _lacks_times(self, stream) -> bool:
        """Whether the file says only in which order pictures are decoded, and these may be shown in another."""
        return self.format == "avi" and stream.codec_context.codec.canonical_name in SKIPPABLE

    def _in_order(self, frames: Iterator[Any]) -> Iterator[Any]:
        """Pictures that lack times, with those of their packets in order: FFmpeg gives each the time of its packet."""
        delay = None  # ticks from the first packet to the one that makes the decoder give the first picture
        for frame in frames:
            if delay is None and frame.dts is not None:
                delay = frame.dts - (self._first_decoded or 0)
            frame.pts = None if frame.dts is None else frame.dts - (delay or 0)
            yield frame

    def first_frames(self) -> dict[str, Any]:
        """The first frame of each kind that can be decoded."""
        missing = {stream.index: kind for kind, stream in self.streams.items() if stream is not None}
        firsts = {}
        for count, packet in enumerate(self.packets()):
            kind = missing.get(packet.stream_index)
            if kind and (got := self._decode(self.streams[kind], packet)):
                firsts[kind] = got[0]
                del missing[packet.stream_index]
            if not missing or count == PROBE_PACKETS:
                break
        for kind in missing.values():
            if got := self._decode(self.streams[kind], None):
                firsts[kind] = got[0]
        return firsts

    def _raw(self, stream: Any, wanted: Sampler | None) -> Iterator[Any]:
        codec = stream.codec_context.codec
        skippable = codec.canonical_name in SKIPPABLE and not self._lacks_times(stream)
        alone = codec.intra_only  # no frame references another
        early: av.Packet | None = None  # the last one before those that are wanted, which may still be shown then
        for packet in self.packets():
            time = self.packet_time(packet)
            if time is not None:
                length = self._seconds(packet, packet.duration or 0)
                # One that is cut off states the length of a whole one.
                self._damage.reach(packet.stream_index, time if packet.is_corrupt else time + length)
                if packet.stream.type == "audio":
                    self.holes.note_sound(time, length)
            if packet.stream_index != stream.index:
                continue
            shown = None if packet.pts is None else time
            self._reordered |= packet.dts is not None and shown is not None and packet.dts != packet.pts
            if wanted and alone and shown is not None and (packet.is_discard or not wanted(shown)):
                continue
            if wanted and alone and shown is not None and wanted.is_early(shown):
                early = packet
                continue
            if early is not None:
                yield from self._decode(stream, early)
                early = None
            if wanted and skippable:
                if packet.is_discard:
                    skipped = "NONREF"  # never shown, so it must not count as the first of a bin
                elif self._single_reference and shown is not None and wanted.can_skip(shown):
                    skipped = "BIDIR"
                else:
                    skipped = "DEFAULT" if shown is None or wanted(shown) else "NONREF"
                stream.codec_context.skip_frame = skipped
            if self._first_decoded is None:
                self._first_decoded = packet.dts
            yield from self._decode(stream, packet)
        if early is not None:
            yield from self._decode(stream, early)
        yield from self._decode(stream, None)

    def _decode(self, stream, packet: av.Packet | None) -> list[Any]:
        if packet is not None and self._is_encrypted(packet):
            self._damage.note_encrypted(self.packet_time(packet) or 0.0)
            return []
        try:
            return stream.codec_context.decode(packet)
        except AV_ERRORS:
            self.note_error()
            return []

    def _note_sound_until(self, time: float) -> None:
        """Note the sound that comes up to ``time`` (s) and the first packet after, if it is near in the file."""
        for count in itertools.count():
            if self.holes.latest_sound > time or count == LOOK_AHEAD:
                return
            if count == len(self._peeked):
                if (packet := next(self._flow, None)) is None:
                    return
                self._peeked.append(packet)
            packet = self._peeked[count]
            if packet.stream.type == "audio" and (at := self.packet_time(packet)) is not None:
                self.holes.note_sound(at, self._seconds(packet, packet.duration or 0))

    def _timed(self, frames: Iterator[Any], stream) -> Iterator[tuple[float, Any]]:
        """Pair frames with their times. A time that is missing or invalid (far after the next or the previous one) is
        computed from the one before."""
        rate = 0.0 if stream.type == "audio" else float(stream.guessed_rate or stream.average_rate or DEFAULT_RATE)
        base, tick = stream.time_base.as_integer_ratio() if stream.time_base else (0, 1)
        expected: float | None = None
        before = math.inf  # when the picture before is shown (s)
        held: Any = None
        for frame in itertools.chain(frames, [None]):
            time = None if frame is None or frame.pts is None else frame.pts * base / tick - self.zero
            if held is not None:
                at, last = held
                step = 1 / rate if rate else last.samples / max(last.sample_rate, 1)
                ahead = at is not None and (
                    (time is not None and at > time + JUMP) or (expected is not None and at > expected + MAX_GAP)
                )
                if at is None or ahead:
                    at = expected if expected is not None else max(0.0, (time or 0.0) - step)
                expected = at + step
                self._position = max(self._position, at + step)
                if rate:
                    # The lengths of pictures that are reordered may be those of decoding, which belong to others.
                    self.shown_until = at if self._reordered else at + (last.duration or 0) * base / tick
                    if at > before + SHORTEST:
                        self._note_sound_until(at - TOGETHER)
                        self.holes.compare_pictures(before, at)
                    before = at
                if last.is_corrupt:
                    self.note_error(at)
                yield at, last
            held = (time, frame)
