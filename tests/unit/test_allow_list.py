"""`BELLHOP_ALLOWED_ADDRESSES`: what an entry may be, and what it lets pass."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.allow_list import Allowed, AllowList, parsed
from worker.special_addresses import METADATA, purpose_of

TEN = ip_network("10.1.0.0/16")


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("10.1.0.0/16", Allowed(TEN)),
        ("10.1.2.3/16", Allowed(TEN)),
        ("10.1.0.0/16:8443", Allowed(TEN, 8443)),
        ("127.0.0.1/32", Allowed(ip_network("127.0.0.1/32"))),
        ("192.0.2.7", Allowed(ip_network("192.0.2.7/32"))),
        ("192.0.2.7:25", Allowed(ip_network("192.0.2.7/32"), 25)),
        ("fd12::/16", Allowed(ip_network("fd12::/16"))),
        ("[fd12::/16]", Allowed(ip_network("fd12::/16"))),
        ("[fd12::/16]:443", Allowed(ip_network("fd12::/16"), 443)),
        ("::1", Allowed(ip_network("::1/128"))),
        ("[::1]:443", Allowed(ip_network("::1/128"), 443)),
        ("fd12::1:443", Allowed(ip_network("fd12::1:443/128"))),
        ("smtp.internal", Allowed("smtp.internal")),
        ("SMTP.Internal.", Allowed("smtp.internal")),
        ("hipchat.corp:443", Allowed("hipchat.corp", 443)),
        ("*.corp.example", Allowed("*.corp.example")),
        ("*.internal:25", Allowed("*.internal", 25)),
        ("localhost", Allowed("localhost")),
        ("mailhog:1025", Allowed("mailhog", 1025)),
        ("bücher.example", Allowed("xn--bcher-kva.example")),
    ],
)
def test_entries_are_read(text, entry):
    """Networks, addresses and hosts, with and without a port."""
    assert parsed(text) == entry


@pytest.mark.parametrize(
    "text",
    """everywhere all * *.  *.*.x a.*.b 10.1.0.0/33 10.1.0.0/ /10 10.1 10.1.0.0-16 10.1.0.0/16:0 10.1.0.0/16:65536
    10.1.0.0/16:x 10.1.0.0/16: a.b: a.b:-1 a.b:٨٠ [10.1.0.0/16]:80 [a.b]:80 [::1]x [::1 ::1] [fe80::1%eth0] fe80::%1/64
    ::/0:443x http://a.b a.b/c u@a.b 0x7f.1 127.1 2130706433 017700000001 １０.0.0.1 a..b -a.b a_.b.0x1""".split(),  # noqa: RUF001 - full-width digits are the point
)
def test_other_entries_are_refused_by_name(text):
    """A word alone, a number that only some programs take, a URL: with what may be written instead."""
    with pytest.raises(ValueError, match="is no network, address or host") as refused:
        parsed(text)
    assert repr(text) in str(refused.value)


def allows(entries: str, address: str, host: str = "", port: int = 443) -> bool:
    """Whether these entries let this connection pass."""
    judged = AllowList(map(parsed, entries.split()))
    return judged.objection(ip_address(address), host or address, port) is None


@pytest.mark.parametrize(
    ("entries", "address", "allowed"),
    [
        ("127.0.0.1/32", "127.0.0.1", True),
        ("127.0.0.1/32", "127.0.0.2", False),
        ("127.0.0.1/32", "::1", False),
        ("127.0.0.0/8", "::ffff:127.0.0.1", True),
        ("10.1.0.0/16", "64:ff9b::10.1.2.3", True),
        ("10.1.0.0/16", "64:ff9b::10.2.2.3", False),
        ("10.1.0.0/16", "2002:a01:203::", False),
        ("10.1.0.0/16", "::10.1.2.3", False),
        ("64:ff9b:1::/48", "64:ff9b:1::10.1.2.3", True),
        ("::1/128", "::1", True),
        ("fe80::/10", "fe80::1", True),
        ("fd00::/8", "fc00::1", False),
        ("10.2.0.0/16 10.1.0.0/16", "10.1.0.1", True),
        ("0.0.0.0/0 ::/0", "192.168.1.1", True),
        ("", "8.8.8.8", True),
        ("10.1.0.0/16", "8.8.8.8", True),
    ],
)
def test_networks_allow_what_is_in_them(entries, address, allowed):
    """Also written as IPv4-mapped or NAT64; nothing beside it, and public addresses need no entry."""
    assert allows(entries, address) is allowed


