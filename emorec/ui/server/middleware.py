"""ASGI middleware around all of Gradio, which passes on only the requests that the page and its clients need.

It checks each request before Gradio sees it: host, route, origin, login, size, and the files and the session that the
request names. It filters the headers of each response, so that Gradio's headers for other origins are not sent.
"""

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from emorec.ui.server import bodies, headers, log, login, routes, uploads, visitors
from emorec.ui.server.bodies import Refused
from emorec.ui.server.hosts import OTHER_HOST, OTHER_HOST_NOTE, OTHER_ORIGIN, OTHER_ORIGIN_NOTE, AllowedHosts

NOT_FOUND = "There is nothing here."
LOG_IN = "Log in first."
OTHER_SESSION = "This session belongs to another visitor; open the page again."
NO_SESSION = "The request names no session; send a session_hash, or use the endpoints below /call."
WRONG_SESSION = "The name of a session has at most 64 letters, digits, hyphens and underscores."
FAILED = "Something went wrong that should not have; the log of the program says what."
RANGE = re.compile(r"bytes=([0-9]{1,18})-([0-9]{0,18})")
# The headers of a request for a file that Gradio needs.
FILE_REQUEST_HEADERS = {b"host", b"cookie", b"range", b"if-range", b"if-none-match", b"if-modified-since"}
UNTRUSTED_HEADERS = {b"x-gradio-server"}  # Gradio would use its value as the server's address in its responses


def logged_in(app: Any, cookies: dict[str, str]) -> bool:
    """Whether no password is required, or the cookies contain a valid token of Gradio's."""
    names = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
    return app.auth is None or any(app.tokens.get(cookies.get(name)) is not None for name in names)


@dataclass(frozen=True, kw_only=True)
class GuardOptions:
    """What ``RequestGuard`` checks with.

    ``folder`` is that of the uploads; ``behind_proxy`` says that a trusted proxy reports the address of each client.
    """

    folder: Path
    hosts: AllowedHosts
    uploads: uploads.Uploads
    security_headers: headers.SecurityHeaders
    behind_proxy: bool = False
    logged_in: Callable[..., bool] = logged_in
    owners: visitors.SessionOwners = field(default_factory=visitors.SessionOwners)
    attempts: login.LoginAttempts = field(default_factory=login.LoginAttempts)


class RequestGuard:
    """Check each request and filter each response."""

    def __init__(self, app: ASGIApp, options: GuardOptions):
        self.app, self._options = app, options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] != "http":
            await self.app(scope, receive, send)
        else:
            await Exchange(self.app, self._options, scope, receive, send).run()


