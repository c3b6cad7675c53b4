"""Features: what stage 1 saw and heard, in memory and on disk."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from emorec import files

FORMAT_VERSION = 2
HEAD_FILE = "head.json"
CHECKSUM_BYTES = hashlib.sha256().digest_size


class Joined:
    """The arrays of a growing list of segments, joined: every segment is copied once, however often it is asked for.

    Each array is the beginning of a larger one, which is replaced by one of twice its size when it is full. What was
    given out before keeps its values: rows are only ever added behind it. Threads may share it.
    """

    def __init__(self, empty):
        self._buffers = {name: np.empty((0, *nothing.shape[1:]), nothing.dtype) for name, nothing in empty.items()}
        self._ends = {name: [0] for name in empty}  # rows up to each segment
        self._segments = []
        self._lock = threading.Lock()

    def first(self, segments):
        """The arrays of ``segments``. Those that do not go on from the segments of earlier calls are joined apart."""
        with self._lock:
            if any(held is not given for held, given in zip(self._segments, segments, strict=False)):
                return Joined({name: held[:0] for name, held in self._buffers.items()}).first(segments)
            for segment in segments[len(self._segments) :]:
                self._add(segment)
            return {name: self._buffers[name][: ends[len(segments)]] for name, ends in self._ends.items()}

    def __reduce__(self):
        # A copy in another process joins again: a lock cannot be sent, nor need the arrays be sent twice.
        return Joined, ({name: held[:0] for name, held in self._buffers.items()},)

    def _add(self, segment):
        for name, ends in self._ends.items():
            rows, begin = segment[name], ends[-1]
            end, held = begin + len(rows), self._buffers[name]
            if end > len(held):
                larger = np.empty((max(end, 2 * begin), *held.shape[1:]), np.result_type(held, rows))
                larger[:begin] = held[:begin]
                self._buffers[name] = held = larger
            held[begin:end] = rows
            ends.append(end)
        self._segments.append(segment)


@dataclass(frozen=True)
class Features:
    """Everything seen and heard from ``start`` (s) to ``until`` (s), on the recording's clock.

    ``arrays``, in order of time (s): for every sampled frame ``frame_time`` and ``frame_until`` (the next one's time,
    infinite for the only one); for every face ``face_time``, ``face_person``, ``face_box`` (left, top, width, height
    as fractions of the frame), ``face_score``, ``face_quality``, ``face_embedding`` (N, Df) float16, ``face_logits``
    (N, native); for every voice hop ``voice_time`` (its middle), ``voice_speech``, ``voice_loudness`` (dB of full
    scale), ``voice_embedding`` (H, Dv) float16.

    ``settings`` are those of stage 1, by name; ``fingerprint`` is that of the model whose networks made the embeddings,
    "" if that is not known; ``key`` is the name that they are stored under, "" if they are not stored (see
    ``cache.forget``).
    """

    duration: float
    until: float
    complete: bool
    segments: tuple
    empty: dict
    media: dict = field(default_factory=dict)
    notes: tuple = ()
    hop_seconds: float = 0.256
    start: float = 0.0
    settings: dict = field(default_factory=dict)
    fingerprint: str = ""
    key: str = ""
    joined: Joined | None = field(default=None, repr=False, compare=False)

    @cached_property
    def arrays(self):
        """All arrays over all segments, joined when first asked for; not to be written to."""
        return (self.joined or Joined(self.empty)).first(self.segments)

    @cached_property
    def persons(self):
        """Person numbers, the one seen in most frames first."""
        numbers, counts = np.unique(self.arrays["face_person"], return_counts=True)
        return [int(number) for number in numbers[np.argsort(-counts, kind="stable")]]


@dataclass
class Head:
    """The JSON head of stored observations.

    ``chosen`` holds the tracks that were chosen automatically, {"tracks": {...}, "notes": [...]}.
    """

    media: dict
    settings: dict
    duration: float
    segments: int = 0
    complete: bool = False
    chosen: dict = field(default_factory=dict)
    notes: list = field(default_factory=list)
    format_version: int = FORMAT_VERSION


class Folder:
    """One recording's stored observations: whole segments and a head, each written completely or not at all.

    A segment's file ends with the SHA-256 of its number and of what comes before; the head holds that of its other
    fields. What does not agree with it is as good as missing.
    """

    def __init__(self, path):
        self.path = Path(path)

    def read(self):
        """The head and the list of segments (dicts of arrays), or None where nothing usable is stored.

        Segments after a missing or damaged one are forgotten, and observed again.
        """
        try:
            facts = json.loads((self.path / HEAD_FILE).read_text(encoding="utf-8"))
            checksum = facts.pop("checksum", None)
            head = Head(**facts)
            if head.format_version != FORMAT_VERSION or checksum != _checksum(facts):
                return None
        except (OSError, ValueError, TypeError, AttributeError):
            return None
        segments = []
        for number in range(head.segments):
            try:
                segments.append(_unsealed(number, self._segment(number).read_bytes()))
            except (OSError, SafetensorError):
                return replace(head, segments=number, complete=False), segments
        with contextlib.suppress(OSError):  # a cache that may only be read is as good
            os.utime(self.path / HEAD_FILE)
        return head, segments

    def append(self, head, segment):
        """Store one more segment and the head that counts it; the bytes that the segment takes."""
        content = safetensors.numpy.save({key: np.ascontiguousarray(value) for key, value in segment.items()})
        content += _seal(head.segments - 1, content)
        files.write(self._segment(head.segments - 1), content)
        self.write_head(head)
        return len(content)

    def write_head(self, head):
        """Store the head alone."""
        facts = asdict(head)
        files.write(self.path / HEAD_FILE, json.dumps(facts | {"checksum": _checksum(facts)}).encode())

    def _segment(self, number):
        return self.path / f"segment-{number:05d}.safetensors"


def _seal(number, content):
    return hashlib.sha256(number.to_bytes(8) + content).digest()


def _unsealed(number, content):
    """The arrays in a segment's file. Raises SafetensorError unless its checksum agrees."""
    content, checksum = content[:-CHECKSUM_BYTES], content[-CHECKSUM_BYTES:]
    if _seal(number, content) != checksum:
        raise SafetensorError("the checksum does not agree")
    return safetensors.numpy.load(content)


def _checksum(facts):
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
