"""The form of a destination: add, edit, Test, Save, in a browser without scripts and by scripts."""

from __future__ import annotations

import orjson
import pytest
from fakes.console import PASSWORD
from fakes.pipeline import checkout, room
from web.bench import NEW, OLD_TOKEN, OTHER_TOKEN, ROOM, TOKEN, Person, Vendor, stored

from worker.channels import CHANNELS
from worker.models import App, OnAmbiguous
from worker.settings_fields import settings_from_pairs
from worker.web.roles import Role

PAUSED = orjson.dumps({"until_ms": 0, "paused": 1_000, "why": "401", "bad": 0, "denied": 3})


@pytest.fixture
def vendor():
    """What Test talks to."""
    return Vendor()


@pytest.fixture
async def fake(consoles, vendor):
    """Two apps; the admin can log in."""
    return await consoles([checkout(), App("search")], web_password=PASSWORD, carrier=vendor)


@pytest.fixture
async def admin(fake):
    """The admin's browser."""
    return await fake.visitor("admin")


async def test_hipchat_is_set_up_as_its_page_says(fake, admin, vendor):
    """Room and token, Test with a wrong and a right token, Save: it is stored as it was typed."""
    person = await Person.at(admin, NEW)
    assert 'First create a user token with "Send Notification" scope' in person.page.words
    for words in ("HipChat room id or name *", "HipChat token *", "Enabled", "Cancel", "Test", "Save"):
        assert words in person.page.words
    refused = await person.press("test", destination__name="duty", settings__room="On duty", settings__token=OLD_TOKEN)
    assert "401: this looks like an OAuth1 token; create an OAuth2 token in Rooms / your room / Tokens" in refused.words
    assert "Authorization: Bearer ***" in refused.words
    assert "probably an OAuth1 token" in refused.words, "beside the field"
    assert await stored(fake, "duty") is None
    tested = await person.press("test", settings__token=TOKEN)
    assert "204: configured correctly (HipChat answers 200 or 204)" in tested.words
    assert "3 ms" in tested.words
    assert "Response body empty" in tested.words
    assert "POST https://api.hipchat.com/v2/room/On duty/notification" in tested.words
    saved = await person.press("save", settings__token=TOKEN)
    assert (saved.status, saved.headers["Location"]) == (303, "/apps/checkout")
    destination = await stored(fake, "duty")
    assert destination.settings == CHANNELS["hipchat"].settings(room="On duty", token=TOKEN)
    assert destination.enabled
    assert "duty was saved." in (await admin.get("/apps/checkout")).words
    assert [message.headers["Authorization"] for message in vendor.carried] == [
        f"Bearer {OLD_TOKEN}",
        f"Bearer {TOKEN}",
    ]


async def test_what_is_typed_as_a_secret_never_comes_back(fake, admin, vendor):
    """Not after a problem, not after a Test that the vendor answers with it, not when it is stored."""
    vendor.right = OTHER_TOKEN
    person = await Person.at(admin, NEW)
    for do, fields in (
        ("save", {"settings__room": None, "settings__token": TOKEN}),
        ("test", {"settings__room": None, "settings__token": TOKEN}),
        ("test", {"settings__room": "Ops", "settings__token": TOKEN}),
        ("add:settings.x", {"settings__token": TOKEN}),
        ("save", {"destination__name": "..", "settings__token": TOKEN}),
    ):
        answer = await person.press(do, **fields)
        assert answer.status in {200, 422}
        assert TOKEN not in answer.text, do
        assert person.form.value("settings.token") == ""
        assert "Type it again" in answer.words
        told = await person.script(do, settings__token=TOKEN)
        assert TOKEN not in orjson.dumps(told).decode()
    await person.press("save", destination__name="duty", settings__token=TOKEN)
    for path in ("/apps/checkout", "/apps/checkout/destinations/duty", "/audit", "/apps"):
        page = await admin.get(path)
        assert page.status == 200
        assert "Canary" not in page.text
    assert "stored; type to replace" in (await admin.get(ROOM)).text


