"""The route that receives pictures and sound of a live session from the page's script, and returns the reading.

A request contains one JPEG and then 16-bit sound; the query has the length of the JPEG and the times of both. The body
is kept in memory only. Middleware has checked that the session belongs to the visitor, and the size of the body.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import anyio.to_thread
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from emorec.errors import EmorecError
from emorec.ui.server.routes import LIVE
from emorec.ui.sessions.live import LiveInput, SessionOver

if TYPE_CHECKING:
    from emorec.ui.service import Service

WRONG = "The request does not say what it holds; open the page again."


def route(service: Service) -> Route:
    """The route, for Gradio's Starlette application."""

    async def receive(request: Request) -> JSONResponse:
        session = request.path_params["session"]
        try:
            sent = _parse_request(await request.body(), request.query_params)
            answer = await anyio.to_thread.run_sync(service.live.receive, session, sent)
        except EmorecError as error:
            return JSONResponse({"detail": str(error)}, status_code=410 if isinstance(error, SessionOver) else 400)
        return JSONResponse(answer)

    return Route(f"{LIVE}/{{session}}", receive, methods=["POST"])


def _parse_request(body: bytes, query: QueryParams) -> LiveInput:
    """The input in a request. Raises EmorecError."""
    try:
        length = int(query.get("length", "0"))
        if not 0 <= length <= len(body):
            raise ValueError
        picture_at, sound_at = float(query.get("picture", "0")), float(query.get("sound", "0"))
        if not (math.isfinite(picture_at) and math.isfinite(sound_at)):  # float() reads "nan" and "inf" too
            raise ValueError
        return LiveInput(
            picture=body[:length],
            picture_at=picture_at,
            sound=body[length:],
            sound_at=sound_at,
            rate=int(query.get("rate", "16000")),
        )
    except (ValueError, OverflowError):
        raise EmorecError(WRONG) from None
