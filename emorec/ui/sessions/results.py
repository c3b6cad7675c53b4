"""What sessions had observed and may ask about again, each under a name that nobody else can use."""

import threading
import uuid
from collections import OrderedDict

from emorec.errors import EmorecError

MOST = 16  # recordings that are kept; the ones asked for longest ago go first
MOST_OF_ONE = 8  # of them that one session may have, lest it push out those of all others
FORGOTTEN = "That recording is not known any more; call /analyze again, which finds what was stored of it."


class Kept:
    """Things by a name that is made for them; only the session that they are of gets them back."""

    def __init__(self):
        self._things, self._lock = OrderedDict(), threading.Lock()

    def add(self, session, thing):
        """Keep a thing of a session; the name for it."""
        name = uuid.uuid4().hex
        with self._lock:
            self._things[name] = session, thing
            own = [name for name, (owner, _) in self._things.items() if owner == session]
            if len(own) > MOST_OF_ONE:
                del self._things[own[0]]
            if len(self._things) > MOST:
                self._things.popitem(last=False)
        return name

    def get(self, session, name):
        """A session's thing. Raises EmorecError where there is none, or it is another's: nobody is told which."""
        with self._lock:
            owner, thing = self._things.get(name, (None, None))
            if owner is None or owner != session:
                raise EmorecError(FORGOTTEN)
            self._things.move_to_end(name)
            return thing

    def end(self, session):
        """Let go of all that is a session's."""
        with self._lock:
            self._things = OrderedDict((name, kept) for name, kept in self._things.items() if kept[0] != session)
