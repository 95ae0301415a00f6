"""HTTP against real servers on loopback: what arrives, what comes back, and what each fault is called."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import struct
import tracemalloc
from contextlib import suppress

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from worker.messages import Failure, HttpPost
from worker.transports.http_connection import MAX_BODY_BYTES
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


@pytest.mark.parametrize("status", [204, 200, 503])
async def test_connection_is_used_again_whatever_the_answer(carrier, listen, status):
    """After an answer without a body (204) and after one that was read whole, the next request takes the connection."""
    connections, requests = [], []

    async def handler(reader, writer):
        connections.append(writer)
        body = b"" if status == 204 else b"Content-Length: 2\r\n"
        while True:
            requests.append(await reader.readuntil(b"{}"))
            writer.write(b"HTTP/1.1 %d X\r\n%b\r\n%b" % (status, body, b"ok" if body else b""))

    async with listen(handler) as port:
        replies = [await carrier.carry(post(f"http://127.0.0.1:{port}/")) for _ in range(3)]

    assert [reply.status for reply in replies] == [status] * 3
    assert (len(connections), len(requests)) == (1, 3)


async def test_connection_with_a_rest_in_it_is_not_used_again(carrier, listen):
    """Where of an answer only 64 KiB are read, the next request gets a connection of its own and its own answer."""
    connections = []

    async def handler(reader, writer):
        connections.append(writer)
        await reader.readuntil(b"{}")
        size = 2 if len(connections) > 1 else 2 * MAX_BODY_BYTES
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (size, b"x" * size))
        await reader.read()

    async with listen(handler) as port:
        replies = [await carrier.carry(post(f"http://127.0.0.1:{port}/")) for _ in range(2)]

    assert [len(reply.body) for reply in replies] == [MAX_BODY_BYTES, 2]
    assert len(connections) == 2


async def test_hundreds_to_one_host_do_not_wait_for_each_other(new_carrier, serve):
    """A host that answers nobody before all 300 are there answers them: no limit lies below BELLHOP_IN_FLIGHT."""
    all_there = asyncio.Barrier(300)

    async def handler(_request):
        await all_there.wait()
        return web.Response(status=204)

    server = await serve(handler)
    async with new_carrier(connect_timeout_s=20, total_timeout_s=30) as carrier:
        replies = await asyncio.gather(*(carrier.carry(post(server.make_url("/"))) for _ in range(300)))

    assert {reply.status for reply in replies} == {204}


@pytest.mark.parametrize("size", [0, 1, 500, 100_000, 4_000_000])
async def test_body_of_any_length_arrives_whole(carrier, listen, size):
    """Written at once or piece by piece, a body comes with its length and nothing after it, twice in a row."""
    heads, bodies = [], []

    async def handler(reader, writer):
        while True:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            bodies.append(await reader.readexactly(size))
            writer.write(b"HTTP/1.1 204 X\r\n\r\n")

    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    async with listen(handler, limit=2**20) as port:
        replies = [await carrier.carry(post(f"http://127.0.0.1:{port}/", body=body)) for _ in range(2)]

    assert [reply.status for reply in replies] == [204, 204]
    assert bodies == [body, body]
    assert all(b"\r\nContent-Length: %d\r\n" % size in head for head in heads)


async def test_answer_before_the_body_is_read(carrier, listen):
    """A refusal that comes while a long body is still on its way is the reply, and ends the connection."""
    ended = asyncio.Event()

    async def handler(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 X\r\nContent-Length: 2\r\n\r\nno")
        with suppress(ConnectionError):
            while await reader.read(65_536):
                pass
        ended.set()

    async with listen(handler) as port:
        reply = await carrier.carry(post(f"http://127.0.0.1:{port}/", body=bytes(20_000_000)))
        await ended.wait()

    assert (reply.status, reply.body) == (413, b"no")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
async def test_nothing_is_sent_twice(carrier, listen, method):
    """Where a kept connection breaks after the next request, that request stays the only one, whatever its method."""
    requests = []

    async def handler(reader, writer):
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        await reader.read(2)
        writer.write(b"HTTP/1.1 204 X\r\n\r\n")
        requests.append(await reader.readuntil(b"\r\n\r\n"))

    async with listen(handler) as port:
        first = await carrier.carry(post(f"http://127.0.0.1:{port}/"))
        second = await carrier.carry(post(f"http://127.0.0.1:{port}/", method=method))

    assert (first.status, second.failure) == (204, Failure.NO_ANSWER)
    assert len(requests) == 2


@pytest.mark.parametrize(("method", "length"), [("GET", None), ("POST", b"0"), ("PUT", b"0")])
async def test_request_without_a_body(carrier, listen, method, length):
    """Only a method that has a body as a rule says that there is none (RFC 9110 section 8.6)."""
    heads = []

    async def handler(reader, writer):
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 X\r\n\r\n")

    async with listen(handler) as port:
        await carrier.carry(post(f"http://127.0.0.1:{port}/", method=method, body=b""))

    lines = dict(line.lower().split(b": ", 1) for line in heads[0].split(b"\r\n")[1:-2])
    assert lines.get(b"content-length") == length
    assert b"transfer-encoding" not in lines


async def test_interim_answers_are_passed_over(carrier, listen):
    """After 100 and 103 the answer itself is awaited (RFC 9110 section 15.2), and the connection is used again."""
    requests = []

    async def handler(reader, writer):
        while True:
            requests.append(await reader.readuntil(b"{}"))
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: </x>\r\n\r\n")
            await asyncio.sleep(0.01)
            writer.write(b"HTTP/1.1 204 X\r\nX-Thing: yes\r\n\r\n")

    async with listen(handler) as port:
        replies = [await carrier.carry(post(f"http://127.0.0.1:{port}/")) for _ in range(2)]

    assert [(reply.status, reply.headers) for reply in replies] == [(204, {"x-thing": "yes"})] * 2


async def test_connection_that_the_server_closed_is_left(carrier, listen):
    """Where the server closes after its answer, said or unsaid, the next request goes over a new connection."""
    closing = iter([b"", b"Connection: close\r\n", b""])

    async def handler(reader, writer):
        await reader.readuntil(b"{}")
        writer.write(b"HTTP/1.1 204 X\r\n%b\r\n" % next(closing))

    async with listen(handler) as port:
        replies = []
        for _ in range(3):
            replies.append(await carrier.carry(post(f"http://127.0.0.1:{port}/")))
            await asyncio.sleep(0.05)

    assert [reply.status for reply in replies] == [204, 204, 204]


async def test_credentials_in_the_address_become_a_header(carrier, serve):
    """`user:password@` is sent as Basic authentication, not in the request's line or Host."""
    seen = []

    async def handler(request):
        seen.append((request.raw_path, request.headers))
        return web.Response(status=204)

    server = await serve(handler)
    await carrier.carry(post(f"http://user:p%40ss@127.0.0.1:{server.port}/x"))

    path, headers = seen[0]
    assert (path, headers["Host"]) == ("/x", f"127.0.0.1:{server.port}")
    assert headers["Authorization"] == "Basic dXNlcjpwQHNz"


