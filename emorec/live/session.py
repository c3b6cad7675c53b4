"""A live session: pictures and sound come one after another, and a timeline of the last minute is ready at any time.

Stage 1 extracts the features as the recording grows, and stage 2 infers from them as from those of a file. Only the
features are kept (with the small pictures of persons that are part of them), no video and no sound.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from emorec.errors import EmorecError
from emorec.extraction import arrays as checks
from emorec.extraction.features import Features
from emorec.extraction.live_faces import LiveFaces
from emorec.extraction.live_features import features_of
from emorec.extraction.live_voices import LiveVoices
from emorec.extraction.options import Settings
from emorec.face import detection
from emorec.live.reading import Reading, check_choices, reading_of
from emorec.live.sound import Blocks
from emorec.live.times import Times
from emorec.media import arrays as memory
from emorec.media.streams import Frame

if TYPE_CHECKING:
    from emorec.analyzer import Analyzer
    from emorec.timeline import Timeline

LAST = 60.0  # seconds that a reading and a timeline are of, by default
MANY_DROPPED = 0.05  # share of the pictures from which on a note says that they were left out

ENDED = "This live session has ended; begin another one."
DROPPED = "{share:.0%} of the pictures came faster than this machine could judge them, and were left out."
DROPPED_SOUND = "{seconds:.0f} s of the sound came faster than this machine could judge it, and count as silence."
LATE = (
    "{share:.0%} of the pictures came after newer ones, as over an uneven connection, or were from before the "
    "beginning; they were left out."
)
OVERLAP = (
    "{seconds:.0f} s of the sound came when its time had sound already, as over an uneven connection, or was from "
    "before the beginning; it was left out."
)
SET_BACK = (
    "The times of pictures or sound went back by more than a minute ({count} times), as if a clock had been set; what "
    "came then follows what was there."
)


class Live:
    """A session: give it pictures and sound as they come, and ask for the timeline of the last minute at any time.

    Every time is in seconds since the session was made, by ``clock`` (s). Give pictures and sound roughly in the order
    of their times: a pause of more than a minute without both is shortened to a second. Two threads work in the
    background until ``close``; use the session as a context. At most ``rate`` pictures a second are judged. ``name`` is
    what results call the recording. What goes wrong in a thread is raised by the next call.
    """

    def __init__(
        self,
        analyzer: Analyzer,
        *,
        rate: float = Settings().face_rate,
        name: str = "live",
        clock: Callable[[], float] = time.monotonic,
    ):
        self._analyzer, self._name, self._clock = analyzer, name, clock
        self._settings = Settings(face_rate=rate)
        self._faces = LiveFaces(analyzer.model, detection.detector(analyzer.detector_file), rate)
        self._voices = LiveVoices(analyzer.model)
        self._blocks, self._times = Blocks(analyzer.model.front_end.rate), Times()
        self._began = clock()
        self._size: tuple[int, int] | None = None  # height and width (px)
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def now(self) -> float:
        """Seconds since the beginning of the session."""
        return self._clock() - self._began

    @property
    def delay(self) -> float | None:
        """How old (s) the newest picture is that was judged, or the newest sound without pictures; None before."""
        newest = self.newest
        return None if newest is None else max(0.0, self.now() - newest)

    @property
    def newest(self) -> float | None:
        """When (s) the newest picture was taken that was judged, or the newest sound if there are no pictures."""
        faces, voices = self._faces.known, self._voices.known
        if faces.arrays:
            return faces.newest + self._times.left_out
        return voices.until + self._times.left_out if voices.arrays else None

    @property
    def rate(self) -> float:
        """Pictures judged per second in the last ten seconds."""
        return self._faces.rate

    @property
    def judged(self) -> int:
        """The number of pictures that were judged."""
        return self._faces.judged

    @property
    def dropped(self) -> int:
        """The number of pictures that came too fast, and were replaced by newer ones."""
        return self._faces.dropped

    @property
    def until(self) -> float:
        """How long (s) the session is, as far as it is known."""
        return max(self._faces.known.until, self._voices.known.until)

    def wants_picture(self, at: float) -> bool:
        """Whether a picture of that time (s) would be used; more than ``rate`` a second are not."""
        return self._faces.wants(self._times.preview(at, "picture"))

    def add_picture(self, image: np.ndarray, at: float | None = None, *, wait: bool = False) -> None:
        """Give a picture, uint8 RGB (H, W, 3) or grey (H, W), taken at the time ``at`` (s), by default now.

        It returns at once. A picture that still waits to be judged is dropped for this one; with ``wait`` this returns
        later instead, when none waits. Raises EmorecError.
        """
        image = checks.as_picture(image)
        moment = self._moment(at, "picture")
        self._size = image.shape[:2]
        self._faces.offer(moment, lambda: _frame(image, moment), wait)

    def add_frame(self, frame: Frame, *, wait: bool = False) -> None:
        """Give a picture that ``emorec.media`` decoded, like ``add_picture``. Raises EmorecError."""
        moment = self._moment(frame.time, "picture")
        self._size = frame.luma.shape
        self._faces.offer(moment, lambda: dataclasses.replace(frame, time=moment), wait)

    def add_sound(self, samples: np.ndarray, rate: int, at: float | None = None, *, wait: bool = False) -> None:
        """Give sound at ``rate`` (Hz) whose first sample was heard at the time ``at`` (s), by default just before now.

        ``samples`` are as in ``Analyzer.analyze``. It returns at once; with ``wait``, when there is room for it. A
        block that begins within 0.25 s of the end of the one before it continues that one; a longer gap is silence, and
        what overlaps is left out. Blocks without a time also continue the ones before a pause if they come faster than
        they are heard, as what was recorded while a program stalled; to tell, the first of them are held until others
        come, or for a second. Raises EmorecError.
        """
        rate = int(checks.rate("rate", rate, whole=True))
        sound = checks.as_float(checks.sound(samples))
        now = self.now() if at is None else None
        length = sound.shape[1] / rate
        moment = self._moment(at if now is None else max(0.0, now - length), "sound", length)
        for begin, mono in self._blocks.add(sound, rate, moment, timed=now is None):
            self._voices.offer(begin, mono, wait)

    def features(self, seconds: float | None = None) -> Features:
        """The features of the last ``seconds``, or of all; those of sound may still change in the last seconds.

        Raises EmorecError if the session has failed.
        """
        # Whole seconds, so that the rows of a timeline stay what they are while it moves on.
        return self._part(lambda until: 0.0 if seconds is None else float(max(0, math.ceil(until - seconds))))

    def timeline(self, seconds: float | None = LAST, **choices: Any) -> Timeline:
        """The Timeline of the last ``seconds``, or of all; ``choices`` are those of ``Analyzer.infer``.

        Only of all the baseline may be a stretch of time. Raises EmorecError.
        """
        if seconds is not None:
            choices = check_choices(choices)
        return self._analyzer.infer(self.features(seconds), **choices)

    def reading(self, seconds: float = LAST, **choices: Any) -> Reading:
        """What is shown and heard now, by a timeline of the last ``seconds`` whose last row is whole and ends now.

        ``choices`` are those of ``Analyzer.infer``; the baseline cannot be a stretch of time. Raises EmorecError.
        """
        choices = check_choices(choices)
        step = float(choices["step"])
        features = self._part(lambda until: max(0.0, until - step * max(1, min(until, seconds) // step)))
        return reading_of(self._analyzer.infer(features, **choices), self.delay, features)

    def close(self) -> None:
        """Judge what waits, and end the threads; what is known can still be asked for."""
        self._closed = True
        self._blocks.settle(math.inf, self._voices.offer)
        self._faces.close()
        self._voices.close()

    def save(self) -> Features:
        """End the session, and return all its features, complete, like those of a recording. Raises EmorecError."""
        self.close()
        return self.features()

    def _moment(self, at: object, kind: str, length: float = 0.0) -> float:
        """The time (s) in the session of what was given with a time (s), or none. Raises EmorecError."""
        self._check()
        if self._closed:
            raise EmorecError(ENDED)
        return self._times.place(self.now() if at is None else at, kind, length)

    def _part(self, start_of: Callable[[float], float]) -> Features:
        """The features from a start (s) on that depends on where they end (s)."""
        self._check()
        self._blocks.settle(self.now() - self._times.left_out, self._voices.offer)
        faces, voices = self._faces.known, self._voices.known
        return features_of(
            self._analyzer.model,
            self._settings,
            faces,
            voices,
            start_of(max(faces.until, voices.until)),
            name=self._name,
            size=self._size,
            complete=self._closed,
            notes=self._notes(),
        )

    def _check(self) -> None:
        for error in (self._faces.error, self._voices.error):
            if error is not None:
                raise error

    def _notes(self) -> tuple[str, ...]:
        notes = []
        given = max(self.dropped + self.judged + self._faces.late, 1)
        for count, sentence in ((self.dropped, DROPPED), (self._faces.late, LATE)):
            if count / given > MANY_DROPPED:
                notes.append(sentence.format(share=count / given))
        for seconds, sentence in ((self._voices.dropped, DROPPED_SOUND), (self._voices.overlapping, OVERLAP)):
            if seconds >= 1:
                notes.append(sentence.format(seconds=seconds))
        if self._times.set_back:
            notes.append(SET_BACK.format(count=self._times.set_back))
        return tuple(notes)


def _frame(image: np.ndarray, at: float) -> Frame:
    """A picture as stage 1 takes it; converted as pictures in memory are."""
    made = memory.frames([image], 1.0, rate=1.0, start=0.0, end=math.inf, max_side=detection.DETECTION_SIDE, rotate=0)
    return dataclasses.replace(next(made), time=at)
