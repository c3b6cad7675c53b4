"""Damage of a recording: errors are noted while it is read, and reported in one sentence."""

import math
from pathlib import Path

from av.error import FFmpegError

from emorec.media.stated_size import stated_size

# What PyAV raises for broken media; its own checks raise Python's errors.
AV_ERRORS = (FFmpegError, ValueError, RuntimeError, MemoryError)

# Broken packets of sound that are not reported: tags at the end of an mp3 are such, and so is its first frame.
FEW_ERRORS = 2

CUT_TOLERANCE = 1.0  # seconds that may be missing of the duration that the container states

MUCH = 60.0  # seconds that must be missing of a recording's stated duration if each track states that it is shorter

CUT_SHARE = 0.1  # of the size that a header states, which may be missing

# Seconds: a time that is later than the next one by more is invalid; one that is earlier than the last by more jumps
# back.
JUMP = 1.0


MAX_IDLE_PACKETS = 20_000  # packets in a row that may come without a later time than those before

# All packets together may have PACKET_SHARE times the size of the file, and PACKET_SLACK bytes more: a file of a few
# bytes can name the same ones a million times.
PACKET_SHARE = 2.0
PACKET_SLACK = 16 << 20

# The ends of the sentences about damage.
LOST = "what is encrypted could not be read."
NOTHING = "nothing of it could be read."
USED = "what could be read was used."


def on_progress() -> None:
    """Called whenever reading makes progress; a process with a time limit replaces this function."""


class ProgressCheck:
    """Whether reading a file makes progress; all packets together may have ``share`` times its size."""

    def __init__(self, path: Path, share: float = PACKET_SHARE):
        self._left = share * path.stat().st_size + PACKET_SLACK
        self._latest = float("-inf")
        self._idle = 0

    def advances(self, size: int, time: float | None) -> bool:
        """Count one more packet of ``size`` (bytes), to be decoded at ``time`` (s, None if unknown); False once there
        were too many without progress."""
        self._left -= size
        if time is None or time > self._latest:
            self._latest = self._latest if time is None else time
            self._idle = 0
            on_progress()
        else:
            self._idle += 1
        return self._left >= 0 and self._idle <= MAX_IDLE_PACKETS


class Integrity:
    """The errors in one file, and how far each of its streams goes."""

    def __init__(self, path: Path):
        # Read now, because the file may be removed before the end.
        self._size = path.stat().st_size
        self._stated_size = stated_size(path) or self._size
        self._errors = 0
        self._first_error: float | None = None
        self._encrypted_at: float | None = None
        self._cut = False
        self._reached: dict[int, float] = {}

    def note_error(self, time: float) -> None:
        """Note an error at ``time`` (s)."""
        self._errors += 1
        if self._first_error is None:
            self._first_error = time

    def reach(self, index: int, time: float) -> None:
        """Note that the stream of that ``index`` lasts at least until ``time`` (s)."""
        self._reached[index] = max(self._reached.get(index, 0.0), time)

    def note_cut(self) -> None:
        """Note that what follows cannot be read; after ``finish``."""
        self._cut = True

    def note_encrypted(self, time: float) -> None:
        """Note that something is encrypted from ``time`` (s) on."""
        if self._encrypted_at is None:
            self._encrypted_at = time

    def finish(
        self, index: int, position: float, promised: float | None, end: float | None, whole: bool = True
    ) -> None:
        """Note that the stream of that ``index`` was decoded to its end, or to the end of the selected part, up to
        ``position`` (s).

        ``promised`` and ``end`` (s) are when the recording and the stream end at least, if the container says so (see
        ``stated``). Whether the file is cut off is only checked if the ``whole`` stream was decoded.
        """
        self._cut = whole and self._cut_short(index, position, promised, end)

    def is_certain(self, kind: str, position: float) -> bool:
        """Whether ``sentence`` is final: reading has continued after the damage."""
        first = math.inf if self._first_error is None else self._first_error
        return self._encrypted_at is not None or (self._errors > _few(kind) and position > first + JUMP)

    def sentence(self, kind: str, position: float) -> str | None:
        """The damage of a stream that was decoded up to ``position`` (s), None if there is none. Errors may still be
        noted after ``finish``."""
        few = _few(kind)
        if self._encrypted_at is not None:
            where = f" after {self._encrypted_at:.1f} s" if self._encrypted_at > JUMP else ""
            return f"The {kind} is encrypted{where}; {LOST}"
        if not self._cut and self._errors <= few:
            return None
        at = position if self._errors <= few or self._first_error is None else min(self._first_error, position)
        if position == 0.0:
            return f"The {kind} is damaged or cut off at its beginning; {NOTHING}"
        where = "is damaged at" if position > at + JUMP else "is damaged or cut off after"
        return f"The {kind} {where} {at:.1f} s; {USED}"

    def _cut_short(self, index: int, position: float, promised: float | None, end: float | None) -> bool:
        size, stated = self._size, self._stated_size
        if position * (stated / size - 1) > CUT_TOLERANCE or stated / size - 1 > CUT_SHARE:
            return True
        if promised is None:
            return False
        reached = max(self._reached.values(), default=0.0)
        if promised - reached > MUCH:
            return True
        if end is not None:
            promised, reached = min(promised, end), self._reached.get(index, 0.0)
        return promised - reached > CUT_TOLERANCE


def _few(kind: str) -> int:
    """How many errors are not reported."""
    return 0 if kind == "video" else FEW_ERRORS


def is_damage(sentence: str) -> bool:
    """Whether a note about a recording is one of ``Integrity.sentence``: that something of it could not be read."""
    return sentence.endswith((LOST, NOTHING, USED))
