"""The address guard: which hosts may be connected to, by which names, through which transports."""

from __future__ import annotations

import asyncio
import os
import socket
from ipaddress import ip_address

import pytest
from fakes.resolver import resolver

from worker.allow_list import AllowList, parsed
from worker.messages import CommandLine, Failure, HttpPost, Mail, MailSecurity, PassiveCheck
from worker.transports.addresses import AddressRefused, Guard, NoneAnswered, dial, leads_back

PUBLIC = "93.184.215.14"


@pytest.fixture
def guard():
    """Makes guards that allow some entries and know some names, and gives their threads back."""
    made = []

    def make(*entries: str, **seams):
        made.append(Guard(AllowList(map(parsed, entries)), **seams))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def dialled():
    """What would have been connected to: a fake network that takes every connection and goes nowhere."""
    called = []

    async def fake(infos):
        called.append([info[4][0] for info in infos])
        return socket.socket()

    fake.called = called
    return fake


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
    "127.0.0.1.",
    "0",
    "0.0.0.0",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[::1%25lo]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "１２７.0.0.1",  # noqa: RUF001 - full-width digits are the point
    "①②⑦.0.0.1",
    "127。0。0。1",
    "169.254.169.254",
    "[fd00:ec2::254]",
    "%31%32%37.0.0.1",
    "user@127.0.0.1",
    "8.8.8.8@127.0.0.1",
]


@pytest.mark.parametrize("host", NAMES_OF_LOOPBACK)
async def test_no_spelling_of_loopback_gets_through(new_carrier, listen, host):
    """Whatever a user types for this host, nothing connects, and the reply says so."""
    connected = []

    async def handler(_reader, _writer):
        connected.append(host)

    async with listen(handler) as port, new_carrier(allowed_addresses=()) as carrier:
        reply = await carrier.carry(HttpPost(url=f"http://{host}:{port}/", label="POST"))

    assert reply.failure in {Failure.ADDRESS, Failure.NOT_ALLOWED} or "resolved" in reply.detail
    assert not connected


@pytest.mark.parametrize(
    "message",
    [
        HttpPost(url="http://127.0.0.1:1/x", label="POST"),
        HttpPost(url="https://localhost:1/x", label="POST"),
        Mail(host="127.0.0.1", port=1, security=MailSecurity.NONE, sender="a@b.c", recipients=("d@e.f",), data=b""),
        Mail(host="localhost", port=1, security=MailSecurity.TLS, sender="a@b.c", recipients=("d@e.f",), data=b""),
        PassiveCheck(
            host="127.0.0.1", port=1, method=1, packet_bytes=720, hostname="h", service="s", state=0, output="fine"
        ),
    ],
    ids=lambda message: type(message).__name__,
)
async def test_every_network_transport_is_guarded(new_carrier, message):
    """HTTP, SMTP and NSCA alike refuse, with the sentence that tells the operator what to do."""
    async with new_carrier(allowed_addresses=()) as carrier:
        reply = await carrier.carry(message)

    assert reply.failure is Failure.NOT_ALLOWED
    assert " is not a public address (loopback, RFC " in reply.detail
    assert reply.detail.endswith("; an operator can allow it with BELLHOP_ALLOWED_ADDRESSES")


@pytest.mark.parametrize("host", ["", ".", "a..b", "a b", "-", "a" * 64, "127.1", "::1%lo", "x/y", "x:80"])
async def test_what_is_no_host_is_not_looked_up(guard, host):
    """A spelling that only some programs take is refused before any of them is asked."""

    def never(_host, _port):
        raise AssertionError("asked the resolver")

    with pytest.raises(AddressRefused, match="the host must be"):
        await guard(look_up=never).resolve(host, 80)


async def test_resolving_leaves_refused_addresses_out(guard):
    """Of a name's addresses only the allowed ones are tried; where there is none the refusal names one."""
    names = resolver({"mixed.example": f"10.0.0.1 {PUBLIC} ::1", "inside.example": "10.0.0.1 10.0.0.2"})

    found = await guard(look_up=names).resolve("mixed.example", 80)

    assert [info[4][0] for info in found] == [PUBLIC]
    with pytest.raises(AddressRefused) as refused:
        await guard(look_up=names).resolve("inside.example", 80)
    assert str(refused.value) == (
        "inside.example is at 10.0.0.1, which is not a public address (private use, RFC 1918); "
        "an operator can allow it with BELLHOP_ALLOWED_ADDRESSES"
    )


