"""HTTP through the operator's proxy: what it is asked, what it may say, and that none comes from the environment."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

import pytest
import uvloop
from aiohttp import web
from aiohttp.test_utils import TestServer

from worker.messages import Failure, HttpPost

USER, PASSWORD = "proxy-user", "hunter2"
BASIC = "Basic cHJveHktdXNlcjpodW50ZXIy"


@pytest.fixture
def new_proxy(listen):
    """Runs a proxy that connects to where it is asked to; gives its setting, and what it was asked for."""
    asked = []

    async def tunnel(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        asked.append(head)
        host, _, port = head.split()[1].rpartition(":")
        there, out = await asyncio.open_connection(host.strip("[]"), int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\nX-Proxy: 1\r\n\r\n")
        try:
            await asyncio.gather(pump(reader, out), pump(there, writer))
        finally:
            out.close()
            with suppress(OSError):
                await out.wait_closed()

    async def pump(source, sink):
        while chunk := await source.read(4096):
            sink.write(chunk)
        sink.close()

    listen.asked = asked
    return lambda handler=tunnel: listen(handler)


@pytest.fixture
async def server(certificate):
    """A server in clear and one with TLS that answer alike; each request's headers are on `seen`."""
    seen, servers = [], []

    async def handler(request):
        seen.append((request.method, request.raw_path, request.headers))
        return web.Response(text="ok")

    for tls in (None, certificate.server_context()):
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", handler)
        servers.append(TestServer(app))
        await servers[-1].start_server(ssl=tls)
    servers[0].tls_port, servers[0].seen = servers[1].port, seen
    yield servers[0]
    for each in servers:
        await each.close()


def through(port, names=None, **overrides):
    """Settings with a proxy at this port."""
    return {"http_proxy": f"http://{USER}:{PASSWORD}@127.0.0.1:{port}", "names": names} | overrides


async def test_requests_go_through_the_proxy_to_the_checked_address(
    new_carrier, new_proxy, server, listen, certificate
):
    """In clear and with TLS alike it is asked to CONNECT to the address; the host's name stays for TLS and for Host."""
    names = {"localhost": "127.0.0.1"}
    async with new_proxy() as port, new_carrier(**through(port, names)) as carrier:
        for url in (f"http://localhost:{server.port}/a?b=c", f"https://localhost:{server.tls_port}/a?b=c"):
            reply = await carrier.carry(HttpPost(url=url, label="", ca_file=str(certificate.cert_file)))
            assert (reply.status, reply.body) == (200, b"ok"), reply

    for head, to in zip(listen.asked, (server.port, server.tls_port), strict=True):
        line, *headers = head.split("\r\n")
        assert line == f"CONNECT 127.0.0.1:{to} HTTP/1.1"
        assert headers == [f"Host: 127.0.0.1:{to}", f"Proxy-Authorization: {BASIC}", "", ""]
    for (method, path, headers), to in zip(server.seen, (server.port, server.tls_port), strict=True):
        assert (method, path, headers["Host"]) == ("POST", "/a?b=c", f"localhost:{to}")
        assert "Proxy-Authorization" not in headers


async def test_a_tunnel_is_used_again(new_carrier, new_proxy, server, listen):
    """By the next request to the same host, as a connection is without a proxy."""
    async with new_proxy() as port, new_carrier(**through(port)) as carrier:
        for _ in range(3):
            await carrier.carry(HttpPost(url=f"http://127.0.0.1:{server.port}/", label=""))

    assert (len(listen.asked), len(server.seen)) == (1, 3)


async def test_the_guard_holds_with_a_proxy(new_carrier, new_proxy, server, listen):
    """The proxy is not even asked for what may not be reached, though it could reach it."""
    names = {"inside.example": "127.0.0.1"}
    hosts = ("127.0.0.1", "[::1]", "inside.example", "169.254.169.254")
    async with new_proxy() as port, new_carrier(**through(port, names, allowed_addresses=())) as carrier:
        for host in hosts:
            reply = await carrier.carry(HttpPost(url=f"http://{host}:{server.port}/", label=""))
            assert reply.failure is Failure.NOT_ALLOWED

    assert listen.asked == server.seen == []


async def test_the_next_address_is_asked_for_where_the_proxy_cannot_reach_one(new_carrier, new_proxy, server, listen):
    """A name may have addresses of a kind that the proxy has no route to."""
    heads = []

    async def picky(reader, writer):
        heads.append((await reader.readuntil(b"\r\n\r\n")).split()[1])
        if b"127.0.0.2" in heads[-1]:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
            return
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await reader.read()

    names = {"two.example": "127.0.0.2 ::1"}
    allowed = {"allowed_addresses": "two.example"}
    async with new_proxy(picky) as port, new_carrier(**through(port, names, **allowed)) as carrier:
        reply = await carrier.carry(HttpPost(url="http://two.example:81/", label=""))

    assert reply.status == 204
    assert heads == [b"127.0.0.2:81", b"[::1]:81"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "refuses: 407 Proxy Authentication Required"),
        (b"HTTP/1.1 403 hunter2\r\nX: y\r\n\r\nno", "refuses: 403 Forbidden"),
        (b"HTTP/1.1 799 \r\n\r\n", "refuses: 799"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "refuses: 101 Switching Protocols"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "does not speak HTTP"),
        (b"HTTP/1.1 abc\r\n\r\n", "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\n", "closed the connection"),
        (b"", "closed the connection"),
        (b"x" * 40_000, "answers too long"),
    ],
)
async def test_a_proxy_that_refuses_is_a_retryable_fault(new_carrier, new_proxy, answer, words):
    """CONNECT, in words that tell the operator and show neither its address nor its credentials."""

    async def refuse(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)

    async with new_proxy(refuse) as port, new_carrier(**through(port)) as carrier:
        reply = await carrier.carry(HttpPost(url="https://127.0.0.1:1/", label=""))

    assert reply.failure is Failure.CONNECT
    assert reply.detail == f"the proxy of BELLHOP_HTTP_PROXY {words}"


