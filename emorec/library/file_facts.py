"""Facts about the files of results: the metadata, when a file was written, and why it cannot be read."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from emorec import files
from emorec.library.schema import FACTS

MAX_REASON = 120  # characters


def read_facts(path: Path) -> dict[str, Any]:
    """What a Parquet file of windows says of its timeline beside the rows. Raises OSError or ValueError."""
    from pyarrow import parquet

    with path.open("rb") as file:
        metadata = parquet.read_schema(file).metadata or {}
    return {**json.loads(metadata[b"emorec"]), **json.loads(metadata.get(FACTS, b"{}"))}


def written_at(path: Path) -> str:
    """When a file was written: UTC in ISO 8601. Raises OSError."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")


def reason_of(error: Exception) -> str:
    """Why a file cannot be read, as a part of a sentence that names no folder: visitors of the page may read it."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return files.shown(str(error)).splitlines()[0].rstrip(".")[:MAX_REASON] if str(error) else type(error).__name__
