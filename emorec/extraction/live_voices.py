"""Stage 1, voices, while a recording is being made: the hops of sound as it comes, in a thread of its own.

The features are those that ``voices`` extracts from a file with the same sound. What a hop is like depends on the
seconds after it, so the last hops are provisional: they are what they would be if the recording ended now.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

import numpy as np

from emorec.extraction import pipeline, voices
from emorec.models.checkpoint import Checkpoint
from emorec.models.networks import VoiceNet
from emorec.models.optimize import for_inference
from emorec.voice.features import VoiceFrontEnd

MAX_WAITING = 30.0  # seconds of sound that may wait; of more, the oldest becomes silence
MAX_HOPS = 80  # that are encoded at a time
REFRESH = 0.4  # seconds of sound, at least, between two results

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Voices:
    """What is known: ``arrays`` of consecutive parts, of which the last is provisional, and where they end (s)."""

    arrays: tuple[Arrays, ...] = ()
    until: float = 0.0


class LiveVoices:
    """Extracts the voice features of sound, in a thread that runs until ``close``.

    ``dropped`` is how much sound (s) came too fast to be used, ``overlapping`` how much where there was sound already.
    """

    def __init__(self, model: Checkpoint):
        self.dropped = self.overlapping = 0.0
        self.error: BaseException | None = None
        self._model, self._front_end = model, model.front_end
        self._known = Voices()
        self._waiting: deque[tuple[int, np.ndarray]] = deque()  # first sample and samples
        self._samples = 0  # that wait
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    @property
    def known(self) -> Voices:
        """What is known by now."""
        return self._known

    @property
    def waiting(self) -> float:
        """Seconds of sound that wait."""
        return self._samples / self._front_end.rate

    def offer(self, begin: int, samples: np.ndarray, wait: bool = False) -> None:
        """Give mono sound float32 (N,) at the front end's rate, whose first sample has the number ``begin``.

        Sound that is missing in between is silence. With ``wait`` this returns only when there is room for it.
        """
        limit = MAX_WAITING * self._front_end.rate
        with self._changed:
            while wait and self._waiting and self._samples + len(samples) > limit and not self._closed:
                self._changed.wait()
            if self._closed:
                return
            self._waiting.append((begin, samples))
            self._samples += len(samples)
            while self._samples > limit and len(self._waiting) > 1:
                _, lost = self._waiting.popleft()
                self._samples -= len(lost)
                self.dropped += len(lost) / self._front_end.rate
            self._changed.notify_all()

    def close(self) -> None:
        """Use the sound that waits, and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _work(self) -> None:
        try:
            with pipeline.one_thread_each():
                state = _Growing(self._front_end, for_inference(self._model.voice))
                while pieces := self._next():
                    for begin, samples in pieces:
                        self.overlapping += state.add(begin, samples) / self._front_end.rate
                    self._known = state.known()
        except BaseException as error:
            self.error = error
        finally:
            with self._changed:
                self._closed = True
                self._waiting.clear()
                self._samples = 0
                self._changed.notify_all()

    def _next(self) -> list[tuple[int, np.ndarray]]:
        """All sound that waits, once it is enough for another result; empty at the end."""
        with self._changed:
            while self._samples < REFRESH * self._front_end.rate and not self._closed:
                self._changed.wait()
            pieces = [*self._waiting]
            self._waiting.clear()
            self._samples = 0
            self._changed.notify_all()
        return pieces


class _Growing:
    """The final parts so far, and the sound from the margin before the first provisional hop on."""

    def __init__(self, front_end: VoiceFrontEnd, net: VoiceNet):
        self._front_end, self._net = front_end, net
        self._margin = voices.margin_hops(front_end) * front_end.hop
        self._buffer = np.zeros(self._margin, np.float32)  # before the beginning there is silence
        self._first = 0  # the first provisional hop; a multiple of the hops in a row of speech detection
        self._final: list[Arrays] = []
        self._silent: dict[tuple[int, int], Arrays] = {}  # what silence of a length is encoded as

    def add(self, begin: int, samples: np.ndarray) -> int:
        """More sound; ``begin`` is the number of its first sample. Returns how many samples were there already."""
        longest = MAX_HOPS * self._front_end.hop
        # The silence before it may last hours, as when a microphone was switched off, so it comes in pieces.
        for silent in range(self._end, begin, longest):
            self._append(np.zeros(min(longest, begin - silent), np.float32))
        there = min(max(self._end - begin, 0), len(samples))
        self._append(samples[there:])
        return there

    def _append(self, samples: np.ndarray) -> None:
        self._buffer = np.concatenate([self._buffer, samples])
        row, hop = self._front_end.speech_row_hops, self._front_end.hop
        # These hops know enough of what follows them, so they are final.
        while (hops := min((len(self._buffer) - 2 * self._margin) // hop // row * row, MAX_HOPS)) > 0:
            self._final.append(self._encoded(hops))
            self._first += hops
            self._buffer = self._buffer[hops * hop :]

    def known(self) -> Voices:
        """What is known, up to the last sample."""
        hops = -(-(len(self._buffer) - self._margin) // self._front_end.hop)
        provisional = [self._encoded(hops)] if hops > 0 else []
        return Voices((*self._final, *provisional), max(self._end, 0) / self._front_end.rate)

    @property
    def _end(self) -> int:
        """The number of the sample after the last one."""
        return self._first * self._front_end.hop - self._margin + len(self._buffer)

    def _encoded(self, hops: int) -> Arrays:
        """The arrays of the first provisional hops."""
        length = hops * self._front_end.hop + 2 * self._margin
        window = self._buffer[:length]
        window = np.pad(window, (0, length - len(window)))
        times = (self._first + np.arange(hops) + 0.5) * self._front_end.hop_seconds
        arrays = voices.encode_channel(self._front_end, self._net, window, 0, self._silent)
        return {"voice_time": times} | {name: values[:hops] for name, values in arrays.items()}
