"""Which host names this server answers to, and which web pages may send requests to it.

Another web page can reach a server on a visitor's own machine in two ways: with a cross-origin request, which the
``Origin`` and ``Sec-Fetch-Site`` headers show, or by resolving its own name to the server's address (DNS rebinding),
which the ``Host`` header shows.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from emorec.ui.settings import ANY_HOST, HOST

DEFAULT_PORTS = {"http": 80, "https": 443}
OTHER_HOST = "This server does not answer to this name; its owner can add the name to EMOREC_HOSTS."
OTHER_ORIGIN = "Requests from the web pages of other servers are not answered here."
# In the log, for the owner: behind a proxy that is not set up, browsers show an empty page.
OTHER_HOST_NOTE = "A request for a name that is not in EMOREC_HOSTS was refused."
OTHER_ORIGIN_NOTE = (
    "A request from the web page of another name was refused; if this server is behind a proxy, let it pass on the "
    "header Host, and set EMOREC_HOSTS to that name."
)


class AllowedHosts:
    """Checks the ``Host``, ``X-Forwarded-Host``, ``Origin`` and ``Sec-Fetch-Site`` headers of requests.

    ``names`` are host names in lower case, each with or without a port; ANY_HOST allows all.
    """

    def __init__(self, names: Iterable[str] = ()):
        self._names = set(names)

    @property
    def allows_any(self) -> bool:
        """Whether every host name is allowed, because a trusted proxy is in front of the server."""
        return ANY_HOST in self._names

    def add(self, name: str) -> None:
        """Allow one more name, for example that of a public link."""
        self._names.add(name.lower())

    def allows(self, host: str, server_address: str = "") -> bool:
        """Whether a ``Host`` header names this server; ``server_address`` is the address that the client connected
        to."""
        name, port = _split(host)
        if not name:
            return False
        if self.allows_any or _is_loopback(name) or self._knows(name, port):
            return True
        return bool(server_address) and _address(name) is not None and _address(name) == _address(server_address)

    def allows_forwarded(self, forwarded: str) -> bool:
        """Whether an ``X-Forwarded-Host`` header names this server. A loopback name does not: no proxy has it."""
        name, port = _split(forwarded)
        return bool(name) and (self.allows_any or self._knows(name, port))

    def is_cross_origin(self, headers: Mapping[str, str], host: str) -> bool:
        """Whether a request comes from a web page of another origin than ``host``, the name in the request."""
        origin = headers.get("origin")
        if origin is not None:
            return not self._is_own_origin(origin, host)
        from_other_site = headers.get("sec-fetch-site", "same-origin") in ("cross-site", "same-site")
        return from_other_site and headers.get("sec-fetch-mode") != "navigate"

    def _is_own_origin(self, origin: str, host: str) -> bool:
        parts = urlsplit(origin)
        if parts.scheme not in DEFAULT_PORTS or not parts.netloc:
            return False
        default = DEFAULT_PORTS[parts.scheme]
        name, port = _split(parts.netloc)
        own_name, own_port = _split(host)
        if name == own_name and (port or default) == (own_port or default):
            return True
        # A proxy may send another Host header than the visitor's browser did.
        return self._knows(name, port) and (port in (None, default) or f"{name}:{port}" in self._names)

    def _knows(self, name: str, port: int | None) -> bool:
        return name in self._names or f"{name}:{port}" in self._names


def _split(netloc: str) -> tuple[str, int | None]:
    """Name (lower case) and port of a ``Host`` header; an empty name if the header is malformed."""
    netloc = netloc.strip().lower()
    if not HOST.fullmatch(netloc):
        return "", None
    name, colon, port = netloc.rpartition(":")
    if not colon or netloc.endswith("]"):
        return netloc.rstrip("."), None
    return name.rstrip("."), int(port)


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return None


def _is_loopback(name: str) -> bool:
    address = _address(name)
    return name == "localhost" or name.endswith(".localhost") or (address is not None and address.is_loopback)
