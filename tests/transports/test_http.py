"""HTTP against real servers on loopback: what arrives, what comes back, and what each fault is called."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import tracemalloc
from contextlib import suppress

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from worker.messages import Failure, HttpPost
from worker.transports.http import MAX_BODY_BYTES
from worker.transports.tls import Contexts

SECRET = "s3cr3t-t0ken"


def post(url, **overrides) -> HttpPost:
    """A request with a body."""
    return HttpPost(**{"url": str(url), "label": "POST somewhere", "body": b"{}"} | overrides)


@pytest.fixture
async def serve():
    """Serves one aiohttp handler for every path on a free port; gives the server."""
    servers = []

    async def start(handler, tls=None):
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", handler)
        server = TestServer(app)
        servers.append(server)
        await server.start_server(ssl=tls)
        return server

    yield start
    for server in servers:
        await server.close()


async def test_request_arrives_as_composed(carrier, serve):
    """Method, raw path with its %2F, query, headers and body arrive as they were composed, with our User-Agent."""
    seen = []

    async def handler(request):
        seen.append((request.method, request.raw_path, request.headers, await request.read()))
        return web.json_response({"ok": True}, status=202, headers={"X-Thing": "Yes"})

    server = await serve(handler)
    url = f"http://127.0.0.1:{server.port}/v2/room/Ops%2FRoom%20A/notification?auth_token={SECRET}"
    reply = await carrier.carry(post(url, headers={"X-Key": "k"}, body=b'{"a":1}'))

    method, path, headers, body = seen[0]
    assert (method, path) == ("POST", f"/v2/room/Ops%2FRoom%20A/notification?auth_token={SECRET}")
    assert headers["X-Key"] == "k"
    assert headers["User-Agent"].startswith("Bellhop/")
    assert body == b'{"a":1}'
    assert (reply.status, reply.failure, reply.body) == (202, None, b'{"ok": true}')
    assert reply.headers["x-thing"] == "Yes"
    assert reply.elapsed_ms > 0


async def test_redirect_is_not_followed(carrier, serve):
    """A redirect is an answer: its target is never asked."""
    asked = []

    async def handler(request):
        asked.append(request.path)
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    server = await serve(handler)
    reply = await carrier.carry(post(server.make_url("/here")))

    assert reply.status == 302
    assert asked == ["/here"]


async def test_cookies_are_not_kept(carrier, serve):
    """A cookie that one answer sets is not sent with the next request."""
    cookies = []

    async def handler(request):
        cookies.append(dict(request.cookies))
        response = web.Response()
        response.set_cookie("session", "1")
        return response

    server = await serve(handler)
    for _ in range(2):
        await carrier.carry(post(server.make_url("/")))

    assert cookies == [{}, {}]


async def test_connection_is_kept_alive(carrier, serve):
    """Two requests in a row share one connection."""
    peers = []

    async def handler(request):
        peers.append(request.transport.get_extra_info("peername"))
        return web.Response(text="ok")

    server = await serve(handler)
    for _ in range(2):
        await carrier.carry(post(server.make_url("/")))

    assert len(set(peers)) == 1


async def test_long_body_is_cut(carrier, serve):
    """Of an endless answer 64 KiB are read, and its status stands."""

    async def handler(request):
        response = web.StreamResponse()
        await response.prepare(request)
        with suppress(ConnectionError):
            while True:
                await response.write(b"x" * 10_000)
        return response

    server = await serve(handler)
    reply = await carrier.carry(post(server.make_url("/")))

    assert (reply.status, reply.failure) == (200, None)
    assert reply.body == b"x" * MAX_BODY_BYTES


async def test_gzip_bomb_stays_small(carrier, serve):
    """64 MiB that arrive as 64 KiB of gzip do not unfold in memory: 64 KiB are read."""
    bomb = gzip.compress(bytes(64 * 1024 * 1024))

    async def handler(_request):
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    server = await serve(handler)
    tracemalloc.start()
    reply = await carrier.carry(post(server.make_url("/")))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert reply.body == bytes(MAX_BODY_BYTES)
    assert peak < 8 * 1024 * 1024


async def test_refused_connection(carrier, unused_tcp_port):
    """Nobody listens: CONNECT, in words without the URL."""
    reply = await carrier.carry(post(f"http://127.0.0.1:{unused_tcp_port}/{SECRET}"))

    assert reply.failure is Failure.CONNECT
    assert reply.detail == "no connection: connection refused"


async def test_unknown_host(carrier):
    """A name that cannot be resolved, here by a label that is too long for any: CONNECT."""
    reply = await carrier.carry(post(f"http://{'a' * 70}.example/{SECRET}"))

    assert reply.failure is Failure.CONNECT
    assert reply.detail == "the host name cannot be resolved"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1/x",
        "unix:///run/docker.sock",
        "http://",
        "http:///x",
        "127.0.0.1/x",
        "",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:port/",
        "http://[::1/",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/a\r\nX-Injected: 1",
    ],
)
async def test_unusable_address(carrier, url):
    """What is no http(s) address goes nowhere: ADDRESS."""
    reply = await carrier.carry(post(url))

    assert reply.failure is Failure.ADDRESS


async def test_header_injection_is_refused(carrier, serve):
    """A header with a line end in it is not sent."""
    asked = []

    async def handler(request):
        asked.append(request)
        return web.Response()

    server = await serve(handler)
    reply = await carrier.carry(post(server.make_url("/"), headers={"X-Key": "a\r\nX-Injected: 1"}))

    assert reply.failure is Failure.ADDRESS
    assert not asked


async def test_hanging_before_the_answer_is_no_answer(new_carrier, listen):
    """A server that reads the request and says nothing: NO_ANSWER once the total time is over."""

    async def handler(reader, _writer):
        await reader.read()

    async with listen(handler) as port, new_carrier(total_timeout_s=0.3) as carrier:
        reply = await carrier.carry(post(f"http://127.0.0.1:{port}/"))

    assert reply.failure is Failure.NO_ANSWER
    assert reply.detail == "no answer in time"
    assert 250 < reply.elapsed_ms < 3000


async def test_hanging_tls_handshake_is_a_time_out(new_carrier, listen):
    """A server that accepts and never shakes hands got nothing: TIMEOUT once the connect time is over."""

    async def handler(reader, _writer):
        await reader.read()
        await asyncio.sleep(30)

    async with listen(handler) as port, new_carrier(connect_timeout_s=0.2, total_timeout_s=5) as carrier:
        reply = await carrier.carry(post(f"https://127.0.0.1:{port}/"))

    assert reply.failure is Failure.TIMEOUT
    assert reply.elapsed_ms < 3000


async def test_connect_time_longer_than_the_total(new_carrier, listen):
    """Even where an operator gives connecting more time than the whole, a hang in it is TIMEOUT, not NO_ANSWER."""

    async def handler(_reader, _writer):
        await asyncio.sleep(30)

    async with listen(handler) as port, new_carrier(connect_timeout_s=9, total_timeout_s=0.3) as carrier:
        reply = await carrier.carry(post(f"https://127.0.0.1:{port}/"))

    assert reply.failure is Failure.TIMEOUT


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 2", b"220 mx.test ESMTP\r\n\r\n"])
async def test_drop_after_the_request_is_no_answer(carrier, listen, answer):
    """A connection that closes after the request, or an answer that is no HTTP: NO_ANSWER."""

    async def handler(reader, writer):
        await reader.readuntil(b"{}")
        writer.write(answer)

    async with listen(handler) as port:
        reply = await carrier.carry(post(f"http://127.0.0.1:{port}/{SECRET}"))

    assert reply.failure is Failure.NO_ANSWER
    assert SECRET not in reply.detail


@pytest.mark.parametrize(("status", "failure"), [(200, Failure.NO_ANSWER), (503, None)])
@pytest.mark.parametrize("hang", [True, False])
async def test_answer_that_breaks_off(new_carrier, listen, status, failure, hang):
    """Where the body breaks off or hangs, a success is in doubt and a refusal stands; the status is told in both."""

    async def handler(reader, writer):
        await reader.readuntil(b"{}")
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 100\r\n\r\nhalf" % status)
        if hang:
            await asyncio.sleep(30)

    async with listen(handler) as port, new_carrier(total_timeout_s=0.4) as carrier:
        reply = await carrier.carry(post(f"http://127.0.0.1:{port}/"))

    assert (reply.status, reply.failure, reply.body) == (status, failure, b"half")


async def test_self_signed_certificate_is_refused_unless_asked_for(carrier, serve, certificate):
    """A certificate of no known authority: TLS. With `ca_file`, or without verifying, the request goes through."""

    async def handler(_request):
        return web.Response(text="ok")

    server = await serve(handler, tls=certificate.server_context())
    url = f"https://localhost:{server.port}/"
    refused = await carrier.carry(post(url))
    trusted = await carrier.carry(post(url, ca_file=str(certificate.cert_file)))
    unverified = await carrier.carry(post(url, verify_tls=False))
    again = await carrier.carry(post(url))

    assert refused.failure is Failure.TLS
    assert refused.detail == "the certificate is refused: self-signed certificate"
    assert (trusted.status, unverified.status) == (200, 200)
    assert again.failure is Failure.TLS, "an unverified connection must not be shared"


async def test_certificate_for_another_name_is_refused(carrier, listen, certificate):
    """A trusted certificate that names another host: TLS; 0x7f000001 is a name for 127.0.0.1, too."""

    async def handler(_reader, _writer):
        return

    async with listen(handler, ssl=certificate.server_context()) as port:
        reply = await carrier.carry(post(f"https://0x7f000001:{port}/", ca_file=str(certificate.cert_file)))

    assert reply.failure is Failure.TLS
    assert "ostname mismatch" in reply.detail


async def test_plain_http_where_tls_is_expected(carrier, listen):
    """A server that answers a TLS handshake in clear: TLS."""

    async def handler(reader, writer):
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with listen(handler) as port:
        reply = await carrier.carry(post(f"https://127.0.0.1:{port}/"))

    assert reply.failure is Failure.TLS


@pytest.mark.parametrize("verify", [True, False])
def test_tls_1_2_is_the_least(verify):
    """Verified or not, no context speaks anything older than TLS 1.2, and each is made once."""
    contexts = Contexts()

    context = contexts.get(verify=verify, ca_file=None)

    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.check_hostname is verify
    assert contexts.get(verify=verify, ca_file=None) is context


@pytest.mark.parametrize("content", [None, b"not a certificate"])
async def test_unusable_ca_file(carrier, tmp_path, content):
    """A CA file that is missing or holds no certificate: ADDRESS, with a sentence on the file."""
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)

    reply = await carrier.carry(post("https://127.0.0.1:1/", ca_file=str(file)))

    assert reply.failure is Failure.ADDRESS
    assert reply.detail.startswith("the CA file cannot be used:")


async def test_cancellation_passes(carrier, listen):
    """A cancelled attempt ends as cancelled, not as a reply."""
    arrived = asyncio.Event()

    async def handler(reader, _writer):
        await reader.readuntil(b"{}")
        arrived.set()
        await asyncio.sleep(30)

    async with listen(handler) as port:
        task = asyncio.create_task(carrier.carry(post(f"http://127.0.0.1:{port}/")))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_proxy_variables_are_not_obeyed(carrier, serve, monkeypatch):
    """HTTP_PROXY in the environment does not lead requests, and with them the address guard, elsewhere."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")

    async def handler(_request):
        return web.Response(text="ok")

    server = await serve(handler)
    reply = await carrier.carry(post(server.make_url("/")))

    assert reply.status == 200
