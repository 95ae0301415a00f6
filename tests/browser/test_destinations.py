"""Destinations in a real browser: HipChat as its page says, every channel by keyboard, two editors, hostile words."""

from __future__ import annotations

import pytest
import pytest_asyncio
from browser.pictures import picture
from browser.test_hostile import markup
from browser.typist import Typist, outcome
from fakes.console import PASSWORD
from fakes.pipeline import checkout, room
from playwright.async_api import expect
from web.bench import OLD_TOKEN, TOKEN, Vendor, stored

from worker import demo
from worker.channels import CHANNELS
from worker.models import App, Destination
from worker.settings_fields import settings_from_pairs
from worker.web.roles import Role

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

HALF_PAST_TWO = 1_767_623_400.0
DESK = {"width": 1280, "height": 800}
PHONE = {"width": 320, "height": 640}
NEW = "/apps/checkout/destinations/new?channel="
ROOM = "/apps/checkout/destinations/ops-room"
LOCAL = ["127.0.0.0/8"]


@pytest_asyncio.fixture(loop_scope="session")
async def fake(consoles):
    """A console that may reach the sandbox."""
    return await consoles([checkout()], allowed_addresses=LOCAL)


async def test_hipchat_as_its_page_says(consoles, invite):
    """From the list of apps: room and token, Test with a wrong and a right token, Save, and there it is."""
    fake = await consoles([App("checkout")], carrier=Vendor(echoes=False), now=lambda: HALF_PAST_TWO)
    guest = await invite(fake, name="admin")
    page = guest.page
    await page.get_by_role("link", name="checkout").click()
    await page.get_by_role("link", name="HipChat", exact=True).last.click()
    await expect(page.get_by_text('First create a user token with "Send Notification" scope')).to_be_visible()
    await page.get_by_role("textbox", name="Name", exact=True).fill("ops-room")
    await page.get_by_label("HipChat room id or name").fill("Ops Room")
    await page.get_by_label("HipChat token").fill(OLD_TOKEN)
    await page.get_by_role("button", name="Test").click()
    await outcome(page, "401: this looks like an OAuth1 token; create an OAuth2 token in Rooms / your room / Tokens")
    await outcome(page, "Authorization: Bearer ***")
    await expect(page.get_by_label("HipChat token")).to_have_value(OLD_TOKEN)
    await expect(page.locator("#settings-token-warning")).to_contain_text("probably an OAuth1 token")
    await picture(page, "console-refused", whole=True)
    await page.get_by_label("HipChat token").fill(TOKEN)
    await page.get_by_role("button", name="Test").click()
    await outcome(page, "204: configured correctly (HipChat answers 200 or 204)")
    await expect(page.locator("#settings-token-warning")).to_be_hidden()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("status")).to_have_text("ops-room was saved.")
    await expect(page.get_by_role("row", name="ops-room")).to_contain_text("Ops Room")
    assert (await stored(fake, "ops-room")).settings.token.get_secret_value() == TOKEN
    await page.get_by_role("link", name="ops-room", exact=True).click()
    await expect(page.get_by_label("HipChat token")).to_have_value("")
    await expect(page.get_by_label("HipChat token")).to_have_attribute("placeholder", "•••• stored; type to replace")


def at_the_sandbox(box):
    """Channel -> (what is typed into which control, what Test says then)."""
    return {
        "hipchat": (
            {"HipChat room id or name": "Ops Room", "HipChat token": demo.TOKEN, "Base URL": box.url},
            "204: configured correctly",
        ),
        "slack": ({"Web hook URL": f"{box.url}/services/T0DEMO/B0DEMO/sandbox"}, "200: configured correctly"),
        "email": (
            {
                "To 1": "on-call@shop.example",
                "From": "bellhop@shop.example",
                "SMTP server": "127.0.0.1",
                "Security": "none",
                "Port": str(box.smtp_port),
                "Enabled": "",
                "Subject prefix": "[shop]",
            },
            "250: configured correctly",
        ),
        "pagerduty": (
            {"Routing key": "demo0key0of0the0sandbox000000000", "API URL": box.url},
            "202: configured correctly",
        ),
        "nagios": (
            {"Via": "nrdp", "URL": f"{box.url}/nrdp/", "Token": "canary-token", "Unknown notification host": "shop"},
            "200: configured correctly",
        ),
        "webhook": (
            {
                "URL": f"{box.url}/hook/shop",
                "Add to Headers": "",
                "Name": "X-Key",
                "Value": "canary-header",
                "Add to Parameters": "",
                "Rate limit": "5/min",
            },
            "204: configured correctly",
        ),
    }


