"""The live sessions: what a browser sends from its camera and microphone, and the features of it so far.

Only features, which include small pictures of the persons, are kept in memory, until the visitor begins another
session, leaves or deletes everything. Saving does not remove them, because the answer to the browser may be lost.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from emorec.analyzer import Analyzer
from emorec.errors import EmorecError
from emorec.extraction.features import Features
from emorec.live import Live, Reading
from emorec.media import sandbox
from emorec.prefetch import processors
from emorec.timeline import Timeline
from emorec.ui.server.limits import Visitor

MOST_AT_ONCE = max(1, processors())  # sessions that are read at the same time; each takes up to a core
IDLE = 15.0  # seconds without anything from the browser after which a session is stopped if another one waits
KEEP = 3600.0  # seconds after the last input of a session until its features are forgotten
MAX_SECONDS = 2 * 3600.0  # of a session
MAX_SIDE = 1280  # pixels of a picture
SOUND_RATES = (8_000, 192_000)  # Hz; lowest and highest
WAIT = 0.08  # seconds to wait for the reading of the picture that was just sent, so that the answer has it
POLL = 0.01

TOO_MANY = "Too many people use Live here now; try again in a few minutes."
FROM_THERE = "Live runs already on another page from your address; press Stop there, or try again when it has ended."
OVER = "The live session has ended; press Start for another one."
TOO_LONG = f"A live session lasts at most {MAX_SECONDS / 60:.0f} minutes here; save it, and begin another one."
NOTHING = "Nothing was seen or heard yet, so there is nothing to save."
WRONG_RATE = "The sound has a rate that is not possible."

# Limits the pictures that are decoded at the same time, for all sessions; further ones are left out.
DECODING = threading.BoundedSemaphore(2)


class SessionOver(EmorecError):
    """The session does not exist any more, or accepts no more input."""


@dataclass(frozen=True, kw_only=True)
class LiveInput:
    """What a browser sent: a JPEG, and 16-bit mono sound at ``rate`` (Hz), each with its time (s); b"" for none."""

    picture: bytes = b""
    picture_at: float = 0.0
    sound: bytes = b""
    sound_at: float = 0.0
    rate: int = 16_000


@dataclass(eq=False, kw_only=True)
class LiveSession:
    """One session; ``choices`` are those of the inference, ``last_input`` is the time (s) of its last input.

    ``saved`` is whether its page shows it as a result.
    """

    live: Live
    visitor: Visitor
    checkpoint: str
    last_input: float
    choices: dict[str, Any] = field(default_factory=dict)
    stopped: bool = False
    saved: bool = False
    _known: tuple[float | None, Reading] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def stop(self) -> None:
        """End its threads, and keep its features."""
        self.stopped = True
        self.live.close()

    def reading(self) -> Reading:
        """The current reading, which is computed again only if there are new features."""
        with self._lock:
            until = self.live.until
            if self._known is None or self._known[0] != until:
                self._known = until, self.live.reading(**self.choices)
            return self._known[1]


class LiveSessions:
    """At most one live session for each session of the page, and ``most`` that run at the same time."""

    def __init__(self, most: int = MOST_AT_ONCE, clock: Callable[[], float] = time.monotonic):
        self._most, self._clock = most, clock
        self._sessions: dict[str, LiveSession] = {}
        self._lock = threading.Lock()

    def start(self, visitor: Visitor, analyzer: Analyzer, checkpoint: str, name: str) -> None:
        """Begin a session of a visitor, in place of the last one. Raises EmorecError if too many run."""
        with self._lock:
            now = self._clock()
            own = self._sessions.get(visitor.session)
            others = [each for each in self._sessions.values() if not each.stopped and each is not own]
            silent = [each for each in others if now - each.last_input > IDLE]
            if any(each.visitor.account == visitor.account and each not in silent for each in others):
                raise EmorecError(FROM_THERE)
            if len(others) - len(silent) >= self._most:
                raise EmorecError(TOO_MANY)
            self._sessions[visitor.session] = LiveSession(
                live=Live(analyzer, name=name), visitor=visitor, checkpoint=checkpoint, last_input=now
            )
        for each in (*silent, *([own] if own else ())):
            each.stop()

    def receive(self, session: str, sent: LiveInput) -> dict[str, Any]:
        """Use what a browser sent; returns the current reading. Raises SessionOver, or EmorecError for wrong input."""
        found = self._get(session)
        if found.stopped:
            raise SessionOver(OVER)
        live = found.live
        if live.until > MAX_SECONDS:
            found.stop()
            raise SessionOver(TOO_LONG)
        found.last_input = self._clock()
        if sent.sound:
            if not SOUND_RATES[0] <= sent.rate <= SOUND_RATES[1]:
                raise EmorecError(WRONG_RATE)
            whole = sent.sound[: len(sent.sound) // 2 * 2]
            if whole:
                live.add_sound(np.frombuffer(whole, "<i2").astype(np.int16), sent.rate, sent.sound_at)
        if sent.picture and live.wants_picture(sent.picture_at) and DECODING.acquire(blocking=False):
            try:
                image = sandbox.jpeg(sent.picture, MAX_SIDE)
            finally:
                DECODING.release()
            live.add_picture(image, sent.picture_at)
            _wait_for(live, sent.picture_at)
        newest, reading = live.newest, found.reading()
        return {
            "newest": newest,
            "words": reading.words,
            "emotion": reading.emotion,
            "confidence": round(reading.confidence, 4),
            "sure": reading.sure,
            "face": reading.face,
            "speech": reading.speech,
            "until": round(live.until, 3),
            "rate": round(live.rate, 2),
            "dropped": live.dropped,
        }

    def timeline(self, session: str, choices: dict[str, Any]) -> Timeline | None:
        """The last minute, inferred with ``choices``, which are used for readings too; None without a session."""
        found = self._sessions.get(session)
        if found is None:
            return None
        found.choices = choices
        return found.live.timeline(**choices)

    def stop(self, session: str) -> bool:
        """Stop a session, and keep its features; returns whether there is one."""
        found = self._sessions.get(session)
        if found:
            found.stop()
        return found is not None

    def save(self, session: str) -> tuple[Features, str]:
        """Stop a session; returns all its features and the name of the checkpoint. Raises EmorecError."""
        found = self._get(session)
        found.stop()
        features = found.live.save()
        if not features.segments:
            raise EmorecError(NOTHING)
        found.saved = True
        return features, found.checkpoint

    def unsaved(self, session: str) -> float:
        """The length (s) of what is known of a session that no page shows as a result; 0 if there is nothing."""
        found = self._sessions.get(session)
        return found.live.until if found and not found.saved else 0.0

    def hand_over(self, before: str, after: str) -> float | None:
        """Give the session of a page that has ended to another page of its browser, which can save it.

        Returns its length (s), or None if there is nothing to save.
        """
        with self._lock:
            found = self._sessions.pop(before, None)
            if found is None:
                return None
            # At once, so that a deletion while it is stopped finds it.
            taken = self._sessions.setdefault(after, found) is found
        found.stop()  # analyses what was received last
        found.saved = False  # the result was shown on a page that has ended
        with self._lock:
            if not taken or self._sessions.get(after) is not found:
                return None
            if not found.live.until:
                del self._sessions[after]
                return None
        return found.live.until

    def end(self, session: str) -> None:
        """End a session, and forget its features."""
        with self._lock:
            found = self._sessions.pop(session, None)
        if found:
            found.stop()

    def running(self, session: str) -> bool:
        """Whether a session accepts input; one that was stopped only keeps its features."""
        found = self._sessions.get(session)
        return found is not None and not found.stopped

    def active(self, session: str) -> bool:
        """Whether a session runs and had input within IDLE seconds."""
        found = self._sessions.get(session)
        return found is not None and not found.stopped and self._clock() - found.last_input <= IDLE

    def end_idle(self) -> None:
        """End the sessions that had no input for KEEP seconds."""
        now = self._clock()
        for session, found in [*self._sessions.items()]:
            if now - found.last_input > KEEP:
                self.end(session)

    def _get(self, session: str) -> LiveSession:
        """A session. Raises SessionOver if there is none."""
        found = self._sessions.get(session)
        if found is None:
            raise SessionOver(OVER)
        return found


def _wait_for(live: Live, at: float) -> None:
    """Wait until the picture of a time (s) is analysed, at most WAIT seconds."""
    deadline = time.monotonic() + WAIT
    while (live.newest or 0.0) < at and time.monotonic() < deadline:
        time.sleep(POLL)
