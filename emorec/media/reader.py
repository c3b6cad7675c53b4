"""One open recording: its streams, its packets, and their frames with times on the media's clock."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import av

from emorec.media import containers
from emorec.media.clock import Clock
from emorec.media.integrity import AV_ERRORS, JUMP, PACKET_SHARE, Damage, Pace
from emorec.media.selection import EVERYTHING, Selection, pick
from emorec.media.webp import RawVideo
from emorec.prefetch import processors

MAX_PIXELS = 8192 * 4320
"""Larger pictures are refused, for a file of a few bytes can ask for gigabytes."""

MAX_FAILURES = 100
"""Reads in a row that may fail before the rest is given up."""

MAX_GAP = 24 * 3600.0
"""Seconds; a time further ahead than this of the one before is taken for broken."""

DEFAULT_RATE = 25.0
"""Frames a second where nothing says it, as FFmpeg assumes."""

MAX_FRAME_RATE = 1000
"""Frames a second on average from which on a container is not believed."""

PEEK_PACKETS = 64
PROBE_PACKETS = 5000
"""Packets that are read in search of a first picture and a first sound."""

SEEK_MARGINS = (0.0, 4.0, 16.0, 64.0)
"""Seconds to go back by, in turn, until decoding starts early enough."""

SKIPPABLE = {"h264", "hevc"}
"""Codecs whose decoder can leave out frames that no other leans on, so that those that nobody wants cost nothing."""

NEAREST_ONLY = re.compile(rb"x264 - core \d+ .{0,200}? ref=1 ", re.DOTALL)
"""What x264 writes into the first packet of a video whose pictures lean on the nearest others alone (its presets
superfast and veryfast): those that are shown between two others can be left out, whether or not some lean on them."""

SKIPPED_FILTERING = "all"
"""Frames whose edges between blocks are not smoothed. That leaves traces until the next keyframe, and saves a fifth of
decoding; docs/PERFORMANCE.md says what it costs in accuracy."""

REPEATABLE = {"flac", "alac", "opus", "vorbis", "mp3", "mp2"}
"""Codecs of sound, besides plain samples, that decode to the same wherever decoding began. Others (aac, ac3) fill in
noise from a generator that runs on from the beginning, so there decoding must begin there too."""

LIGHT = 1280 * 720 * 30 * 1.1
"""Pixels a second up to which one core decodes H.264 no slower than a second one does the rest of an analysis. Several
threads take a fifth more of the processor's time for the same pictures."""

BIN_EPSILON = 1e-4
"""Share of a bin that a time may lie before it and still belong to it."""


def _threads(stream) -> int:
    """How many threads decode a stream; 0 for as many as there are cores."""
    if stream.type == "audio":
        return 1
    heavy = stream.width * stream.height * (frame_rate(stream) or DEFAULT_RATE) > LIGHT
    return 0 if heavy or processors() > 2 else 1


def frame_rate(stream) -> float | None:
    """Average pictures a second of a stream of video, None if nothing says it."""
    average = stream.average_rate
    # Where FFmpeg counts ticks of the clock, as in dv, its guess is better.
    rate = average if average and average < MAX_FRAME_RATE else stream.guessed_rate
    return float(rate) if rate else None


