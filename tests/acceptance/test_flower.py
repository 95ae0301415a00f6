"""Developers follow tasks in Flower; that they find no secret there is `security/canaries.py`'s to show."""

from __future__ import annotations

import json
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from acceptance.destinations import hipchat
from fakes.processes import free_port, until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def flower(shared, shared_worker):
    """Flower's address, once it hears the worker's events."""
    port = free_port()
    command = ("celery", "-A", "worker", "flower", "--address=127.0.0.1", f"--port={port}", "--logging=debug")
    with shared.start("flower", *command, FLOWER_UNAUTHENTICATED_API="true") as running:
        running.wait_for("Capturing events")
        url = f"http://127.0.0.1:{port}"
        until(lambda: any(seen["status"] for seen in ask(f"{url}/api/workers?status=1&refresh=1")), 20, "a worker")
        yield url


def ask(url):
    """Flower's JSON, each of its workers or tasks as a map."""
    try:
        with urlopen(url, timeout=5) as answer:  # noqa: S310 - our own address
            found = json.load(answer)
    except URLError:
        return []
    return [{"status": each} if isinstance(each, bool) else each for each in found.values()]


def tasks(flower, name=None):
    """The tasks that Flower knows, of one name or of all."""
    return [task for task in ask(f"{flower}/api/tasks?limit=10000") if name in {None, task["name"]}]


def test_flower_shows_what_became_of_a_delivery(bellhop, vendors, flower):
    """`bellhop.deliver.hipchat` is SUCCESS, and its result names the event, the destination and the status code."""
    bellhop.apply({"watched": {"room": hipchat(vendors, "watched")}})
    bellhop.send({"app": "watched", "id": "see-me", "title": "Watch this"})
    bellhop.wait_for(1, "watched")

    def shown():
        found = tasks(flower, "bellhop.deliver.hipchat")
        return [task for task in found if "see-me" in str(task["result"]) and task["state"] == "SUCCESS"]

    (task,) = until(shown, 15, lambda: f"the task: {tasks(flower)}")
    assert "watched/room/see-me: delivered, 204 in " in task["result"]
    assert "1 delivered" in task["result"]
    assert "hipchat/watched/room/see-me" in task["args"]
    # And the dispatch before it says what it decided.
    dispatched = [each["result"] or "" for each in tasks(flower, "bellhop.dispatch")]
    assert any("1 events: 1 deliveries owed" in result for result in dispatched), dispatched


def test_flower_shows_why_a_delivery_failed(bellhop, vendors, flower):
    """A refusal is a SUCCESS of the task, which did its work; its result says the reason in the vendor's words."""
    bellhop.apply({"refused": {"room": hipchat(vendors, "missing")}})
    bellhop.send({"app": "refused", "id": "no-room", "title": "Nobody hears"})
    bellhop.wait_for(1, "refused")
    (task,) = until(lambda: [each for each in tasks(flower) if "no-room: failed" in str(each["result"])], 15, "a task")
    assert task["state"] == "SUCCESS"
    assert "not_found 404" in task["result"]
    assert "Room not found" in task["result"]
