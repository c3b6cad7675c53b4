"""Which names this server answers to, and which web pages may talk to it.

A stranger's page reaches a server on a visitor's own machine in two ways: it asks across origins, or it lets its own
name point to the server's address (DNS rebinding). The first shows in the ``Origin`` and ``Sec-Fetch-Site`` headers,
the second in ``Host``.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from emorec.errors import EmorecError

SETTING = "EMOREC_HOSTS"
ANY = "*"
DEFAULT_PORTS = {"http": 80, "https": 443}
ENTRY = re.compile(r"(?:\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9_.-]{0,252}))(?::[0-9]{1,5})?")
WRONG = "EMOREC_HOSTS names {name!r}, which is no host name; give names with commas between them, or *."
OTHER_HOST = "This server does not answer to this name; whoever runs it can add the name to EMOREC_HOSTS."
OTHER_ORIGIN = "Requests from the web pages of other servers are not answered here."


def names_of(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The names that the server answers to besides loopback ones, lower case, perhaps with a port; ``*`` for any.

    From EMOREC_HOSTS, GRADIO_SERVER_NAME, and SPACE_HOST, which a Hugging Face Space sets. Raises EmorecError.
    """
    given = [name.strip().lower() for name in environment.get(SETTING, "").split(",") if name.strip()]
    for name in given:
        if name != ANY and not ENTRY.fullmatch(name):
            raise EmorecError(WRONG.format(name=name))
    space = [name.strip().lower() for name in environment.get("SPACE_HOST", "").split(",") if name.strip()]
    own = environment.get("GRADIO_SERVER_NAME", "").strip().lower()
    if ":" in own and not own.startswith("["):
        own = f"[{own}]"
    return (*given, *space, *([own] if own and not _is_wildcard(own) else []))


class Hosts:
    """Judges the ``Host``, ``X-Forwarded-Host``, ``Origin`` and ``Sec-Fetch-Site`` headers of requests."""

    def __init__(self, names: Iterable[str] = ()):
        self._names = set(names)

    @property
    def any(self) -> bool:
        """Whether every name is answered, because a trusted proxy stands before the server."""
        return ANY in self._names

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
    if not ENTRY.fullmatch(netloc):
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


def _is_wildcard(name: str) -> bool:
    address = _address(name)
    return address is not None and address.is_unspecified
