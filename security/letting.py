"""What the guard has to let through, and what it must not let through in spite of an allow-list that is too wide."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv6Address
from typing import Final

from security.forms import PUBLIC, Form
from security.spellings import embedded
from worker.special_addresses import METADATA

LET: Final = (
    PUBLIC,
    "8.8.8.8",
    "1.1.1.1",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "223.255.255.255",
    "[2606:4700::1111]",
    "[2001:4860:4860::8888]",
    "[2a00:1450:4001::1]",
    "[::ffff:93.184.215.14]",
    "[64:ff9b::5db8:d70e]",
    "public.example",
    "PUBLIC.example.",
    "mixed.example",
)
"""Public, some of them right beside a special range, and a name that is partly so."""
LISTED: Final = (
    ("127.0.0.0/8", "127.0.0.1"),
    ("127.0.0.1/32", "127.0.0.1"),
    ("127.0.0.1", "localhost"),
    ("127.0.0.1:{port}", "127.0.0.1"),
    ("127.0.0.0/8:{port}", "localhost"),
    ("127.0.0.0/8", "[::ffff:127.0.0.1]"),
    ("127.0.0.0/8", "[::ffff:7f00:1]"),
    ("::1/128", "[::1]"),
    ("[::1]:{port}", "[0:0:0:0:0:0:0:1]"),
    ("localhost", "localhost"),
    ("localhost:{port}", "LOCALHOST"),
    ("localhost", "LocalHost."),
    ("*.localhost", "anything.localhost"),
    ("*.nip.io:{port}", "127.0.0.1.nip.io"),
    ("10.0.0.0/8,192.168.0.0/16", "both.inside.example"),
    ("intranet:{port}", "intranet"),
    ("fd00::/8", "[fd00::1]"),
    ("64:ff9b:1::/48", "[64:ff9b:1::808:808]"),
    ("169.254.169.254", "169.254.169.254"),
    ("169.254.169.254:{port},fd20:ce::254", "metadata.google.internal"),
    ("[fd00:ec2::254]:{port}", "[fd00:ec2::254]"),
    ("168.63.129.16", "wireserver.azure.example"),
)
"""(an operator's entries, what may then be reached)."""
WIDE: Final = "0.0.0.0/0,::/0,169.254.0.0/16,168.63.0.0/16,fd00::/8,*.internal,*.example,metadata.tencentyun.com"
"""None of these is exactly a metadata service's address, which it takes."""


def metadata_forms() -> Iterator[Form]:
    """Every metadata service by its address, those of IPv4 in each IPv6 form, and by names."""
    for address in sorted(METADATA, key=str):
        if isinstance(address, IPv6Address):
            yield Form("metadata", f"[{address}]")
            continue
        yield Form("metadata", str(address))
        a, b, c, d = address.packed
        yield from (Form("metadata", typed) for typed in embedded((a, b, c, d)))
    names = (
        "metadata.google.internal",
        "instance-data.ec2.internal",
        "metadata.tencentyun.com",
        "wireserver.azure.example",
    )
    yield from (Form("metadata", name) for name in names)
