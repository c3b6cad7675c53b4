"""The engines that a page has loaded, by the name of their checkpoint."""

import threading
from collections import OrderedDict

import emorec

MOST = 3  # checkpoints kept in memory beside the one that the page started with


class Engines:
    """Loads a checkpoint when it is first asked for; the empty name is the one that the page started with."""

    def __init__(self, default, load=emorec.load):
        self.default = default
        self._load = load
        self._loaded = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name=""):
        """The engine of a checkpoint: a folder, or a Hub repository. Raises EmorecError where there is none."""
        name = (name or "").strip()
        if not name:
            return self.default
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = self._load(name)
                if len(self._loaded) > MOST:
                    self._loaded.popitem(last=False)
            self._loaded.move_to_end(name)
            return self._loaded[name]