async def test_own_headers_take_the_place_of_ours(carrier, serve):
    """A message's header replaces the one that every request has, in whatever case it is written."""
    seen = []

    async def handler(request):
        seen.append(request.headers)
        return web.Response(status=204)

    server = await serve(handler)
    headers = {"user-agent": "Theirs/1", "ACCEPT": "text/plain", "Content-Type": "application/json"}
    await carrier.carry(post(server.make_url("/"), headers=headers))

    assert seen[0].getall("User-Agent") == ["Theirs/1"]
    assert seen[0].getall("Accept") == ["text/plain"]
    assert seen[0].getall("Host") == [f"127.0.0.1:{server.port}"]
    assert seen[0].getall("Content-Type") == ["application/json"]


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


async def test_unknown_host(new_carrier):
    """A name that cannot be resolved: CONNECT."""
    async with new_carrier(names={}) as carrier:
        reply = await carrier.carry(post(f"http://nowhere.example/{SECRET}"))

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


@pytest.mark.parametrize(("status", "failure"), [(200, Failure.NO_ANSWER), (503, None)])
async def test_answer_that_is_reset(carrier, listen, status, failure):
    """A reset in the middle of an answer is judged as any answer that breaks off."""

    async def handler(reader, writer):
        await reader.readuntil(b"{}")
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 100\r\n\r\nhalf" % status)
        await writer.drain()
        await asyncio.sleep(0.05)  # so that the client has the beginning
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    async with listen(handler) as port:
        reply = await carrier.carry(post(f"http://127.0.0.1:{port}/"))

    assert (reply.status, reply.failure) == (status, failure)


