"""Two people at one destination: the second is told what and by whom, and nobody's work is overwritten or lost."""

from __future__ import annotations

import pytest
from fakes.console import PASSWORD
from fakes.pipeline import checkout, room
from web.bench import NEW, OTHER_TOKEN, ROOM, TOKEN, Person, Vendor, stored

from worker.stores.destinations import RedisDestinations
from worker.stores.edits import Edit
from worker.web.conflicts import changed_since, footprint
from worker.web.roles import Role


@pytest.fixture
async def fake(consoles):
    """A console with an app of two destinations."""
    return await consoles([checkout(room(), room("second"))], web_password=PASSWORD, carrier=Vendor())


@pytest.fixture
async def two(fake):
    """Ann and Bob, both editors, both at the form of ops-room."""
    return [await Person.at(await fake.logged_in(name, "checkout", Role.EDITOR), ROOM) for name in ("ann", "bob")]


async def test_the_second_is_told_and_keeps_what_was_typed(fake, two):
    """Whose change it was, which fields, what they are now; the form keeps the second one's words, but no secret."""
    ann, bob = two
    await ann.press("save", settings__room="Ann's Room", settings__notify="true", settings__token=OTHER_TOKEN)
    answer = await bob.press("save", settings__room="Bob's Room", settings__token=TOKEN)
    assert answer.status == 409
    assert "Somebody else has changed it since you opened it" in answer.words
    assert "ann saved it just now : Notify people, HipChat room id or name, HipChat token" in answer.words
    assert "HipChat room id or name now Ann's Room" in answer.words
    assert "Notify people now true" in answer.words
    assert (bob.form.value("settings.room"), bob.form.value("settings.token")) == ("Bob's Room", "")
    assert not {TOKEN, OTHER_TOKEN} & set(answer.text.split('"'))
    assert (await stored(fake, "ops-room")).settings.room == "Ann's Room"
    saved = await bob.press("save")
    assert saved.status == 303
    after = (await stored(fake, "ops-room")).settings
    assert (after.room, after.token.get_secret_value()) == ("Bob's Room", OTHER_TOKEN)


async def test_scripts_are_told_too_and_may_then_save(fake, two):
    """The page stays; what was stored stands beside the fields, and the next Save is of the new revision."""
    ann, bob = two
    await ann.press("save", settings__room="Ann's Room")
    told = await bob.script("save", settings__room="Bob's Room")
    assert "ann" in told["html"]
    assert told["warnings"] == {"settings-room": "Now stored: Ann's Room"}
    bob.form.fill(**told["hidden"])
    assert (await bob.script("save"))["location"] == "/apps/checkout"
    assert (await stored(fake, "ops-room")).settings.room == "Bob's Room"


async def test_test_tells_it_as_well(fake, two):
    """A Test with stored secrets is not made on top of what somebody has changed meanwhile."""
    ann, bob = two
    await ann.press("save", settings__room="Ann's Room")
    answer = await bob.press("test")
    assert answer.status == 409
    assert fake.console.carrier.carried == []


async def test_switching_is_a_change_too(fake, two):
    """Whoever had the form open is told that it is off now."""
    ann, bob = two
    await ann.visitor.send(f"{ROOM}/enabled", page=ROOM, enabled="false")
    answer = await bob.press("save", settings__room="Bob's Room")
    assert "ann disabled it just now" in answer.words
    assert "Enabled now false" in answer.words
    assert not (await stored(fake, "ops-room")).enabled


async def test_what_is_applied_at_the_command_line_is_told_without_a_name(fake, two):
    """The audit log knows nothing of it: that is said, with the fields; the same for a change of secrets alone."""
    _, bob = two
    store = RedisDestinations(fake.redis, "bellhop", fake.console.destinations._keys)
    await store.save([checkout(room(), room("second"))])
    answer = await bob.press("save", settings__room="Bob's Room")
    assert "it was not done in this console" in answer.words
    assert "Nothing that can be shown has changed; perhaps a secret has." in answer.words
    opened = await store.opened("checkout")
    after = room(enabled=False)
    await store.change("checkout", Edit("ops-room", after), opened.revision("ops-room"))
    assert "Enabled now false" in (await bob.press("save")).words


