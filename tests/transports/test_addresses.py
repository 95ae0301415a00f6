"""The address guard: which addresses may be reached, by which names, through which transports."""

from __future__ import annotations

import os
from ipaddress import ip_network

import pytest

from worker.messages import CommandLine, Failure, HttpPost, Mail, MailSecurity, PassiveCheck
from worker.transports.addresses import AddressRefused, Guard

REFUSED = """
    0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254
    169.254.0.1 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1
    192.88.99.1 192.168.0.1 192.168.255.255 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1
    239.255.255.255 240.0.0.1 255.255.255.255
    :: ::1 ::127.0.0.1 ::8.8.8.8 100::1 fe80::1 fe80::1%lo febf::1 fec0::1 fc00::1 fd00:ec2::254 fdff::1
    ff00::1 ff02::1 ff0e::1 2001:db8::1 2001:2::1 2001:10::1 2001:20::1 3fff::1 5f00::1 4000::1 64:ff9b:1::1
    ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:7f00:1 ::ffff:0.0.0.0
    64:ff9b::127.0.0.1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b::192.168.1.1
    2002:7f00:1:: 2002:a9fe:a9fe::1 2002:a00:1::1 2002:c0a8:101::
    2001:0:4136:e378:8000:63bf:80ff:fffe 2001:0:7f00:1:0:0:f7f7:f7f7 2001:0:808:808::5601:5601
""".split()
# The last three are Teredo: client 127.0.0.1, server 127.0.0.1, client 169.254.169.254.

PUBLIC = """
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.1 126.255.255.255 128.0.0.1 169.253.255.255
    172.15.255.255 172.32.0.1 192.0.1.1 192.167.255.255 192.169.0.1 198.17.255.255 198.20.0.1 223.255.255.255
    2606:4700:4700::1111 2001:4860:4860::8888 2a00:1450::1 ::ffff:8.8.8.8 64:ff9b::8.8.8.8 2002:808:808::1
    2001:0:4136:e378:8000:63bf:f7f7:f7f7
""".split()


@pytest.fixture
def guard():
    """Makes guards and gives their threads back."""
    made = []

    def make(*networks: str):
        made.append(Guard(tuple(ip_network(network) for network in networks)))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.mark.parametrize("address", REFUSED)
def test_what_is_not_public_is_refused(guard, address):
    """Loopback, private, link-local, metadata, multicast, reserved: in whatever form they are embedded."""
    assert not guard().allows(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_is_allowed(guard, address):
    """Public addresses, also right beside the special ranges, and forms that embed public ones."""
    assert guard().allows(address)


@pytest.mark.parametrize(
    ("network", "address", "allowed"),
    [
        ("127.0.0.1/32", "127.0.0.1", True),
        ("127.0.0.1/32", "127.0.0.2", False),
        ("127.0.0.1/32", "::1", False),
        ("127.0.0.0/8", "::ffff:127.0.0.1", True),
        ("10.1.0.0/16", "64:ff9b::10.1.2.3", True),
        ("10.1.0.0/16", "64:ff9b::10.2.2.3", False),
        ("10.1.0.0/16", "2002:a01:203::", True),
        ("::1/128", "::1", True),
        ("fe80::/10", "fe80::1%eth0", True),
        ("fd00::/8", "fc00::1", False),
    ],
)
def test_operator_can_allow_networks(guard, network, address, allowed):
    """What an operator lists may be reached, also in the forms that embed it, and nothing beside it."""
    assert guard(network).allows(address) is allowed


NAMES_OF_LOOPBACK = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0x7F.1",
    "017700000001",
    "0177.0.0.1",
    "0177.1",
    "127.0.0.01",
    "0",
    "0.0.0.0",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "１２７.0.0.1",  # noqa: RUF001 - full-width digits are the point
    "169.254.169.254",
    "[fd00:ec2::254]",
    "%31%32%37.0.0.1",
    "user@127.0.0.1",
    "8.8.8.8@127.0.0.1",
]


@pytest.mark.parametrize("host", NAMES_OF_LOOPBACK)
async def test_no_spelling_of_loopback_gets_through(new_carrier, listen, host):
    """Whatever a user types for this host, nothing connects, and the reply says so: ADDRESS."""
    connected = []

    async def handler(_reader, _writer):
        connected.append(host)

    async with listen(handler) as port, new_carrier(allowed_addresses=()) as carrier:
        reply = await carrier.carry(HttpPost(url=f"http://{host}:{port}/", label="POST"))

    assert reply.failure in {Failure.ADDRESS, Failure.CONNECT}
    assert reply.failure is Failure.ADDRESS or "resolved" in reply.detail, reply
    assert not connected


@pytest.mark.parametrize(
    "message",
    [
        HttpPost(url="http://127.0.0.1:1/x", label="POST"),
        HttpPost(url="https://localhost:1/x", label="POST"),
        Mail(host="127.0.0.1", port=1, security=MailSecurity.NONE, sender="a@b.c", recipients=("d@e.f",), data=b""),
        Mail(host="localhost", port=1, security=MailSecurity.TLS, sender="a@b.c", recipients=("d@e.f",), data=b""),
        PassiveCheck(
            host="127.1", port=1, method=1, packet_bytes=720, hostname="h", service="s", state=0, output="fine"
        ),
    ],
    ids=lambda message: type(message).__name__,
)
async def test_every_network_transport_is_guarded(new_carrier, message):
    """HTTP, SMTP and NSCA alike refuse, with the sentence that tells the operator what to do."""
    async with new_carrier(allowed_addresses=()) as carrier:
        reply = await carrier.carry(message)

    assert reply.failure is Failure.ADDRESS
    assert reply.detail.endswith("is not a public address; an operator can allow it with BELLHOP_ALLOWED_ADDRESSES")


async def test_resolving_leaves_refused_addresses_out(guard):
    """Of a name's addresses only the allowed ones are tried; where there is none the refusal names one."""
    found = await guard("127.0.0.0/8").resolve("localhost", 80)

    assert {info[4][0] for info in found} == {"127.0.0.1"}
    with pytest.raises(AddressRefused, match="is not a public address"):
        await guard().resolve("localhost", 80)


def test_socket_is_refused_for_the_very_address(guard):
    """Even where a resolver says otherwise, no socket is made for an address that is refused (DNS rebinding)."""
    with pytest.raises(AddressRefused):
        guard().open_socket((2, 1, 6, "", ("127.0.0.1", 80)))


async def test_command_file_needs_no_address(new_carrier, tmp_path):
    """The guard has no say in files."""
    fifo = tmp_path / "nagios.cmd"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    async with new_carrier(allowed_addresses=()) as carrier:
        reply = await carrier.carry(CommandLine(path=str(fifo), line="PROCESS_HOST_CHECK_RESULT;h;0;fine"))
    os.close(reader)

    assert reply.failure is None
