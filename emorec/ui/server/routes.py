"""The routes that this server answers. Gradio has many more; all others are "not found".

The list was found by using the page in a browser and the endpoints through ``gradio_client``.
"""

import re
from dataclasses import dataclass

API = "/gradio_api"
LIVE = f"{API}/live"  # pictures and sound of a live session are sent here
CLOSED = f"{API}/closed"  # a page says here that it is closed
OPEN = f"{API}/open"  # a page says here that it is still open
NAME = r"[A-Za-z0-9_-]{1,64}"


@dataclass(frozen=True, kw_only=True)
class Route:
    """HTTP methods, pattern of the path, ``kind`` (see ROUTES), and whether it is ``open``: needs no login."""

    methods: frozenset[str]
    pattern: re.Pattern[str]
    kind: str
    open: bool = False


def _route(methods: str, pattern: str, kind: str, *, open: bool = False) -> Route:
    return Route(methods=frozenset(methods.split()), pattern=re.compile(pattern), kind=kind, open=open)


# Kinds: "page", "asset" and "file" have different content security policies; a "form" is a login; the body of a "json"
# request is parsed and checked, also of a "predict" request, which has to name a session; "live" is what a live session
# sends; a "heartbeat" connection stays open as long as its session; "health" is answered for every host name.
ROUTES = (
    _route("GET HEAD", "/", "page", open=True),
    _route("GET HEAD", "/health", "health", open=True),
    _route("GET HEAD", "/(assets|static)/.+", "asset", open=True),
    _route("GET HEAD", r"/(theme\.css|favicon\.ico|manifest\.json|robots\.txt)", "asset", open=True),
    _route("POST", "/login/?", "form", open=True),
    _route("GET", "/logout", "plain", open=True),
    _route("GET", f"{API}/startup-events", "plain", open=True),  # requested by the server itself when it starts
    _route("GET", "/config/?", "plain"),
    _route("GET", f"{API}/(info|app_id)/?", "plain"),
    _route("GET HEAD", f"{API}/file=(?P<file>.+)", "file"),
    _route("GET", f"{API}/heartbeat/(?P<session>{NAME})", "heartbeat"),
    _route("GET", f"{API}/queue/data", "stream"),
    _route("GET", f"{API}/upload_progress", "plain"),
    _route("POST", f"{API}/upload", "upload"),
    _route("POST", f"{LIVE}/(?P<session>{NAME})", "live"),
    _route("POST", f"{CLOSED}/(?P<session>{NAME})", "plain"),
    _route("POST", f"{OPEN}/(?P<session>{NAME})", "plain"),
    _route("POST", f"{API}/queue/join", "json"),
    _route("POST", f"{API}/(run|api)/predict/?", "predict"),
    _route("POST", f"{API}/call/(v2/)?{NAME}/?", "json"),
    _route("GET", f"{API}/call/(v2/)?{NAME}/{NAME}", "plain"),
    _route("POST", f"{API}/(cancel|reset)/?", "json"),
)


def find(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The route of a request and the named parts of its path; None if there is none."""
    for route in ROUTES:
        if method in route.methods and (match := route.pattern.fullmatch(path)):
            return route, match.groupdict()
    return None