@pytest.mark.parametrize(
    ("entry", "host", "port", "allowed"),
    [
        ("hipchat.corp", "hipchat.corp", 443, True),
        ("hipchat.corp", "HipChat.Corp.", 80, True),
        ("hipchat.corp:443", "hipchat.corp", 443, True),
        ("hipchat.corp:443", "hipchat.corp", 8443, False),
        ("hipchat.corp", "evil-hipchat.corp", 443, False),
        ("hipchat.corp", "hipchat.corp.evil.example", 443, False),
        ("hipchat.corp", "x.hipchat.corp", 443, False),
        ("*.corp.example", "a.corp.example", 443, True),
        ("*.corp.example", "a.b.corp.example", 443, True),
        ("*.corp.example", "corp.example", 443, False),
        ("*.corp.example", "acorp.example", 443, False),
        ("10.0.0.0/8:443", "x.example", 443, True),
        ("10.0.0.0/8:443", "x.example", 80, False),
    ],
)
def test_hosts_allow_their_name_at_their_port(entry, host, port, allowed):
    """A name that is listed may be at a private address; another one that is there may not."""
    assert allows(entry, "10.0.0.5", host, port) is allowed


@pytest.mark.parametrize("address", sorted(map(str, METADATA)))
def test_metadata_takes_its_own_address(address):
    """Neither a wide range nor a name, whose DNS may be another's, opens a cloud's credentials."""
    assert not allows("0.0.0.0/0 ::/0 169.254.0.0/16 168.0.0.0/6 fd00::/8", address)
    assert not allows("hipchat.corp", address, "hipchat.corp")
    assert not allows("*.corp", address, "hipchat.corp")
    assert allows(address, address)
    assert allows(f"[{address}]:443" if ":" in address else f"{address}:443", address)
    assert not allows(f"[{address}]:80" if ":" in address else f"{address}:80", address)


@pytest.mark.parametrize(
    ("address", "host", "sentence"),
    [
        (
            "10.0.0.5",
            "10.0.0.5",
            "10.0.0.5 is not a public address (private use, RFC 1918); an operator can allow it with",
        ),
        (
            "10.0.0.5",
            "hipchat.corp",
            "hipchat.corp is at 10.0.0.5, which is not a public address (private use, RFC 1918); an operator can allow",
        ),
        ("::ffff:127.0.0.1", "x.example", "x.example is at ::ffff:7f00:1, which is not a public address (loopback"),
        (
            "169.254.169.254",
            "169.254.169.254",
            "169.254.169.254 is a cloud's metadata service; an operator can allow",
        ),
    ],
)
def test_objections_name_address_and_setting(address, host, sentence):
    """And say of a metadata service that it takes exactly its address."""
    objection = AllowList().objection(ip_address(address), host, 443)
    assert objection.startswith(sentence) or objection.replace("::ffff:127.0.0.1", "::ffff:7f00:1").startswith(sentence)
    assert "BELLHOP_ALLOWED_ADDRESSES" in objection
    assert objection.endswith(", by exactly this address") is (address == "169.254.169.254")


@given(st.ip_addresses(), st.integers(1, 65535))
def test_without_entries_only_public_addresses_pass(address, port):
    """No port changes that, and a public one passes at every port unless it hands out credentials."""
    objection = AllowList().objection(address, str(address), port)
    assert objection is None or purpose_of(address) or "metadata" in objection
    assert objection or not purpose_of(address)


@given(st.ip_addresses(), st.integers(0, 32), st.integers(1, 65535))
def test_a_listed_network_allows_its_addresses_at_its_port(address, bits, port):
    """Whatever its size, but for metadata services; and at no other port."""
    network = ip_network(f"{address}/{bits}", strict=False)
    entry = f"[{network}]:{port}" if network.version == 6 else f"{network}:{port}"
    judged = AllowList([parsed(entry)])
    assert judged.covers(address, "x.example", port) or "metadata" in judged.objection(address, "x.example", port)
    assert not judged.covers(address, "x.example", port % 65535 + 1)


@given(st.text(max_size=30))
def test_any_text_is_an_entry_or_an_error_that_names_it(text):
    """No entry of an operator's ends in anything else."""
    try:
        parsed(text)
    except ValueError as refused:
        assert repr(text) in str(refused)  # noqa: PT017 - both ends are fine
