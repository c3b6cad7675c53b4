"""ASGI middleware around all of Gradio, which lets through only what the page and its clients ask.

Every request is judged here before Gradio sees it: its host, route, origin, login, size, the files and the session that
it names. Every answer passes here last, so Gradio's headers for other origins do not leave the server.
"""

import contextlib
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse

from emorec.ui.server import bodies, headers, log, login, routes, uploads, visitors
from emorec.ui.server.bodies import Gone, Refused
from emorec.ui.server.hosts import OTHER_HOST, OTHER_ORIGIN, Hosts

NOT_FOUND = "There is nothing here."
LOG_IN = "Log in first."
OTHER_SESSION = "This session belongs to another visitor; open the page again."
WRONG_SESSION = "The name of a session has at most 64 letters, digits, hyphens and underscores."
FAILED = "Something went wrong that should not have; the log of the program says what."
RANGE = re.compile(r"bytes=([0-9]{1,18})-([0-9]{0,18})")
# Of what a request for a file says, Gradio needs to know no more.
ASKED_OF_A_FILE = {b"host", b"cookie", b"range", b"if-range", b"if-none-match", b"if-modified-since"}
NEVER_BELIEVED = {b"x-gradio-server"}  # would become the address of the server in its own answers


def logged_in(app, cookies: dict[str, str]) -> bool:
    """Whether one of Gradio's tokens is among the cookies, or no password is asked for."""
    names = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
    return app.auth is None or any(app.tokens.get(cookies.get(name)) is not None for name in names)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a server's doors go by; ``proxied`` tells that a trusted proxy says where requests come from."""

    folder: Path
    hosts: Hosts
    uploads: uploads.Uploads
    policies: headers.Policies
    proxied: bool = False
    logged_in: Callable[..., bool] = logged_in
    owners: visitors.Owners = field(default_factory=visitors.Owners)
    attempts: login.Attempts = field(default_factory=login.Attempts)


class Doors:
    """An ASGI application around another, by ``Rules``."""

    def __init__(self, app, rules: Rules):
        self.app, self._rules = app, rules

    async def __call__(self, scope, receive, send):
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] != "http":
            await self.app(scope, receive, send)
        else:
            await Exchange(self.app, self._rules, scope, receive, send).run()


