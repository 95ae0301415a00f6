"""Vendors that mean harm, on real sockets: whatever they do ends in a clear reply, soon, and in little memory."""

from __future__ import annotations

import asyncio
import tracemalloc

import pytest

from security.hostile import HTTP, METADATA, RAW, Hostile
from security.hostile_json import REPLIES
from worker.channels import CHANNELS
from worker.channels.channel import judge_http
from worker.messages import Failure, HttpPost, Mail, MailSecurity, PassiveCheck
from worker.models import Reason
from worker.transports.http_answer import MAX_BODY_BYTES, unpacked

MOST_MEMORY = 16 * 1_048_576
LIMITS = {"connect_timeout_s": 1.0, "total_timeout_s": 1.5}

BROKEN_OFF = "the answer broke off after its status 200"
NOT_HTTP = "what came back is not HTTP"
IN_TIME = "no answer in time"
NO_ANSWER = "the connection was closed before an answer came"
TOO_LARGE = "the answer has more than 1024 KiB around its body"
INTERIM = "more than 10 interim answers came, and no other"
LONG_HEADER = "a header of the answer is longer than 8190 bytes"
HEADERS = "the answer has more than 128 headers"

EXPECTED = {
    "endless-body": (Reason.OK, 200, "x" * 499),
    "endless-chunks": (Reason.OK, 200, "x" * 499),
    "endless-chunk-extension": (Reason.NO_ANSWER, 200, BROKEN_OFF),
    "endless-trailers": (Reason.NO_ANSWER, 200, BROKEN_OFF),
    "endless-interim": (Reason.NO_ANSWER, None, INTERIM),
    "endless-blank-lines": (Reason.NO_ANSWER, None, TOO_LARGE),
    "endless-spaces": (Reason.NO_ANSWER, None, TOO_LARGE),
    "endless-header": (Reason.NO_ANSWER, None, LONG_HEADER),
    "endless-headers": (Reason.NO_ANSWER, None, HEADERS),
    "endless-reason": (Reason.NO_ANSWER, None, LONG_HEADER),
    "endless-after-204": (Reason.OK, 204, ""),
    "endless-after-101": (Reason.BAD_REPLY, 101, ""),
    "header-of-1-mb": (Reason.NO_ANSWER, None, LONG_HEADER),
    "headers-10000": (Reason.NO_ANSWER, None, HEADERS),
    "length-of-1-tb": (Reason.NO_ANSWER, 200, BROKEN_OFF),
    "length-below-zero": (Reason.NO_ANSWER, None, NOT_HTTP),
    "two-lengths": (Reason.NO_ANSWER, None, NOT_HTTP),
    "slow-head": (Reason.NO_ANSWER, None, IN_TIME),
    "slow-body": (Reason.NO_ANSWER, 200, BROKEN_OFF),
    "slow-refusal": (Reason.UNAUTHORIZED, 403, "xxx"),
    "never": (Reason.NO_ANSWER, None, IN_TIME),
    "closes": (Reason.NO_ANSWER, None, NO_ANSWER),
    "closes-in-its-head": (Reason.NO_ANSWER, None, NO_ANSWER),
    "gzip-bomb": (Reason.OK, 200, ""),
    "gzip-bomb-in-gzip": (Reason.OK, 200, ""),
    "deflate-bomb": (Reason.OK, 200, ""),
    "no-gzip": (Reason.OK, 200, "no gzip at all"),
    "brotli": (Reason.OK, 200, ""),
    "zstd": (Reason.OK, 200, ""),
    "redirect-to-metadata": (Reason.REDIRECTED, 302, ""),
    "refresh-to-metadata": (Reason.OK, 200, ""),
    "garbage": (Reason.NO_ANSWER, None, NOT_HTTP),
    "garbage-after-status": (Reason.NO_ANSWER, None, NOT_HTTP),
    "nul-after-status": (Reason.NO_ANSWER, None, NOT_HTTP),
    "http-0.9": (Reason.NO_ANSWER, None, NOT_HTTP),
    "ssh": (Reason.NO_ANSWER, None, NOT_HTTP),
    "status-000": (Reason.BAD_REPLY, 0, ""),
    "status-999": (Reason.BAD_REPLY, 999, ""),
    "status-99999": (Reason.NO_ANSWER, None, NOT_HTTP),
    "retry-never": (Reason.RATE_LIMITED, 429, ""),
    "retry-garbage": (Reason.SERVER_ERROR, 503, ""),
    **{f"json: {name}": (Reason.OK, 200, "") for name in REPLIES},
}
"""By path: the reason, the status, and how the detail begins."""


@pytest.fixture
async def vendor():
    """The hostile vendor."""
    async with Hostile() as running:
        yield running


def test_every_misbehaviour_is_expected():
    """None is left out."""
    assert EXPECTED.keys() == HTTP.keys()