@pytest.mark.parametrize(
    ("entry", "host", "port", "reached"),
    [
        ("smtp.internal", "smtp.internal", 25, True),
        ("smtp.internal", "SMTP.Internal.", 25, True),
        ("smtp.internal", "other.internal", 25, False),
        ("smtp.internal:25", "smtp.internal", 25, True),
        ("smtp.internal:25", "smtp.internal", 26, False),
        ("*.internal", "smtp.internal", 25, True),
        ("10.0.0.0/24:25", "other.internal", 25, True),
        ("10.0.0.0/24:25", "other.internal", 26, False),
        ("10.0.0.5", "10.0.0.5", 25, True),
    ],
)
async def test_operator_can_allow_hosts_and_ports(guard, dialled, entry, host, port, reached):
    """What is listed is connected to, by its name or by its network, at the port that is listed."""
    names = resolver(dict.fromkeys(["smtp.internal", "SMTP.Internal.", "other.internal"], "10.0.0.5"))
    guarded = guard(entry, look_up=names, dial=dialled)

    if reached:
        (await guarded.connect(host, port, 1)).close()
    else:
        with pytest.raises(AddressRefused):
            await guarded.connect(host, port, 1)
    assert dialled.called == ([["10.0.0.5"]] if reached else [])


async def test_connection_goes_to_the_answer_that_was_checked(guard, dialled):
    """A name that is public when it is checked and private when asked again is asked once per connection."""
    answers = {"rebind.example": [PUBLIC, "127.0.0.1", "169.254.169.254"]}
    guarded = guard(look_up=resolver(answers), dial=dialled)

    (await guarded.connect("rebind.example", 80, 1)).close()

    assert dialled.called == [[PUBLIC]]
    assert answers["rebind.example"] == ["127.0.0.1", "169.254.169.254"]


async def test_each_later_attempt_is_checked_anew(guard, dialled):
    """An answer is kept for connections of one moment only; the next is checked like the first."""
    asked = {"rebind.example": [PUBLIC, "127.0.0.1"]}
    guarded = guard(look_up=resolver(asked), dial=dialled, same_answer_s=0.01)

    (await guarded.connect("rebind.example", 80, 1)).close()
    async with asyncio.timeout(5):
        while asked["rebind.example"]:
            await asyncio.sleep(0.01)
            try:
                (await guarded.connect("rebind.example", 80, 1)).close()
            except AddressRefused:
                break

    with pytest.raises(AddressRefused):
        await guarded.connect("rebind.example", 80, 1)
    assert {address for call in dialled.called for address in call} == {PUBLIC}


async def test_connections_of_one_moment_share_a_look_up(guard, dialled):
    """A hundred at once ask the name server once; each is connected, and one that gives up takes nobody along."""
    asked = {"busy.example": [PUBLIC]}
    guarded = guard(look_up=resolver(asked), dial=dialled)

    tasks = [asyncio.create_task(guarded.connect("busy.example", 80, 5)) for _ in range(100)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)

    assert isinstance(done[0], asyncio.CancelledError)
    assert len(dialled.called) == 99
    for sock in done[1:]:
        sock.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_own_addresses_are_known(host):
    """Behind an address of the worker's own host, be it public, may be what listens to neighbours only."""
    assert leads_back(ip_address(host))
    assert not leads_back(ip_address("127.0.0.2"))
    assert not leads_back(ip_address(PUBLIC))


async def test_addresses_that_fail_differently_are_told_as_none(unused_tcp_port):
    """Where each address has a fault of its own there is no one number for them all."""
    here = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", unused_tcp_port))
    broadcast = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("255.255.255.255", unused_tcp_port))

    with pytest.raises(NoneAnswered, match="none of the host's addresses answers"):
        await dial([here, broadcast])


async def test_a_dead_address_does_not_keep_the_next_one_waiting(listen):
    """Where a name's first address refuses, the second is taken."""

    async def handler(reader, _writer):
        await reader.read()

    async with listen(handler) as port:
        infos = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port)) for host in ("127.0.0.2", "127.0.0.1")]
        with await dial(infos) as sock:
            assert sock.getpeername() == ("127.0.0.1", port)
            assert sock.gettimeout() == 0


async def test_command_file_needs_no_address(new_carrier, tmp_path):
    """The guard has no say in files."""
    fifo = tmp_path / "nagios.cmd"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    async with new_carrier(allowed_addresses=()) as carrier:
        reply = await carrier.carry(CommandLine(path=str(fifo), line="PROCESS_HOST_CHECK_RESULT;h;0;fine"))
    os.close(reader)

    assert reply.failure is None
