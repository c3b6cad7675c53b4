"""Which IP addresses belong to the public internet, by a table of this project's own.

The interpreter's ``ipaddress.is_global`` follows the registries only as far as its patch level does, and it knows
nothing of the addresses on which clouds answer their machines.
"""

from __future__ import annotations

import ipaddress

# Blocks that the registries of special-purpose addresses do not list as globally reachable, and multicast:
# www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry.
# A block of which only single addresses are reachable is left out as a whole.
SPECIAL_IPV4 = (
    "0.0.0.0/8",  # this network (RFC 791)
    "10.0.0.0/8",  # private use (RFC 1918)
    "100.64.0.0/10",  # shared between a provider and its customers (RFC 6598)
    "127.0.0.0/8",  # loopback (RFC 1122)
    "169.254.0.0/16",  # link-local (RFC 3927)
    "172.16.0.0/12",  # private use (RFC 1918)
    "192.0.0.0/24",  # protocol assignments (RFC 6890)
    "192.0.2.0/24",  # documentation (RFC 5737)
    "192.88.99.0/24",  # 6to4 relays, deprecated (RFC 7526)
    "192.168.0.0/16",  # private use (RFC 1918)
    "198.18.0.0/15",  # benchmarks (RFC 2544)
    "198.51.100.0/24",  # documentation (RFC 5737)
    "203.0.113.0/24",  # documentation (RFC 5737)
    "224.0.0.0/4",  # multicast (RFC 5771)
    "240.0.0.0/4",  # reserved, with the broadcast address (RFC 1112, RFC 8190)
)

# Within 2000::/3, which is all that is assigned to the public internet (RFC 4291).
GLOBAL_IPV6 = "2000::/3"
SPECIAL_IPV6 = (
    "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID and others (RFC 2928)
    "2001:db8::/32",  # documentation (RFC 3849)
    "2002::/16",  # 6to4, whose addresses carry IPv4 ones (RFC 3056)
    "3fff::/20",  # documentation (RFC 9637)
)

# Addresses that stand for the IPv4 address in their last 32 bits, and are judged by it.
CARRY_IPV4 = (
    "::ffff:0:0/96",  # IPv4-mapped (RFC 4291)
    "64:ff9b::/96",  # NAT64 (RFC 6052)
)

# Where clouds answer their virtual machines. All but the first are outside of the public blocks anyway.
CLOUDS = (
    "168.63.129.16",  # Azure: WireServer
    "169.254.169.254",  # most clouds: instance metadata
    "192.0.0.192",  # Oracle Cloud: instance metadata, formerly
    "100.100.100.200",  # Alibaba Cloud: instance metadata
    "fd00:ec2::254",  # AWS: instance metadata
    "fd20:ce::254",  # Google Cloud: instance metadata
)

_SPECIAL = {
    4: tuple(map(ipaddress.IPv4Network, SPECIAL_IPV4)),
    6: tuple(map(ipaddress.IPv6Network, SPECIAL_IPV6)),
}
_GLOBAL_IPV6 = ipaddress.IPv6Network(GLOBAL_IPV6)
_CARRY_IPV4 = tuple(map(ipaddress.IPv6Network, CARRY_IPV4))
_CLOUDS = frozenset(map(ipaddress.ip_address, CLOUDS))
_LAST_32_BITS = (1 << 32) - 1


def is_public(address: str) -> bool:
    """Whether ``address``, an IPv4 or IPv6 address in its usual spelling, belongs to the public internet.

    An IPv6 address that stands for an IPv4 one is judged by that one. Anything that is no address is not public.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if parsed.version == 6:
        if parsed.scope_id is not None:
            return False
        if any(parsed in network for network in _CARRY_IPV4):
            parsed = ipaddress.IPv4Address(int(parsed) & _LAST_32_BITS)
        elif parsed not in _GLOBAL_IPV6:
            return False
    return parsed not in _CLOUDS and not any(parsed in network for network in _SPECIAL[parsed.version])
