"""Whether a names file holds what a person typed or gave, which nothing may overwrite or remove."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DIGEST = "digest"  # the key of a names file with the hash of its persons as they were written
EDITED = "edited"  # the key that says whether persons were described by the user when it was written

KEPT = (
    "{name} holds names or changes of yours, and stays as it is; use it with --people, or move it away for a new one."
)


def digest(persons: list[dict[str, Any]]) -> str:
    """A hash of the persons in a names file."""
    return hashlib.sha256(json.dumps(persons, sort_keys=True).encode()).hexdigest()[:32]


def is_changed(path: Path, named: bool = False) -> bool:
    """Whether a names file is there that was changed since it was written.

    With ``named`` also one with what the user gave when it was written: names, or persons joined or divided.
    A file that is no JSON any more counts as changed, and one of an earlier version, without a digest, if it has names.
    """
    try:
        facts = json.loads(path.read_bytes())
    except OSError:  # none is there, or writing will say what is wrong
        return False
    except (ValueError, RecursionError):
        return True
    persons = facts.get("persons") if isinstance(facts, Mapping) else None
    if not isinstance(persons, list):
        return True
    if DIGEST in facts and facts[DIGEST] != digest(persons):
        return True
    if named and facts.get(EDITED):
        return True
    return (named or DIGEST not in facts) and any(not isinstance(one, Mapping) or one.get("name") for one in persons)


def is_given(path: Path, given: Path | None) -> bool:
    """Whether a path is that of the names file that the user gave; it may list more than the part that is analyzed."""
    with contextlib.suppress(OSError):  # one of the two is not there
        return given is not None and path.samefile(given)
    return False
