"""Stage 1, faces, while a recording is being made: the faces of pictures as they come, in its own thread.

The features are those that ``faces`` extracts from a file with the same pictures. If pictures come faster than they
can be processed, only the newest one waits, so that the result is never far behind and no queue grows.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from emorec.extraction import faces, keyframes, pipeline, segments
from emorec.extraction.face_arrays import Arrays, FaceSegment
from emorec.face.detection import Detector
from emorec.face.tracking import Tracker
from emorec.media import sampling
from emorec.media.streams import Frame
from emorec.models import identity, speaker
from emorec.models.checkpoint import Checkpoint
from emorec.models.optimize import for_inference

MAX_SHOWN = 2.0  # seconds that a picture counts for if no other one follows: the camera stopped
RATE_SECONDS = 10.0  # over which the rate of judged pictures is measured

MakeFrame = Callable[[], Frame]


@dataclass(frozen=True)
class Faces:
    """What is known: the ``arrays`` of each segment, the last one growing, and when the newest picture was taken (s)
    and ends (s)."""

    arrays: tuple[Arrays, ...] = ()
    newest: float = -math.inf
    until: float = 0.0


class LiveFaces:
    """Extracts the faces of pictures, at most ``rate`` a second, in a thread that runs until ``close``.

    ``dropped`` counts the pictures that a newer one replaced while they waited, ``late`` those whose time is before
    that of an earlier one or below 0, and ``judged`` those that were processed.
    """

    def __init__(self, model: Checkpoint, detector: Detector, rate: float):
        self.dropped = self.late = self.judged = 0
        self.error: BaseException | None = None
        self._model, self._detector, self._rate = model, detector, rate
        self._known = Faces()
        self._waiting: MakeFrame | None = None
        self._bin, self._closed = -1, False
        self._changed = threading.Condition()
        self._judged_at: deque[float] = deque(maxlen=math.ceil(2 * rate * RATE_SECONDS))
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    @property
    def known(self) -> Faces:
        """What is known by now."""
        return self._known

    @property
    def rate(self) -> float:
        """Pictures judged per second in the last RATE_SECONDS."""
        now = time.monotonic()
        times = [when for when in [*self._judged_at] if now - when <= RATE_SECONDS]
        span = now - times[0] if times else 0.0
        return (len(times) - 1) / span if len(times) > 1 and span > 0 else 0.0

    def wants(self, at: float) -> bool:
        """Whether a picture at that time (s) would be used: only the first one in each bin of ``rate`` is."""
        return sampling.bin_of(at, self._rate) > self._bin

    def offer(self, at: float, make: MakeFrame, wait: bool = False) -> None:
        """Give a picture, taken at that time (s); ``make`` converts it, in the thread that judges it.

        With ``wait`` this returns only when no other picture waits, and none is dropped.
        """
        with self._changed:
            while wait and self._waiting is not None and not self._closed:
                self._changed.wait()
            if self._closed:
                return
            if not self.wants(at):
                self.late += sampling.bin_of(at, self._rate) < self._bin
                return
            self._bin = sampling.bin_of(at, self._rate)
            self.dropped += self._waiting is not None
            self._waiting = make
            self._changed.notify_all()

    def close(self) -> None:
        """Judge the picture that waits, if there is one, and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _work(self) -> None:
        try:
            with pipeline.one_thread_each():
                state = _Growing(self._model, self._rate)
                for frame, found in keyframes.detect(self._frames(), self._detector, self._rate):
                    self._known = state.add(frame, found)
                    self.judged += 1
                    self._judged_at.append(time.monotonic())
        except BaseException as error:
            self.error = error
        finally:
            with self._changed:
                self._closed, self._waiting = True, None
                self._changed.notify_all()

    def _frames(self) -> Iterator[Frame]:
        while True:
            with self._changed:
                while self._waiting is None and not self._closed:
                    self._changed.wait()
                make, self._waiting = self._waiting, None
                self._changed.notify_all()
            if make is None:
                return
            yield make()


class _Growing:
    """The segments so far, extended by one picture after the other."""

    def __init__(self, model: Checkpoint, rate: float):
        self._net = for_inference(model.face)
        self._identity, self._speaker = identity.load(), speaker.load()
        self._rate, self._hop = rate, model.front_end.hop_seconds
        self._tracker = Tracker()
        self._finished: list[Arrays] = []
        self._number, self._segment = 0, FaceSegment()
        self._encoded: list[tuple[np.ndarray, ...]] = []
        self._identities: Arrays = {}
        self._best: dict[int, list[float]] = {}  # times of the crops of each track that _identities come from

    def add(self, frame: Frame, found: list) -> Faces:
        """What is known with one more picture and its faces."""
        number = segments.segment_at(frame.time / self._hop)
        if number > self._number:
            if self._segment.times:
                self._finished.append(self._arrays(frame.time))
            self._number, self._segment, self._encoded = number, FaceSegment(), []
            self._best, self._identities = {}, {}
        interval = min(frame.time - self._tracker.time, MAX_SHOWN) if self._tracker.time > -math.inf else 0.0
        self._segment.add(frame, found, self._tracker, self._net.config.size)
        while self._segment.crops:
            crops = np.stack(self._segment.take_batch())
            encoded = faces.encode_faces(self._net, crops)
            self._encoded.append((*encoded, speaker.embed_mouths(self._speaker, crops)))
        # The last picture counts for as long as the one before it, and at least to the end of its bin.
        end = (sampling.bin_of(frame.time, self._rate) + 1) / self._rate
        until = round(max(end, frame.time + interval), 6)
        return Faces((*self._finished, self._arrays(until)), frame.time, until)

    def _arrays(self, until: float) -> Arrays:
        """The arrays of the current segment, whose last picture is shown until that time (s)."""
        segment = self._segment
        segment.correct_persons(self._tracker)
        ends = [*segment.times[1:], until]
        segment.untils = [min(end, at + MAX_SHOWN) for at, end in zip(segment.times, ends, strict=True)]
        best = {track: [at for _, at, _ in kept] for track, kept in segment.best.tracks.items()}
        if best != self._best or not self._identities:
            self._best, self._identities = best, segment.best.arrays(self._identity)
        arrays = segment.arrays(self._net.config, self._encoded) | self._identities
        del arrays["end"]
        return arrays
