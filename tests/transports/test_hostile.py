"""Vendors that mean harm, on real sockets: whatever they do ends in a clear reply, soon, and in little memory."""

from __future__ import annotations

import asyncio
import tracemalloc

import pytest
from fakes import hostility

from security.hostile import HTTP, METADATA, RAW, Hostile
from worker.channels import CHANNELS
from worker.channels.channel import judge_http
from worker.messages import HttpPost, Mail, MailSecurity, PassiveCheck
from worker.models import Reason
from worker.transports.http_answer import unpacked
from worker.transports.http_connection import MAX_BODY_BYTES

MOST_MEMORY = 16 * 1_048_576
LIMITS = {"connect_timeout_s": 1.0, "total_timeout_s": 2.5}


@pytest.fixture
async def vendor():
    """The hostile vendor."""
    async with Hostile() as running:
        yield running


def test_every_misbehaviour_is_expected():
    """None is left out."""
    assert hostility.HTTP.keys() == HTTP.keys()


async def met(carrier, message):
    """The reply, and the most memory that Python took meanwhile, in bytes."""
    tracemalloc.start()
    try:
        reply = await carrier.carry(message)
        return reply, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", HTTP)
async def test_http_ends_in_a_clear_reason(vendor, new_carrier, name):
    """With its status where one came, in words that may be shown, and never more than 64 KiB of a body."""
    reason, status, detail = hostility.HTTP[name]
    async with new_carrier(**LIMITS) as carrier:
        reply, memory = await met(carrier, HttpPost(url=vendor.url(name), label="POST somewhere", body=b"{}"))
    verdict = judge_http(reply)
    assert (verdict.reason, verdict.status_code) == (reason, status), verdict
    assert verdict.detail.startswith(detail)
    assert verdict.detail.isprintable()
    assert len(reply.body) <= MAX_BODY_BYTES
    assert memory < MOST_MEMORY


@pytest.mark.parametrize("name", hostility.TLS)
async def test_what_is_no_tls_ends_in_a_clear_reason(vendor, new_carrier, name):
    """Nothing was sent, and the reason says so."""
    url = f"https://127.0.0.1:{vendor.ports[name]}/"
    async with new_carrier(**LIMITS) as carrier:
        reply, memory = await met(carrier, HttpPost(url=url, label="POST somewhere", body=b"{}"))
    verdict = judge_http(reply)
    assert (verdict.reason, verdict.status_code) == (hostility.TLS[name], None), verdict
    assert verdict.detail.isprintable()
    assert memory < MOST_MEMORY


@pytest.mark.parametrize("name", hostility.SMTP)
async def test_smtp_ends_in_a_clear_reason(vendor, new_carrier, name):
    """Whatever greets, or does not."""
    mail = Mail("localhost", vendor.ports[name], MailSecurity.NONE, "a@example.com", ("b@example.com",), b"Subject: x")
    async with new_carrier(**LIMITS) as carrier:
        reply, memory = await met(carrier, mail)
    verdict = CHANNELS["email"].judge(reply, None)
    assert (verdict.reason, verdict.detail[: len(hostility.SMTP[name][1])]) == hostility.SMTP[name], verdict
    assert verdict.detail.isprintable()
    assert memory < MOST_MEMORY


@pytest.mark.parametrize("name", hostility.NSCA)
async def test_nsca_ends_in_a_clear_reason(vendor, new_carrier, name):
    """Whatever greets, or does not."""
    check = PassiveCheck("127.0.0.1", vendor.ports[name], 0, 4304, "h", "s", 0, "o")
    async with new_carrier(**LIMITS) as carrier:
        reply, memory = await met(carrier, check)
    verdict = CHANNELS["nagios"].judge(reply, CHANNELS["nagios"].settings(host="127.0.0.1"))
    assert (verdict.reason, verdict.detail) == hostility.NSCA[name]
    assert memory < MOST_MEMORY


def test_every_port_is_expected():
    """None is left out."""
    assert RAW.keys() == hostility.TLS.keys() | hostility.SMTP.keys() | hostility.NSCA.keys()


async def test_others_are_served_meanwhile(vendor, new_carrier, listen):
    """All of them at once hold no one up who behaves: a hundred requests to another server are answered."""

    async def behaved(reader, writer):
        while True:
            await reader.readuntil(b"{}")
            writer.write(b"HTTP/1.1 204 X\r\n\r\n")

    async with new_carrier(**LIMITS) as carrier, listen(behaved) as port, asyncio.TaskGroup() as group:
        for name in HTTP:
            group.create_task(carrier.carry(HttpPost(url=vendor.url(name), label="POST somewhere", body=b"{}")))
        for _ in range(100):
            reply = await carrier.carry(HttpPost(url=f"http://127.0.0.1:{port}/", label="POST somewhere", body=b"{}"))
            assert reply.status == 204


async def test_the_metadata_address_is_never_asked(vendor, new_carrier):
    """What a redirect names is no more than a header of the answer."""
    async with new_carrier(**LIMITS) as carrier:
        reply = await carrier.carry(HttpPost(url=vendor.url("redirect-to-metadata"), label="POST somewhere"))
    assert (reply.status, reply.headers["location"]) == (302, METADATA)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", None])
def test_what_cannot_be_unpacked_stays_as_it_is(encoding):
    """A wrong `Content-Encoding` costs no answer."""
    assert unpacked(b"ok", encoding) == b"ok"
    assert unpacked(b"", encoding) == b""


@pytest.mark.parametrize(
    ("first", "then"), [(b"2\r\nok\r\n", b"nonsense\r\n"), (b"2\r\nok", b"\r\nnonsense\r\n"), (b"2\r\nok", b"\r\n")]
)
async def test_a_fault_amid_a_body_ends_the_attempt(new_carrier, listen, first, then):
    """Garbage where a chunk should begin, or the connection's end: the rest of the time is not waited for."""

    async def garbage(reader, writer):
        await reader.readuntil(b"{}")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + first)
        await asyncio.sleep(0.05)
        writer.write(then)
        if b"nonsense" in then:
            await reader.read()

    async with new_carrier(total_timeout_s=300) as carrier, listen(garbage) as port, asyncio.timeout(60):
        reply = await carrier.carry(HttpPost(url=f"http://127.0.0.1:{port}/", label="POST somewhere", body=b"{}"))
    assert (reply.status, reply.body) == (200, b"ok")
    assert judge_http(reply).reason is Reason.NO_ANSWER
