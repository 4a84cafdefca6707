"""Which addresses are public, whatever the release of Python knows of them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketcore.adapters.netguard import is_public

PUBLIC = [
    "1.1.1.1",
    "93.184.216.34",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.255.255",
    "172.32.0.1",
    "192.0.1.1",
    "223.255.255.255",
    "2600:1901:0:38d7::",
    "2a00:1450:4001:80b::200e",
    "::ffff:1.1.1.1",
    "64:ff9b::1.1.1.1",
]

NOT_PUBLIC = {
    "unspecified": ["0.0.0.0", "0.1.2.3", "::"],  # noqa: S104 - an address to refuse
    "loopback": ["127.0.0.1", "127.255.255.254", "::1"],
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12:3456::1"],
    "link-local": ["169.254.169.254", "fe80::1", "fe80::1%eth0", "febf::1"],
    "site-local": ["fec0::1"],
    "behind a provider's NAT": ["100.64.0.1", "100.127.255.255"],
    "benchmarking": ["198.18.0.1", "198.19.255.255", "2001:2::1"],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"],
    "protocol assignments": ["192.0.0.1", "192.0.0.9", "192.0.0.170", "2001:1::1", "2001:20::1", "2001:30::1"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"],
    "reserved": ["240.0.0.1", "255.255.255.255", "100::1", "200::1", "4000::1", "5f00::1", "8000::1"],
    "6to4": ["192.88.99.1", "2002:7f00:1::", "2002:a00:1::1", "2002:101:101::"],
    "Teredo": ["2001::1", "2001:0:7f00:1::", "2001::80ff:fffe"],
    "IPv4-mapped": ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:100.64.0.1"],
    "IPv4-compatible": ["::127.0.0.1", "::10.0.0.1", "::1.1.1.1"],
    "NAT64": ["64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b::224.0.0.1"],
    "NAT64 of one's own": ["64:ff9b:1::1.1.1.1", "64:ff9b:1:fffe::7f00:1"],
    "SIIT": ["::ffff:0:127.0.0.1"],
    "no address": ["", "localhost", "127.1", "/run/socket", "1.1.1.1/32"],
}


@pytest.mark.parametrize("address", PUBLIC)
def test_what_anybody_could_reach_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address", [address for group in NOT_PUBLIC.values() for address in group], ids=lambda text: text or "empty"
)
def test_what_only_leads_inside_is_not_public(address: str) -> None:
    assert not is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_of_ipv4_is_judged_the_same_however_it_is_written(address: IPv4Address) -> None:
    assert is_public(f"::ffff:{address}") == is_public(f"64:ff9b::{address}") == is_public(str(address))


@given(st.one_of(st.ip_addresses(), st.ip_addresses(network="2000::/3")))
def test_nothing_is_public_that_python_takes_for_private(address: IPv4Address | IPv6Address) -> None:
    if is_public(str(address)):
        assert address.is_global
        assert not address.is_private


@given(st.ip_addresses(v=6))
def test_only_one_eighth_of_ipv6_can_be_public(address: IPv6Address) -> None:
    mapped = address.ipv4_mapped is not None or address in ip_network("64:ff9b::/96")
    if is_public(str(address)) and not mapped:
        assert address in ip_network("2000::/3")
