"""The routes that are answered, and how; every other path, of Gradio's many, is not found.

Found by driving the page in a browser and the endpoints with ``gradio_client``.
"""

import re
from dataclasses import dataclass

API = "/gradio_api"
NAME = r"[A-Za-z0-9_-]{1,64}"


@dataclass(frozen=True, kw_only=True)
class Route:
    """Methods and pattern of a path, its ``kind``, and whether it is answered without a login."""

    methods: frozenset[str]
    pattern: re.Pattern[str]
    kind: str
    open: bool = False


def _route(methods: str, pattern: str, kind: str, *, open: bool = False) -> Route:
    return Route(methods=frozenset(methods.split()), pattern=re.compile(pattern), kind=kind, open=open)


# Kinds: "page" and "asset" differ in their content security policy, a "form" is a login, "json" bodies are read first,
# an "alive" connection is a session's heartbeat. "health" is answered under any host name.
ROUTES = (
    _route("GET HEAD", "/", "page", open=True),
    _route("GET HEAD", "/health", "health", open=True),
    _route("GET HEAD", "/(assets|static)/.+", "asset", open=True),
    _route("GET HEAD", r"/(theme\.css|favicon\.ico|manifest\.json|robots\.txt)", "asset", open=True),
    _route("POST", "/login/?", "form", open=True),
    _route("GET", "/logout", "plain", open=True),
    _route("GET", f"{API}/startup-events", "plain", open=True),  # asked by the server itself when it starts
    _route("GET", "/config/?", "plain"),
    _route("GET", f"{API}/(info|app_id)/?", "plain"),
    _route("GET HEAD", f"{API}/file=(?P<file>/.+)", "file"),
    _route("GET", f"{API}/heartbeat/(?P<session>{NAME})", "alive"),
    _route("GET", f"{API}/queue/data", "stream"),
    _route("GET", f"{API}/upload_progress", "plain"),
    _route("POST", f"{API}/upload", "upload"),
    _route("POST", f"{API}/queue/join", "json"),
    _route("POST", f"{API}/(run|api)/predict/?", "json"),
    _route("POST", f"{API}/call/(v2/)?{NAME}/?", "json"),
    _route("GET", f"{API}/call/(v2/)?{NAME}/{NAME}", "plain"),
    _route("POST", f"{API}/(cancel|reset)/?", "json"),
)


def find(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The route that answers a request, and what stands in its path; None if there is none."""
    for route in ROUTES:
        if method in route.methods and (match := route.pattern.fullmatch(path)):
            return route, match.groupdict()
    return None
