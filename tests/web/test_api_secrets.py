"""Secrets and the HTTP API: they go in, stay where they are left out, go nowhere else, and never come out."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from fakes.console import PASSWORD
from fakes.pipeline import checkout
from web.api_client import HOOK, OTHER, ROOM, TOKEN, Program
from web.bench import Vendor, stored

from security.canary import Search
from security.planting import Mint
from security.samples import plant_everything
from worker.given_settings import STARS
from worker.messages import Mail, Reply
from worker.models import App
from worker.web.roles import Role

ONE = "/apps/checkout/destinations/ops-room"
NEW = "/apps/checkout/destinations/new-room"
GONE = "/apps/checkout/destinations/gone"


@pytest.fixture
async def fake(consoles):
    """A console whose HipChat takes one token."""
    return await consoles([checkout()], web_password=PASSWORD, carrier=Vendor())


@pytest.fixture
async def program(fake):
    """One that may do everything."""
    return await Program.of(fake)


async def test_a_secret_that_is_left_out_stays(fake, program):
    """Left out, or as the stars that were shown; null takes it away, and stars stand for nothing that is not there."""
    told = await program.put(ONE, {**ROOM, "settings": {"room": "Another"}})
    assert told.json["settings"] == {"room": "Another", "token": STARS}
    assert (await program.put(ONE, {**ROOM, "settings": told.json["settings"]})).etag == told.etag
    assert (await stored(fake, "ops-room")).settings.token.get_secret_value() == TOKEN
    gone = await program.put(ONE, {**ROOM, "settings": {"room": "Another", "token": None}})
    assert gone.status == 422
    assert "token" in gone.answer.text
    nothing = await program.put(NEW, {**ROOM, "settings": {"room": "x", "token": STARS}})
    assert nothing.problems == {"settings.token": "nothing is stored that could stay: send the secret itself"}


async def test_secrets_in_maps_and_lists_stay_by_name_and_in_order(fake, program):
    """A header by its name; of signing secrets the first stars stand for the first that is stored."""
    old, new = "whsec_" + "A" * 40, "whsec_" + "B" * 40
    hook = {**HOOK, "settings": {**HOOK["settings"], "secret": [old]}}
    await program.put(NEW, hook)
    shown = (await program.get(NEW)).json["settings"]
    assert (shown["url"], shown["headers"], shown["secret"]) == (STARS, {"X-Key": STARS}, [STARS])
    turned = {**shown, "headers": {"X-Key": STARS, "X-New": "canary-new"}, "secret": [new, STARS]}
    assert (await program.put(NEW, {**HOOK, "settings": turned})).status == 200
    after = (await stored(fake, "new-room")).settings
    assert [each.get_secret_value() for each in after.secret] == [new, old]
    headers = {name: value.get_secret_value() for name, value in after.headers.items()}
    assert headers == {"X-Key": "canary-header", "X-New": "canary-new"}
    assert (await program.put(NEW, {**HOOK, "settings": {**turned, "headers": {}, "secret": []}})).status == 200
    after = (await stored(fake, "new-room")).settings
    assert (dict(after.headers), after.secret) == ({}, ())


@pytest.mark.parametrize(
    "settings",
    [
        {"room": "Ops Room", "base_url": "https://evil.example"},
        {"room": "Ops Room", "base_url": "https://evil.example", "token": STARS},
        {"room": "Ops Room", "verify_tls": False},
    ],
)
@pytest.mark.parametrize("way", ["PUT", "POST"])
async def test_a_stored_secret_is_sent_nowhere_else(fake, program, settings, way):
    """Neither saved nor tested with another address, or with less care whose it is: it has to be sent again."""
    editor = await Program.of(fake, "checkout", Role.EDITOR, "editor")
    told = await editor.ask(way, ONE + ("/test" if way == "POST" else ""), {**ROOM, "settings": settings})
    assert told.status == 422
    assert "was given for another" in told.problems["settings.token"]
    assert fake.console.carrier.carried == []
    again = await editor.ask("PUT", ONE, {**ROOM, "settings": {**settings, "token": OTHER}})
    assert again.status == 200


async def test_no_secret_is_in_any_answer_nor_in_the_audit_log(fake, program):
    """Whatever is asked for, and however it fails."""
    texts = []
    for method, path, content in [
        ("PUT", NEW, ROOM),
        ("PUT", NEW, {**ROOM, "settings": {**ROOM["settings"], "token": f"{TOKEN} x"}}),
        ("PUT", NEW, {**ROOM, "settings": {**ROOM["settings"], "base_url": f"ftp://{TOKEN}"}}),
        ("PUT", GONE, HOOK),
        ("GET", NEW, None),
        ("GET", GONE, None),
        ("GET", "/apps/checkout/destinations", None),
        ("POST", f"{NEW}/test", None),
        ("POST", f"{NEW}/test", {**ROOM, "settings": {**ROOM["settings"], "token": OTHER}}),
    ]:
        texts.append((await program.ask(method, path, content)).answer.text)
    entries = repr((await fake.console.audit.entries()).entries)
    for secret in (TOKEN, OTHER, "canary-header"):
        assert not [text for text in [*texts, entries] if secret in text]


@dataclass
class Telltale(Vendor):
    """A vendor that answers with all that it was sent."""

    async def carry(self, message):
        """401, and the request in its body."""
        self.carried.append(message)
        sent = message.message if isinstance(message, Mail) else message
        return Reply(status=401, body=str(getattr(sent, "body", sent)).encode() + repr(message).encode())


async def test_no_canary_of_any_channel_comes_out(consoles):
    """Put, got, listed, put as it was got, tested with a vendor that tells all, put wrong, refused: no answer has one.

    What is got can be put back for every channel, and is no change.
    """
    planted = plant_everything(Mint())
    fake = await consoles([App("checkout")], web_password=PASSWORD, carrier=Telltale())
    program, texts = await Program.of(fake), []
    for number, (channel, tree) in enumerate(planted.trees):
        one, body = f"/apps/checkout/destinations/d{number}", {"channel": channel.name, "settings": tree}
        made = await program.put(one, body)
        assert made.status == 201, made.answer.text
        again = await program.put(one, {**body, "settings": made.json["settings"]})
        assert (again.status, again.etag) == (200, made.etag)
        asked = [
            again,
            await program.get(one),
            await program.post(f"{one}/test"),
            await program.post(f"{one}/test", body),
            await program.put(one, {**body, "settings": {**tree, "unheard_of": tree}}),
            await program.put(one, {**body, "settings": {**made.json["settings"], "verify_tls": False}}),
            await program.put(one, {**body, "enabled": tree}),
        ]
        assert [each.status for each in asked[:4]] == [200] * 4
        texts += [each.answer.text for each in (made, *asked)]
    for path in ("/apps/checkout/destinations", "/apps", "/channels", "/state", "/audit", "/events", "/openapi.json"):
        texts.append((await program.get(path)).answer.text)
    search = Search(planted.canaries)
    assert len(planted.canaries) > 10
    assert [name for text in texts for name in search.found(text)] == []
    assert search.found(repr(fake.console.carrier.carried[0].headers)), "the search would find one"
