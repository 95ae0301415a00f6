"""Destinations by the HTTP API: put twice is put once, two editors, and secrets that go in and never come out."""

from __future__ import annotations

import asyncio

import pytest
from fakes.console import PASSWORD
from fakes.pipeline import checkout, room
from web.api_client import OTHER, ROOM, TOKEN, Program
from web.bench import Vendor, stored

from worker.given_settings import STARS
from worker.models import Destination
from worker.stores.edits import Edit

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


async def test_put_makes_and_replaces_and_does_nothing_twice(fake, program):
    """201, then 200 without a change: the same revision, and one line in the audit log; then 200 with another."""
    made, again = await program.put(NEW, ROOM), await program.put(NEW, ROOM)
    assert (made.status, again.status) == (201, 200)
    assert made.etag == again.etag == f'"{made.json["revision"]}"'
    assert made.json == again.json == (await program.get(NEW)).json
    assert made.json["settings"] == {"room": "Ops Room", "token": STARS}
    other = await program.put(NEW, {**ROOM, "rate_limit": "5/min", "enabled": False})
    assert (other.status, other.json["rate_limit"], other.json["enabled"]) == (200, "5/min", False)
    assert other.etag != made.etag
    assert await fake.audited() == [
        ("terraform", "destination.saved", "new-room"),
        ("terraform", "destination.added", "new-room"),
    ]
    detail = (await fake.console.audit.entries()).entries[0].detail
    assert detail == "Enabled, Rate limit"


async def test_a_default_that_is_written_out_is_kept(program):
    """What is read back is what was put, though it means the same."""
    await program.put(NEW, ROOM)
    spelled = {**ROOM["settings"], "message_format": "text"}
    assert (await program.put(NEW, {**ROOM, "settings": spelled})).json["settings"] == {**spelled, "token": STARS}


async def test_the_list_comes_in_pages(program):
    """By name, each page with where the next one begins, and null on the last."""
    for name in ("b", "a", "c"):
        await program.put(f"/apps/checkout/destinations/{name}", ROOM)
    seen, cursor = [], ""
    while cursor is not None:
        page = (await program.get("/apps/checkout/destinations", params={"limit": "2", "cursor": cursor})).json
        assert len(page["items"]) <= 2
        seen += [each["name"] for each in page["items"]]
        cursor = page["next"]
    assert seen == ["a", "b", "c", "ops-room"]


async def test_an_outdated_revision_is_told_and_nothing_is_done(fake, program):
    """412 for put, switch and delete of what somebody has changed since; with the new revision it goes through."""
    first = (await program.get(ONE)).etag
    await program.put(ONE, {**ROOM, "settings": {"room": "Ann's Room"}})
    headers = {"If-Match": first}
    assert (await program.put(ONE, ROOM, headers=headers)).status == 412
    assert (await program.ask("PATCH", ONE, {"enabled": False}, headers=headers)).status == 412
    told = await program.delete(ONE, headers=headers)
    assert (told.status, told.json["title"]) == (412, "Not what it was")
    assert (await stored(fake, "ops-room")).settings.room == "Ann's Room"
    now = (await program.get(ONE)).etag
    off = await program.ask("PATCH", ONE, {"enabled": False}, headers={"If-Match": f'W/"x", {now}'})
    assert (off.status, off.json["enabled"]) == (200, False)
    assert (await program.delete(ONE, headers={"If-Match": off.etag})).status == 204
    assert (await program.get(ONE)).status == 404


@pytest.mark.parametrize(
    ("name", "value", "there", "not_there"),
    [
        ("If-None-Match", "*", 412, 201),
        ("If-Match", "*", 200, 412),
        ("If-Match", '"0123"', 412, 412),
        ("If-Match", "", 412, 412),
        ("If-Match", 'W/"0123"', 412, 412),
        ("If-None-Match", '"0123"', 200, 201),
    ],
)
async def test_conditions_hold_of_what_is_there(program, name, value, there, not_there):
    """`If-None-Match: *` makes only, `If-Match: *` replaces only, and another revision does neither."""
    headers = {name: value}
    assert (await program.put(ONE, ROOM, headers=headers)).status == there
    assert (await program.put(NEW, ROOM, headers=headers)).status == not_there


async def test_of_two_at_the_same_time_one_wins_and_the_other_is_told(fake, program):
    """Both name the revision that they have seen; whose write comes second gets 412. Without one, both go through."""
    seen = (await program.get(ONE)).etag
    bodies = [{**ROOM, "settings": {"room": f"Room {n}"}} for n in range(6)]
    answers = await asyncio.gather(*(program.put(ONE, each, headers={"If-Match": seen}) for each in bodies))
    assert sorted(each.status for each in answers) == [200, 412, 412, 412, 412, 412]
    winner = next(each for each in answers if each.status == 200)
    assert (await stored(fake, "ops-room")).settings.room == winner.json["settings"]["room"]
    answers = await asyncio.gather(*(program.put(ONE, each) for each in bodies[:3]))
    assert [each.status for each in answers] == [200, 200, 200]


async def test_of_two_who_switch_what_they_have_seen_one_is_told(program):
    """The same for on and off."""
    headers = {"If-Match": (await program.get(ONE)).etag}
    asked = [program.ask("PATCH", ONE, {"enabled": n % 2 == 0}, headers=headers) for n in range(4)]
    assert sorted([each.status for each in await asyncio.gather(*asked)]) == [200, 412, 412, 412]


