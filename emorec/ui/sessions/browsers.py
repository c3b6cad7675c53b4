"""Which sessions are pages of the same browser, so that a reload finds its recordings and its analysis again.

Each load of the page is a session of its own. A browser keeps a random token in its local storage and sends it when the
page is loaded; sessions with the same token share their files, jobs and recent analyses. Nobody else knows the token.
"""

import hashlib
import re
import threading
import time
from collections.abc import Callable

TOKEN = re.compile(r"[A-Za-z0-9_-]{32,64}")
COMES_BACK_WITHIN = 20.0  # seconds that a reload may take on a slow machine before the browser counts as gone


class _Browser:
    """The pages of a browser.

    ``pages`` are open; those in ``doubted`` may have ended unnoticed. ``closed`` are pages that were closed and not
    forgotten yet; ``left_at`` is the time (s) when the last open page was closed, None while one is open.
    """

    def __init__(self):
        self.pages: set[str] = set()
        self.doubted: set[str] = set()
        self.closed: list[str] = []
        self.left_at: float | None = None


class Browsers:
    """All browsers by name, and the sessions that are their pages; ``clock`` (s)."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._browsers: dict[str, _Browser] = {}
        self._names: dict[str, str] = {}  # of the browser of each session
        self._lock = threading.RLock()

    def enter(self, session: str, token: object) -> str:
        """A page was opened; returns the name of its browser, or the session itself if the token is not valid."""
        if not session or not isinstance(token, str) or not TOKEN.fullmatch(token):
            return session
        name = f"browser {hashlib.sha256(token.encode()).hexdigest()}"  # no session has this name, because of the space
        with self._lock:
            if (before := self._names.get(session, name)) != name:
                self.leave(session)
                self._browsers[before].closed.remove(session)
            self._names[session] = name
            browser = self._browsers.setdefault(name, _Browser())
            browser.pages.add(session)
            browser.left_at = None
        return name

    def owner(self, session: str) -> str:
        """The name of the browser of a session, or the session itself if no browser is known."""
        with self._lock:
            return self._names.get(session, session)

    def doubt(self, session: str) -> None:
        """A page may have ended unnoticed: until it is ``seen`` again, its browser counts as left without it."""
        with self._lock:
            browser = self._browsers.get(self._names.get(session, ""))
            if browser and session in browser.pages:
                browser.doubted.add(session)

    def seen(self, session: str) -> None:
        """A page has asked for something, so it is open."""
        with self._lock:
            browser = self._browsers.get(self._names.get(session, ""))
            if browser and session in browser.doubted:
                browser.doubted.discard(session)
                browser.left_at = None

    def leave(self, session: str) -> bool:
        """A page was closed; returns whether its browser has no other open page, apart from doubted ones."""
        with self._lock:
            browser = self._browsers.get(self._names.get(session, ""))
            if browser is None:
                return False
            if session in browser.pages:
                browser.pages.discard(session)
                browser.doubted.discard(session)
                browser.closed.append(session)
            if browser.pages - browser.doubted:
                return False
            if browser.left_at is None:
                browser.left_at = self._clock()
            return True

    def closed(self, owner: str) -> list[str]:
        """The closed pages of a browser, the latest first; they are forgotten with ``forget_pages``."""
        with self._lock:
            browser = self._browsers.get(owner)
            return list(reversed(browser.closed)) if browser else []

    def pages(self, owner: str) -> list[str]:
        """The open pages of a browser."""
        with self._lock:
            browser = self._browsers.get(owner)
            return sorted(browser.pages) if browser else []

    def is_known(self, owner: str) -> bool:
        """Whether there is such a browser."""
        with self._lock:
            return owner in self._browsers

    def is_gone(self, owner: str) -> bool:
        """Whether all pages of a browser have been closed for so long that this was no reload."""
        with self._lock:
            browser = self._browsers.get(owner)
            if browser is None:
                return True
            return browser.left_at is not None and self._clock() - browser.left_at >= COMES_BACK_WITHIN

    def forget_pages(self, owner: str) -> None:
        """Forget the closed pages of a browser, but not the browser, which may come back."""
        with self._lock:
            browser = self._browsers.get(owner)
            for session in browser.closed if browser else ():
                self._names.pop(session, None)
            if browser:
                browser.closed = []

    def forget(self, owner: str) -> None:
        """Forget a browser and the closed pages of it."""
        with self._lock:
            browser = self._browsers.pop(owner, None)
            for session in [*browser.closed, *browser.pages] if browser else ():
                self._names.pop(session, None)
