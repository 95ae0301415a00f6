"""Pictures in notifications, black box: mails that show the metric, and a drawing process that stands still or dies."""

from __future__ import annotations

import io
import os
import signal
import time
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from acceptance.deployment import READY
from acceptance.destinations import email, hipchat
from acceptance.vendors import body
from fakes.processes import free_port, until
from PIL import Image

pytestmark = pytest.mark.slow

PASSWORD = "correct horse battery"
PATIENT = {"BELLHOP_PICTURE_WAIT_S": "20"}
"""What is tested here is what arrives; on a machine with other things to do, the usual 0.3 s would be a gamble."""


def alert(app, **fields):
    """An alert with ten minutes of its metric."""
    now = time.time()
    points = [[now - 60 * ago, 1e9 if ago > 2 else 1.5e9] for ago in range(10, -1, -1)]
    metric = {"name": "used", "unit": "bytes", "comparator": ">", "threshold": 1.2e9, "value": 1.5e9, "window_s": 120}
    return {"app": app, "title": "Memory", "severity": "critical", "metric": metric | {"points": points}, **fields}


def images(arrival) -> list[bytes]:
    """The images in a mail."""
    parts = message_from_bytes(arrival.body, policy=default).walk()
    return [part.get_content() for part in parts if part.get_content_type() == "image/png"]


def drawing_process(worker) -> int:
    """The process that draws for this worker, once it is there."""

    def found():
        for task in Path(f"/proc/{worker.pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                if b"worker.pictures.process" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return int(child)
        return None

    return until(found, 20, "a process that draws")


@pytest.mark.parametrize("pool", ["threads", "prefork"])
def test_a_mail_shows_the_metric(another, vendors, certificate, pool):
    """The alert arrives with a picture in its text, drawn from its own points; a room's text comes without."""
    name, deployment = f"pictured-{pool}", another(**PATIENT)
    mail, room = email(vendors, f"{name}@example.com", certificate), hipchat(vendors, name)
    deployment.apply({name: {"mail": mail, "room": room}})
    with deployment.worker(name, pool) as worker:
        worker.wait_for(READY)
        deployment.send(alert(name))
        deployment.wait_for(2, name)
    (arrival,) = vendors.accepted("email", f"{name}@example.com")
    (png,) = images(arrival)
    assert Image.open(io.BytesIO(png)).size == (1280, 640)
    assert body(arrival)["attachments"] == []
    (room,) = vendors.accepted("hipchat", name)
    assert body(room)["message_format"] == "text"


def test_an_alert_without_a_metric_starts_nothing(another, vendors, certificate):
    """A worker that has had no metric to draw has no process for it."""
    deployment = another()
    deployment.apply({"unpictured": {"mail": email(vendors, "unpictured@example.com", certificate)}})
    with deployment.worker("unpictured") as worker:
        worker.wait_for(READY)
        deployment.send({"app": "unpictured", "title": "No metric"})
        deployment.wait_for(1, "unpictured")
        children = [(task / "children").read_text() for task in Path(f"/proc/{worker.pid}/task").iterdir()]
        assert not "".join(children).strip()
    (arrival,) = vendors.accepted("email", "unpictured@example.com")
    assert images(arrival) == []


def test_a_drawing_process_that_stands_still_or_dies_costs_its_pictures_only(another, vendors, certificate):
    """Alerts go out without a picture while it hangs or is gone, and with one again once it is replaced."""
    deployment = another(**PATIENT)
    deployment.apply({"hanging": {"mail": email(vendors, "hanging@example.com", certificate)}})

    def sent(number):
        deployment.send(alert("hanging", title=f"Alert {number}", dedup_key=str(number)))
        assert {result["outcome"] for result in deployment.wait_for(number, "hanging")} == {"delivered"}
        return images(vendors.accepted("email", "hanging@example.com")[-1])

    with deployment.worker("hanging") as worker:
        worker.wait_for(READY)
        assert len(sent(1)) == 1
        # When: it stands still
        still = drawing_process(worker)
        os.kill(still, signal.SIGSTOP)
        assert sent(2) == []
        # Then: it is ended, and another draws the next one
        until(lambda: not Path(f"/proc/{still}").exists(), 10, "the end of a process that hangs")
        assert len(sent(3)) == 1
        # When: it dies
        os.kill(drawing_process(worker), signal.SIGKILL)
        sent(4)
        assert len(sent(5)) == 1
        # When: its worker dies
        last = drawing_process(worker)
        os.kill(worker.pid, signal.SIGKILL)
        until(lambda: not Path(f"/proc/{last}").exists(), 20, "the end of a process that draws for nobody")


def test_whoever_wants_no_pictures_gets_none(another, vendors, certificate):
    """`BELLHOP_PICTURES=false` is obeyed, and costs nothing else."""
    deployment = another(BELLHOP_PICTURES="false")
    deployment.apply({"plain": {"mail": email(vendors, "plain@example.com", certificate)}})
    with deployment.worker("plain") as worker:
        worker.wait_for(READY)
        deployment.send(alert("plain"))
        deployment.wait_for(1, "plain")
    (arrival,) = vendors.accepted("email", "plain@example.com")
    assert images(arrival) == []


def fetched(port, path):
    """What the console answers to somebody who knows nobody there, once it listens."""

    def answer():
        try:
            with urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as reply:
                return reply.read()
        except HTTPError as refusal:
            return refusal.code
        except URLError:
            return None

    return until(lambda: answer() not in {None, 503} and answer(), 60, "a console that draws")


def test_vendors_get_an_address_that_the_console_answers(another, vendors, certificate):
    """HipChat's card has a thumbnail that whoever has its address can fetch; a mail has the picture itself."""
    deployment = another(BELLHOP_WEB_PUBLIC_URL="https://alerts.example.com", BELLHOP_WEB_PASSWORD=PASSWORD, **PATIENT)
    room = hipchat(vendors, "linked")
    room["settings"]["message_format"] = "html"
    deployment.apply({"linked": {"room": room, "mail": email(vendors, "linked@example.com", certificate)}})
    with deployment.worker("linked") as worker:
        worker.wait_for(READY)
        deployment.send(alert("linked"))
        deployment.wait_for(2, "linked")
    (mail,) = vendors.accepted("email", "linked@example.com")
    (drawn,) = images(mail)
    (arrival,) = vendors.accepted("hipchat", "linked")
    url = body(arrival)["card"]["thumbnail"]["url"]
    assert url.startswith("https://alerts.example.com/pictures/")
    port = free_port()
    with deployment.start("console", "bellhop", "web", "--port", str(port)):
        path = urlsplit(url).path
        assert fetched(port, path) == drawn
        assert fetched(port, f"{path[:-8]}AAAA.png") == 404
