"""By which name, from where: Host headers, proxies, and the headers on every answer."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from fakes.console import PASSWORD

from worker.web.hosts import Place, client_address, is_loopback

PUBLIC = "https://alerts.example.com"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil.example:8080",
        "192.0.2.1",
        "",
        "@",
        "a/b",
    ],
)
async def test_other_names_are_refused(open_fake, host):
    """A page whose own name was made to lead to this machine (DNS rebinding) reads nothing and does nothing."""
    visitor = await open_fake.visitor()
    for path in ("/apps", "/login", "/api/probe/checkout/view", "/static/console.js", "/healthz", "/nothing"):
        answer = await visitor.get(path, headers={"Host": host})
        assert answer.status == 421
        assert "checkout" not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:9999", "LOCALHOST", "[::1]:8080", "127.0.0.2:1"])
async def test_this_machines_names_are_served(open_fake, host):
    """Whatever port a tunnel brought the request through."""
    assert (await (await open_fake.visitor()).get("/apps", headers={"Host": host})).status == 200


async def test_where_it_is_known_by_a_name_that_is_served(consoles):
    """The public name, addresses, and no other name."""
    fake = await consoles(host="0.0.0.0", web_password=PASSWORD, web_public_url=PUBLIC)
    visitor = await fake.visitor()
    statuses = {
        host: (await visitor.get("/login", headers={"Host": host})).status
        for host in ("alerts.example.com", "ALERTS.example.com:443", "192.0.2.7", "evil.example", "example.com")
    }
    assert list(statuses.values()) == [200, 200, 200, 421, 421]


async def test_no_answer_repeats_the_host(consoles):
    """No link and no redirect is built from what the request says its host is (cache poisoning, password resets)."""
    fake = await consoles(host="0.0.0.0", web_password=PASSWORD)
    visitor = await fake.visitor()
    for path in ("/", "/apps", "/login", "/nothing"):
        answer = await visitor.get(path, headers={"Host": "192.0.2.99", "X-Forwarded-Host": "evil.example"})
        assert "192.0.2.99" not in answer.text + str(answer.headers)
        assert "evil.example" not in answer.text + str(answer.headers)


@pytest.mark.parametrize("name", ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via"])
async def test_what_a_proxy_passes_on_is_not_from_this_machine(open_fake, name):
    """A reverse proxy in front of an open console does not make the whole world its admin."""
    answer = await (await open_fake.visitor()).get("/apps", headers={name: "198.51.100.7"})
    assert answer.headers["Location"] == "/login?next=/apps"


@pytest.mark.parametrize("path", ["/apps", "/login", "/nothing", "/", "/api/nothing", "/healthz", "/static/console.js"])
async def test_every_answer_is_hardened(fake, path):
    """Pages, redirects, errors, JSON and files alike."""
    headers = (await (await fake.visitor("admin")).get(path)).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy.pop("img-src") == "'self' data:"
    assert {policy.pop(name) for name in ("script-src", "style-src", "connect-src", "form-action")} == {"'self'"}
    assert policy == {"default-src": "'none'", "frame-ancestors": "'none'", "base-uri": "'none'"}
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == ("no-store" if not path.startswith("/static") else "public, no-cache")
    assert headers["Server"] == "bellhop"


async def test_files_are_kept_by_browsers_until_they_change(fake):
    """By an address that changes with the content, for good; by the plain one, after asking."""
    visitor = await fake.visitor()
    page = (await visitor.get("/login")).text
    path = page.split('<script type="module" src="')[1].split('"')[0]
    found = await visitor.get(path)
    assert found.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert found.headers["Content-Type"] == "text/javascript; charset=utf-8"
    again = await visitor.get("/static/console.js", headers={"If-None-Match": found.headers["ETag"]})
    assert again.status == 304
    for missing in ("/static/nothing.js", "/static/../server.py", "/static/%2e%2e/server.py", "/static//etc/passwd"):
        assert (await visitor.get(missing)).status == 404


TRUSTED = [ip_network("10.0.0.0/8")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("192.0.2.1", ["198.51.100.7"], "192.0.2.1"),
        ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9", "198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        ("10.0.0.1", ["evil\nlog line"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7, junk"], "10.0.0.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.2, 10.0.0.3"], "10.0.0.2"),
        ("::ffff:10.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        (None, ["198.51.100.7"], ""),
    ],
)
def test_only_trusted_proxies_say_who_asks(peer, forwarded, address):
    """The last hop that is not one of ours; what stands before it, anybody may have written."""
    assert client_address(peer, forwarded, TRUSTED) == address


HERE = ("127.0.0.1", "::1", "localhost", "127.8.9.1", "::ffff:127.0.0.1")
ELSEWHERE = ("0.0.0.0", "::", "", "192.0.2.1", "example.com")


@pytest.mark.parametrize("host", [*HERE, *ELSEWHERE])
def test_what_is_loopback(host):
    """Everything else is taken for somewhere that others reach."""
    assert is_loopback(host) is (host in HERE)
    assert Place(host).exposed is (host in ELSEWHERE)


def test_a_public_name_is_for_others():
    """A console on the loopback with a public name stands behind a proxy, so it has to ask who comes."""
    assert Place("127.0.0.1", PUBLIC).exposed
    assert not Place("127.0.0.1", "http://localhost:8080").exposed
    assert Place("127.0.0.1", PUBLIC).secure
    assert not Place("127.0.0.1").secure
    assert Place("::1").url(8080) == "http://[::1]:8080"
    assert Place("0.0.0.0", PUBLIC).url(8080) == PUBLIC
