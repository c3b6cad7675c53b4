"""The lists of recent analyses of each browser, with the keys of their stored features."""

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from emorec.errors import EmorecError
from emorec.extraction.options import WHOLE, Settings
from emorec.ui.sessions.batch import MAX_ITEMS

MAX_RECENTS = MAX_ITEMS  # of one browser, so that a whole list of recordings can be opened; the oldest are removed
FORGOTTEN = "That analysis is not in your list any more."


@dataclass(frozen=True, kw_only=True)
class Recent:
    """An analysis that can be opened again.

    ``at`` is when it ended (s since 1970); ``until`` and ``duration`` (s): how much of the recording was analysed;
    ``key`` and ``cache``: where its features are stored (``extraction.storing``); ``fingerprint``: of the model that
    extracted them, whose name is ``checkpoint``; ``path`` and ``facts``: the recording, and the source of a link;
    ``shared``: whether its features are those of an example, which are not deleted; ``earlier``: other files of this
    recording, which was uploaded more than once.
    """

    name: str
    at: float
    until: float
    duration: float
    key: str
    cache: Path | None
    fingerprint: str
    checkpoint: str = ""
    path: str = ""
    settings: Settings = WHOLE
    facts: dict = field(default_factory=dict)
    shared: bool = False
    earlier: frozenset[str] = frozenset()
    id: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def paths(self) -> frozenset[str]:
        """All files of the recording."""
        return (self.earlier | {self.path}) - {""}


class Recents:
    """The recent analyses by browser; no browser gets those of another one."""

    def __init__(self, clock: Callable[[], float] = time.time):
        self.clock = clock
        self._lists: dict[str, OrderedDict[str, Recent]] = {}
        self._lock = threading.Lock()

    def add(self, owner: str, recent: Recent) -> Recent:
        """Add an analysis; it replaces one of the same recording with the same settings, and takes over its ``id``."""
        with self._lock:
            own = self._lists.setdefault(owner, OrderedDict())
            same = [each for each in own.values() if (each.key, each.name) == (recent.key, recent.name)]
            for each in same:
                del own[each.id]
                # Its file may still be shown on a page, so it is not removed before the analysis is.
                recent = replace(recent, id=each.id, earlier=recent.earlier | each.paths - {recent.path})
            own[recent.id] = recent
            while len(own) > MAX_RECENTS:
                own.popitem(last=False)
        return recent

    def of(self, owner: str) -> list[Recent]:
        """The analyses of a browser, the latest first."""
        with self._lock:
            return list(reversed(self._lists.get(owner, {}).values()))

    def get(self, owner: str, name: str) -> Recent:
        """One analysis of a browser. Raises the same EmorecError if there is none and if it is another browser's."""
        with self._lock:
            found = self._lists.get(owner, {}).get(name)
        if found is None:
            raise EmorecError(FORGOTTEN)
        return found

    def remove(self, owner: str, name: str | None = None) -> None:
        """Take one analysis, or all, from the list of a browser."""
        with self._lock:
            if name is None:
                self._lists.pop(owner, None)
            else:
                self._lists.get(owner, OrderedDict()).pop(name, None)