@pytest.mark.parametrize("channel", ["hipchat", "slack", "email", "pagerduty", "nagios", "webhook"])
async def test_every_channel_by_keyboard_alone(fake, box, invite, channel):
    """Type, Test, and Save: each form of each channel, each control with a ring around it, and it is stored."""
    fills, said = at_the_sandbox(box)[channel]
    guest = await invite(fake, name="admin")
    page = await guest.open(f"{NEW}{channel}")
    await page.get_by_role("heading", level=1).wait_for()
    typist = Typist(page)
    await typist.fill([("Name", channel), *fills.items()], until="Test")
    await page.keyboard.press("Enter")
    await outcome(page, said)
    await expect(page.locator(".trial")).to_be_focused()
    await typist.press("Save")
    await expect(page.get_by_role("status")).to_contain_text(f"{channel} was saved")
    destination = await stored(fake, channel)
    assert destination.channel == channel
    assert destination.enabled == ("Enabled" not in fills)
    assert typist.unseen == []
    assert len(box.arrivals.select(None, None, limit=10)) == 1


async def test_rows_come_and_go(fake, box, invite):
    """A row more has the focus; a row less gives it back; what is left is what is saved."""
    guest = await invite(fake, name="admin")
    page = await guest.open(f"{NEW}webhook")
    await page.get_by_label("URL").fill(f"{box.url}/hook/shop")
    headers = page.get_by_role("group", name="Headers")
    for name in ("X-One", "X-Two", "X-Three"):
        await headers.get_by_role("button", name="Add").press("Enter")
        await expect(headers.get_by_label("Name").last).to_be_focused()
        await page.keyboard.type(name)
        await headers.get_by_label("Value").last.fill(f"canary {name}")
    await headers.get_by_role("button", name="Remove").nth(1).click()
    await expect(headers.get_by_role("button", name="Add")).to_be_focused()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("status")).to_contain_text("was saved")
    after = (await stored(fake, "webhook")).settings.headers
    assert {name: value.get_secret_value() for name, value in after.items()} == {
        "X-One": "canary X-One",
        "X-Three": "canary X-Three",
    }
    await page.get_by_role("link", name="webhook", exact=True).click()
    await headers.get_by_label("Name").last.fill("X-Four")
    await page.get_by_role("button", name="Save").click()
    await outcome(page, "Headers: type what X-Four is")
    await page.get_by_role("link", name="Headers: type what X-Four is").click()
    await expect(headers.get_by_label("Value").last).to_be_focused()
    await expect(headers.get_by_label("Value").last).to_have_attribute("aria-invalid", "true")
    await headers.get_by_label("Value").last.fill("canary four")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("status")).to_contain_text("was saved")


async def test_what_belongs_to_another_way_is_out_of_the_way(fake, invite):
    """Nagios by NSCA, NRDP or a file: each shows its own fields, and sends no other's."""
    guest = await invite(fake, name="admin")
    page = await guest.open(f"{NEW}nagios")
    await expect(page.get_by_role("textbox", name="Host", exact=True)).to_be_visible()
    await expect(page.get_by_label("URL")).to_be_hidden()
    await page.get_by_role("textbox", name="Host", exact=True).fill("nagios.example.com")
    await page.get_by_label("Via").select_option("command_file")
    await expect(page.get_by_role("textbox", name="Host", exact=True)).to_be_hidden()
    await page.get_by_label("Path").fill("/run/nagios.cmd")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("status")).to_contain_text("nagios was saved")
    settings = (await stored(fake, "nagios")).settings
    assert (settings.via.value, settings.path, settings.host) == ("command_file", "/run/nagios.cmd", None)