class Exchange:
    """One request and its answer."""

    def __init__(self, app, rules: Rules, scope, receive, send):
        self._app, self._rules = app, rules
        self._scope, self._receive, self._send = dict(scope), receive, send
        self._headers = Headers(scope=scope)
        self._cookies = _cookies(self._headers.get("cookie", ""))
        self._kind, self._what = "plain", "an unknown route"
        self._started, self._open_end, self._status = False, False, 0
        self._upload: uploads.Upload | None = None
        self._address = address_of(scope, self._headers, rules.proxied)
        self._scope["client"] = (self._address, (scope.get("client") or ("", 0))[1])

    async def run(self) -> None:
        """Answer; raises nothing that a client can cause."""
        try:
            await self._judged()
        except Refused as refused:
            await self._refuse(refused)
        except (Gone, ClientDisconnect):
            pass
        except Exception as error:
            log.failed(f"A request failed, {self._what}", error)
            if not self._started:
                await PlainTextResponse(FAILED, 500)(self._scope, self._receive, self._answer)
            elif self._open_end:
                await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        if self._upload and self._upload.refused:
            await self._refuse(self._upload.refused)

    async def _judged(self) -> None:
        scope, rules = self._scope, self._rules
        found = routes.find(scope["method"], scope["path"])
        self._kind = found[0].kind if found else "plain"
        dialled = (scope.get("server") or ("",))[0]
        host = self._headers.get("host", "")
        if self._kind != "health" and not rules.hosts.answers(host, dialled):
            raise Refused(421, OTHER_HOST)
        forwarded = self._headers.get("x-forwarded-host", "").partition(",")[0].strip()
        if not rules.hosts.believes(forwarded):
            forwarded = ""
        self._tidy_headers(forwarded)
        if found is None:
            raise Refused(404, NOT_FOUND)
        route, named = found
        self._what = f"{scope['method']} {route.pattern.pattern}"  # and not the path, which the client gave
        if rules.hosts.refuses_origin(self._headers, forwarded or host):
            raise Refused(403, OTHER_ORIGIN)
        if not route.open and not rules.logged_in(scope["app"], self._cookies):
            raise Refused(401, LOG_IN)
        if (file := named.get("file")) and not bodies.within(file, rules.folder):
            raise Refused(404, NOT_FOUND)
        asked = parse_qs(scope["query_string"].decode("latin-1"))
        for session in [named.get("session"), *asked.get("session_hash", [])]:
            self._claim(session)
        await self._pass_on(route.kind, named, {host, forwarded, *_netloc(self._headers.get("origin", ""))})

    async def _pass_on(self, kind: str, named: dict[str, str], own_names: set[str]) -> None:
        rules, receive = self._rules, self._receive
        if kind == "upload":
            length = self._headers.get("content-length", "")
            async with rules.uploads.taking(int(length) if length.isdecimal() else None) as self._upload:
                with contextlib.suppress(ClientDisconnect):
                    await self._app(self._scope, self._upload.counted(receive), self._answer)
        elif kind == "json":
            given = bodies.parsed(await bodies.read(receive), self._headers.get("content-type", ""))
            bodies.check_files(given, rules.folder, own_names)
            self._claim(given.get("session_hash"))
            await self._app_with(bodies.dumped(given))
        elif kind == "form":
            if wait := rules.attempts.wait(self._address):
                raise Refused(429, login.WAIT, (("retry-after", str(wait)),))
            await self._app_with(await bodies.read(receive))
            if self._status == 200:
                rules.attempts.succeeded(self._address)
        elif kind == "alive":
            rules.owners.opened(named["session"])
            try:
                await self._app(self._scope, receive, self._answer)
            finally:
                rules.owners.closed(named["session"])
        else:
            await self._app(self._scope, receive, self._answer)

    async def _app_with(self, body: bytes) -> None:
        kept = [
            (name, value)
            for name, value in self._scope["headers"]
            if name not in (b"content-length", b"transfer-encoding")
        ]
        self._scope["headers"] = [*kept, (b"content-length", str(len(body)).encode())]
        await self._app(self._scope, bodies.replay(body, self._receive), self._answer)

    def _claim(self, session) -> None:
        if session is None:
            return
        if not isinstance(session, str) or not visitors.SESSION.fullmatch(session):
            raise Refused(400, WRONG_SESSION)
        if not self._rules.owners.claim(session, visitors.visitor_of(self._cookies, self._address)):
            raise Refused(403, OTHER_SESSION)

    def _tidy_headers(self, forwarded: str) -> None:
        """Leave out what would be believed or repeated without reason."""
        dropped = NEVER_BELIEVED | (set() if forwarded else {b"x-forwarded-host"})
        kept = [(name, value) for name, value in self._scope["headers"] if name not in dropped]
        if self._kind == "file":
            kept = [(name, value) for name, value in kept if name in ASKED_OF_A_FILE]
            if not _is_range(self._headers.get("range", "")):
                kept = [(name, value) for name, value in kept if name not in (b"range", b"if-range")]
        self._scope["headers"] = kept

    async def _refuse(self, refused: Refused) -> None:
        if self._started:
            return
        self._upload, is_upload = None, self._kind == "upload"
        answer = PlainTextResponse if is_upload else JSONResponse  # the page shows an upload's answer as it is
        content = refused.sentence if is_upload else {"detail": refused.sentence}
        self._kind = "plain"
        await answer(content, refused.status, dict(refused.headers))(self._scope, self._receive, self._answer)
        if is_upload:
            await uploads.discard(self._receive)

    async def _answer(self, message) -> None:
        if self._upload and self._upload.refused:
            return  # the reason is told once Gradio has ended
        if message["type"] == "http.response.body":
            self._open_end = self._open_end and message.get("more_body", False)
        elif message["type"] == "http.response.start":
            if self._upload and message["status"] == 413:
                self._upload.refused = self._rules.uploads.too_large()
                return
            if self._upload and message["status"] >= 500:
                self._upload.refused = Refused(message["status"], uploads.NOT_TAKEN)
                return
            self._started, self._status = True, message["status"]
            self._open_end = not any(name.lower() == b"content-length" for name, _ in message["headers"])
            message = message | {"headers": self._answer_headers(message["headers"])}
        await self._send(message)

    def _answer_headers(self, given) -> list[tuple[bytes, bytes]]:
        policies, kind = self._rules.policies, self._kind
        secure = "https" in (self._scope.get("scheme"), self._headers.get("x-forwarded-proto", "").lower())
        allowed = headers.OF_A_FILE if kind == "file" else headers.KEPT
        kept = []
        for name, value in given:
            if name.lower() == b"set-cookie":
                value = headers.cookie(value.decode("latin-1"), framed=policies.framed, secure=secure).encode("latin-1")
            own_policy = kind == "page" and name == b"content-security-policy"
            if name.lower() in allowed or own_policy:
                kept.append((name, value))
        unknown = not visitors.SECRET.fullmatch(self._cookies.get(visitors.COOKIE, ""))
        if unknown and self._scope["path"] in ("/", "/config", "/config/"):
            value = f"{visitors.COOKIE}={visitors.new_secret()}; Path=/"
            value = headers.cookie(value, framed=policies.framed, secure=secure)
            kept.append((b"set-cookie", value.encode("ascii")))
        return kept + policies.of(kind)


def address_of(scope, given: Headers, proxied: bool) -> str:
    """Where a request comes from: behind a trusted proxy, the last public address that was added on its way."""
    address = (scope.get("client") or ("",))[0]
    if proxied:
        for name in reversed(given.get("x-forwarded-for", "").split(",")):
            with contextlib.suppress(ValueError):
                if (parsed := ipaddress.ip_address(name.strip())).is_global:
                    return str(parsed)
    return address


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
