"""Alerts that carry markup and scripts: nothing of it runs, and nobody else is asked for anything."""

from __future__ import annotations

import asyncio
import smtplib
from email.message import EmailMessage

import pytest
import pytest_asyncio
from browser.sender import TOKEN, event
from browser.visitor import TABS
from playwright.async_api import expect

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

KEY = "demo0key0of0the0sandbox000000000"
SCRIPT = "javascript:window.hacked=1"


class Elsewhere:
    """Another host's server, which notes whoever so much as connects."""

    def __init__(self) -> None:
        self.calls = 0

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._count, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        await self._server.wait_closed()

    def _count(self, _reader, writer):
        self.calls += 1
        writer.close()


@pytest_asyncio.fixture(loop_scope="session")
async def elsewhere():
    """A host that nothing here may talk to."""
    async with Elsewhere() as server:
        yield server


def markup(url):
    """What an attacker would write wherever he may write."""
    return (
        "<script>window.hacked=1</script><img src=x onerror=window.hacked=1><svg onload=window.hacked=1>"
        f"<img src='{url}/pixel.png'><iframe src='{url}/frame' srcdoc='<script>top.hacked=1</script>'></iframe>"
        f"<iframe src='{url}/bare'></iframe><frame src='{url}/old'>"
        f"<link rel=stylesheet href='{url}/x.css'><link rel=preconnect href='{url}'><base href='{url}/'>"
        f"<style>@import '{url}/y.css';</style><p style=\"background:url({url}/z.png)\" onclick=window.hacked=1>x</p>"
        f"<a href='{SCRIPT}' target=_top>press</a><a href='data:text/html,<script>top.hacked=1</script>'>data</a>"
        f"<form action='{url}/form'><button>send</button></form><meta http-equiv=refresh content='0;url={url}/away'>"
        f"<object data='{url}/o'></object><embed src='{url}/e'><video src='{url}/v' autoplay></video>"
        "<math><mtext><style><img src=x onerror=window.hacked=1></style></mtext></math>"
        "</pre></script></style></textarea></title><img src=x onerror=window.hacked=1>"
    )


async def open_all(visitor):
    """Look at every view, unfold all that unfolds, press what looks like a link of the attacker's."""
    for name in TABS:
        view = await visitor.choose(name)
        for summary in await view.locator("summary").all():
            await summary.click()
        for words in await view.get_by_text("press", exact=True).all():
            await words.click(force=True)
        for mail in await view.locator("iframe").all():
            await expect(mail.content_frame.locator("body")).to_be_attached()
        await nothing_stands(visitor)


async def nothing_ran(visitor, elsewhere):
    """No script ran, and no other host was so much as connected to."""
    assert await visitor.page.evaluate("window.hacked") is None
    assert elsewhere.calls == 0
    assert visitor.strangers() == []


async def nothing_stands(visitor):
    """Neither an active element nor a link to a script is in the page itself."""
    assert await visitor.page.locator("[href^='javascript:' i], [href^='data:' i], [onerror], [onclick]").count() == 0
    assert await visitor.view.locator("script, style, form, object, embed, base, meta, img").count() == 0


async def test_hostile_alerts_stay_words(visit, sender, elsewhere):
    """An alert with markup in every field, through all six channels, runs nothing and calls nobody."""
    evil = markup(elsewhere.url)
    links = [{"href": "https://shop.example/?'onclick=window.hacked=1", "text": evil[:300]}]
    hostile = event(
        title=evil[:900], message=evil, rule=evil[:200], source=evil[:200], tags={"x": evil[:900]}, links=links
    )
    await sender.alert(hostile)

    visitor = await visit()
    await expect(visitor.view.locator("details")).to_have_count(6)
    await open_all(visitor)
    await nothing_ran(visitor, elsewhere)


async def test_hostile_requests_stay_words(visit, sender, elsewhere):
    """Requests that no channel of ours would send, with raw markup and javascript: links, run nothing either."""
    evil = markup(elsewhere.url)
    card = {
        "style": "application",
        "id": "1",
        "title": evil[:400],
        "url": SCRIPT,
        "description": {"value": evil[:900], "format": "html"},
    }
    room = {"message": evil, "message_format": "html", "from": "<img src=x>", "card": card}
    await sender.post("/v2/room/Ops/notification", json=room, headers=TOKEN)
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": f"<{SCRIPT}|press> {evil}"}}]
    blocks.append(
        {
            "type": "actions",
            "elements": [{"type": "button", "url": SCRIPT, "text": {"type": "plain_text", "text": "press"}}],
        }
    )
    slack = {
        "text": evil,
        "blocks": blocks,
        "attachments": [{"title": "press", "title_link": SCRIPT, "color": "red;x:y", "text": evil}],
    }
    await sender.post("/services/T0/B0/AbCdEfGhIjKlMnOpQrSt", json=slack)
    payload = {"summary": evil[:1000], "source": evil[:200], "severity": "critical", "custom_details": {evil: evil}}
    incident = {"routing_key": KEY, "event_action": "trigger", "dedup_key": evil[:200], "payload": payload}
    await sender.post("/v2/enqueue", json={**incident, "links": [{"href": SCRIPT, "text": "press"}]})
    await sender.post("/hook/any", data=evil, headers={"X-Evil": evil, "Content-Type": "text/html"})
    await sender.post("/nowhere/at/all", data=evil)

    visitor = await visit()
    await expect(visitor.tab("Everything")).to_contain_text("5")
    await open_all(visitor)
    await nothing_ran(visitor, elsewhere)
    visitor.pardon()


async def test_a_hostile_mail_is_caged(visit, sender, elsewhere):
    """A mail's own scripts, forms, pictures, refresh and links do nothing, even opened at its own address."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = (
        "evil@x.example",
        "on-call@shop.example",
        "<script>window.hacked=1</script>",
    )
    mail.set_content("plain")
    mail.add_alternative(f"<h1>The mail</h1>{markup(elsewhere.url)}", subtype="html")
    await asyncio.to_thread(post, sender.box.smtp_port, mail)

    visitor = await visit("#email")
    frame = visitor.view.locator("iframe").content_frame
    await expect(frame.get_by_role("heading", name="The mail")).to_be_visible()
    await frame.get_by_role("button", name="send").click()
    for _ in range(3):  # a connection may come a little after what it is for was kept from loading
        await visitor.page.wait_for_event("request", lambda request: "/api/arrivals" in request.url)
    await nothing_ran(visitor, elsewhere)
    await visitor.page.goto(f"{sender.box.url}/mail/1")
    await expect(visitor.page.get_by_role("heading", name="The mail")).to_be_visible()
    await nothing_ran(visitor, elsewhere)
    visitor.pardon()


def post(port, mail):
    """Hand a mail to the sandbox."""
    with smtplib.SMTP("127.0.0.1", port) as server:
        server.send_message(mail)
