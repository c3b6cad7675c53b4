"""The source of an item as a local file: a file as it is, everything else in a temporary folder."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emorec import download
from emorec.batch import storage, temporary
from emorec.batch.choices import Choices


@contextlib.contextmanager
def local_file(source: str, choices: Choices) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The file of a source, and what results say about where it is from.

    What was fetched is removed at the end of the context. Raises EmorecError, or OSError if the disk is full.
    """
    is_object = storage.is_object(source)
    if not is_object and not download.is_link(source):
        yield Path(source), {}
        return
    with temporary.folder() as folder:
        if is_object:
            yield storage.fetch(source, folder), {"source": source}
            return
        sound_only = not choices.extracting.faces
        fetched = download.fetch(source, folder, max_height=choices.max_height, sound_only=sound_only)
        yield fetched.path, fetched.facts
