"""Where the features of a recording are stored: the key of their folder, the folder itself, and reading it by key."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path

from emorec.errors import EmorecError
from emorec.extraction import segments as cuts
from emorec.extraction import sources
from emorec.extraction.assembly import Segment, empty_segment, features_of
from emorec.extraction.cache import CacheLimit, forget
from emorec.extraction.feature_folder import FORMAT_VERSION, Folder, Head
from emorec.extraction.features import Features, JoinedArrays
from emorec.extraction.options import Settings
from emorec.extraction.sources import FileSource, Source
from emorec.face.detection import Detector
from emorec.media.streams import MediaInfo
from emorec.models import identity, speaker
from emorec.models.checkpoint import Checkpoint
from emorec.settings import cache_folder, make_default_cache

EXTRACTION = 15  # increases with every change of what is extracted from the same recording by the same networks

NOT_STORED = "What was read from {name} is not stored any more; analyse the recording again."


def key_of(media: str | Path | Source, model: Checkpoint, detector: Detector, settings: Settings) -> str:
    """The key of a recording's features, from its content, the networks, the detector and the settings.

    It is "" for a source whose features are not stored. Raises EmorecError if the recording cannot be read.
    """
    content = sources.as_source(media).digest()
    if content is None:
        return ""
    scheme = [EXTRACTION, cuts.FIRST_STARTS, cuts.SEGMENT_HOPS]
    facts = [FORMAT_VERSION, scheme, content, model.fingerprint, detector.name, asdict(settings)]
    facts += [identity.fingerprint(), speaker.fingerprint()]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


class Unchanged:
    """Whether a recording still is what it was when this was made, which has to be before its ``digest`` is taken.

    A file may be replaced, or still be copied or recorded, while it is read.
    """

    def __init__(self, source: Source):
        self._path = source.path if isinstance(source, FileSource) else None
        self._state = self._now()

    def __bool__(self) -> bool:
        now = self._now()
        return now is None or now == self._state  # a file that was removed is read to its end

    def _now(self) -> tuple[int, int] | None:
        """Its size and the time of its last change, None for a file that is not there and for what is no file."""
        with contextlib.suppress(OSError):
            if self._path is not None:
                status = os.stat(self._path)
                return status.st_size, status.st_mtime_ns
        return None


class Store:
    """The folder that a recording's features are stored in, below the cache folder. Raises EmorecError.

    Nothing is stored of a recording that is not ``unchanged``, because the key names another content.
    """

    def __init__(self, cache: Path, key: str, unchanged: Unchanged | None = None):
        self._cache, self._key, self._unchanged = cache, key, unchanged
        self.folder = Folder(cache / key)
        self.limit = CacheLimit(cache, self.folder.path)

    def append(self, head: Head, segment: Segment) -> None:
        """Store one more segment, and the head that counts it."""
        with self._errors():
            if self._is_kept():
                self.limit.add(self.folder.append(head, segment))

    def write_head(self, head: Head) -> None:
        """Store the head alone."""
        with self._errors():
            if self._is_kept():
                self.folder.write_head(head)

    def _is_kept(self) -> bool:
        """Whether the features may be stored; if not, those that are stored are removed."""
        if self._unchanged is None or self._unchanged:
            return True
        forget(self._key, self._cache)
        return False

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            make_default_cache(self._cache)
            yield
        except OSError as error:
            if isinstance(error, FileNotFoundError) and self._is_writable():
                return  # another process removed the folder, to keep the limit, in between: as if it had come after
            raise EmorecError(
                f"Features cannot be stored in {self._cache} ({error.strerror or error}); "
                "free some space or name another folder in EMOREC_CACHE."
            ) from None

    def _is_writable(self) -> bool:
        """Whether files can be made in the cache folder; in /proc that too is "No such file or directory"."""
        try:
            with tempfile.TemporaryFile(dir=self._cache):
                return True
        except OSError:
            return False


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