async def test_an_empty_secret_keeps_what_is_stored_and_a_typed_one_replaces_it(fake, admin, vendor):
    """Other fields change without anybody knowing the token; Test takes it from the store, too."""
    person = await Person.at(admin, ROOM)
    assert (person.form.value("settings.room"), person.form.value("settings.token")) == ("Ops Room", "")
    assert "configured correctly" in (await person.press("test", settings__room="Another Room")).words
    assert vendor.carried[0].url.endswith("/v2/room/Another%20Room/notification")
    assert (await stored(fake, "ops-room")).settings.room == "Ops Room"
    assert (await person.press("save")).status == 303
    after = (await stored(fake, "ops-room")).settings
    assert (after.room, after.token.get_secret_value()) == ("Another Room", TOKEN)
    person = await Person.at(admin, ROOM)
    await person.press("save", settings__token=OTHER_TOKEN)
    assert (await stored(fake, "ops-room")).settings.token.get_secret_value() == OTHER_TOKEN


async def test_a_stored_secret_is_sent_nowhere_else(fake, admin, vendor):
    """With another base URL, or without one's certificate being verified, Test and Save want the token typed again."""
    for fields in (
        {"settings__base_url": "https://evil.example"},
        {"settings__verify_tls": ["false"]},
        {"settings__ca_file": "/tmp/mine.pem"},
    ):
        for do in ("test", "save"):
            person = await Person.at(admin, ROOM)
            answer = await person.press(do, **fields)
            assert answer.status == 422
            assert "HipChat token: type it again: what is stored was given for another" in answer.words
            assert 'id="settings-token-error">type it again' in answer.text
    assert vendor.carried == []
    assert (await stored(fake, "ops-room")).settings.base_url is None
    person = await Person.at(admin, ROOM)
    url = "https://hipchat.example.com"
    saved = await person.press("save", settings__base_url=url, settings__token=TOKEN)
    assert saved.status == 303
    assert (await stored(fake, "ops-room")).settings.base_url.get_secret_value() == url


async def test_a_stored_secret_can_be_removed(consoles):
    """An optional one has a box for that; where something is missing then it is told, and nothing is saved."""
    kind = CHANNELS["email"]
    pairs = {"to": "a@b.c", "from": "d@e.f", "host": "smtp.example.com", "username": "u", "password": "canary-pw"}
    app = App("checkout", {"mail": room("mail")})
    object.__setattr__(app.destinations["mail"], "channel", "email")
    object.__setattr__(app.destinations["mail"], "settings", settings_from_pairs(pairs, kind))
    fake = await consoles([app])
    person = await Person.at(await fake.visitor(), "/apps/checkout/destinations/mail")
    assert "Remove what is stored" in person.page.words
    person.form.pairs.append(("settings.password!forget", "on"))
    answer = await person.press("save")
    assert answer.status == 422
    assert "username and password go together" in answer.words
    assert ("settings.password!forget", "on") in person.form.pairs, "still asked for"
    await person.press("save", settings__username=None)
    after = (await stored(fake, "mail")).settings
    assert (after.username, after.password) == (None, None)


async def test_problems_stand_beside_their_fields_and_on_top_with_links(admin):
    """Every problem at once, each tied to its control, and what was typed is still there."""
    person = await Person.at(admin, NEW)
    answer = await person.press(
        "save",
        destination__name="ops room",
        destination__rate_limit="often",
        settings__room="x" * 101,
        settings__token="two words",
        settings__base_url="hipchat.example.com",
    )
    assert answer.status == 422
    assert "5 things to put right" in answer.words
    for control, words in (
        ("destination-name", "may hold 1 to 64 of the characters"),
        ("destination-rate_limit", "must be off, vendor, or a rate such as 30/min"),
        ("settings-room", "at most 100 characters"),
        ("settings-token", "must be one word of printable ASCII"),
        ("settings-base_url", "must be a whole address that begins with https://"),
    ):
        assert f'<a href="#{control}">' in answer.text
        assert f'aria-describedby="{control}-error' in answer.text
        beside = answer.text.partition(f'id="{control}-error">')[2].partition("</p>")[0]
        assert words in beside, control
    assert person.form.value("destination.name") == "ops room"
    assert person.form.value("settings.room") == "x" * 101
    assert '<details class="more" open>' in answer.text


