"""What is broken or missing in a recording, noted while it is read, and the sentence about it."""

from pathlib import Path

import av

from emorec.media import containers

AV_ERRORS = (av.FFmpegError, ValueError, RuntimeError, MemoryError)
"""What PyAV raises for broken media; its own checks raise Python's errors."""

FEW_FAULTS = 2
"""Packets of sound that may be broken without a word: tags at the end of an mp3 are such, and so is its first frame."""

CUT_TOLERANCE = 1.0
"""Seconds that may be missing of what the container promises."""

CUT_SHARE = 0.1
"""What may be missing of the size that a header states, as a share of what is there."""

JUMP = 1.0
"""Seconds by which a time must lie ahead of the next one to be taken for broken, or behind to be a jump back."""


MAX_IDLE_PACKETS = 20_000
"""Packets in a row that may come without a later time than those before."""

PACKET_SHARE = 2.0
PACKET_SLACK = 16 << 20
"""What all packets together may hold: so often the file, and so many bytes. A file of a few bytes can name the same
ones a million times."""


def on_progress() -> None:
    """Called whenever reading got further; a process that counts its seconds puts a function of its own here."""


class Pace:
    """Whether reading a file still gets further, packet by packet; all of them may hold ``share`` times the file."""

    def __init__(self, path: Path, share: float = PACKET_SHARE):
        self._left = share * path.stat().st_size + PACKET_SLACK
        self._latest = float("-inf")
        self._idle = 0

    def goes_on(self, size: int, time: float | None) -> bool:
        """Take note of one more packet of ``size`` (bytes), to be decoded at ``time`` (s, None if it does not say);
        False once there were too many for what they brought."""
        self._left -= size
        if time is None or time > self._latest:
            self._latest = self._latest if time is None else time
            self._idle = 0
            on_progress()
        else:
            self._idle += 1
        return self._left >= 0 and self._idle <= MAX_IDLE_PACKETS


class Damage:
    """What of one file could not be used, and how far each of its streams reached."""

    def __init__(self, path: Path):
        # At once, for the file may be gone by the time that anybody asks.
        self._size = path.stat().st_size
        self._stated_size = containers.stated_size(path) or self._size
        self._faults = 0
        self._fault_at: float | None = None
        self._encrypted_at: float | None = None
        self._cut = False
        self._reached: dict[int, float] = {}

    def fault(self, time: float) -> None:
        """Note that something could not be used at ``time`` (s)."""
        self._faults += 1
        if self._fault_at is None:
            self._fault_at = time

    def reach(self, index: int, time: float) -> None:
        """Note that the stream of that ``index`` goes on until ``time`` (s) at least."""
        self._reached[index] = max(self._reached.get(index, 0.0), time)

    def encrypted(self, time: float) -> None:
        """Note that from ``time`` (s) on there is something encrypted."""
        if self._encrypted_at is None:
            self._encrypted_at = time

    def finish(self, stream, position: float, zero: float, promised: float | None, whole: bool = True) -> None:
        """Note that a stream was decoded to its end, or to the end of what is wanted, up to ``position`` (s).

        ``zero`` (s) is that of the clock; ``promised`` (s) is how long the container says that it is, if it does.
        Whether the file is cut off is looked at only if the ``whole`` stream was asked for.
        """
        self._cut = whole and self._cut_short(stream, position, zero, promised)

    def certain(self, kind: str, position: float) -> bool:
        """Whether ``sentence`` says already what it will say at the end: reading has gone on past what is broken."""
        return self._encrypted_at is not None or (self._faults > _few(kind) and position > self._fault_at + JUMP)

    def sentence(self, kind: str, position: float) -> str | None:
        """What is broken or missing in a stream that was decoded up to ``position`` (s), None if nothing is. Faults may
        still be noted after ``finish``."""
        few = _few(kind)
        if self._encrypted_at is not None:
            where = f" after {self._encrypted_at:.1f} s" if self._encrypted_at > JUMP else ""
            return f"The {kind} is encrypted{where}; what is encrypted could not be read."
        if not self._cut and self._faults <= few:
            return None
        at = position if self._faults <= few else self._fault_at
        if position == 0.0:
            return f"The {kind} is damaged or cut off at its beginning; nothing of it could be read."
        where = "is damaged at" if position > at + JUMP else "is damaged or cut off after"
        return f"The {kind} {where} {at:.1f} s; what could be read was used."

    def _cut_short(self, stream, position: float, zero: float, promised: float | None) -> bool:
        size, stated = self._size, self._stated_size
        if position * (stated / size - 1) > CUT_TOLERANCE or stated / size - 1 > CUT_SHARE:
            return True
        if promised is None:
            return False
        reached = max(self._reached.values(), default=0.0)
        if stream.duration:
            end = float(((stream.start_time or 0) + stream.duration) * stream.time_base) - zero
            promised, reached = min(promised, end), self._reached.get(stream.index, 0.0)
        return promised - reached > CUT_TOLERANCE


def _few(kind: str) -> int:
    """How many faults are not worth a word."""
    return 0 if kind == "video" else FEW_FAULTS
