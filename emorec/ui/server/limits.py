"""Who sends a request, and how many jobs one visitor may have in a queue.

A visitor is a session. Sessions from the same address are also limited together, because a client can open any number
of sessions. A loopback or private address may be a proxy for many people, so its limit is higher. Uvicorn reads the
client's own address from a proxy on this machine, and from the proxies that FORWARDED_ALLOW_IPS names.
"""

import ipaddress
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Visitor:
    """A session and its network address; all addresses of one IPv6 /64 network count as the same address."""

    session: str
    address: str = ""

    @classmethod
    def of(cls, request: Any) -> "Visitor":
        """The visitor who sent a ``gr.Request``."""
        client = getattr(request, "client", None)
        return cls(str(request.session_hash), network(getattr(client, "host", None) or ""))

    @property
    def shared_address(self) -> bool:
        """Whether many people may use this address: it is not a public one."""
        try:
            return not ipaddress.ip_network(self.address, strict=False).is_global
        except ValueError:
            return True

    @property
    def account(self) -> str:
        """The account that computing time is charged to: the session if many people share the address, else the
        address."""
        return f"session {self.session}" if self.shared_address else f"address {self.address}"


@dataclass(frozen=True, kw_only=True)
class QueueLimits:
    """How many jobs may be in a queue: in total, of one session, of one public address, of one shared address."""

    total: int
    per_session: int
    per_address: int
    per_shared_address: int


ANALYSES = QueueLimits(total=40, per_session=4, per_address=8, per_shared_address=32)
LINKS = QueueLimits(total=20, per_session=2, per_address=4, per_shared_address=16)
VIDEOS = QueueLimits(total=10, per_session=1, per_address=2, per_shared_address=8)
MAX_SESSION_BYTES = 16_000_000_000  # uploads and downloads of one session


def network(address: str) -> str:
    """An address in its usual form; of an IPv6 address its /64 network, in which one machine may take any address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        if not parsed.is_loopback:
            return str(ipaddress.ip_network((int(parsed), 64), strict=False))
    return str(parsed)