async def test_scripts_are_told_what_changes_and_keep_the_page(fake, admin):
    """Problems by the ids of their controls, warnings, the result as HTML; at the end where to go."""
    person = await Person.at(admin, NEW)
    wrong = await person.script("test", settings__room=None, settings__token=None)
    assert wrong["errors"] == {"settings-room": "fill in the room's id or its name, of 100 characters at the most"}
    assert "One thing to put right" in wrong["html"]
    assert "<html" not in wrong["html"]
    refused = await person.script("test", settings__room="1", settings__token=OLD_TOKEN)
    assert (refused["errors"], list(refused["warnings"])) == ({}, ["settings-token"])
    assert "401: this looks like an OAuth1 token" in refused["html"]
    saved = await person.script("save", settings__token=TOKEN)
    assert saved == {"location": "/apps/checkout"}
    assert "hipchat was saved." in (await admin.get("/apps/checkout")).words


async def test_rows_come_and_go_without_scripts(admin, fake):
    """A list and a map grow and shrink by buttons that send the form, which keeps what was typed."""
    person = await Person.at(admin, "/apps/checkout/destinations/new?channel=email")
    assert [name for name, _ in person.form.pairs if name.startswith("settings.to")] == [
        "settings.to#",
        "settings.to.n0",
    ]
    await person.press("add:settings.to", settings__to__n0="a@example.com")
    await person.press("add:settings.to", settings__to__n1="b@example.com")
    await person.press("remove:settings.to:n0", settings__to__n2="c@example")
    answer = await person.press("save", settings__from="d@example.com", settings__host="smtp.example.com")
    assert "To: is not an e-mail address" not in answer.words
    assert (await stored(fake, "email")).settings.to == ("b@example.com", "c@example")
    hook = await Person.at(admin, "/apps/checkout/destinations/new?channel=webhook")
    await hook.press("add:settings.headers", settings__url="https://example.com/h")
    await hook.press("add:settings.headers", settings__headers__n0__key="X-One")
    fields = {"settings__url": "https://example.com/h", "settings__headers__n0__value": "canary-1"}
    answer = await hook.press("save", settings__headers__n1__value="canary-2", **fields)
    assert "Headers: a name is missing" in answer.words
    answer = await hook.press("save", settings__headers__n1__key="X-One", settings__headers__n1__value="x", **fields)
    assert "Headers: is there twice" in answer.words
    answer = await hook.press("save", settings__headers__n1__key="X-Two", settings__headers__n1__value=None, **fields)
    assert "Headers: type what X-Two is" in answer.words
    await hook.press("save", settings__headers__n1__value="canary-2", **fields)
    after = (await stored(fake, "webhook")).settings
    assert {name: value.get_secret_value() for name, value in after.headers.items()} == {
        "X-One": "canary-1",
        "X-Two": "canary-2",
    }


async def test_a_header_that_is_named_otherwise_has_to_be_typed_again(admin, fake):
    """What is stored for one name is not moved to another; what is left alone stays."""
    hook = await Person.at(admin, "/apps/checkout/destinations/new?channel=webhook")
    await hook.press("add:settings.headers")
    await hook.press("add:settings.headers")
    first = {"settings__headers__n0__key": "X-One", "settings__headers__n0__value": "canary-1"}
    second = {"settings__headers__n1__key": "X-Two", "settings__headers__n1__value": "canary-2"}
    assert (await hook.press("save", settings__url="https://example.com/h", **first, **second)).status == 303
    path = "/apps/checkout/destinations/webhook"
    edit = await Person.at(admin, path)
    answer = await edit.press("save", settings__headers__s0__key="X-Other")
    assert "Headers: type what X-Other is" in answer.words
    edit = await Person.at(admin, path)
    await edit.press("remove:settings.headers:s0")
    assert (await edit.press("save")).status == 303
    after = (await stored(fake, "webhook")).settings
    assert {name: value.get_secret_value() for name, value in after.headers.items()} == {"X-Two": "canary-2"}


async def test_a_test_that_succeeds_resumes_what_is_paused(fake, admin, vendor):
    """By the settings that are saved; by others it only says that they work, and Save begins anew."""
    await fake.redis.hset("bellhop:troubles", mapping={"checkout/ops-room": PAUSED, "checkout/other": PAUSED})
    assert "paused after repeated refusals" in (await admin.get("/apps/checkout")).words
    person = await Person.at(admin, ROOM)
    tested = await person.press("test", settings__room="Another Room")
    assert "configured correctly" in tested.words
    assert "It was paused" not in tested.words
    assert await fake.redis.hexists("bellhop:troubles", "checkout/ops-room")
    tested = await person.press("test", settings__room="Ops Room")
    assert "It was paused, and is not any more." in tested.words
    assert await fake.redis.hkeys("bellhop:troubles") == [b"checkout/other"]
    await fake.redis.hset("bellhop:troubles", "checkout/ops-room", PAUSED)
    vendor.right = OTHER_TOKEN
    assert "not delivered" in (await person.press("test")).words
    assert await fake.redis.hexists("bellhop:troubles", "checkout/ops-room")
    await person.press("save", settings__token=OTHER_TOKEN)
    assert await fake.redis.hkeys("bellhop:troubles") == [b"checkout/other"]


