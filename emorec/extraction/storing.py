"""Where the features of a recording are stored: the key of their folder, and the folder itself."""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from emorec.errors import EmorecError
from emorec.extraction import features, sources
from emorec.extraction import segments as cuts
from emorec.extraction.assembly import Segment
from emorec.extraction.cache import CacheLimit
from emorec.extraction.features import Folder, Head
from emorec.extraction.options import Settings
from emorec.extraction.sources import Source
from emorec.face.detection import Detector
from emorec.models import identity, speaker
from emorec.models.checkpoint import Checkpoint

EXTRACTION = 15  # increases with every change of what is extracted from the same recording by the same networks


def key_of(media: str | Path | Source, model: Checkpoint, detector: Detector, settings: Settings) -> str:
    """The key of a recording's features, from its content, the networks, the detector and the settings.

    It is "" for a source whose features are not stored. Raises EmorecError if the recording cannot be read.
    """
    content = sources.of(media).digest()
    if content is None:
        return ""
    scheme = [EXTRACTION, cuts.FIRST_STARTS, cuts.SEGMENT_HOPS]
    facts = [features.FORMAT_VERSION, scheme, content, model.fingerprint, detector.name, asdict(settings)]
    facts += [identity.fingerprint(), speaker.fingerprint()]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


class Store:
    """The folder that a recording's features are stored in, below the cache folder. Raises EmorecError."""

    def __init__(self, cache: Path, key: str):
        self._cache = cache
        self.folder = Folder(cache / key)
        self.limit = CacheLimit(cache, self.folder.path)

    def append(self, head: Head, segment: Segment) -> None:
        """Store one more segment, and the head that counts it."""
        with self._errors():
            self.limit.added(self.folder.append(head, segment))

    def write_head(self, head: Head) -> None:
        """Store the head alone."""
        with self._errors():
            self.folder.write_head(head)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
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
