"""Observations: what stage 1 saw and heard, in memory and on disk."""

import contextlib
import hashlib
import json
import os
import shutil
import time
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import platformdirs
import safetensors.numpy
from safetensors import SafetensorError

from emorec import files

FORMAT_VERSION = 2
HEAD_FILE = "head.json"
CHECKSUM_BYTES = hashlib.sha256().digest_size
ABANDONED = 3600  # seconds after which a half written file is nobody's any more
DEFAULT_LIMIT_MB = 4096


@dataclass(frozen=True)
class Observations:
    """Everything seen and heard up to ``until`` seconds.

    ``arrays``, in order of time (s): for every sampled frame ``frame_time`` and ``frame_until`` (the next one's time,
    infinite for the only one); for every face ``face_time``, ``face_person``, ``face_box`` (left, top, width, height
    as fractions of the frame), ``face_score``, ``face_quality``, ``face_embedding`` (N, Df) float16, ``face_logits``
    (N, native); for every voice hop ``voice_time`` (its middle), ``voice_speech``, ``voice_loudness`` (dB of full
    scale), ``voice_embedding`` (H, Dv) float16.
    """

    duration: float
    until: float
    complete: bool
    segments: tuple
    empty: dict
    media: dict = field(default_factory=dict)
    notes: tuple = ()
    hop_seconds: float = 0.256

    @cached_property
    def arrays(self):
        """All arrays over all segments, joined when first asked for."""
        return {
            name: np.concatenate([nothing, *(segment[name] for segment in self.segments)])
            for name, nothing in self.empty.items()
        }

    @cached_property
    def persons(self):
        """Person numbers, the one seen in most frames first."""
        numbers, counts = np.unique(self.arrays["face_person"], return_counts=True)
        return [int(number) for number in numbers[np.argsort(-counts, kind="stable")]]


@dataclass
class Head:
    """The JSON head of stored observations."""

    media: dict
    settings: dict
    duration: float
    segments: int = 0
    complete: bool = False
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
                return replace(head, segments=number, complete=False, notes=[]), segments
        with contextlib.suppress(OSError):  # a cache that may only be read is as good
            os.utime(self.path / HEAD_FILE)
        return head, segments

    def append(self, head, segment):
        """Store one more segment and the head that counts it."""
        content = safetensors.numpy.save({key: np.ascontiguousarray(value) for key, value in segment.items()})
        files.write(self._segment(head.segments - 1), content + _seal(head.segments - 1, content))
        self.write_head(head)

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


def cache_folder():
    """Where observations are kept: EMOREC_CACHE, or a folder below the user's cache directory."""
    chosen = os.environ.get("EMOREC_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("emorec", appauthor=False))


def drop_oldest(folder, keep, limit_mb=None):
    """Remove the recordings used longest ago until the folder is within its limit; ``keep`` stays.

    The limit is EMOREC_CACHE_MB, by default 4096 MB.
    """
    if limit_mb is None:
        limit_mb = float(os.environ.get("EMOREC_CACHE_MB", DEFAULT_LIMIT_MB))
    stored = []
    for path in Path(folder).glob("*/" + HEAD_FILE):
        with contextlib.suppress(OSError):  # another run may be tidying too
            size = sum(file.stat().st_size for file in path.parent.iterdir())
            stored.append((path.stat().st_mtime, size, path.parent))
    for partial in Path(folder).glob("*/.*.partial"):  # of runs that were killed
        with contextlib.suppress(OSError):
            if partial.stat().st_mtime < time.time() - ABANDONED:
                partial.unlink()
    total = sum(size for _, size, _ in stored)
    for _, size, path in sorted(stored, key=lambda entry: entry[0]):
        if total <= limit_mb * 1e6:
            break
        if path != Path(keep):
            shutil.rmtree(path, ignore_errors=True)
            total -= size