class Exchange:
    """One request and its response."""

    def __init__(self, app: ASGIApp, options: GuardOptions, scope: Scope, receive: Receive, send: Send):
        self._app, self._options = app, options
        self._scope, self._receive, self._send = dict(scope), receive, send
        self._headers = Headers(scope=scope)
        self._cookies = _cookies(self._headers.get("cookie", ""))
        self._kind, self._description = "plain", "an unknown route"
        self._started, self._unfinished, self._status = False, False, 0
        self._upload: uploads.Upload | None = None
        self._address = visitors.client_address(scope, self._headers, options.behind_proxy)
        self._scope["client"] = (self._address, (scope.get("client") or ("", 0))[1])

    async def run(self) -> None:
        """Respond; raises nothing that a client can cause."""
        try:
            await self._check_and_pass_on()
        except Refused as refused:
            await self._refuse(refused)
        except ClientDisconnect:
            pass
        except Exception as error:
            if not self._is_forgotten_stream(error):
                log.error(f"A request failed, {self._description}", error)
            if not self._started:
                await PlainTextResponse(FAILED, 500)(self._scope, self._receive, self._respond)
            elif self._unfinished:
                await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        if self._upload and self._upload.refused:
            await self._refuse(self._upload.refused)

    async def _check_and_pass_on(self) -> None:
        scope, options = self._scope, self._options
        found = routes.find(scope["method"], scope["path"])
        self._kind = found[0].kind if found else "plain"
        server_address = (scope.get("server") or ("",))[0]
        host = self._headers.get("host", "")
        if self._kind != "health" and not options.hosts.allows(host, server_address):
            log.note(OTHER_HOST_NOTE)
            raise Refused(421, OTHER_HOST)
        forwarded = self._headers.get("x-forwarded-host", "").partition(",")[0].strip()
        if not options.hosts.allows_forwarded(forwarded):
            forwarded = ""
        self._drop_headers(forwarded)
        if found is None:
            raise Refused(404, NOT_FOUND)
        route, parts = found
        self._description = f"{scope['method']} {route.pattern.pattern}"  # not the path, which the client chose
        if options.hosts.is_cross_origin(self._headers, forwarded or host):
            log.note(OTHER_ORIGIN_NOTE)
            raise Refused(403, OTHER_ORIGIN)
        if not route.open and not options.logged_in(scope["app"], self._cookies):
            raise Refused(401, LOG_IN)
        if (file := parts.get("file")) and not bodies.is_below(file, options.folder):
            raise Refused(404, NOT_FOUND)
        query = parse_qs(scope["query_string"].decode("latin-1"))
        for session in [parts.get("session"), *query.get("session_hash", [])]:
            self._check_session(session)
        await self._pass_on(route.kind, parts, {host, forwarded, *_netloc(self._headers.get("origin", ""))})

    def _is_forgotten_stream(self, error: Exception) -> bool:
        """Whether a client asked for answers of a session that Gradio does not know any more.

        This is normal: a browser whose connection broke asks again by itself. Gradio has begun its answer by then.
        """
        cause = error.__cause__
        return self._kind == "stream" and isinstance(cause, HTTPException) and cause.status_code == 404

    async def _pass_on(self, kind: str, parts: dict[str, str], own_names: set[str]) -> None:
        options, receive = self._options, self._receive
        if kind == "upload":
            length = self._headers.get("content-length", "")
            async with options.uploads.track(int(length) if length.isdecimal() else None) as self._upload:
                with contextlib.suppress(ClientDisconnect):
                    await self._app(self._scope, self._upload.counting(receive), self._respond)
        elif kind in ("json", "predict"):
            bodies.check_page(self._headers.get(bodies.PAGE_HEADER), self._scope["app"].get_blocks().app_id)
            given = bodies.parse_json(await bodies.read(receive), self._headers.get("content-type", ""))
            bodies.check_files(given, options.folder, own_names)
            if kind == "predict" and given.get("session_hash") is None:  # all such requests would be one session
                raise Refused(400, NO_SESSION)
            self._check_session(given.get("session_hash"))
            await self._pass_on_with(bodies.dump_json(given))
        elif kind == "live":
            await self._pass_on_with(await bodies.read(receive, bodies.MAX_LIVE))
        elif kind == "form":
            if wait := options.attempts.begin(self._address):
                raise Refused(429, login.WAIT, (("retry-after", str(wait)),))
            await self._pass_on_with(await bodies.read(receive))
            if self._status == 200:
                options.attempts.succeeded(self._address)
        elif kind == "heartbeat":
            options.owners.heartbeat_opened(parts["session"])
            try:
                await self._app(self._scope, receive, self._respond)
            finally:
                options.owners.heartbeat_closed(parts["session"])
        else:
            await self._app(self._scope, receive, self._respond)

    async def _pass_on_with(self, body: bytes) -> None:
        replaced = (b"content-length", b"transfer-encoding")
        others = [(name, value) for name, value in self._scope["headers"] if name not in replaced]
        self._scope["headers"] = [*others, (b"content-length", str(len(body)).encode())]
        await self._app(self._scope, bodies.replay(body, self._receive), self._respond)

    def _check_session(self, session: Any) -> None:
        if session is None:
            return
        if not isinstance(session, str) or not visitors.SESSION.fullmatch(session):
            raise Refused(400, WRONG_SESSION)
        if not self._options.owners.claim(session, visitors.visitor_id(self._cookies, self._address)):
            raise Refused(403, OTHER_SESSION)

    def _drop_headers(self, forwarded: str) -> None:
        """Drop the request headers that Gradio would trust or repeat without reason."""
        dropped = UNTRUSTED_HEADERS | (set() if forwarded else {b"x-forwarded-host"})
        passed = [(name, value) for name, value in self._scope["headers"] if name not in dropped]
        if self._kind == "file":
            passed = [(name, value) for name, value in passed if name in FILE_REQUEST_HEADERS]
            if not _is_range(self._headers.get("range", "")):
                passed = [(name, value) for name, value in passed if name not in (b"range", b"if-range")]
        self._scope["headers"] = passed

    async def _refuse(self, refused: Refused) -> None:
        if self._started:
            return
        self._upload, is_upload = None, self._kind == "upload"
        response = PlainTextResponse if is_upload else JSONResponse  # the page shows the response to an upload as it is
        content = refused.sentence if is_upload else {"detail": refused.sentence}
        self._kind = "plain"
        await response(content, refused.status, dict(refused.headers))(self._scope, self._receive, self._respond)
        if is_upload:
            await uploads.discard(self._receive)

    async def _respond(self, message: Message) -> None:
        if self._upload and self._upload.refused:
            return  # ``run`` sends the reason when Gradio has ended
        if message["type"] == "http.response.body":
            self._unfinished = self._unfinished and message.get("more_body", False)
        elif message["type"] == "http.response.start":
            if self._upload and message["status"] == 413:
                self._upload.refused = self._options.uploads.too_large()
                return
            if self._upload and message["status"] >= 500:
                self._upload.refused = self._options.uploads.not_taken(self._upload, message["status"])
                return
            self._started, self._status = True, message["status"]
            self._unfinished = not any(name.lower() == b"content-length" for name, _ in message["headers"])
            message = {**message, "headers": self._response_headers(message["headers"])}
        await self._send(message)

    def _response_headers(self, given: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        security, kind = self._options.security_headers, self._kind
        secure = "https" in (self._scope.get("scheme"), self._headers.get("x-forwarded-proto", "").lower())
        allowed = headers.ALLOWED_FOR_FILES if kind == "file" else headers.ALLOWED
        sent = []
        for name, value in given:
            if name.lower() == b"set-cookie":
                value = headers.cookie(value.decode("latin-1"), framed=security.framed, secure=secure).encode("latin-1")
            page_policy = kind == "page" and name == b"content-security-policy"
            if name.lower() in allowed or page_policy:
                sent.append((name, value))
            if name.lower() == b"content-type" and value.startswith(b"text/event-stream"):
                sent.append((b"x-accel-buffering", b"no"))  # nginx would hold messages back until its buffer is full
        unknown = not visitors.SECRET.fullmatch(self._cookies.get(visitors.COOKIE, ""))
        if unknown and self._scope["path"] in ("/", "/config", "/config/"):
            value = f"{visitors.COOKIE}={visitors.new_secret()}; Path=/"
            value = headers.cookie(value, framed=security.framed, secure=secure)
            sent.append((b"set-cookie", value.encode("ascii")))
        return sent + security.for_kind(kind)


def _cookies(header: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in header.split(";"):
        with contextlib.suppress(CookieError):
            found |= {name: morsel.value for name, morsel in SimpleCookie(pair).items()}
    return found


def _netloc(origin: str) -> list[str]:
    return [origin.partition("://")[2]] if "://" in origin else []


def _is_range(text: str) -> bool:
    found = RANGE.fullmatch(text.strip())
    return bool(found) and (not found[2] or int(found[1]) <= int(found[2]))