async def test_everything_about_a_destination_can_be_set(fake, admin):
    """Also what is no channel's: enabled, the rate limit, what becomes of a message that drew no answer."""
    person = await Person.at(admin, ROOM)
    fields = {
        "destination__enabled": ["false"],
        "destination__rate_limit": "5/Min",
        "destination__on_ambiguous": "stop",
    }
    await person.press("save", **fields)
    after = await stored(fake, "ops-room")
    assert (after.enabled, after.rate_limit, after.on_ambiguous) == (False, "5/min", OnAmbiguous.STOP)
    person = await Person.at(admin, ROOM)
    assert person.form.value("destination.rate_limit") == "5/min"
    await person.press("save", destination__rate_limit=None, destination__enabled=["false", "true"])
    assert (await stored(fake, "ops-room")).rate_limit == "vendor"
    person = await Person.at(admin, ROOM)
    answer = await person.press("save", destination__on_ambiguous="perhaps")
    assert "must be retry or stop" in answer.words


async def test_saving_what_was_not_changed_changes_nothing(fake, admin):
    """Not even its revision, so that nobody else is told of a change that was none."""
    before = await fake.console.destinations.opened("checkout")
    person = await Person.at(admin, ROOM)
    assert (await person.press("save")).status == 303
    assert "ops-room: nothing was changed." in (await admin.get("/apps/checkout")).words
    assert (await fake.console.destinations.opened("checkout")).revisions == before.revisions


async def test_names_are_not_taken_twice(fake, admin):
    """A suggestion is free; one that is taken is told beside the field, and what has it stays as it is."""
    await Person.at(admin, NEW)
    person = await Person.at(admin, NEW)
    fields = {"settings__room": "1", "settings__token": TOKEN}
    answer = await person.press("save", destination__name="ops-room", **fields)
    assert "Name: there is a destination of that name already" in answer.words
    assert (await stored(fake, "ops-room")).settings.room == "Ops Room"
    assert (await person.press("save", destination__name="hipchat", **fields)).status == 303
    assert (await Person.at(admin, NEW)).form.value("destination.name") == "hipchat-2"


async def test_a_destination_may_be_called_new(fake, admin):
    """Its page is where new ones are made from, and each is found."""
    person = await Person.at(admin, NEW)
    await person.press("save", destination__name="new", settings__room="1", settings__token=TOKEN)
    edit = await Person.at(admin, "/apps/checkout/destinations/new")
    assert edit.form.value("settings.room") == "1"
    await edit.press("save", settings__room="2")
    assert (await stored(fake, "new")).settings.room == "2"
    assert (await Person.at(admin, NEW)).form.value("destination.name") == "hipchat"


async def test_channels_to_choose_from_and_ones_that_are_not(admin):
    """Every channel is offered; what is no channel, app or destination is not found."""
    page = await admin.get("/apps/checkout/destinations/new")
    assert all(f'new?channel={name}"' in page.text for name in CHANNELS)
    for path in (
        "/apps/checkout/destinations/new?channel=telex",
        "/apps/checkout/destinations/nothing",
        "/apps/nobody/destinations/new?channel=hipchat",
        "/apps/nobody",
        "/apps/nobody/delete",
        "/apps/checkout/destinations/nothing/delete",
    ):
        assert (await admin.get(path)).status == 404, path
    person = await Person.at(admin, NEW)
    assert (await person.press("save", channel="telex")).status == 404


