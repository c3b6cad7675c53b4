"""Whether a page was closed, or has only lost its connection.

A page has one connection that stays open, its heartbeat. Gradio takes the end of it for the end of the page, and the
page never opens it again. But a proxy, another network or a computer that sleeps also ends it. Therefore the page
reports when it is closed. Without this report, the end of the heartbeat is hidden from Gradio until the page has been
silent for long.

A page that crashes, or is reloaded without a network, cannot report it. When its browser opens another page, that page
asks the others over a channel of the browser, and those that are open report it to the server.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterator

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from emorec.ui.server import routes

CHECK = 15.0  # seconds between two checks of a page without a heartbeat
MAX_HELD = 2_000  # heartbeats whose end is hidden from Gradio at the same time


class Pages:
    """The pages that have a heartbeat for Gradio, also if that has ended.

    ``stays`` tells whether a session without a heartbeat may still be an open page.
    """

    def __init__(self, stays: Callable[[str], bool]):
        self._stays = stays
        self._closed: dict[str, asyncio.Event] = {}  # set when the page says so, by session
        self._held: Counter[str] = Counter()  # heartbeats that have ended, by session

    def close(self, session: str) -> None:
        """The page of a session reports that it is closed."""
        if session in self._closed:
            self._closed[session].set()

    def is_held(self, session: str) -> bool:
        """Whether the heartbeat of a session has ended, but the page has not reported that it is closed."""
        return self._held[session] > 0

    def is_open(self, session: str) -> bool:
        """Whether a session has a heartbeat, as far as Gradio knows."""
        return session in self._closed

    @contextlib.contextmanager
    def holding(self, session: str, receive: Receive) -> Iterator[Receive]:
        """A ``receive`` for the heartbeat of a session, which reports its end only when the page has ended."""
        closed = self._closed.setdefault(session, asyncio.Event())

        async def receive_held() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect" and self._held.total() < MAX_HELD:
                self._held[session] += 1
                try:
                    while not closed.is_set() and self._stays(session):
                        with contextlib.suppress(TimeoutError):
                            await asyncio.wait_for(closed.wait(), CHECK)
                finally:
                    self._held[session] -= 1
                    self._held += Counter()  # removes counts of 0
            return message

        try:
            yield receive_held
        finally:
            self._closed.pop(session, None)


class HeartbeatMiddleware:
    """Hide the end of a heartbeat while its page may still be open, see ``Pages``."""

    def __init__(self, app: ASGIApp, pages: Pages):
        self._app, self._pages = app, pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = routes.find(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if found is None or found[0].kind != "heartbeat":
            await self._app(scope, receive, send)
            return
        with self._pages.holding(found[1]["session"], receive) as held:
            await self._app(scope, held, send)


def page_routes(pages: Pages, seen: Callable[[str], object]) -> list[Route]:
    """The routes on which a page reports that it is closed, or still open; ``seen`` is called for an open one.

    Middleware has checked that the session belongs to the visitor.
    """

    async def close(request: Request) -> Response:
        pages.close(request.path_params["session"])
        return Response(status_code=204)

    async def stay(request: Request) -> Response:
        seen(request.path_params["session"])
        return Response(status_code=204)

    return [
        Route(f"{routes.CLOSED}/{{session}}", close, methods=["POST"]),
        Route(f"{routes.OPEN}/{{session}}", stay, methods=["POST"]),
    ]
