"""Which pages of the browsers are open, as far as their connections tell it.

A page that crashes, or is loaded again without a network, ends without a word. Its heartbeat has ended then, but so has
that of a page that has only lost its connection. Both are in doubt until they are seen again.
"""

from contextlib import AbstractContextManager

from emorec.ui.jobs.presence import Presence
from emorec.ui.server.heartbeat import Pages
from emorec.ui.sessions.browsers import Browsers
from emorec.ui.sessions.files import KEEP


class OpenPages:
    """The pages of ``browsers``; ``presence`` counts their streams, and ``heartbeats`` holds what has ended."""

    def __init__(self, browsers: Browsers, presence: Presence):
        self._browsers, self._presence = browsers, presence
        self.heartbeats = Pages(self.stays)

    def stays(self, session: str) -> bool:
        """Whether a session whose connection was lost may be a page that is still open: one that has asked for
        something within KEEP seconds."""
        return self._browsers.owner(session) != session and not self._presence.is_silent(session, KEEP)

    def connected(self, name: str) -> AbstractContextManager[None]:
        """Within this context, a stream of the session or event ``name`` is open; a page that opens one is seen."""
        self._browsers.seen(name)
        return self._presence.connected(name)

    def seen(self, session: str) -> None:
        """A page says that it is open."""
        with self.connected(session):
            pass

    def doubt(self, owner: str) -> list[str]:
        """The pages of a browser that may have ended unnoticed: they have lost their heartbeat, and wait for no answer.

        From now on they do not keep what the browser has, until they are seen.
        """
        pages = self._browsers.pages(owner)
        found = [each for each in pages if self.heartbeats.is_held(each) and not self._presence.is_open(each)]
        for page in found:
            self._browsers.doubt(page)
        return found