async def test_what_is_damaged_is_told(fake, program):
    """422 where what is stored was altered, whatever is to be done with it; put anew it works again."""
    raw = await fake.redis.hget("bellhop:app:checkout", "ops-room")
    await fake.redis.hset("bellhop:app:checkout", "ops-room", raw[:-1])
    told = await program.ask("PATCH", ONE, {"enabled": False})
    assert (told.status, list(told.problems)) == (422, ["checkout/ops-room"])
    assert (await program.get(ONE)).json["settings"] is None
    assert (await program.put(ONE, ROOM)).status == 200


async def test_switching(fake, program):
    """On and off with one field; what is not there is not found."""
    assert (await program.ask("PATCH", ONE, {"enabled": False})).json["enabled"] is False
    assert not (await stored(fake, "ops-room")).enabled
    assert (await program.ask("PATCH", ONE, {"enabled": True})).json["enabled"] is True
    assert [what for _, what, _ in await fake.audited()] == ["destination.enabled", "destination.disabled"]
    assert (await program.ask("PATCH", GONE, {"enabled": True})).status == 404
    assert (await program.ask("PATCH", ONE, {"enabled": "yes"})).problems == {
        "enabled": "Input should be a valid boolean"
    }
    assert (await program.delete(GONE)).status == 404


async def test_test_by_what_is_stored_and_by_what_is_sent(fake, program):
    """The vendor's answer with a diagnosis, no secret in it, nothing saved; audited, and what was paused goes on."""
    await fake.redis.hset("bellhop:troubles", "checkout/ops-room", b'{"until_ms":0,"paused":1,"bad":0,"denied":3}')
    assert (await program.get(ONE)).json["paused"]
    wrong = await program.post(f"{ONE}/test", {**ROOM, "settings": {"room": "Ops Room", "token": OTHER}})
    assert (wrong.status, wrong.json["delivered"], wrong.json["status_code"]) == (200, False, 401)
    assert "401" in wrong.json["diagnosis"]
    assert not {TOKEN, OTHER} & set(wrong.answer.text.split('"'))
    right = (await program.post(f"{ONE}/test")).json
    assert (right["delivered"], right["status_code"], right["resumed"]) == (True, 204, True)
    assert right["request"]["headers"]["Authorization"] == "Bearer ***"
    assert not (await program.get(ONE)).json["paused"]
    unsaved = await program.post(f"{NEW}/test", ROOM)
    assert unsaved.json["delivered"]
    assert await stored(fake, "new-room") is None
    assert (await program.post(f"{NEW}/test")).status == 404
    assert [what for _, what, _ in await fake.audited()].count("destination.tested") == 3


async def test_what_cannot_be_read_says_so(fake, program):
    """Settings of another version: shown without them, with the reason, and neither tested nor switched blindly."""
    await fake.redis.hset("bellhop:app:checkout", "odd", b'{"channel":"carrier-pigeon","enabled":true,"settings":{}}')
    odd = await program.get("/apps/checkout/destinations/odd")
    assert (odd.status, odd.json["settings"]) == (200, None)
    assert odd.json["problem"]
    assert (await program.post("/apps/checkout/destinations/odd/test")).status == 422
    headers = {"If-Match": odd.etag}
    assert (
        await program.ask("PATCH", "/apps/checkout/destinations/odd", {"enabled": False}, headers=headers)
    ).status == 422
    assert (await program.put("/apps/checkout/destinations/odd", ROOM, headers=headers)).status == 200


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        ({}, {"channel"}),
        ({"channel": "pigeon"}, {"channel"}),
        ({"channel": "hipchat", "settings": {"rooms": "x", "token": TOKEN}}, {"settings.rooms"}),
        ({"channel": "hipchat", "settings": []}, {"settings"}),
        ({"channel": "hipchat", "settings": {"room": ["x"], "token": TOKEN}}, {"settings.room"}),
        ({**ROOM, "rate_limit": "fast"}, {"rate_limit"}),
        ({**ROOM, "enabled": 1, "colour": "red"}, {"enabled", "colour"}),
        ({**ROOM, "settings": {"room": "x", "token": {"a": [TOKEN]}}}, {"settings.token"}),
        (b'{"channel":"hipchat","settings":{"room":"x","token":"x","notify":%d}}' % (2**70), {"settings.notify"}),
    ],
)
async def test_each_problem_is_told_with_its_field(program, content, problems):
    """422, every field that is wrong, and nothing of what was sent."""
    told = await program.put(NEW, content)
    assert told.status == 422
    assert set(told.problems) == problems
    assert "Canary" not in told.answer.text


@pytest.mark.parametrize("raw", [b"{", b"[]", b'{"channel": NaN}', b'"x"', b"\xff", b'{"a":"\\ud800"}', b"[" * 5000])
async def test_what_is_no_json_object_cannot_be_read(program, raw):
    """400, whatever it is."""
    assert (await program.put(NEW, raw)).status == 400


async def test_names_that_pages_could_not_have(program):
    """422 for a name of dots or of other characters; nothing is made."""
    for name in ("%2E%2E", "a%20b", "%0A", "x" * 65, ":key", "%F0%9F%92%A9", "%FF"):
        told = await program.put(f"/apps/checkout/destinations/{name}", ROOM)
        assert told.status in {404, 422}, name
    assert [each["name"] for each in (await program.get("/apps/checkout/destinations")).json["items"]] == ["ops-room"]


async def test_a_change_goes_on_where_somebody_else_is_faster(fake, program):
    """Who names no revision wants it in any case: it is made anew on what is there now."""
    other = Destination("checkout", "ops-room", "hipchat", room().settings, enabled=False)
    store = fake.console.destinations

    async def meddle():
        for _ in range(3):
            opened = await store.opened("checkout")
            await store.change("checkout", Edit("ops-room", other), opened.revision("ops-room"))

    _, told = await asyncio.gather(meddle(), program.put(ONE, {**ROOM, "enabled": True}))
    assert told.status == 200
