"""Who a request comes from, and what one visitor may have at a time.

A visitor is a session. Sessions from the same address are limited together as well, since a session costs nothing. A
loopback or private address may be a proxy with many people behind it, so its limit is higher; uvicorn takes the
client's own address from a proxy on this machine, and from the proxies that FORWARDED_ALLOW_IPS names.
"""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass

from emorec.errors import EmorecError

SHARED_STORE = "EMOREC_SHARED_STORE"
WRONG_SWITCH = "{name} is {given!r}; set it to on or off."
ON, OFF = ("on", "1", "yes", "true"), ("off", "0", "no", "false")


@dataclass(frozen=True)
class Visitor:
    """A session and the address that it comes from; an IPv6 network of 64 bits counts as one address."""

    session: str
    address: str = ""

    @classmethod
    def of(cls, request) -> "Visitor":
        """Who sent a ``gr.Request``."""
        client = getattr(request, "client", None)
        return cls(str(request.session_hash), network(getattr(client, "host", None) or ""))

    @property
    def shared_address(self) -> bool:
        """Whether many people may come from this address."""
        try:
            return not ipaddress.ip_network(self.address, strict=False).is_global
        except ValueError:
            return True

    @property
    def payer(self) -> str:
        """Who the time that an analysis takes is counted for."""
        return f"session {self.session}" if self.shared_address else f"address {self.address}"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How many places there are in a line, and how many of them one session and one address may have."""

    places: int
    of_session: int
    of_address: int
    of_shared_address: int


ANALYSES = Limits(places=40, of_session=4, of_address=8, of_shared_address=32)
LINKS = Limits(places=20, of_session=2, of_address=4, of_shared_address=16)
BYTES_OF_SESSION = 16_000_000_000  # uploads and downloads that a session may keep


def network(address: str) -> str:
    """An address, or the network of 64 bits that a global IPv6 address is in."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6 and parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    if parsed.version == 6 and parsed.is_global:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def shares_store(environment: Mapping[str, str] = os.environ, public: bool = False) -> bool:
    """Whether all visitors share what is stored of recordings, from EMOREC_SHARED_STORE.

    Unless that is set, only a page that this machine alone can reach does so: it is served on a loopback address,
    without a proxy (GRADIO_ROOT_PATH) or a ``public`` link. Raises EmorecError for a value that is not on or off.
    """
    given = environment.get(SHARED_STORE, "").strip().lower()
    if given:
        if given not in (*ON, *OFF):
            raise EmorecError(WRONG_SWITCH.format(name=SHARED_STORE, given=environment[SHARED_STORE]))
        return given in ON
    return not public and not environment.get("GRADIO_ROOT_PATH") and is_loopback(environment.get("GRADIO_SERVER_NAME"))


def is_loopback(name: str | None) -> bool:
    """Whether a server of this name, or of none, is reached from its own machine only."""
    if not name or name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False
