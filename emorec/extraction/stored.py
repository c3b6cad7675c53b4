"""Reads stored features by their key, also if the recording itself no longer exists."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from emorec.errors import EmorecError
from emorec.extraction.assembly import empty_segment, features_of
from emorec.extraction.features import Features, Folder, JoinedArrays
from emorec.extraction.options import Settings
from emorec.media.streams import MediaInfo
from emorec.models.checkpoint import Checkpoint
from emorec.settings import cache_folder

NOT_STORED = "What was read from {name} is not stored any more; analyse the recording again."


def load(key: str, name: str, model: Checkpoint, cache: Path | None = None) -> Features:
    """The Features that are stored under ``Features.key``, complete or not, without reading the recording.

    ``name`` is that of the recording; ``model`` must be the one whose networks extracted them, because the key does not
    say which one that was; ``cache`` is the folder that they are stored in, by default ``settings.cache_folder()``.
    Raises EmorecError if nothing usable is stored.
    """
    found = Folder((cache_folder() if cache is None else Path(cache)) / key).read()
    if found is None:
        raise EmorecError(NOT_STORED.format(name=name))
    head, segments = found
    info = MediaInfo(path=Path(name), **_known(MediaInfo, head.media))
    settings = Settings(**_known(Settings, head.settings))
    joined = JoinedArrays(empty_segment(model, settings))
    return features_of(head, segments, model, info, settings, key, joined)


def _known(kind: type, values: dict) -> dict:
    """Those of ``values`` that the dataclass ``kind`` has fields for. ``path`` is never among them."""
    names = {each.name for each in fields(kind)}
    return {name: value for name, value in values.items() if name in names}
