"""Which IP addresses are public, and which are a cloud's metadata service. Pure.

Python's own `is_global` differs between its versions; these are the registries, refused where in doubt:
https://www.iana.org/assignments/iana-ipv4-special-registry
https://www.iana.org/assignments/iana-ipv6-special-registry
https://www.iana.org/assignments/multicast-addresses
https://www.iana.org/assignments/ipv6-address-space (unicast is 2000::/3, the rest is reserved)
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from worker.hosts import Address

Network = IPv4Network | IPv6Network

SPECIAL_V4 = {
    IPv4Network(text): purpose
    for text, purpose in {
        "0.0.0.0/8": "this network, RFC 791",
        "10.0.0.0/8": "private use, RFC 1918",
        "100.64.0.0/10": "shared by carriers, RFC 6598",
        "127.0.0.0/8": "loopback, RFC 1122",
        "169.254.0.0/16": "link-local, RFC 3927",
        "172.16.0.0/12": "private use, RFC 1918",
        # With the two anycast addresses in it, which the nearest router answers and no alert server has.
        "192.0.0.0/24": "IETF protocols, RFC 6890",
        "192.0.2.0/24": "documentation, RFC 5737",
        "192.88.99.0/24": "6to4 relays, RFC 7526",
        "192.168.0.0/16": "private use, RFC 1918",
        "198.18.0.0/15": "benchmarks, RFC 2544",
        "198.51.100.0/24": "documentation, RFC 5737",
        "203.0.113.0/24": "documentation, RFC 5737",
        "224.0.0.0/4": "multicast, RFC 5771",
        "255.255.255.255/32": "broadcast, RFC 919",
        "240.0.0.0/4": "reserved, RFC 1112",
    }.items()
}
"""The first that holds an address says what it is for."""
SPECIAL_V6 = {
    IPv6Network(text): purpose
    for text, purpose in {
        "::/128": "unspecified, RFC 4291",
        "::1/128": "loopback, RFC 4291",
        "::/96": "IPv4-compatible, RFC 4291",
        "::ffff:0:0:0/96": "IPv4-translated, RFC 2765",
        "64:ff9b:1::/48": "local NAT64, RFC 8215",
        "100::/64": "discarded, RFC 6666",
        "100:0:0:1::/64": "dummy prefix, RFC 9780",
        "2001::/32": "Teredo, RFC 4380",
        # With its anycast services and identifiers, which are called global, and which no alert server has.
        "2001::/23": "IETF protocols, RFC 2928",
        "2001:db8::/32": "documentation, RFC 3849",
        "2002::/16": "6to4, RFC 3056",
        "3fff::/20": "documentation, RFC 9637",
        "5f00::/16": "segment routing, RFC 9602",
        "fc00::/7": "unique-local, RFC 4193",
        "fe80::/10": "link-local, RFC 4291",
        "fec0::/10": "site-local, RFC 3879",
        "ff00::/8": "multicast, RFC 4291",
    }.items()
}
GLOBAL_UNICAST_V6 = IPv6Network("2000::/3")
NAT64 = IPv6Network("64:ff9b::/96")
LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
_ISATAP = 0x00005EFE
_ISATAP_MASK = 0xFDFFFFFF

METADATA = frozenset(
    ip_address(text)
    for text in (
        # AWS, Google, Azure, OpenStack, DigitalOcean, Oracle and others
        "169.254.169.254",
        # AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
        "fd00:ec2::254",
        # AWS, containers: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
        "169.254.170.2",
        # AWS, pods: https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html
        "169.254.170.23",
        "fd00:ec2::23",
        # Google: https://cloud.google.com/compute/docs/metadata/querying-metadata
        "fd20:ce::254",
        # Azure, a public address: https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
        "168.63.129.16",
        # Alibaba: https://www.alibabacloud.com/help/en/ecs/user-guide/view-instance-metadata
        "100.100.100.200",
        # Oracle Cloud Classic: https://docs.oracle.com/en/cloud/iaas/compute-iaas-cloud/stcsg/retrieving-instance-metadata.html
        "192.0.0.192",
        # Tencent: https://www.tencentcloud.com/document/product/213/4934
        "169.254.0.23",
        # Scaleway: https://docs.cloud-init.io/en/latest/reference/datasources/scaleway.html
        "169.254.42.42",
        "fd00:42::42",
        # OpenStack: https://specs.openstack.org/openstack/neutron-specs/specs/ussuri/metadata-add-ipv6-support.html
        "fe80::a9fe:a9fe",
    )
)
"""Where a cloud tells whoever asks from inside what its machine may do, its credentials among it."""


def standing_for(address: Address) -> Address:
    """The IPv4 address that an IPv4-mapped one is, or that NAT64 makes of it; any other address itself."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in NAT64:
            return _low(address)
    return address


def purpose_of(address: Address) -> str | None:
    """What an address that is not public is for, with the RFC that says so; None for a public one."""
    plain = standing_for(address)
    if isinstance(plain, IPv4Address):
        return next((purpose for network, purpose in SPECIAL_V4.items() if plain in network), None)
    special = next((purpose for network, purpose in SPECIAL_V6.items() if plain in network), None)
    if special is None and plain not in GLOBAL_UNICAST_V6:
        return "reserved, RFC 4291"
    # Tunnels to the IPv4 address at its end, whatever the prefix: https://www.rfc-editor.org/rfc/rfc5214#section-6.1
    return "ISATAP, RFC 5214" if special is None and _is_isatap(plain) else special


def is_metadata(address: Address) -> bool:
    """Whether it is a metadata service, or holds the address of one in any form that a gateway may unpack."""
    return any(one in METADATA for one in _held(address))


def _held(address: Address) -> Iterator[Address]:
    yield address
    if isinstance(address, IPv4Address):
        return
    yield _low(address)  # IPv4-mapped, -compatible, -translated, NAT64 and ISATAP
    yield IPv4Address((int(address) >> 80) & 0xFFFFFFFF)  # 6to4
    if address.teredo is not None:
        yield from address.teredo
    if address in LOCAL_NAT64:
        yield from _unpacked(address)


def _unpacked(address: IPv6Address) -> Iterator[IPv4Address]:
    """By every prefix length that a network's own NAT64 may have: https://www.rfc-editor.org/rfc/rfc6052#section-2.2."""
    octets = address.packed[:8] + address.packed[9:]  # the ninth is always zero
    yield from (IPv4Address(octets[start : start + 4]) for start in (6, 7, 8))


def _low(address: IPv6Address) -> IPv4Address:
    return IPv4Address(int(address) & 0xFFFFFFFF)


def _is_isatap(address: IPv6Address) -> bool:
    return (int(address) >> 32) & _ISATAP_MASK == _ISATAP