class Reader:
    """One open file: its streams, the zero of its clock, and what turns out to be broken while it is read."""

    def __init__(self, path: Path, selection: Selection = EVERYTHING):
        containers.check_file(path)
        self._source = RawVideo(path, MAX_PIXELS) if containers.is_animated_webp(path) else None
        try:
            # "file:" keeps a colon in the name from being read as a protocol.
            source = self._source or f"file:{path}"
            self.container = av.open(source, options=containers.OPEN_OPTIONS, metadata_errors="replace")
        except AV_ERRORS as error:
            raise containers.unreadable(path) from error
        containers.check_streams(self.container.streams, path)
        self.names = "webp" if self._source else self.container.format.name
        self.format = self.container.format.name.split(",")[0]
        default = pick(self.container, "video", path, selection)
        sound = pick(self.container, "audio", path, selection, related=default)
        video = default if selection.pictures else None
        self.has = {"video": default is not None, "audio": sound is not None}
        self.streams = {"video": video, "audio": sound if selection.sound else None}
        for stream in filter(None, self.streams.values()):
            stream.codec_context.thread_type = "AUTO"
            stream.codec_context.thread_count = _threads(stream)
            options = {"max_pixels": str(MAX_PIXELS)}
            if stream.type == "video":
                options["skip_loop_filter"] = SKIPPED_FILTERING
            stream.codec_context.options = options
        self._path = path
        self._encrypted = {stream.index for stream in self.container.streams if containers.is_encrypted(stream)}
        self._damage, self._pace = Damage(path), Pace(path, math.inf if self._source else PACKET_SHARE)
        self._time_bases: dict[int, tuple[int, int]] = {}
        self._position = 0.0
        self._clock = Clock(self.format, self._seconds)
        self._flow = self._paced()
        self._peeked = list(itertools.islice(self._flow, PEEK_PACKETS))
        if self.format == "gif" and len(self._peeked) < 2:
            self.container.close()
            raise containers.is_picture(path, "GIF")
        if self._all_encrypted():
            self.container.close()
            raise containers.encrypted(path)
        self.zero, self.broken_from = self._find_zero()
        self._nearest_only = video is not None and self._says_nearest_only(video)

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_) -> None:
        self._peeked.clear()
        self.container.close()
        if self._source is not None:
            self._source.close()

    def _all_encrypted(self) -> bool:
        """Whether nothing at the beginning can be read without a key."""
        ours = {stream.index for stream in self.streams.values() if stream is not None}
        packets = [packet for packet in self._peeked if packet.stream_index in ours]
        return bool(packets) and all(self._is_encrypted(packet) for packet in packets)

    def _is_encrypted(self, packet: av.Packet) -> bool:
        return packet.stream_index in self._encrypted or packet.has_sidedata("encryption_info")

    def _find_zero(self) -> tuple[float, float]:
        """The container's start (s), or the earliest time if the first is broken and lies far after it; and how long
        after it (s) a time is as broken."""
        ours = {stream.index for stream in self.streams.values() if stream is not None}
        # What an edit list leaves out is there only so that decoding can begin at a keyframe.
        shown = (packet for packet in self._peeked if packet.stream_index in ours and not packet.is_discard)
        stamps = (packet for packet in shown if packet.pts is not None)
        earliest = min((float(packet.pts * packet.time_base) for packet in stamps), default=0.0)
        if self.container.start_time is None:
            return earliest, math.inf
        start = self.container.start_time / av.time_base
        return (earliest, start - earliest - JUMP) if start > earliest + JUMP else (start, math.inf)

    def _says_nearest_only(self, video) -> bool:
        first = next((packet for packet in self._peeked if packet.stream_index == video.index), None)
        return first is not None and NEAREST_ONLY.search(bytes(first)) is not None

    def seek(self, kind: str, time: float, repeatable: bool = True) -> bool:
        """Go to the last keyframe at or before ``time`` (s); False if times would be unreliable from there on or, where
        it is to be ``repeatable``, decoding from there would not give the same."""
        codec = self.streams[kind].codec_context.codec.canonical_name
        same = kind == "video" or codec in REPEATABLE or codec.startswith("pcm_")
        if self.format not in containers.SEEKABLE or (repeatable and not same) or self._resets_before(time):
            return False
        try:
            self.container.seek(math.floor((time + self.zero) * av.time_base))
        except AV_ERRORS:
            return False
        self._peeked.clear()
        self._clock = Clock(self.format, self._seconds)
        self._flow = self._paced()
        return True

    def _resets_before(self, time: float) -> bool:
        """Whether the file's clock is reset before ``time`` (s), so that a jump would land in the wrong part."""
        if self.format not in containers.RESETTABLE:
            return False
        with Reader(self._path) as whole:
            for packet in whole.packets():
                at = whole.packet_time(packet)
                if whole._clock.parts > 1 or (at is not None and at > time + SEEK_MARGINS[1]):
                    break
            return whole._clock.parts > 1

    def decode(self, kind: str, wanted: Callable[[float], bool] | None) -> Iterator[tuple[float, av.frame.Frame]]:
        """Yield every frame of a stream with its time (s); frames that no other needs are left out unless wanted."""
        return self._timed(self._raw(self.streams[kind], wanted), self.streams[kind])

    def first_frames(self) -> dict[str, av.frame.Frame]:
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

    def packets(self) -> Iterator[av.Packet]:
        """Yield the file's packets, past what cannot be read."""
        while self._peeked:
            yield self._peeked.pop(0)
        yield from self._flow

    def packet_time(self, packet: av.Packet) -> float | None:
        """When a packet is to be shown or heard (s), None if it does not say."""
        stamp = packet.pts if packet.pts is not None else packet.dts
        return None if stamp is None else self._seconds(packet, stamp) - self.zero

    def _seconds(self, packet: av.Packet, ticks: int) -> float:
        """Seconds of a number of ticks of the packet's stream."""
        # Whole numbers are kept: a Fraction for every packet costs as much as decoding a packet of sound.
        base = self._time_bases.get(packet.stream_index)
        if base is None:
            base = self._time_bases[packet.stream_index] = packet.time_base.as_integer_ratio()
        return ticks * base[0] / base[1]

    def fault(self, time: float | None = None) -> None:
        """Note that something could not be used at ``time`` (s), by default where decoding stands."""
        self._damage.fault(self._position if time is None else time)

    def is_surely_damaged(self, kind: str) -> bool:
        """Whether ``damage`` says already what it will say at the end."""
        return self._damage.certain(kind, self._position)

    def damage(self, kind: str) -> str | None:
        """What is broken or missing in a stream, as far as it was read; at its end, once its frames were used too."""
        return self._damage.sentence(kind, self._position)

    def finish(self, kind: str, whole: bool = True) -> None:
        """Note that a stream was read to its end, or not the ``whole`` of it but all that is wanted."""
        promises = self.format in containers.PROMISING and self.container.duration and self.broken_from == math.inf
        promised = self.container.duration / av.time_base if promises else None
        self._damage.finish(self.streams[kind], self._position, self.zero, promised, whole)

    def _paced(self) -> Iterator[av.Packet]:
        """Packets on a continuous clock, as long as they bring the reading further."""
        for packet in self._clock.continuous(self._demux()):
            stamp = packet.dts if packet.dts is not None else packet.pts
            time = None if stamp is None else self._seconds(packet, stamp)
            if not self._pace.goes_on(packet.size, time):
                return self.fault()
            yield packet

    def _demux(self) -> Iterator[av.Packet]:
        failures = 0
        while failures < MAX_FAILURES:
            try:
                for packet in self.container.demux():
                    failures = 0
                    # An empty packet tells a decoder that there is no more; avi files are full of them.
                    if packet.size:
                        yield packet
                return
            except IndexError:
                return  # PyAV stumbles at the end over a stream that appeared on the way.
            except AV_ERRORS:
                failures += 1
                self.fault()

    def _raw(self, stream, wanted) -> Iterator[av.frame.Frame]:
        codec = stream.codec_context.codec
        skippable = wanted is not None and codec.canonical_name in SKIPPABLE
        alone = wanted is not None and codec.intra_only  # no picture leans on another
        for packet in self.packets():
            time = self.packet_time(packet)
            if time is not None:
                end = time + self._seconds(packet, packet.duration or 0)
                self._damage.reach(packet.stream_index, end)
            if packet.stream_index != stream.index:
                continue
            if alone and packet.pts is not None and (packet.is_discard or not wanted(time)):
                continue
            if skippable:
                if packet.is_discard:
                    skipped = "NONREF"  # never shown, so it must not count as the first of a bin
                elif self._nearest_only and packet.pts is not None and wanted.passes_over(time):
                    skipped = "BIDIR"
                else:
                    skipped = "DEFAULT" if packet.pts is None or wanted(time) else "NONREF"
                stream.codec_context.skip_frame = skipped
            yield from self._decode(stream, packet)
        yield from self._decode(stream, None)

    def _decode(self, stream, packet: av.Packet | None) -> list[av.frame.Frame]:
        if packet is not None and self._is_encrypted(packet):
            self._damage.encrypted(self.packet_time(packet) or 0.0)
            return []
        try:
            return stream.codec_context.decode(packet)
        except AV_ERRORS:
            self.fault()
            return []

    def _timed(self, frames: Iterator[av.frame.Frame], stream) -> Iterator[tuple[float, av.frame.Frame]]:
        """Pair frames with their times, counting on where a time is missing or broken: far ahead of the next one, or
        of the one before."""
        rate = 0.0 if stream.type == "audio" else float(stream.guessed_rate or stream.average_rate or DEFAULT_RATE)
        base, tick = stream.time_base.as_integer_ratio() if stream.time_base else (0, 1)
        expected, held = None, None
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
                self._position = max(self._position, expected)
                if last.is_corrupt:
                    self.fault(at)
                yield at, last
            held = (time, frame)