async def test_problems_lead_to_their_fields(fake, invite):
    """The summary has the focus; its links open what is folded away and go to the control, which says what is wrong."""
    guest = await invite(fake, name="admin")
    page = await guest.open(f"{NEW}hipchat")
    await page.get_by_text("More settings").click()
    await page.get_by_label("Rate limit").fill("often")
    await page.get_by_text("More settings").click()
    await page.get_by_label("HipChat room id or name").fill("Ops Room")
    await page.get_by_label("HipChat token").fill("two words")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("alert")).to_be_focused()
    await expect(page.get_by_label("HipChat token")).to_have_value("two words")
    await expect(page.get_by_label("HipChat token")).to_have_accessible_description(
        "must be one word of printable ASCII characters, without spaces: copy it once more "
        "An OAuth2 token with the scope Send Notification: Rooms / your room / Tokens. May be left out where the base "
        "URL holds it."
    )
    await page.get_by_role("link", name="Rate limit: must be off").click()
    await expect(page.get_by_label("Rate limit")).to_be_focused()
    await page.get_by_label("Rate limit").fill("5/min")
    await page.get_by_label("HipChat token").fill(TOKEN)
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("status")).to_contain_text("hipchat was saved")


async def test_cancel_loses_nothing_that_was_saved(fake, invite):
    """Unsaved changes are asked about, by Cancel and by every other way out; saved ones are as they were."""
    guest = await invite(fake, name="admin")
    page = await guest.open(ROOM)
    await page.get_by_role("link", name="Cancel").click()
    await page.wait_for_url("**/apps/checkout")
    await guest.open(ROOM)
    await page.get_by_label("HipChat room id or name").fill("Elsewhere")
    await page.get_by_role("link", name="Cancel").click()
    await expect(page.get_by_role("dialog", name="Leave without saving?")).to_be_visible()
    await page.get_by_role("button", name="Keep editing").click()
    await expect(page.get_by_label("HipChat room id or name")).to_have_value("Elsewhere")
    asked = []

    async def stay(dialog):
        asked.append(dialog.type)
        await dialog.dismiss()

    page.once("dialog", stay)
    await page.get_by_role("link", name="Audit log").click()
    await expect(page.get_by_label("HipChat room id or name")).to_have_value("Elsewhere")
    assert asked == ["beforeunload"]
    await page.get_by_role("link", name="Cancel").click()
    await page.get_by_role("button", name="Discard changes").click()
    await page.wait_for_url("**/apps/checkout")
    assert (await stored(fake, "ops-room")).settings.room == "Ops Room"


async def test_two_editors(consoles, invite):
    """The second is told by whom and what, keeps every word and secret that was typed, and decides."""
    fake = await consoles([checkout()], carrier=Vendor())
    for name in ("ann", "bob"):
        await fake.user(name, "checkout", Role.EDITOR)
    ann, bob = [await invite(fake, ROOM, name=name) for name in ("ann", "bob")]
    await ann.page.get_by_label("HipChat room id or name").fill("War Room")
    await bob.page.get_by_label("HipChat room id or name").fill("On duty")
    await bob.page.get_by_label("HipChat token").fill(TOKEN)
    await ann.page.get_by_role("button", name="Save").click()
    await expect(ann.page.get_by_role("status")).to_have_text("ops-room was saved.")
    await bob.page.get_by_role("button", name="Save").click()
    await outcome(bob.page, "Somebody else has changed it since you opened it")
    await outcome(bob.page, "ann saved it")
    await outcome(bob.page, "now War Room")
    await expect(bob.page.locator("#settings-room-warning")).to_have_text("Now stored: War Room")
    await expect(bob.page.get_by_label("HipChat room id or name")).to_have_value("On duty")
    await expect(bob.page.get_by_label("HipChat token")).to_have_value(TOKEN)
    assert (await stored(fake, "ops-room")).settings.room == "War Room"
    await picture(bob.page, "console-two-editors")
    await bob.page.get_by_role("button", name="Save").click()
    await expect(bob.page.get_by_role("status")).to_have_text("ops-room was saved.")
    assert (await stored(fake, "ops-room")).settings.room == "On duty"


