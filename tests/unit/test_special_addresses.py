"""Which addresses are public: the registries' ranges and their edges, and whatever holds one of them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.special_addresses import (
    GLOBAL_UNICAST_V6,
    LOCAL_NAT64,
    METADATA,
    NAT64,
    SPECIAL_V4,
    SPECIAL_V6,
    is_metadata,
    purpose_of,
    standing_for,
)

SPECIAL = """
    0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254
    169.254.0.1 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.9 192.0.0.192 192.0.2.1
    192.88.99.1 192.168.0.1 192.168.255.255 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1
    239.255.255.255 240.0.0.1 255.255.255.255
    :: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:0:127.0.0.1 ::ffff:0:8.8.8.8 100::1 100:0:0:1::1 fe80::1 febf::1 fec0::1
    fc00::1 fd00:ec2::254 fdff::1 ff00::1 ff02::1 ff0e::1 2001:db8::1 2001:1::1 2001:2::1 2001:10::1 2001:20::1 3fff::1
    5f00::1 4000::1 1000::1 64:ff9b:1::1 64:ff9b:1::8.8.8.8 64:ff9c::8.8.8.8
    ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:7f00:1 ::ffff:0.0.0.0
    64:ff9b::127.0.0.1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b::192.168.1.1
    2002:7f00:1:: 2002:a9fe:a9fe::1 2002:a00:1::1 2002:c0a8:101:: 2002:808:808::1
    2001:0:4136:e378:8000:63bf:80ff:fffe 2001:0:7f00:1:0:0:f7f7:f7f7 2001:0:4136:e378:8000:63bf:f7f7:f7f7
    2a00:1450::5efe:10.0.0.1 2a00:1450::200:5efe:10.0.0.1 2606:4700::5efe:8.8.8.8
""".split()
PUBLIC = """
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.1 126.255.255.255 128.0.0.1 169.253.255.255
    172.15.255.255 172.32.0.1 191.255.255.255 192.0.1.1 192.167.255.255 192.169.0.1 198.17.255.255 198.20.0.1
    223.255.255.255
    2606:4700:4700::1111 2001:200:: 2001:4860:4860::8888 2a00:1450::1 2003::1 3ffe::1 ::ffff:8.8.8.8 64:ff9b::8.8.8.8
""".split()


@pytest.mark.parametrize("text", SPECIAL)
def test_special_addresses_have_a_purpose(text):
    """Loopback, private, link-local, multicast, reserved and the tunnels: each with the RFC that says so."""
    assert ", RFC " in purpose_of(ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_have_none(text):
    """Also right beside the special ranges, and IPv4 ones as NAT64 and IPv4-mapped forms write them."""
    assert purpose_of(ip_address(text)) is None


def test_ranges_that_lie_within_others_come_first():
    """Else the wider one's purpose would be told."""
    for ranges in (SPECIAL_V4, SPECIAL_V6):
        networks = list(ranges)
        for i, network in enumerate(networks):
            assert not any(network.subnet_of(earlier) for earlier in networks[:i])


METADATA_FORMS = """
    169.254.169.254 169.254.170.2 169.254.170.23 100.100.100.200 168.63.129.16 192.0.0.192 fd00:ec2::254 fd00:ec2::23
    fd20:ce::254 fe80::a9fe:a9fe ::ffff:169.254.169.254 ::169.254.169.254 ::ffff:0:169.254.169.254
    64:ff9b::169.254.169.254 64:ff9b::a83f:8110 64:ff9b:1::169.254.169.254 64:ff9b:1:a9fe:00a9:fe00::
    64:ff9b:1:ffa9:00fe:a9fe:: 64:ff9b:1:ffff:00a9:fea9:fe00:: 2002:a9fe:a9fe:: 2001:0:808:808::5601:5601
    2a00::5efe:169.254.169.254
""".split()


@pytest.mark.parametrize("text", METADATA_FORMS)
def test_metadata_services_are_known_in_every_form(text):
    """Azure's, which is public, and what a gateway would unpack by any of RFC 6052's prefix lengths."""
    assert is_metadata(ip_address(text))


@pytest.mark.parametrize("text", [*PUBLIC, "127.0.0.1", "10.0.0.1", "::1", "fd00::1", "169.254.169.253"])
def test_other_addresses_are_no_metadata_services(text):
    """Not even their neighbours."""
    assert not is_metadata(ip_address(text))


v4_special = st.sampled_from(list(SPECIAL_V4)).flatmap(lambda network: st.ip_addresses(network=network))
v6_special = st.sampled_from(list(SPECIAL_V6)).flatmap(lambda network: st.ip_addresses(network=network))
v4_public = st.ip_addresses(v=4).filter(lambda address: not any(address in network for network in SPECIAL_V4))


def embedding(address: IPv4Address) -> list[IPv6Address]:
    """Every IPv6 form of an IPv4 address."""
    low = int(address)
    wells = [IPv6Address("::ffff:0:0"), NAT64[0], IPv6Address("::"), IPv6Address("::ffff:0:0:0"), LOCAL_NAT64[0]]
    teredo, isatap = int(IPv6Address("2001:0:808:808::")), int(IPv6Address("2a00:1450::5efe:0:0"))
    return [
        *(IPv6Address(int(well) | low) for well in wells),
        IPv6Address(int(IPv6Address("2002::")) | low << 80),
        IPv6Address(teredo | (~low & 0xFFFFFFFF)),
        IPv6Address(isatap | low),
    ]


@given(v4_special | v6_special)
def test_no_address_of_a_special_range_is_public(address):
    """Whichever range, whichever address in it, and whatever form embeds it."""
    assert purpose_of(address)
    if isinstance(address, IPv4Address):
        assert all(purpose_of(one) for one in embedding(address))


@given(v4_public)
def test_every_other_ipv4_address_is_public(address):
    """And so are the two forms that stand for it; tunnels to it are not."""
    assert purpose_of(address) is None
    mapped, nat64, *others = embedding(address)
    assert standing_for(mapped) == standing_for(nat64) == address
    assert purpose_of(mapped) is purpose_of(nat64) is None
    assert all(purpose_of(one) for one in others)


@given(st.ip_addresses(network=str(GLOBAL_UNICAST_V6)))
def test_global_unicast_is_public_outside_the_special_ranges(address):
    """2000::/3 without what the registry takes out of it, and without ISATAP."""
    special = any(address in network for network in SPECIAL_V6) or (int(address) >> 32) & 0xFDFFFFFF == 0x5EFE
    assert (purpose_of(address) is None) is not special


@given(st.ip_addresses(v=6).filter(lambda address: address not in GLOBAL_UNICAST_V6))
def test_nothing_outside_of_global_unicast_is_public(address):
    """But for the two forms that stand for a public IPv4 address."""
    plain = standing_for(address)
    assert purpose_of(address) or (plain != address and purpose_of(plain) is None)


@given(st.sampled_from(sorted(map(str, METADATA))).map(ip_address))
def test_metadata_is_found_in_every_form(address):
    """Each of them, embedded in every way."""
    assert is_metadata(address)
    if isinstance(address, IPv4Address):
        assert all(is_metadata(one) for one in embedding(address))
