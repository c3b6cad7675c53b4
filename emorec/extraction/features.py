"""Features: what stage 1 extracts from a recording, in memory; ``feature_folder`` stores them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from emorec.extraction import channels, persons, speakers, spoken
from emorec.extraction.people import NOBODY, People
from emorec.extraction.people_tracks import apply_people

Arrays = dict[str, np.ndarray]


class JoinedArrays:
    """The concatenated arrays of a growing list of segments; every segment is copied only once.

    Each array is the beginning of a larger buffer, which is replaced by one of twice its size when it is full. Arrays
    that were returned before keep their values, because rows are only added after them. Threads may share it. ``empty``
    are the arrays without rows.
    """

    def __init__(self, empty: Arrays):
        self._buffers = {name: np.empty((0, *array.shape[1:]), array.dtype) for name, array in empty.items()}
        self._ends = {name: [0] for name in empty}  # rows up to the end of each segment
        self._segments: list[Arrays] = []
        self._lock = threading.Lock()

    def of(self, segments: Sequence[Arrays]) -> Arrays:
        """The arrays of ``segments``; if they do not continue those of earlier calls, they are concatenated anew."""
        with self._lock:
            if any(known is not given for known, given in zip(self._segments, segments, strict=False)):
                return JoinedArrays(self._empty()).of(segments)
            for segment in segments[len(self._segments) :]:
                self._add(segment)
            return {name: self._buffers[name][: ends[len(segments)]] for name, ends in self._ends.items()}

    def __reduce__(self) -> tuple[type[JoinedArrays], tuple[Arrays]]:
        # A copy in another process concatenates again: a lock cannot be sent, and the arrays need not be sent twice.
        return JoinedArrays, (self._empty(),)

    def _empty(self) -> Arrays:
        return {name: buffer[:0] for name, buffer in self._buffers.items()}

    def _add(self, segment: Arrays) -> None:
        for name, ends in self._ends.items():
            rows, begin = segment[name], ends[-1]
            end, buffer = begin + len(rows), self._buffers[name]
            if end > len(buffer):
                larger = np.empty((max(end, 2 * begin), *buffer.shape[1:]), np.result_type(buffer, rows))
                larger[:begin] = buffer[:begin]
                self._buffers[name] = buffer = larger
            buffer[begin:end] = rows
            ends.append(end)
        self._segments.append(segment)


@dataclass(frozen=True, kw_only=True)
class Features:
    """The features of a recording from ``start`` to ``until`` (s), on the recording's clock.

    ``arrays``, sorted by time (s): for every sampled frame ``frame_time`` and ``frame_until`` (the time of the next
    one, infinite for the only one); for every face ``face_time``, ``face_person``, ``face_box`` (N, 4) (left, top,
    width, height as fractions of the frame), ``face_score``, ``face_quality``, ``face_embedding`` (N, Df) float16,
    ``face_logits`` (N, labels) and ``face_mouth`` (see ``models.speaker``); for every voice hop ``voice_time`` (its
    middle), ``voice_speech`` (probability), ``voice_loudness`` (dB of full scale, without what ``voice.rumble``
    removes), ``voice_embedding`` (H, Dv) float16, ``voice_sound`` (see ``models.speaker``), and ``voice_person`` with
    ``voice_person_probability`` (see ``speakers.assign_speakers``). If the channels are split, every time has a hop
    of each, and ``voice_channel`` tells which.

    ``segments`` and ``empty`` (arrays without rows) are what ``arrays`` are made of. ``duration`` (s) is that of the
    recording, as far as known. ``complete`` tells whether this is all of it. ``media`` is metadata of the file,
    and ``notes`` are sentences for the user. ``settings`` are those of stage 1, by name. ``fingerprint`` is that of the
    model whose networks made the embeddings, "" if it is unknown. ``key`` is the name under which they are stored, ""
    if they are not (see ``cache.forget``). ``people`` is what the user says about the persons; ``face_person`` follows
    it. ``kept`` is a cache of stage 2, of results that do not depend on the persons.
    """

    duration: float
    until: float
    complete: bool
    segments: tuple[Arrays, ...] = field(repr=False)
    empty: Arrays = field(repr=False)
    media: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    hop_seconds: float = 0.256
    start: float = 0.0
    settings: dict[str, Any] = field(default_factory=dict)
    fingerprint: str = ""
    key: str = ""
    joined: JoinedArrays | None = field(default=None, repr=False, compare=False)
    people: People = NOBODY
    kept: dict[Any, Any] = field(default_factory=dict[Any, Any], init=False, repr=False, compare=False)

    @cached_property
    def arrays(self) -> Arrays:
        """All arrays over all segments, which are concatenated at first use; they must not be changed."""
        arrays = self.found_arrays
        if self.people:
            shown = persons.seconds_shown(arrays, self.until)
            arrays = arrays | {"face_person": apply_people(self.people, arrays, arrays["face_person"], shown)}
        if "voice_sound" in arrays and "face_mouth" in arrays:
            by = channels if channels.CHANNEL in arrays else speakers
            speaker, probability = by.assign_speakers(arrays, self.hop_seconds)
            arrays = arrays | {spoken.PERSON: speaker, spoken.PROBABILITY: probability}
        return arrays

    @cached_property
    def found_arrays(self) -> Arrays:
        """The stored arrays with the persons as they were found, before what the user says about them."""
        arrays = (self.joined or JoinedArrays(self.empty)).of(self.segments)
        if channels.CHANNEL in arrays:
            arrays = channels.remove_crosstalk(arrays)
        # Segments hold the tracker's numbers; who is who is decided again whenever more of the recording is known.
        return (
            arrays | {"face_person": persons.assign_persons(arrays, self.until)} if "face_track" in arrays else arrays
        )

    @cached_property
    def persons(self) -> list[int]:
        """Numbers of the persons who are visible for a second or longer (of all, if nobody is), the longest first.

        Persons whom the user named or divided from others are always among them. Those who are only heard, in a channel
        of their own, come last.
        """
        shown = persons.seconds_shown(self.arrays, self.until)
        seen = persons.rank(self.arrays["face_person"], shown, [person.number for person in self.people])
        return seen + channels.persons_heard(self.arrays, self.hop_seconds)

    @cached_property
    def names(self) -> dict[int, str]:
        """The name of each of ``persons``, by number: the user's, or "person 1"."""
        return self.people.names_of(self.persons)

    def with_people(self, people: People) -> Features:
        """The same features with what the user says about the persons; tracks are not compared again.

        The latest result is kept with all that it has computed, because several views ask for the same one after a
        change.
        """
        if people == self.people:
            return self
        last = self.__dict__.get("_edited")
        if last is None or last.people != people:
            last = replace(self, people=people)
            last.__dict__.update(found_arrays=self.found_arrays, kept=self.kept)  # the first is a cached property
            self.__dict__["_edited"] = last
        return last