async def test_without_scripts(fake, box, browser, invite):
    """The same buttons send the form: problems, Test, a row more, Save."""
    guest = await invite(fake, java_script_enabled=False, name="admin")
    page = await guest.open(f"{NEW}hipchat")
    await page.get_by_label("HipChat room id or name").fill("Ops Room")
    await page.get_by_label("HipChat token").press("Enter")
    await outcome(page, "fill in an OAuth2 token")
    await expect(page.get_by_label("HipChat room id or name")).to_have_value("Ops Room")
    await page.get_by_label("HipChat token").fill(demo.TOKEN)
    await page.get_by_label("Base URL").fill(box.url)
    await page.get_by_role("button", name="Test").click()
    await outcome(page, "204: configured correctly")
    await expect(page.get_by_text("Type it again").first).to_be_visible()
    await page.get_by_label("HipChat token").fill(demo.TOKEN)
    await page.get_by_label("Base URL").fill(box.url)
    await page.get_by_role("button", name="Save").last.click()
    await expect(page.get_by_role("status")).to_contain_text("hipchat was saved")
    await page.get_by_role("switch", name="Enabled: ops-room").click()
    await expect(page.get_by_role("status")).to_have_text("ops-room is disabled.")
    await guest.open(f"{NEW}email")
    await page.get_by_role("button", name="Add to To").click()
    await expect(page.get_by_role("group", name="To").get_by_role("textbox")).to_have_count(2)
    guest.complaints = [words for words in guest.complaints if "422" not in words]


async def test_an_answer_that_does_not_come_is_told(fake, invite):
    """A console that is away, or that wants a log-in again, loses nothing of what was typed."""
    guest = await invite(fake, ROOM, name="admin")
    page = guest.page
    await page.get_by_label("HipChat token").fill(TOKEN)
    await page.route("**/destinations/ops-room", lambda route: route.abort())
    await page.get_by_role("button", name="Save").click()
    await outcome(page, "The console cannot be reached. Nothing was sent.")
    await page.unroute("**/destinations/ops-room")
    await page.context.clear_cookies()
    await page.get_by_role("button", name="Save").click()
    await outcome(page, "This page is too old to be used")
    await expect(page.get_by_label("HipChat token")).to_have_value(TOKEN)
    guest.complaints = [words for words in guest.complaints if "ERR_FAILED" not in words and "403" not in words]
    await page.evaluate("form.reset()")


async def test_hostile_words(consoles, invite):
    """What somebody planted in settings, results and troubles is shown as text, on every page of the destination."""
    evil = markup("http://127.0.0.1:9")
    options = {"channel": "hipchat"}
    planted = room(rate_limit="vendor")
    settings = planted.settings.model_copy(update={"room": f"\"'>{evil}"[:100], "from_": "</textarea>{{ 7 * 7 }}"})
    object.__setattr__(planted, "settings", settings)
    fake = await consoles([App("checkout", {"ops-room": planted}), App("x" * 64)])
    await fake.redis.hset(
        "bellhop:troubles",
        "checkout/ops-room",
        b'{"until_ms":0,"paused":1000,"why":"<script>window.hacked=1</script>","bad":0,"denied":3}',
    )
    guest = await invite(fake, name="admin")
    for path in (
        "/apps",
        "/apps/checkout",
        ROOM,
        f"{ROOM}/delete",
        f"/apps/checkout?{'&'.join(f'{k}={v}' for k, v in options.items())}",
    ):
        page = await guest.open(path)
        assert await page.evaluate("window.hacked") is None, path
        assert await page.locator("main img, main svg, main iframe, main script").count() == 0
    await guest.open(ROOM)
    await expect(page.get_by_label("HipChat room id or name")).to_have_value(settings.room)
    await page.get_by_label("HipChat room id or name").fill(f"{evil}"[:200])
    await page.get_by_role("button", name="Save").click()
    await outcome(page, "at most 100 characters")
    await page.get_by_label("HipChat room id or name").fill("<b>room</b>")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("row", name="ops-room")).to_contain_text("<b>room</b>")
    assert await page.evaluate("window.hacked") is None