async def test_a_proxy_that_is_away_is_a_retryable_fault(new_carrier, unused_tcp_port):
    """Refused, or with a name that nobody knows."""
    async with new_carrier(**through(unused_tcp_port)) as carrier:
        away = await carrier.carry(HttpPost(url="https://127.0.0.1:1/", label=""))

    assert away.failure is Failure.CONNECT
    assert away.detail == "no connection to the proxy of BELLHOP_HTTP_PROXY: connection refused"


async def test_a_proxy_that_hangs_up_hard_is_a_retryable_fault(new_carrier, new_proxy):
    """A reset instead of an answer."""

    async def reset(_reader, writer):
        writer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()

    async with new_proxy(reset) as port, new_carrier(**through(port)) as carrier:
        reply = await carrier.carry(HttpPost(url="https://127.0.0.1:1/", label=""))

    assert reply.failure is Failure.CONNECT
    assert "the proxy of BELLHOP_HTTP_PROXY" in reply.detail


async def test_a_proxy_that_does_not_answer_is_a_retryable_fault(new_carrier, new_proxy):
    """Told as the proxy's within the time to connect, not as the vendor's."""

    async def silent(reader, _writer):
        await reader.read()

    async with new_proxy(silent) as port, new_carrier(**through(port, connect_timeout_s=0.2)) as carrier:
        reply = await carrier.carry(HttpPost(url="https://127.0.0.1:1/", label=""))

    assert (reply.failure, reply.detail) == (
        Failure.CONNECT,
        "the proxy of BELLHOP_HTTP_PROXY does not answer in time",
    )


async def test_a_vendor_behind_the_proxy_that_does_not_answer_is_the_vendors(new_carrier, new_proxy):
    """A TLS handshake that hangs in the tunnel is a time-out like any other."""

    async def hang(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await reader.read()

    async with new_proxy(hang) as port, new_carrier(**through(port, connect_timeout_s=0.2)) as carrier:
        reply = await carrier.carry(HttpPost(url="https://127.0.0.1:1/", label=""))

    assert reply.failure is Failure.TIMEOUT


async def test_nothing_is_taken_from_the_environment(new_carrier, new_proxy, server, listen, monkeypatch, tmp_path):
    """No *_PROXY variable in any spelling leads requests elsewhere, and no .netrc adds credentials to them."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login netrc-user password netrc-password\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    async with new_proxy() as port:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "WS_PROXY", "FTP_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
            monkeypatch.setenv(name.lower(), f"http://127.0.0.1:{port}")
        monkeypatch.setenv("NO_PROXY", "")
        async with new_carrier() as carrier:
            for url in (f"http://127.0.0.1:{server.port}/", f"https://127.0.0.1:{server.tls_port}/"):
                reply = await carrier.carry(HttpPost(url=url, label="", verify_tls=False))
                assert reply.status == 200

    assert listen.asked == []
    assert not [headers for _, _, headers in server.seen if "Authorization" in headers]


async def test_no_proxy_does_not_lead_around_the_operators_proxy(new_carrier, new_proxy, server, listen, monkeypatch):
    """NO_PROXY in the environment has no say in BELLHOP_HTTP_PROXY."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    async with new_proxy() as port, new_carrier(**through(port)) as carrier:
        await carrier.carry(HttpPost(url=f"http://127.0.0.1:{server.port}/", label=""))

    assert len(listen.asked) == 1


def test_a_tunnel_works_on_the_workers_event_loop(new_carrier, new_proxy, listen, certificate):
    """With TLS inside it, on uvloop, which the workers run on."""

    async def answer(reader, writer):
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async def work():
        async with (
            listen(answer, ssl=certificate.server_context()) as there,
            new_proxy() as port,
            new_carrier(**through(port, {"localhost": "127.0.0.1"})) as carrier,
        ):
            url, ca_file = f"https://localhost:{there}/", str(certificate.cert_file)
            replies = [await carrier.carry(HttpPost(url=url, label="", ca_file=ca_file)) for _ in range(2)]
            refused = await carrier.carry(HttpPost(url="https://[::1]:1/", label=""))
        return replies, refused

    replies, refused = uvloop.run(work())
    assert [reply.status for reply in replies] == [204, 204]
    assert refused.failure is Failure.CONNECT
    assert len(listen.asked) == 2
