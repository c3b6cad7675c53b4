"""Who a request comes from, and what one visitor may have at a time.

A visitor is a session. Sessions from the same address are limited together as well, since a session costs nothing. A
loopback or private address may be a proxy with many people behind it, so its limit is higher; uvicorn takes the
client's own address from a proxy on this machine, and from the proxies that FORWARDED_ALLOW_IPS names.
"""

import ipaddress
from dataclasses import dataclass


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
    """An address, or the network of 64 bits that an IPv6 address is in: one machine may take any address in there."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6 and parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    if parsed.version == 6 and not parsed.is_loopback:
        return str(ipaddress.ip_network((int(parsed), 64), strict=False))
    return str(parsed)