async def test_an_address_that_is_refused_is_told_beside_its_field(consoles):
    """Before anything is sent, and by Test in the words of the guard; it may be saved all the same."""
    fake = await consoles([checkout()])
    person = await Person.at(await fake.visitor(), NEW)
    fields = {"settings__room": "1", "settings__token": TOKEN, "settings__base_url": "http://10.0.0.5/"}
    tested = await person.script("test", **fields)
    refusal = "10.0.0.5 is not a public address (private use, RFC 1918)"
    assert refusal in tested["errors"]["settings-base_url"]
    assert refusal in tested["warnings"]["settings-base_url"]
    assert "this address cannot or may not be reached" in tested["html"]
    assert (await person.script("save", **fields))["location"] == "/apps/checkout"
    visitor = person.visitor
    page = await visitor.get("/apps/checkout")
    assert "hipchat was saved, with 1 to look at: base_url: 10.0.0.5 is not a public address" in page.words
    assert refusal in (await visitor.get("/apps/checkout/destinations/hipchat")).words


async def test_what_cannot_be_read_can_be_made_anew(fake, admin):
    """Damaged settings are told as such, and the form to replace them is empty; nothing of them is taken over."""
    await fake.redis.hset(
        "bellhop:app:checkout", "ops-room", orjson.dumps({"v": 2, "channel": "hipchat", "enabled": True})
    )
    assert "cannot be read" in (await admin.get("/apps/checkout")).words
    person = await Person.at(admin, ROOM)
    assert "What is stored cannot be read" in person.page.words
    assert "stored; type to replace" not in person.page.text
    assert "fill in an OAuth2 token" in (await person.press("save", settings__room="1")).words
    assert (await person.press("save", settings__token=TOKEN)).status == 303
    assert (await stored(fake, "ops-room")).settings.room == "1"


async def test_where_nothing_can_be_sealed_it_is_told(fake, admin):
    """A data key that is damaged keeps Save from storing anything, in a sentence."""
    await fake.redis.hset("bellhop:app:checkout", ":key", b"{}")
    person = await Person.at(admin, NEW)
    answer = await person.press("save", settings__room="1", settings__token=TOKEN)
    assert answer.status == 422
    assert "what is stored was altered or damaged" in answer.words


async def test_a_viewer_sees_and_an_editor_changes(fake):
    """A viewer's form has nothing to press; an editor adds, tests and switches, and does not delete."""
    viewer = await fake.logged_in("eve", "checkout", Role.VIEWER)
    page = await viewer.get(ROOM)
    assert page.status == 200
    assert "Ops Room" in page.text
    assert '<fieldset class="plain" disabled>' in page.text
    assert not any(f'id="{button}"' in page.text for button in ("test", "save"))
    listed = await viewer.get("/apps/checkout")
    assert "Add a destination" not in listed.words
    assert 'role="switch"' not in listed.text
    assert (await viewer.get(NEW)).status == 403
    editor = await fake.logged_in("ed", "checkout", Role.EDITOR)
    person = await Person.at(editor, ROOM)
    assert "Delete" not in person.page.words
    assert (await person.press("save", settings__room="By Ed")).status == 303
    assert (await editor.send(f"{ROOM}/enabled", page=ROOM, enabled="false")).status == 303
    assert not (await stored(fake, "ops-room")).enabled
    assert (await editor.get(f"{ROOM}/delete")).status == 403
    assert (await editor.get("/apps/checkout/delete")).status == 403
    assert (await editor.get("/apps/search")).status == 404


async def test_each_action_is_in_the_audit_log(fake, admin):
    """Who, what, where and which fields; the names of secrets, and nothing of what they are."""
    person = await Person.at(admin, NEW)
    fields = {"destination__name": "duty", "settings__room": "1", "settings__token": TOKEN}
    await person.press("test", **fields)
    await person.press("save", **fields)
    edit = await Person.at(admin, "/apps/checkout/destinations/duty")
    await edit.press("test")
    await edit.press("save", settings__room="2", settings__token=OTHER_TOKEN)
    await admin.send("/apps/checkout/destinations/duty/enabled", page=ROOM, enabled="false")
    found = (await fake.console.audit.entries(lambda entry: entry.subject == "duty")).entries
    assert [(entry.what, entry.detail) for entry in found] == [
        ("destination.disabled", ""),
        ("destination.saved", "HipChat room id or name, HipChat token"),
        ("destination.tested", "204: delivered"),
        ("destination.added", "hipchat"),
        ("destination.tested", "204: delivered"),
    ]
    assert {(entry.who, entry.app) for entry in found} == {("admin", "checkout")}
