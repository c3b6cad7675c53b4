"""The engines that a page has loaded, by the name of their checkpoint.

Visitors name checkpoints on the Hub only: a folder that a stranger names is never looked at, not even to tell whether
it exists. EMOREC_MODELS, which the deployer sets, says which:

- not set: any on the Hub that everybody may read. The deployer's token is not shown for a visitor's choice.
- names, with commas between them: these and no others, as they are written; the deployer's token is shown for them.
- ``off``: none but the one that the page started with.
"""

import contextlib
import functools
import os
import threading
import weakref
from collections import OrderedDict

from emorec import analyzer
from emorec.errors import EmorecError
from emorec.models import pretrained
from emorec.settings import allowed_models as allowed

MOST = 8  # checkpoints kept in memory beside the one that the page started with, and those that runs still use
LOADS = 2  # checkpoints that are downloaded or loaded at a time; those that are loaded already need not wait
NO_TOKEN = "HF_HUB_DISABLE_IMPLICIT_TOKEN"  # the Hub's library shows no token then that it was not given for the call
NOT_ON_THE_HUB = "A checkpoint is chosen by its name on the Hub, org/name or org/name@revision; give such a one."
TURNED_OFF = "Other checkpoints are turned off here; leave the field empty."
NOT_ALLOWED = "This checkpoint is not among those to choose from here; choose from {names}."

from_the_hub = functools.partial(analyzer.load, resolve=pretrained.pulled)


class Analyzers:
    """Loads a checkpoint when it is first asked for; the empty name is the one that the page started with.

    ``names`` are as ``allowed`` gives them.
    """

    def __init__(self, default, load=from_the_hub, names=None):
        self.default, self.names = default, names
        self._load = load
        self._loaded = OrderedDict()
        self._in_use = weakref.WeakValueDictionary()
        self._loading: dict[str, list] = {}  # a lock for each name that is being loaded, and who waits for it
        self._loads = threading.BoundedSemaphore(LOADS)
        self._lock = threading.Lock()  # held for moments only

    def get(self, name=""):
        """The engine of a checkpoint on the Hub. Raises EmorecError where there is none, or none to choose."""
        name = (name or "").strip()
        if not name:
            return self.default
        self._check(name)
        if (found := self._known(name)) is not None:
            return found
        with self._one_for(name):
            if (found := self._known(name)) is None:
                with self._loads:
                    found = self._load(name)
                self._keep(name, found)
            return found

    def _known(self, name):
        with self._lock:
            found = self._loaded.get(name) or self._in_use.get(name)
        if found is not None:
            self._keep(name, found)
        return found

    def _keep(self, name, found):
        with self._lock:
            self._loaded[name] = self._in_use[name] = found
            self._loaded.move_to_end(name)
            if len(self._loaded) > MOST:
                self._loaded.popitem(last=False)

    @contextlib.contextmanager
    def _one_for(self, name):
        """Meanwhile nobody else loads the same checkpoint; other checkpoints are not affected."""
        with self._lock:
            entry = self._loading.setdefault(name, [threading.Lock(), 0])
            entry[1] += 1
        try:
            with entry[0]:
                yield
        finally:
            with self._lock:
                entry[1] -= 1
                if not entry[1]:
                    del self._loading[name]

    def _check(self, name):
        if self.names == ():
            raise EmorecError(TURNED_OFF)
        if not pretrained.ON_THE_HUB.fullmatch(name):
            raise EmorecError(NOT_ON_THE_HUB)
        if self.names is not None and name not in self.names:
            raise EmorecError(NOT_ALLOWED.format(names=", ".join(self.names)))


def guard_token(environment=os.environ):
    """Keep the deployer's token from what visitors choose, unless the deployer says what that may be.

    To be called once the deployer's own checkpoint is loaded, which may need it. Raises EmorecError.
    """
    if allowed(environment) is None:
        environment[NO_TOKEN] = "1"
