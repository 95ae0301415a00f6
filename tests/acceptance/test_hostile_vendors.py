"""Every misbehaviour at once, and one worker: each ends in a clear reason, and everybody else gets their alerts."""

from __future__ import annotations

import asyncio
import re
import threading
from pathlib import Path

import pytest
from acceptance.deployment import READY
from acceptance.destinations import hipchat
from fakes import hostility
from fakes.processes import until

from security.hostile import HTTP, Hostile
from security.hostile_json import REPLIES
from worker.models import Reason

pytestmark = pytest.mark.slow

APP = "hostile"
GOOD = "well-behaved"
MOST_MEMORY_KB = 400 * 1024
FOUR = ("hipchat", "slack", "pagerduty", "nrdp")
"""The channels that read JSON."""


class Running:
    """The hostile vendor on a loop and a thread of its own."""

    def __init__(self):
        self.vendor = Hostile()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="hostile")

    def __enter__(self):
        self._thread.start()
        self._await(self.vendor.__aenter__())
        return self.vendor

    def __exit__(self, *_):
        self._await(self.vendor.__aexit__())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _await(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)


@pytest.fixture(scope="module")
def vendor():
    """The hostile vendor."""
    with Running() as running:
        yield running


def named(text):
    """What a destination may be called."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def webhook(url):
    """A hook there."""
    return {"channel": "webhook", "settings": {"url": url}, "rate_limit": "off"}


def email(port):
    """A mailbox there."""
    settings = {"to": "b@example.com", "from": "a@example.com", "host": "127.0.0.1", "port": port, "security": "none"}
    return {"channel": "email", "settings": settings, "rate_limit": "off"}


def nsca(port):
    """A Nagios there."""
    settings = {"host": "127.0.0.1", "port": port, "encryption_method": 0, "unknown_host": "h"}
    return {"channel": "nagios", "settings": settings, "rate_limit": "off"}


def reading(channel, url):
    """A destination of a channel that reads what is answered."""
    settings = {
        "hipchat": {"room": "r", "token": "${HIPCHAT_TOKEN}", "base_url": url},
        "slack": {"token": "xoxb-${SLACK_SECRET}", "channel": "C1", "api_url": url},
        "pagerduty": {"routing_key": "${PAGERDUTY_KEY}", "api_url": url},
        "nrdp": {"via": "nrdp", "url": url, "token": "${NRDP_TOKEN}", "unknown_host": "h"},
    }[channel]
    return {"channel": "nagios" if channel == "nrdp" else channel, "settings": settings, "rate_limit": "off"}


@pytest.fixture(scope="module")
def expected(vendor):
    """(destination's name, its settings, what its first attempt must say), for every misbehaviour."""
    rows = [(f"http-{name}", webhook(vendor.url(name)), hostility.HTTP[name][0]) for name in HTTP]
    for name, port in vendor.ports.items():
        if name in hostility.TLS:
            rows.append((name, webhook(f"https://127.0.0.1:{port}/"), hostility.TLS[name]))
        if name in hostility.SMTP:
            rows.append((name, email(port), hostility.SMTP[name][0]))
        if name in hostility.NSCA:
            rows.append((name, nsca(port), hostility.NSCA[name][0]))
    replies = [(channel, name) for name in REPLIES for channel in FOUR]
    rows += [(f"{channel} {name}", reading(channel, vendor.url(f"json: {name}")), None) for channel, name in replies]
    return [(named(name), settings, reason) for name, settings, reason in rows]


@pytest.fixture(scope="module")
def deployment(another, vendors, expected):
    """A worker for both apps, whose patience is short."""
    made = another(
        BELLHOP_RESULTS="attempts",
        BELLHOP_CONNECT_TIMEOUT_S="1",
        BELLHOP_TOTAL_TIMEOUT_S="2",
        BELLHOP_SHUTDOWN_S="1",
    )
    made.apply({APP: {name: settings for name, settings, _ in expected}, GOOD: {"room": hipchat(vendors, GOOD)}})
    return made


def test_every_misbehaviour_ends_in_a_clear_reason_and_holds_nobody_up(deployment, vendors, expected):
    """With more than a hundred and fifty hostile destinations under way, another app's alerts arrive as they come."""
    with deployment.worker("hostile") as worker:
        worker.wait_for(READY)
        deployment.send({"app": APP, "id": "h1", "title": "To whom it may concern", "severity": "critical"})
        # When: somebody else's alerts come, one after the other
        for number in range(1, 51):
            deployment.send({"app": GOOD, "id": f"g{number}", "title": "Fine", "dedup_key": str(number)})
            until(lambda number=number: len(deployment.results(GOOD)) >= number, 20, f"the result of g{number}")
        # Then
        assert {result["outcome"] for result in deployment.results(GOOD)} == {"delivered"}
        assert len(vendors.arrivals("hipchat", GOOD)) == 50
        first = until(lambda: _first_attempts(deployment, len(expected)), 60, lambda: _missing(deployment, expected))
        for name, _, reason in expected:
            _check(first[name], reason)
        assert worker.running
        assert "Traceback" not in worker.output()
        assert _most_memory_kb(worker.pid) < MOST_MEMORY_KB
    _check_what_people_see(deployment)


def _first_attempts(deployment, count):
    first = {}
    for result in deployment.results(APP):
        first.setdefault(result["destination"], result)
    return first if len(first) == count else None


def _missing(deployment, expected):
    had = {result["destination"] for result in deployment.results(APP)}
    return f"a result of {sorted({name for name, *_ in expected} - had)}"


def _check(result, reason):
    detail = result["detail"]
    assert result["reason"] not in {Reason.INTERNAL, Reason.BAD_SETTINGS}, result
    assert reason is None or result["reason"] == reason, result
    assert detail.isprintable(), result
    assert len(detail) <= 1200, result
    reference = result["provider_ref"] or ""
    assert reference.isprintable(), result
    assert len(reference) <= 600, result


def _most_memory_kb(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])


def _check_what_people_see(deployment):
    """Lists, stories and JSON hold no character that a terminal obeys."""
    for command in (
        ("deliveries", "list", "--limit", "1000"),
        ("explain", f"{APP}/h1"),
        ("deliveries", "show", f"{APP}/h1"),
    ):
        printed = deployment.bellhop(*command)
        assert "To whom it may concern" in printed or command[1] == "list"
        assert all(line.isprintable() for line in printed.split("\n")), command
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", deployment.bellhop(*command, "--json"))
