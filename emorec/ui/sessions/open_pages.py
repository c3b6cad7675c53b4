"""Which pages of the browsers are open, judged by their connections.

A page that crashes, or is reloaded without a network, does not report its end. Its heartbeat has ended, but so has that
of a page that has only lost its connection. Both are in doubt until they send something again.
"""

from contextlib import AbstractContextManager

from emorec.ui.jobs.presence import Presence
from emorec.ui.server.heartbeat import Pages
from emorec.ui.sessions.browsers import Browsers
from emorec.ui.sessions.files import KEEP


class OpenPages:
    """The pages of ``browsers``; ``presence`` counts their streams, ``heartbeats`` hides the end of heartbeats."""

    def __init__(self, browsers: Browsers, presence: Presence):
        self._browsers, self._presence = browsers, presence
        self.heartbeats = Pages(self.stays)

    def stays(self, session: str) -> bool:
        """Whether a session without a connection may still be an open page: it had a stream within KEEP seconds."""
        return self._browsers.owner(session) != session and not self._presence.is_silent(session, KEEP)

    def may_be_open(self, session: str) -> bool:
        """Whether a session has a heartbeat, as far as Gradio knows, or had a stream within KEEP seconds."""
        return self.heartbeats.is_open(session) or not self._presence.is_silent(session, KEEP)

    def connected(self, name: str) -> AbstractContextManager[None]:
        """Within this context, a stream of the session or event ``name`` is open, so its page is open too."""
        self._browsers.seen(name)
        return self._presence.connected(name)

    def seen(self, session: str) -> None:
        """A page reports that it is open."""
        with self.connected(session):
            pass

    def doubt(self, owner: str) -> list[str]:
        """Mark the pages of a browser that may have ended unnoticed, and return them.

        They have lost their heartbeat and wait for no answer. Until they are seen again, they do not count as open.
        """
        pages = self._browsers.pages(owner)
        found = [each for each in pages if self.heartbeats.is_held(each) and not self._presence.is_open(each)]
        for page in found:
            self._browsers.doubt(page)
        return found
