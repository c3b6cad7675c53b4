"""The results that programs may ask for again; each has a random name that only its own session can use."""

import threading
import uuid
from collections import OrderedDict
from dataclasses import dataclass

from emorec.analyzer import Analyzer
from emorec.errors import EmorecError
from emorec.extraction.features import Features

MAX_RESULTS = 16  # in memory; the least recently used is removed
MAX_PER_SESSION = 8  # so that one session cannot remove those of all others
FORGOTTEN = "That recording is not known any more; call /analyze again, which finds what was stored of it."


@dataclass(frozen=True, eq=False, kw_only=True)
class Result:
    """Features of a recording and the analyzer that extracted them; ``has_faces`` is False if only sound was read."""

    analyzer: Analyzer
    features: Features
    has_faces: bool


class ResultCache:
    """Results by name; only the session that added a result gets it back."""

    def __init__(self):
        self._results: OrderedDict[str, tuple[str | None, Result]] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, session: str | None, result: Result) -> str:
        """Add a result of a session; returns its name."""
        name = uuid.uuid4().hex
        with self._lock:
            self._results[name] = session, result
            own = [name for name, (owner, _) in self._results.items() if owner == session]
            if len(own) > MAX_PER_SESSION:
                del self._results[own[0]]
            if len(self._results) > MAX_RESULTS:
                self._results.popitem(last=False)
        return name

    def get(self, session: str | None, name: str) -> Result:
        """A result of a session. Raises the same EmorecError if it does not exist and if it is another session's."""
        with self._lock:
            found = self._results.get(name)
            if found is None or session is None or found[0] != session:
                raise EmorecError(FORGOTTEN)
            self._results.move_to_end(name)
            return found[1]

    def remove(self, session: str) -> None:
        """Remove all results of a session."""
        with self._lock:
            self._results = OrderedDict((name, found) for name, found in self._results.items() if found[0] != session)