@pytest.mark.parametrize("part", [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"HTTP/1.1 200 OK\r\n"])
async def test_answer_that_drips_ends_in_time(new_carrier, listen, part):
    """A server that sends a little now and then, of head or body, does not outlast the total time."""

    async def handler(reader, writer):
        await reader.readuntil(b"{}")
        writer.write(part)
        while True:
            writer.write(b"x")
            await asyncio.sleep(0.02)

    async with listen(handler) as port, new_carrier(total_timeout_s=0.3) as carrier:
        reply = await carrier.carry(post(f"http://127.0.0.1:{port}/"))

    assert reply.failure is Failure.NO_ANSWER


async def test_each_attempt_has_its_own_deadline(new_carrier, listen):
    """Of attempts that begin one after another, those that hang end and those that are answered between them do not."""

    async def handler(reader, writer):
        head = await reader.readuntil(b"{}")
        if b"/hang" in head:
            await reader.read()
        writer.write(b"HTTP/1.1 204 X\r\n\r\n")

    async with listen(handler) as port, new_carrier(total_timeout_s=0.3) as carrier:

        async def after(seconds, path):
            await asyncio.sleep(seconds)
            return await carrier.carry(post(f"http://127.0.0.1:{port}{path}"))

        paths = [(0.0, "/hang"), (0.1, "/"), (0.15, "/hang"), (0.2, "/"), (0.5, "/hang"), (1.0, "/"), (1.0, "/hang")]
        replies = await asyncio.gather(*(after(*each) for each in paths))

    hung = [reply.failure is Failure.NO_ANSWER for reply in replies]
    assert hung == [path == "/hang" for _, path in paths]


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


async def test_certificate_for_another_name_is_refused(new_carrier, listen, certificate):
    """A trusted certificate that names another host: TLS."""

    async def handler(_reader, _writer):
        return

    names = {"other.example": "127.0.0.1"}
    async with listen(handler, ssl=certificate.server_context()) as port, new_carrier(names) as carrier:
        reply = await carrier.carry(post(f"https://other.example:{port}/", ca_file=str(certificate.cert_file)))

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


async def test_cancellation_passes(carrier, listen):
    """A cancelled attempt ends as cancelled, not as a reply, and its connection is closed."""
    arrived, closed = asyncio.Event(), asyncio.Event()

    async def handler(reader, _writer):
        await reader.readuntil(b"{}")
        arrived.set()
        await reader.read()
        closed.set()

    async with listen(handler) as port:
        task = asyncio.create_task(carrier.carry(post(f"http://127.0.0.1:{port}/")))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await closed.wait()


async def test_closing_ends_what_is_in_flight(new_carrier, listen):
    """A carrier that is closed leaves nobody waiting: what it had in flight is NO_ANSWER."""
    arrived = asyncio.Event()

    async def handler(reader, _writer):
        await reader.readuntil(b"{}")
        arrived.set()
        await reader.read()

    async with listen(handler) as port:
        async with new_carrier() as carrier:
            task = asyncio.create_task(carrier.carry(post(f"http://127.0.0.1:{port}/")))
            await arrived.wait()
        reply = await task

    assert reply.failure is Failure.NO_ANSWER