async def test_what_was_deleted_meanwhile_can_be_added_again(fake, two):
    """The second is told, keeps the form, and may save it as a new one; its secrets have to be typed."""
    ann, bob = two
    await fake.console.users.grant("ann", "checkout", Role.ADMIN)
    asked = await ann.visitor.get(f"{ROOM}/delete")
    revision = asked.text.partition('name="revision" value="')[2].partition('"')[0]
    await ann.visitor.send(f"{ROOM}/delete", page=f"{ROOM}/delete", revision=revision)
    assert await stored(fake, "ops-room") is None
    told = await bob.script("save", settings__room="Bob's Room")
    assert "Somebody has deleted it since you opened it" in told["html"]
    assert (told["action"], told["hidden"]["revision"]) == ("/apps/checkout/destinations", "")
    answer = await bob.press("save")
    assert "Somebody has deleted it since you opened it" in answer.words
    assert "ann deleted it just now" in answer.words
    assert bob.form.action == "/apps/checkout/destinations"
    assert "fill in an OAuth2 token" in (await bob.press("save")).words
    assert (await bob.press("save", settings__token=TOKEN)).status == 303
    assert (await stored(fake, "ops-room")).settings.room == "Bob's Room"
    assert (await bob.visitor.get("/apps/checkout/destinations/second")).status == 200


async def test_of_two_who_add_the_same_name_the_second_is_told(fake):
    """Whoever is first has it."""
    people = [await Person.at(await fake.logged_in(name, "checkout", Role.EDITOR), NEW) for name in ("ann", "bob")]
    answers = [await each.press("save", settings__room=str(n), settings__token=TOKEN) for n, each in enumerate(people)]
    assert [answer.status for answer in answers] == [303, 422]
    assert "there is a destination of that name already" in answers[1].words
    assert (await stored(fake, "hipchat")).settings.room == "0"


async def test_deleting_what_somebody_has_just_changed_is_asked_again(fake, two):
    """What is deleted is what was shown."""
    ann, _ = two
    admin = await fake.visitor("admin")
    asked = await admin.get(f"{ROOM}/delete")
    revision = asked.text.partition('name="revision" value="')[2].partition('"')[0]
    await ann.press("save", settings__room="Ann's Room")
    answer = await admin.send(f"{ROOM}/delete", page=ROOM, revision=revision)
    assert answer.status == 409
    assert "Somebody has changed it since you were asked" in answer.words
    assert "Ann's Room" in answer.words
    assert await stored(fake, "ops-room") is not None


async def test_one_that_is_of_another_channel_now_is_opened_anew(fake, two):
    """A form of HipChat is never read as one of Slack."""
    _, bob = two
    opened = await fake.console.destinations.opened("checkout")
    await fake.console.destinations.change("checkout", Edit("ops-room", None), opened.revision("ops-room"))
    other = await Person.at(bob.visitor, "/apps/checkout/destinations/new?channel=slack")
    fields = {"settings__token": "xoxb-canary", "settings__channel": "#ops"}
    assert (await other.press("save", destination__name="ops-room", **fields)).status == 303
    answer = await bob.press("save", settings__room="Bob's Room")
    assert (answer.status, answer.headers["Location"]) == (303, ROOM)
    assert "is a destination of another kind now" in (await bob.visitor.get(ROOM)).words
    assert (await stored(fake, "ops-room")).channel == "slack"


async def test_saving_one_leaves_the_others_and_their_troubles(fake, two):
    """Byte for byte, and what is paused there stays so."""
    ann, _ = two
    await fake.redis.hset("bellhop:troubles", mapping={"checkout/ops-room": b"{}", "checkout/second": b"{}"})
    before = await fake.redis.hget("bellhop:app:checkout", "second")
    assert (await ann.press("save", settings__room="Ann's Room")).status == 303
    assert await fake.redis.hget("bellhop:app:checkout", "second") == before
    assert await fake.redis.hkeys("bellhop:troubles") == [b"checkout/second"]


@pytest.mark.parametrize("kept", ["", "{", "[]", "7", '{"settings.room": 7}', '{"\\u001b[31m": "x"}'])
def test_what_a_form_says_it_has_shown_is_believed_in_nothing(kept):
    """Only what is known of the destination is told, whatever the browser sends."""
    told = changed_since(kept, room())
    assert ("settings.room", "Ops Room") in told
    assert "\x1b" not in repr(told)
    assert "Canary" not in repr(told)
    assert changed_since(footprint(room()), room()) == ()
    assert changed_since(footprint(room()), None) != ()


async def test_an_app_that_is_gone_is_not_found(fake, two):
    """Whoever had a form of it open is told so, and nothing comes back."""
    _, bob = two
    await fake.console.destinations.delete("checkout")
    assert (await bob.press("save", settings__room="x")).status == 404
    assert await fake.console.destinations.everything() == {}
