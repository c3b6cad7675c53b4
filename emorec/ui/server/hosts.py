"""Which names this server answers to, and which web pages may talk to it.

A stranger's page reaches a server on a visitor's own machine in two ways: it asks across origins, or it lets its own
name point to the server's address (DNS rebinding). The first shows in the ``Origin`` and ``Sec-Fetch-Site`` headers,
the second in ``Host``.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from emorec.settings import ANY_HOST, HOST

DEFAULT_PORTS = {"http": 80, "https": 443}
OTHER_HOST = "This server does not answer to this name; whoever runs it can add the name to EMOREC_HOSTS."
OTHER_ORIGIN = "Requests from the web pages of other servers are not answered here."


class Hosts:
    """Judges the ``Host``, ``X-Forwarded-Host``, ``Origin`` and ``Sec-Fetch-Site`` headers of requests."""

    def __init__(self, names: Iterable[str] = ()):
        self._names = set(names)

    @property
    def any(self) -> bool:
        """Whether every name is answered, because a trusted proxy stands before the server."""
        return ANY_HOST in self._names

    def add(self, name: str) -> None:
        """Answer to one more name, such as that of a public link."""
        self._names.add(name.lower())

    def answers(self, host: str, dialled: str = "") -> bool:
        """Whether a ``Host`` header is one of the server's names; ``dialled`` is the address that was connected to."""
        name, port = _split(host)
        if not name:
            return False
        if self.any or _is_loopback(name) or self._knows(name, port):
            return True
        return bool(dialled) and _address(name) is not None and _address(name) == _address(dialled)

    def believes(self, forwarded: str) -> bool:
        """Whether an ``X-Forwarded-Host`` header may name the server; a loopback name may not: no proxy is known so."""
        name, port = _split(forwarded)
        return bool(name) and (self.any or self._knows(name, port))

    def refuses_origin(self, headers: Mapping[str, str], host: str) -> bool:
        """Whether a request comes from a web page of another origin than ``host``, the name the server was called."""
        origin = headers.get("origin")
        if origin is not None:
            return not self._is_own_origin(origin, host)
        elsewhere = headers.get("sec-fetch-site", "same-origin") in ("cross-site", "same-site")
        return elsewhere and headers.get("sec-fetch-mode") != "navigate"

    def _is_own_origin(self, origin: str, host: str) -> bool:
        parts = urlsplit(origin)
        if parts.scheme not in DEFAULT_PORTS or not parts.netloc:
            return False
        default = DEFAULT_PORTS[parts.scheme]
        name, port = _split(parts.netloc)
        own, own_port = _split(host)
        if name == own and (port or default) == (own_port or default):
            return True
        # A proxy may pass another Host on than the visitor's browser asked for.
        return self._knows(name, port) and (port in (None, default) or f"{name}:{port}" in self._names)

    def _knows(self, name: str, port: int | None) -> bool:
        return name in self._names or f"{name}:{port}" in self._names


def _split(netloc: str) -> tuple[str, int | None]:
    """Name (lower case) and port of a ``Host`` header; an empty name where it is malformed."""
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