async def met(carrier, message):
    """The reply, and the most memory that Python took meanwhile, in bytes."""
    tracemalloc.start()
    try:
        reply = await carrier.carry(message)
        return reply, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", EXPECTED)
async def test_http_ends_in_a_clear_reason(vendor, new_carrier, name):
    """With its status where one came, in words that may be shown, and never more than 64 KiB of a body."""
    reason, status, detail = EXPECTED[name]
    async with new_carrier(**LIMITS) as carrier:
        reply, memory = await met(carrier, HttpPost(url=vendor.url(name), label="POST somewhere", body=b"{}"))
    verdict = judge_http(reply)
    assert (verdict.reason, verdict.status_code) == (reason, status), verdict
    assert verdict.detail.startswith(detail)
    assert verdict.detail.isprintable()
    assert len(reply.body) <= MAX_BODY_BYTES
    assert memory < MOST_MEMORY


TLS = {
    "tls: garbage": Reason.TLS_REFUSED,
    "tls: an alert": Reason.TLS_REFUSED,
    "tls: http": Reason.TLS_REFUSED,
    "tls: a record of 64 kb, cut": Reason.TLS_REFUSED,
    "tls: never": Reason.TIMED_OUT,
}


@pytest.mark.parametrize("name", TLS)
async def test_what_is_no_tls_ends_in_a_clear_reason(vendor, new_carrier, name):
    """Nothing was sent, and the reason says so."""
    url = f"https://127.0.0.1:{vendor.ports[name]}/"
    async with new_carrier(**LIMITS) as carrier:
        reply, memory = await met(carrier, HttpPost(url=url, label="POST somewhere", body=b"{}"))
    verdict = judge_http(reply)
    assert (verdict.reason, verdict.status_code) == (TLS[name], None), verdict
    assert verdict.detail.isprintable()
    assert memory < MOST_MEMORY


SMTP = {
    "smtp: never ends its greeting": (Reason.CONNECT_FAILED, "what answers there does not speak SMTP"),
    "smtp: small pieces without end": (Reason.CONNECT_FAILED, "what answers there does not speak SMTP"),
    "smtp: never ends its line": (Reason.CONNECT_FAILED, "what answers there does not speak SMTP"),
    "smtp: 1 MB reply": (Reason.CONNECT_FAILED, "what answers there does not speak SMTP"),
    "smtp: slow greeting": (Reason.TIMED_OUT, "it could not be sent in time"),
    "smtp: garbage": (Reason.CONNECT_FAILED, "what answers there does not speak SMTP"),
    "smtp: odd code": (Reason.CONNECT_FAILED, "what answers there does not speak SMTP"),
    "smtp: escape sequences": (Reason.CLIENT_ERROR, "[2J ]0;owned"),
    "smtp: never": (Reason.TIMED_OUT, "it could not be sent in time"),
    "smtp: closes": (Reason.CONNECT_FAILED, "the connection was closed before the message was sent"),
}


@pytest.mark.parametrize("name", SMTP)
async def test_smtp_ends_in_a_clear_reason(vendor, new_carrier, name):
    """Whatever greets, or does not."""
    mail = Mail("localhost", vendor.ports[name], MailSecurity.NONE, "a@example.com", ("b@example.com",), b"Subject: x")
    async with new_carrier(**LIMITS) as carrier:
        reply, memory = await met(carrier, mail)
    verdict = CHANNELS["email"].judge(reply, None)
    assert (verdict.reason, verdict.detail[: len(SMTP[name][1])]) == SMTP[name], verdict
    assert verdict.detail.isprintable()
    assert memory < MOST_MEMORY


NSCA = {
    "nsca: garbage": (Failure.CONNECT, "what answers there is no NSCA daemon"),
    "nsca: text": (Failure.CONNECT, "what answers there is no NSCA daemon"),
    "nsca: cut": (Failure.CONNECT, "the NSCA daemon closed the connection before its greeting"),
    "nsca: slow": (Failure.TIMEOUT, "it could not be sent in time"),
    "nsca: never": (Failure.TIMEOUT, "it could not be sent in time"),
    "nsca: closes": (Failure.CONNECT, "the NSCA daemon closed the connection before its greeting"),
}


@pytest.mark.parametrize("name", NSCA)
async def test_nsca_ends_in_a_clear_reason(vendor, new_carrier, name):
    """Whatever greets, or does not."""
    check = PassiveCheck("127.0.0.1", vendor.ports[name], 0, 4304, "h", "s", 0, "o")
    async with new_carrier(**LIMITS) as carrier:
        reply, memory = await met(carrier, check)
    assert (reply.failure, reply.detail) == NSCA[name]
    assert memory < MOST_MEMORY


def test_every_port_is_expected():
    """None is left out."""
    assert RAW.keys() == TLS.keys() | SMTP.keys() | NSCA.keys()


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
