"""The analyzers that the page has loaded, by the name of their checkpoint.

Visitors may only name checkpoints on the Hub. A folder that a visitor names is never opened, not even to find out
whether it exists. The deployer sets EMOREC_MODELS:

- not set: all public checkpoints on the Hub. The deployer's token is not sent for a visitor's choice.
- names, separated by commas: only these, exactly as they are written; the deployer's token is sent for them.
- ``off``: only the checkpoint that the page started with.
"""

import contextlib
import functools
import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator

from emorec import analyzer
from emorec.analyzer import Analyzer
from emorec.errors import EmorecError
from emorec.models import pretrained
from emorec.ui.settings import allowed_models

MAX_FAILED = 100  # remembered names of checkpoints that could not be loaded
MAX_LOADED = 8  # checkpoints in memory, besides the page's own and those that jobs still use
MAX_PARALLEL_LOADS = 2  # checkpoints that are downloaded or loaded at the same time
NO_TOKEN = "HF_HUB_DISABLE_IMPLICIT_TOKEN"  # makes huggingface_hub send a token only if a call passes one
NOT_ON_THE_HUB = "A checkpoint is chosen by its name on the Hub, org/name or org/name@revision; give a name like that."
TURNED_OFF = "Other checkpoints are turned off here; leave the field empty."
LOADING = "The checkpoint is still being loaded; press the button again when it is there."
NOT_ALLOWED = "This checkpoint is not among those to choose from here; choose from {names}."

from_the_hub = functools.partial(analyzer.load, resolve=pretrained.pull)


class AnalyzerCache:
    """Loads a checkpoint when it is first requested; the empty name is the one that the page started with.

    ``load`` loads a checkpoint by name; ``names`` are those that may be chosen, as ``settings.allowed_models`` gives
    them.
    """

    def __init__(
        self,
        default: Analyzer,
        load: Callable[[str], Analyzer] = from_the_hub,
        names: tuple[str, ...] | None = None,
    ):
        self.default, self.names = default, names
        self._load = load
        self._loaded: OrderedDict[str, Analyzer] = OrderedDict()
        self._in_use: weakref.WeakValueDictionary[str, Analyzer] = weakref.WeakValueDictionary()
        self._loading: dict[str, _Loading] = {}
        self._failed: OrderedDict[str, None] = OrderedDict()
        self._load_slots = threading.BoundedSemaphore(MAX_PARALLEL_LOADS)
        self._lock = threading.Lock()  # never held while a checkpoint is loaded

    def get(self, name: str | None = "") -> Analyzer:
        """The analyzer of a checkpoint on the Hub. Raises EmorecError if it does not exist or may not be chosen."""
        name = (name or "").strip()
        if not name:
            return self.default
        self._check(name)
        if (found := self._cached(name)) is not None:
            return found
        with self._only_loader(name):
            if (found := self._cached(name)) is None:
                found = self._load_now(name)
            return found

    def is_loaded(self, name: str) -> bool:
        """Whether ``get`` gives a checkpoint without loading it."""
        return not name or self._cached(name) is not None

    def is_awaited(self, name: str) -> bool:
        """Whether a checkpoint that may be chosen is being loaded, or will be: it is not loaded, and did not fail."""
        with contextlib.suppress(EmorecError):
            self._check(name)
            with self._lock:
                known = name in self._loaded or name in self._in_use or name in self._failed
                return name in self._loading or not known
        return False

    def choose(self, named: str | None, active: str) -> str:
        """The checkpoint to use: the one that was named, or the ``active`` one if that could not be loaded.

        The page may not show the named one as active yet, and shows a note if it failed. Raises EmorecError while it is
        being loaded.
        """
        name = (named or "").strip()
        if name != active and self.is_awaited(name):
            raise EmorecError(LOADING)
        return name if self.is_loaded(name) else active

    def _load_now(self, name: str) -> Analyzer:
        """Load a checkpoint and keep it; remember its name if that fails."""
        try:
            with self._load_slots:
                found = self._load(name)
        except BaseException:
            with self._lock:
                self._failed[name] = None
                if len(self._failed) > MAX_FAILED:
                    self._failed.popitem(last=False)
            raise
        self._keep(name, found)
        return found

    def _cached(self, name: str) -> Analyzer | None:
        with self._lock:
            found = self._loaded.get(name) or self._in_use.get(name)
        if found is not None:
            self._keep(name, found)
        return found

    def _keep(self, name: str, found: Analyzer) -> None:
        with self._lock:
            self._loaded[name] = self._in_use[name] = found
            self._failed.pop(name, None)
            self._loaded.move_to_end(name)
            if len(self._loaded) > MAX_LOADED:
                self._loaded.popitem(last=False)

    @contextlib.contextmanager
    def _only_loader(self, name: str) -> Iterator[None]:
        """Within this context, no other thread loads the same checkpoint; other checkpoints are not affected."""
        with self._lock:
            loading = self._loading.setdefault(name, _Loading())
            loading.threads += 1
        try:
            with loading.lock:
                yield
        finally:
            with self._lock:
                loading.threads -= 1
                if not loading.threads:
                    del self._loading[name]

    def _check(self, name: str) -> None:
        if self.names == ():
            raise EmorecError(TURNED_OFF)
        if not pretrained.ON_THE_HUB.fullmatch(name):
            raise EmorecError(NOT_ON_THE_HUB)
        if self.names is not None and name not in self.names:
            raise EmorecError(NOT_ALLOWED.format(names=", ".join(self.names)))


class _Loading:
    """A checkpoint that is being loaded: its lock, and the number of threads that load it or wait for it."""

    def __init__(self):
        self.lock, self.threads = threading.Lock(), 0


def protect_token() -> None:
    """Do not send the deployer's token for what visitors choose, unless the deployer lists what may be chosen.

    To be called when the deployer's own checkpoint, which may need the token, is loaded. Raises EmorecError.
    """
    if allowed_models() is None:
        os.environ[NO_TOKEN] = "1"
