"""An open recording: its streams, and its packets with times on the media's clock."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import av
from av.error import PatchWelcomeError

from emorec.media import containers, stated
from emorec.media.clock import Clock
from emorec.media.frame_rates import decoder_threads
from emorec.media.integrity import AV_ERRORS, JUMP, PACKET_SHARE, Integrity, ProgressCheck
from emorec.media.ogg_links import FileFrom, next_form
from emorec.media.selection import EVERYTHING, Selection, pick
from emorec.media.webp import RawVideo

MAX_PIXELS = 8192 * 4320  # larger pictures are refused: a file of a few bytes can require gigabytes

MAX_FAILURES = 100  # reads in a row that may fail before reading ends

PEEK_PACKETS = 64

SEEK_MARGINS = (0.0, 4.0, 16.0, 64.0)  # seconds to go back by, in turn, until decoding starts early enough

# Frames without the deblocking filter. That leaves traces until the next keyframe, and saves a fifth of decoding;
# docs/PERFORMANCE.md says what it costs in accuracy.
SKIPPED_FILTERING = "all"

# Codecs of sound, besides PCM, whose output does not depend on where decoding began. Others (aac, ac3) add noise from a
# generator that runs from the beginning, so decoding must begin there too.
REPEATABLE = {"flac", "alac", "opus", "vorbis", "mp3", "mp2"}


class Packets:
    """An open file: its streams, the zero of its clock, and the errors found while it is read."""

    def __init__(self, path: Path, selection: Selection = EVERYTHING, begin: int = 0):
        containers.check_file(path)
        self._begin = begin
        self._source = RawVideo(path, MAX_PIXELS) if containers.is_animated_webp(path) else None
        self._link = FileFrom(path, begin) if begin else None
        try:
            # "file:" keeps a colon in the name from being read as a protocol.
            source = self._source or self._link or f"file:{path}"
            self.container: Any = av.open(source, options=containers.OPEN_OPTIONS, metadata_errors="replace")
        except AV_ERRORS as error:
            raise containers.unreadable_error(path) from error
        containers.check_streams(self.container.streams, path)
        self.container_names = "webp" if self._source else self.container.format.name
        self.format = self.container.format.name.split(",")[0]
        default = pick(self.container, "video", path, selection)
        sound = pick(self.container, "audio", path, selection, related=default)
        video = default if selection.pictures else None
        self.has = {"video": default is not None, "audio": sound is not None}
        self.streams: dict[str, Any] = {"video": video, "audio": sound if selection.sound else None}
        for stream in filter(None, self.streams.values()):
            stream.codec_context.thread_type = "AUTO"
            stream.codec_context.thread_count = decoder_threads(stream)
            options = {"max_pixels": str(MAX_PIXELS)}
            if stream.type == "video" and not selection.filtered:
                options["skip_loop_filter"] = SKIPPED_FILTERING
            stream.codec_context.options = options
        self._path = path
        self._encrypted = {stream.index for stream in self.container.streams if containers.is_encrypted(stream)}
        self._damage, self._progress = Integrity(path), ProgressCheck(path, math.inf if self._source else PACKET_SHARE)
        self._time_bases: dict[int, tuple[int, int]] = {}
        self._position = 0.0
        self.next_link: int | None = None  # the byte of it at which an Ogg file goes on in another form, once found
        self.zero = (self.container.start_time or 0) / av.time_base  # until it is known better
        self._clock = Clock(self.format, self._seconds)
        self._flow = self._paced()
        self._peeked = list(itertools.islice(self._flow, PEEK_PACKETS))
        if self.format == "gif" and len(self._peeked) < 2:
            self.container.close()
            raise containers.picture_error(path, "GIF")
        if self._all_encrypted():
            self.container.close()
            raise containers.encrypted_error(path)
        self.zero, self.broken_from = self._find_zero()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        self._peeked.clear()
        self.container.close()
        for file in filter(None, (self._source, self._link)):
            file.close()

    @property
    def animated_seconds(self) -> float:
        """How long (s) the pictures of an animated WebP that were read so far are shown; 0 for every other file."""
        return self._source.seconds if self._source is not None else 0.0

    def _all_encrypted(self) -> bool:
        """Whether everything at the beginning is encrypted."""
        ours = {stream.index for stream in self.streams.values() if stream is not None}
        packets = [packet for packet in self._peeked if packet.stream_index in ours]
        return bool(packets) and all(self._is_encrypted(packet) for packet in packets)

    def _is_encrypted(self, packet: av.Packet) -> bool:
        return packet.stream_index in self._encrypted or packet.has_sidedata("encryption_info")

    def _find_zero(self) -> tuple[float, float]:
        """The zero of the clock (s), and the time (s) from which times are invalid.

        The zero is the start that the container states, or the earliest time of a packet if the stated start lies far
        after it, which is wrong; times from the stated start on are wrong then, too.
        """
        ours = {stream.index for stream in self.streams.values() if stream is not None}
        # Packets that an edit list leaves out serve only for decoding from a keyframe on; they are not shown.
        shown = (packet for packet in self._peeked if packet.stream_index in ours and not packet.is_discard)
        times = (float(packet.pts * packet.time_base) for packet in shown if packet.pts is not None)
        earliest = min(times, default=0.0)
        if self.container.start_time is None:
            return earliest, math.inf
        start = self.container.start_time / av.time_base
        return (earliest, start - earliest - JUMP) if start > earliest + JUMP else (start, math.inf)

    def seek(self, kind: str, time: float, repeatable: bool = True) -> bool:
        """Go to the last keyframe at or before ``time`` (s); False if times would be unreliable from there on or, if it
        must be ``repeatable``, decoding from there would not give the same frames."""
        codec = self.streams[kind].codec_context.codec.canonical_name
        same = kind == "video" or codec in REPEATABLE or codec.startswith("pcm_")
        if self.format not in containers.SEEKABLE or (repeatable and not same) or self._resets_before(time):
            return False
        return self.seek_unchecked(time)

    def seek_unchecked(self, time: float) -> bool:
        """Go to the last keyframe at or before ``time`` (s), whether times are reliable from there on or not; False if
        that fails."""
        try:
            self.container.seek(math.floor((time + self.zero) * av.time_base))
        except AV_ERRORS:
            return False
        self._peeked.clear()
        self._clock = Clock(self.format, self._seconds)
        self._flow = self._paced()
        return True

    def _resets_before(self, time: float) -> bool:
        """Whether the file's clock is reset before ``time`` (s), so that seeking would lead to the wrong part."""
        if self.format not in containers.RESETTABLE:
            return False
        with Packets(self._path) as whole:
            for packet in whole.packets():
                at = whole.packet_time(packet)
                if whole._clock.parts > 1 or (at is not None and at > time + SEEK_MARGINS[1]):
                    break
            return whole._clock.parts > 1

    def continue_after(self, before: Packets) -> None:
        """Let the clock begin where the link before ends."""
        self._position = before._position
        self.zero -= before._position

    def packets(self) -> Iterator[av.Packet]:
        """Yield the file's packets; unreadable ones are skipped."""
        while (packet := self._peeked.pop(0) if self._peeked else next(self._flow, None)) is not None:
            yield packet

    def packet_time(self, packet: av.Packet) -> float | None:
        """The presentation time of a packet (s), None if it has none."""
        stamp = packet.pts if packet.pts is not None else packet.dts
        return None if stamp is None else self._seconds(packet, stamp) - self.zero

    def _seconds(self, packet: av.Packet, ticks: int) -> float:
        """Seconds of a number of ticks of the packet's stream."""
        # Integers, because arithmetic with Fractions for every packet costs as much as decoding a packet of sound.
        base = self._time_bases.get(packet.stream_index)
        if base is None:
            base = self._time_bases[packet.stream_index] = packet.time_base.as_integer_ratio()
        return ticks * base[0] / base[1]

    def note_error(self, time: float | None = None) -> None:
        """Note an error at ``time`` (s), by default at the current position."""
        self._damage.note_error(self._position if time is None else time)

    def note_cut(self) -> None:
        """Note that what follows cannot be read; after ``finish``."""
        self._damage.note_cut()

    def is_surely_damaged(self, kind: str) -> bool:
        """Whether ``damage`` is final."""
        return self._damage.is_certain(kind, self._position)

    def damage(self, kind: str) -> str | None:
        """The damage of a stream up to the current position, None if there is none."""
        return self._damage.sentence(kind, self._position)

    def finish(self, kind: str, whole: bool = True) -> None:
        """Note that a stream was read to its end or, if not the ``whole`` of it, to the end of the selected part."""
        stream, promised, end = self.streams[kind], None, None
        if self.broken_from == math.inf:
            promised = stated.promised_duration(self.container, self.format, self.zero)
            end = stated.promised_track_end(stream, self.format, self.zero)
        self._damage.finish(stream.index, self._position, promised, end, whole)

    def _paced(self) -> Iterator[av.Packet]:
        """Packets on a continuous clock, as long as reading makes progress."""
        for packet in self._clock.continuous(self._demux()):
            stamp = packet.dts if packet.dts is not None else packet.pts
            time = None if stamp is None else self._seconds(packet, stamp)
            if not self._progress.advances(packet.size, time):
                return self.note_error()
            yield packet

    def _demux(self) -> Iterator[av.Packet]:
        failures, searched = 0, False
        latest: av.Packet | None = None  # the packet read last
        while failures < MAX_FAILURES:
            try:
                for packet in self.container.demux():
                    failures = 0
                    # To a decoder, an empty packet means the end; avi files contain many.
                    if packet.size:
                        yield packet
                        latest = packet
                return
            except IndexError:
                return  # PyAV raises it at the end if a stream appeared in the middle
            except AV_ERRORS as error:
                changed = isinstance(error, PatchWelcomeError) and self.format == "ogg" and not self.has["video"]
                if changed and not searched:  # once, as it reads the whole file
                    self.next_link, searched = next_form(self._path, self._begin), True
                    if self.next_link is not None:
                        return
                failures += 1
                read_to = self._position
                # The packets before may be read ahead, and not be decoded yet.
                if latest is not None and (at := self.packet_time(latest)) is not None:
                    read_to = max(read_to, at + self._seconds(latest, latest.duration or 0))
                self.note_error(read_to)
