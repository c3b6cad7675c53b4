"""The headers of responses: which of Gradio's pass, and the security headers that are added to every response."""

import base64
import hashlib
import html
import re
from collections.abc import Iterable

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from emorec.ui.server import page_head
from emorec.ui.settings import HUB

SELF = "'self'"
SHARED_PAGE = "https://gradio.s3-us-west-2.amazonaws.com"  # the page of a public link loads its scripts from here

# All other headers are dropped: for range requests, Gradio repeats the request's headers in its response.
ALLOWED = frozenset(
    b"accept-ranges allow cache-control content-disposition content-encoding content-length content-range content-type"
    b" etag last-modified location retry-after set-cookie transfer-encoding vary x-accel-buffering".split()
)
ALLOWED_FOR_FILES = ALLOWED - {b"location", b"set-cookie"}
# The page itself may use the camera and the microphone; frames in it and all other responses may not.
DEVICES = b"camera=(self), microphone=(self), geolocation=(), display-capture=()"
NO_DEVICES = b"camera=(), microphone=(), geolocation=(), display-capture=()"
INLINE_SCRIPT = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)
ON_ERROR = re.compile(r'onerror="([^"]*)"')


def attribute_scripts() -> list[str]:
    """The scripts in attributes of the page's own HTML."""
    # Imported late: it imports the chart library, and wrong settings are reported before that.
    from emorec.ui import file_fragments

    return [html.unescape(script) for script in ON_ERROR.findall(file_fragments.player("x.mp4"))]


def hash_source(script: bytes) -> str:
    """A script's hash in the form that a content security policy uses."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'"


class SecurityHeaders:
    """The security headers for each kind of response; ``ancestors`` are the sites that may show the page in a frame.

    Set ``public_link`` if Gradio serves a public link: that page loads its scripts from Gradio's own servers.
    """

    def __init__(self, ancestors: Iterable[str] = (SELF,)):
        self.ancestors = tuple(ancestors)
        self.public_link = False
        self._attribute_hashes = " ".join(hash_source(script.encode()) for script in attribute_scripts())

    @property
    def framed(self) -> bool:
        """Whether pages of other sites may show this page in a frame."""
        return any(name not in (SELF, "'none'") for name in self.ancestors)

    def page_policy(self, body: bytes) -> str:
        """The content security policy for the HTML of the page: only its own inline scripts may run.

        Gradio runs the page's script, and Vega the chart, through ``new Function``. FFmpeg in WebAssembly, loaded from
        blobs, cuts recordings in the browser.
        """
        public = f" {SHARED_PAGE}" if self.public_link else ""
        images = public + (f" {HUB}" if HUB in self.ancestors else "")
        scripts = " ".join(dict.fromkeys(hash_source(script) for script in INLINE_SCRIPT.findall(body)))
        return "; ".join(
            [
                "default-src 'self'",
                f"script-src 'self' blob: 'unsafe-eval' 'wasm-unsafe-eval' {scripts}{public}",
                f"script-src-attr 'unsafe-hashes' {self._attribute_hashes}",
                f"style-src 'self' 'unsafe-inline'{public}",
                f"img-src 'self' data: blob:{images}",
                f"font-src 'self' data:{public}",
                "media-src 'self' data: blob:",
                f"connect-src 'self' data: blob:{images}",
                f"worker-src 'self' blob:{public}",
                "frame-src 'none'",
                "object-src 'none'",
                "base-uri 'self'",
                "form-action 'self'",
                f"frame-ancestors {' '.join(self.ancestors)}",
            ]
        )

    def for_kind(self, kind: str) -> list[tuple[bytes, bytes]]:
        """The headers for one kind of route (see ``routes``); PagePolicyMiddleware adds the policy of the page."""
        common = [
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"same-origin"),
            (b"cross-origin-resource-policy", b"same-origin"),
        ]
        common.append((b"permissions-policy", DEVICES if kind == "page" else NO_DEVICES))
        if kind == "page":
            return common + ([] if self.framed else [(b"x-frame-options", b"SAMEORIGIN")])
        if kind != "asset":
            common.append((b"cache-control", b"no-store"))  # a browser would keep recordings that are deleted here
        if kind == "asset":  # a worker's script runs under its own policy
            policy = "default-src 'self' data: blob:; script-src 'self' blob: 'unsafe-eval' 'wasm-unsafe-eval'"
        elif kind == "file":
            policy = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox"
        else:
            policy = "default-src 'none'"
        return [*common, (b"content-security-policy", f"{policy}; frame-ancestors 'none'".encode())]


def cookie(value: str, *, framed: bool, secure: bool) -> str:
    """A ``Set-Cookie`` value that scripts cannot read and that requests from other sites do not carry.

    If other sites may show the page in a frame, browsers only keep its cookies if they are partitioned: each of those
    sites has cookies of its own.
    """
    first, *attributes = [part.strip() for part in value.split(";")]
    others = [part for part in attributes if part.partition("=")[0].lower() not in ("samesite", "httponly", "secure")]
    if framed and secure:
        policy = ["SameSite=none", "Secure", "Partitioned"]
    else:
        policy = ["SameSite=lax", *(["Secure"] if secure or "secure" in map(str.lower, attributes) else [])]
    return "; ".join([first, *others, "HttpOnly", *policy])


class PagePolicyMiddleware:
    """Put what ``page_head`` has into the HTML of the page, add its content security policy, and compress it.

    The policy contains hashes of the inline scripts.
    """

    def __init__(self, app: ASGIApp, security_headers: SecurityHeaders):
        self.app, self._security_headers = app, security_headers
        # Only the page is compressed: it holds no secret, and parts of files must be sent as they are.
        self._compressed = GZipMiddleware(self._page, compresslevel=6)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_page = scope["type"] == "http" and scope["path"] == "/"
        await (self._compressed if is_page else self.app)(scope, receive, send)

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message = {}
        body = bytearray()

        async def send_with_policy(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            body.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            page = page_head.with_own_head(bytes(body))
            policy = self._security_headers.page_policy(page).encode()
            headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
            headers += [(b"content-security-policy", policy), (b"cache-control", b"no-store")]
            if body:  # a HEAD request has no body, but keeps the length of a GET request
                headers.append((b"content-length", str(len(page)).encode()))
            await send({**start, "headers": headers})
            await send({"type": "http.response.body", "body": page, "more_body": False})

        await self.app(scope, receive, send_with_policy)
