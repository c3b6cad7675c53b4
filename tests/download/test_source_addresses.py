"""Which addresses are public, by value: whatever the interpreter's own tables say."""

import ipaddress

import pytest

from emorec.download import addresses
from emorec.download.addresses import is_public

PUBLIC = (
    *("1.1.1.1", "8.8.8.8", "93.184.216.34", "168.63.129.15", "168.63.129.17", "223.255.255.255"),
    # Just outside of every block of the table.
    *("1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0"),
    *("169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.0"),
    *("192.0.1.255", "192.0.3.0", "192.88.98.255", "192.88.100.0", "192.167.255.255", "192.169.0.0"),
    *("198.17.255.255", "198.20.0.0", "198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0"),
    *("2606:2800:220:1:248:1893:25c8:1946", "2000::", "2001:200::", "2001:db7:ffff::", "2001:db9::", "2003::"),
    *("3ffe:ffff::", "3fff:1000::", "2a00:1450:4001:80b::200e"),
    *("::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "64:ff9b::808:808"),
)
NOT_PUBLIC = (
    # First and last address of every block.
    *("0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255"),
    *("127.0.0.0", "127.0.0.1", "127.8.9.10", "127.255.255.255", "169.254.0.0", "169.254.255.255"),
    *("172.16.0.0", "172.31.255.255", "192.0.0.0", "192.0.0.8", "192.0.0.9", "192.0.0.170", "192.0.0.255"),
    *("192.0.2.0", "192.0.2.255", "192.88.99.0", "192.88.99.1", "192.88.99.255", "192.168.0.0", "192.168.255.255"),
    *("198.18.0.0", "198.19.255.255", "198.51.100.0", "198.51.100.255", "203.0.113.0", "203.0.113.255"),
    *("224.0.0.0", "239.255.255.250", "240.0.0.0", "255.255.255.255"),
    *("::", "::1", "::127.0.0.1", "::8.8.8.8", "100::1", "100:0:0:1::1", "5f00::1", "1fff:ffff::", "4000::"),
    *("fc00::1", "fd12::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1", "2606:2800:220:1::1%eth0"),
    *("2001::1", "2001:0:4136:e378:8000:63bf:80ff:fffe", "2001:2::1", "2001:10::1", "2001:20::1", "2001:1ff:ffff::"),
    *("2001:db8::1", "2001:db8:ffff::1", "3fff::1", "3fff:fff:ffff::1"),
    *("2002::1", "2002:7f00:1::1", "2002:a00:1::", "2002:808:808::1", "2002:ffff:ffff::"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:7f00:1", "::ffff:168.63.129.16", "::ffff:192.0.0.192"),
    *("::ffff:0:8.8.8.8", "64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b::a83f:8110", "64:ff9b:1::808:808"),
    # Clouds' own.
    *("168.63.129.16", "169.254.169.254", "192.0.0.192", "100.100.100.200", "fd00:ec2::254", "fd20:ce::254"),
    # No addresses.
    *("localhost", "127.1", "0x7f.1", "0177.0.0.1", "2130706433", "", "127.0.0.1:80", "8.8.8.8 ", "[::1]", "1.2.3"),
)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address):
    assert is_public(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_addresses_that_are_not_public(address):
    assert not is_public(address)


def test_the_interpreter_has_no_say(monkeypatch):
    for kind in (ipaddress.IPv4Address, ipaddress.IPv6Address):
        for name in ("is_global", "is_private", "is_reserved", "is_multicast"):
            monkeypatch.setattr(kind, name, property(lambda self: pytest.fail("the interpreter's table was asked")))
    assert is_public("8.8.8.8") and is_public("2606:2800::1")
    assert not is_public("10.0.0.1") and not is_public("fc00::1")


@pytest.mark.parametrize("block", [*addresses.SPECIAL_IPV4, *addresses.SPECIAL_IPV6])
def test_both_ends_of_every_block_are_in_it(block):
    network = ipaddress.ip_network(block)
    assert not is_public(str(network[0])) and not is_public(str(network[-1]))
