"""Features on disk: a folder with a file for each segment and a JSON head."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from emorec import files

FORMAT_VERSION = 3
HEAD_FILE = "head.json"
CHECKSUM_BYTES = hashlib.sha256().digest_size

Arrays = dict[str, np.ndarray]


@dataclass(kw_only=True)
class Head:
    """The JSON head of stored features.

    ``media`` is metadata of the recording, ``settings`` are those of stage 1, ``duration`` is in seconds, ``segments``
    is their number. ``chosen`` are the automatically chosen tracks, {"tracks": {...}, "notes": [...]}.
    """

    media: dict[str, Any]
    settings: dict[str, Any]
    duration: float
    segments: int = 0
    complete: bool = False
    chosen: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    format_version: int = FORMAT_VERSION


class Folder:
    """The stored features of one recording: segments and a head, each written completely or not at all.

    The file of a segment ends with the SHA-256 of its number and its content; the head holds that of its other fields.
    Whatever does not match its checksum counts as missing.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)

    def read(self) -> tuple[Head, list[Arrays]] | None:
        """The head and the segments, or None if nothing usable is stored.

        Segments after a missing or damaged one are left out, so that they are extracted again.
        """
        try:
            facts = json.loads((self.path / HEAD_FILE).read_text(encoding="utf-8"))
            checksum = facts.pop("checksum", None)
            head = Head(**facts)
            if head.format_version != FORMAT_VERSION or checksum != _checksum(facts):
                return None
        except (OSError, ValueError, TypeError, AttributeError):
            return None
        segments: list[Arrays] = []
        for number in range(head.segments):
            try:
                segments.append(_unsealed(number, self._segment(number).read_bytes()))
            except (OSError, SafetensorError):
                return replace(head, segments=number, complete=False), segments
        with contextlib.suppress(OSError):  # the cache may be read-only
            os.utime(self.path / HEAD_FILE)
        return head, segments

    def append(self, head: Head, segment: Arrays) -> int:
        """Store one more segment, and the head that counts it; return the size of the segment in bytes.

        Raises OSError if they cannot be written.
        """
        content = safetensors.numpy.save({key: np.ascontiguousarray(value) for key, value in segment.items()})
        content += _seal(head.segments - 1, content)
        files.write(self._segment(head.segments - 1), content)
        self.write_head(head)
        return len(content)

    def write_head(self, head: Head) -> None:
        """Store the head alone. Raises OSError if it cannot be written."""
        facts = asdict(head)
        files.write(self.path / HEAD_FILE, json.dumps(facts | {"checksum": _checksum(facts)}).encode())

    def _segment(self, number: int) -> Path:
        return self.path / f"segment-{number:05d}.safetensors"


def _seal(number: int, content: bytes) -> bytes:
    return hashlib.sha256(number.to_bytes(8) + content).digest()


def _unsealed(number: int, content: bytes) -> Arrays:
    """The arrays in the file of a segment. Raises SafetensorError if its checksum does not match."""
    content, checksum = content[:-CHECKSUM_BYTES], content[-CHECKSUM_BYTES:]
    if _seal(number, content) != checksum:
        raise SafetensorError("the checksum does not match")
    return safetensors.numpy.load(content)


def _checksum(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