def furnished():
    """Destinations of three channels, one of which is off, and an app whose destination has a long name."""
    mail = {"to": "on-call@shop.example", "from": "bellhop@shop.example", "host": "mail.shop.example"}
    kinds = [("on-call", "email", mail), ("pager", "pagerduty", {"routing_key": "a1" * 16})]
    made = [
        Destination("checkout", name, kind, settings_from_pairs(pairs, CHANNELS[kind])) for name, kind, pairs in kinds
    ]
    long = "second-with-a-rather-long-name-that-goes-on-and-on-and-on-and"
    return [
        checkout(room(), room("quiet", enabled=False), *made),
        App("empty"),
        App("long", {long: room(long, app="long", enabled=False)}),
    ]


@pytest.mark.parametrize(("viewport", "scheme"), [(DESK, "light"), (PHONE, "dark")], ids=["desk", "phone"])
async def test_no_barriers(consoles, invite, viewport, scheme):
    """On none of these pages axe finds anything, whatever came of Test and Save, and none scrolls sideways."""
    fake = await consoles(furnished(), carrier=Vendor())
    await fake.redis.hset(
        "bellhop:troubles",
        "checkout/ops-room",
        b'{"until_ms":0,"paused":1000,"why":"401 Invalid OAuth session","bad":0,"denied":3}',
    )
    guest = await invite(fake, name="admin", color_scheme=scheme, viewport=viewport)
    page, found, wide = guest.page, {}, {}
    paths = ["/apps", "/apps?q=zzz", "/apps/empty", "/apps/long", "/apps/checkout", "/apps/checkout?channel=slack"]
    paths += [f"{ROOM}/delete", "/apps/checkout/delete", "/apps/checkout/destinations/new"]
    forms = [ROOM, *(f"{NEW}{channel}" for channel in ("hipchat", "slack", "email", "pagerduty", "nagios", "webhook"))]
    for path in [*paths, *forms]:
        await guest.open(path)
        if path in forms:
            await page.evaluate("document.querySelector('details').open = true")
        found[path], wide[path] = await guest.barriers(), await guest.width()
    await page.get_by_role("group", name="Headers").get_by_role("button", name="Add").click()
    await page.get_by_role("button", name="Save").click()
    await outcome(page, "to put right")
    found["problems"], wide["problems"] = await guest.barriers(), await guest.width()
    await page.evaluate("form.reset()")
    await guest.open(f"{NEW}hipchat")
    await page.get_by_label("HipChat room id or name").fill("r" * 100)
    await page.get_by_label("HipChat token").fill(TOKEN)
    await page.get_by_role("button", name="Test").click()
    await outcome(page, "configured correctly")
    found["tested"], wide["tested"] = await guest.barriers(), await guest.width()
    await page.get_by_role("link", name="Cancel").click()
    found["leaving"] = await guest.barriers()
    await page.get_by_role("button", name="Discard changes").click()
    await page.wait_for_url("**/apps/checkout")
    assert {path: barriers for path, barriers in found.items() if barriers} == {}
    assert {path: width for path, width in wide.items() if width > viewport["width"]} == {}
    if viewport == DESK:
        await picture(page, "console-app", whole=True)


async def test_a_viewers_form(consoles, invite):
    """Everything but secrets is there to see, and nothing to press."""
    fake = await consoles([checkout()], web_password=PASSWORD)
    await fake.user("eve", "checkout", Role.VIEWER)
    guest = await invite(fake, ROOM, name="eve")
    await expect(guest.page.get_by_label("HipChat room id or name")).to_be_disabled()
    await expect(guest.page.get_by_role("button", name="Save")).to_have_count(0)
    await guest.page.get_by_role("link", name="Back").click()
    await expect(guest.page.get_by_role("switch")).to_have_count(0)
