"""What the answers' headers may say, and what they tell browsers to refuse: a content security policy and its like."""

import base64
import hashlib
import html
import re
from collections.abc import Iterable

from emorec.settings import HUB

SELF = "'self'"
SHARED_PAGE = "https://gradio.s3-us-west-2.amazonaws.com"  # where a public link's page has its script from

# Anything else is dropped; Gradio repeats a request's headers in answers to ranges of a file.
KEPT = frozenset(
    b"accept-ranges allow cache-control content-disposition content-encoding content-length content-range content-type"
    b" etag last-modified location retry-after set-cookie transfer-encoding vary x-accel-buffering".split()
)
OF_A_FILE = KEPT - {b"location", b"set-cookie"}
INLINE_SCRIPT = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)
ON_ERROR = re.compile(r'onerror="([^"]*)"')


def handlers() -> list[str]:
    """Scripts that stand in attributes of the page's own HTML."""
    from emorec.ui import (
        fragments,  # imported late: it takes the charts' library, and mistakes in the settings are told at once
    )

    return [html.unescape(script) for script in ON_ERROR.findall(fragments.player_of("x.mp4"))]


def hash_source(script: bytes) -> str:
    """How a policy names a script by its content."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'"


class Policies:
    """The headers that every answer carries, by what it is."""

    def __init__(self, ancestors: Iterable[str] = (SELF,)):
        self.ancestors = tuple(ancestors)
        self.shared = False  # a public link's page is another one, which has its script from Gradio's own servers
        self._handlers = " ".join(hash_source(script.encode()) for script in handlers())

    @property
    def framed(self) -> bool:
        """Whether pages of other sites may show this one."""
        return any(name not in (SELF, "'none'") for name in self.ancestors)

    def page(self, body: bytes) -> str:
        """The policy of the page with this HTML: its own inline scripts, and no other, run.

        Gradio runs the page's script, and Vega the chart, through ``new Function``; recordings are cut by ffmpeg in
        WebAssembly, from blobs.
        """
        also = f" {SHARED_PAGE}" if self.shared else ""
        asked = also + (f" {HUB}" if HUB in self.ancestors else "")
        scripts = " ".join(dict.fromkeys(hash_source(script) for script in INLINE_SCRIPT.findall(body)))
        return "; ".join(
            [
                "default-src 'self'",
                f"script-src 'self' blob: 'unsafe-eval' 'wasm-unsafe-eval' {scripts}{also}",
                f"script-src-attr 'unsafe-hashes' {self._handlers}",
                f"style-src 'self' 'unsafe-inline'{also}",
                f"img-src 'self' data: blob:{asked}",
                f"font-src 'self' data:{also}",
                "media-src 'self' data: blob:",
                f"connect-src 'self' data: blob:{asked}",
                f"worker-src 'self' blob:{also}",
                "frame-src 'none'",
                "object-src 'none'",
                "base-uri 'self'",
                "form-action 'self'",
                f"frame-ancestors {' '.join(self.ancestors)}",
            ]
        )

    def of(self, kind: str) -> list[tuple[bytes, bytes]]:
        """The headers of answers of a kind of route; a page brings its own policy instead."""
        common = [
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"same-origin"),
            (b"cross-origin-resource-policy", b"same-origin"),
        ]
        if kind == "page":
            return common + ([] if self.framed else [(b"x-frame-options", b"SAMEORIGIN")])
        if kind == "asset":  # a worker's script runs under its own policy
            policy = "default-src 'self' data: blob:; script-src 'self' blob: 'unsafe-eval' 'wasm-unsafe-eval'"
        elif kind == "file":
            policy = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox"
        else:
            policy = "default-src 'none'"
        return [*common, (b"content-security-policy", f"{policy}; frame-ancestors 'none'".encode())]


def cookie(value: str, *, framed: bool, secure: bool) -> str:
    """A ``Set-Cookie`` value that scripts cannot read and other sites' requests do not carry.

    Where other sites may show the page, browsers keep the page's cookies only as below, in a jar of that site's own.
    """
    first, *attributes = [part.strip() for part in value.split(";")]
    kept = [part for part in attributes if part.partition("=")[0].lower() not in ("samesite", "httponly", "secure")]
    if framed and secure:
        policy = ["SameSite=none", "Secure", "Partitioned"]
    else:
        policy = ["SameSite=lax", *(["Secure"] if secure or "secure" in map(str.lower, attributes) else [])]
    return "; ".join([first, *kept, "HttpOnly", *policy])


class PagePolicy:
    """An ASGI application around another: HTML gets the content security policy that its inline scripts need."""

    def __init__(self, app, policies: Policies):
        self.app, self._policies = app, policies

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http" or scope["path"] != "/":
            await self.app(scope, receive, send)
            return
        start, body = None, bytearray()

        async def with_policy(message):
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            body.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            policy = self._policies.page(bytes(body)).encode()
            headers = [*start["headers"], (b"content-security-policy", policy), (b"cache-control", b"no-store")]
            await send(start | {"headers": headers})
            await send({"type": "http.response.body", "body": bytes(body), "more_body": False})

        await self.app(scope, receive, with_policy)
