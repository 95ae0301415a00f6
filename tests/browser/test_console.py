"""The console's frame in a real browser: logging in and out, its two looks, keyboard, phone, and no barriers."""

from __future__ import annotations

import pytest
from browser.test_keyboard import walk
from fakes.console import PASSWORD
from fakes.pipeline import checkout, room
from playwright.async_api import expect

from worker.models import App
from worker.web.roles import Role, User

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

DESK = {"width": 1280, "height": 800}
PHONE = {"width": 320, "height": 640}
REACHABLE = """[...document.querySelectorAll("a[href], button:enabled, input, select, textarea, summary")]
  .filter((each) => each.type !== "hidden" && each.checkVisibility() && each.tabIndex >= 0).length"""
PAGES = ("/api", "/apps", "/audit", "/account", "/styleguide")
LONG = App("a-name-of-64-characters-" + "x" * 40, {"second": room("second", app="x")})


async def furnished(consoles):
    """A console with apps, a user and an audit log that have long names."""
    fake = await consoles([checkout(room(), room("second", enabled=False)), LONG])
    await fake.user("w" * 64, "checkout", Role.EDITOR)
    who = User("w" * 64, address="2001:db8:1111:2222:3333:4444:5555:6666")
    await fake.console.audit.record(who, "destination.saved", app=LONG.name, subject="s" * 100, detail="d " * 100)
    return fake


async def test_log_in_and_out(consoles, invite):
    """A wrong password is told, the right one opens what was asked for, and after the log-out nothing is left."""
    guest = await invite(await consoles(), "/audit?who=admin")
    page = guest.page
    await expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
    await guest.log_in("admin", "not the password")
    await expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    await expect(page.get_by_label("Password")).to_be_focused()
    await guest.log_in("admin", PASSWORD)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Audit log")
    await expect(page.get_by_label("Who")).to_have_value("admin")
    await page.get_by_role("button", name="Log out").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
    await page.go_back()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
    guest.complaints = [words for words in guest.complaints if "403" not in words]  # of the wrong password


async def test_by_keyboard_alone(consoles, invite):
    """The skip link comes first; names, password and Enter log in; every control is reached, with a ring around it."""
    guest = await invite(await consoles(), "/login")
    page = guest.page
    await expect(page.get_by_label("Name")).to_be_focused()
    await page.keyboard.type("admin")
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Apps")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("main")).to_be_focused()
    for path in PAGES:
        await guest.open(path)
        stops = await walk(page)
        there = await page.evaluate(REACHABLE)
        assert len([stop for stop in stops if stop["tag"] != "DIV"]) == there, path
        assert [stop for stop in stops if not stop["seen"]] == [], path


async def test_light_and_dark(consoles, invite):
    """The browser's own scheme holds until the switch is pressed; then the choice, on every page."""
    fake = await consoles()
    guest = await invite(fake, name="admin", color_scheme="dark")
    page, switch = guest.page, guest.page.get_by_role("button", name="Dark colours")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = await page.evaluate(ground)
    await expect(switch).to_have_attribute("aria-pressed", "true")
    await switch.click()
    await expect(switch).to_have_attribute("aria-pressed", "false")
    light = await page.evaluate(ground)
    assert light != dark
    await guest.open("/audit")
    assert await page.evaluate("document.documentElement.dataset.theme") == "light"
    assert await page.evaluate(ground) == light
    await switch.press("Enter")
    assert await page.evaluate(ground) == dark
    # Chromium writes cookies from another process, so a reload at once could still send the old one.
    await page.wait_for_function("!document.cookie.includes('bellhop-theme')")
    await page.reload()
    assert await page.evaluate(ground) == dark
    await page.emulate_media(color_scheme="light")
    assert await page.evaluate(ground) == light, "back to the browser's own scheme, whatever that is"


@pytest.mark.parametrize(("viewport", "scheme"), [(DESK, "light"), (PHONE, "dark")], ids=["desk", "phone"])
async def test_no_barriers(consoles, invite, viewport, scheme):
    """On no page axe finds anything, in both schemes, on a desk and on a phone; and none scrolls sideways."""
    fake = await furnished(consoles)
    guest = await invite(fake, "/login", color_scheme=scheme, viewport=viewport)
    found = {"/login": await guest.barriers()}
    await guest.log_in("w" * 64, "not the password")
    await expect(guest.page.get_by_role("alert")).to_be_visible()
    found["a wrong password"] = await guest.barriers()
    await guest.log_in("w" * 64, PASSWORD)
    await expect(guest.page.get_by_role("button", name="Log out")).to_be_visible()
    await guest.open("/account")
    await guest.page.get_by_role("button", name="Change").click()
    await expect(guest.page.get_by_text("at least 10 characters").first).to_be_visible()
    found["a short password"] = await guest.barriers()
    wide = {"the account": await guest.width()}
    await guest.page.get_by_role("button", name="Log out").click()
    await guest.log_in("admin", PASSWORD)
    await expect(guest.page.get_by_role("link", name="admin")).to_be_visible()
    for path in (*PAGES, "/audit?app=nothing", "/nothing", "/fail/bug"):
        await guest.open(path)
        found[path] = await guest.barriers()
        wide[path] = await guest.width()
    assert {path: barriers for path, barriers in found.items() if barriers} == {}
    assert {path: width for path, width in wide.items() if width > viewport["width"]} == {}
    statuses = ("403", "404", "422", "500")
    guest.complaints = [words for words in guest.complaints if not any(status in words for status in statuses)]


async def test_only_our_own_scripts_run(consoles, invite):
    """What a page might be tricked into holding is not run, loaded, sent or framed: the policy is in force."""
    guest = await invite(await consoles(), name="admin")
    await guest.page.evaluate(
        """() => {
          const made = (html) => document.createRange().createContextualFragment(html);
          const add = (html) => document.querySelector("main").append(made(html));
          add("<script>window.ran = true</script>");
          add("<img src='/static/icon.svg' onload='window.ran = true'>");
          add("<a id='leads' href='javascript:window.ran = true'>x</a>");
          add("<iframe src='https://evil.example/'></iframe>");
          add("<p id='styled' style='color: rgb(1, 2, 3)'>x</p>");
          document.getElementById("leads").click();
          fetch("https://evil.example/").catch(() => { window.refused = true; });
        }"""
    )
    await guest.page.wait_for_function("window.refused")
    assert await guest.page.evaluate("window.ran") is None
    assert await guest.page.evaluate("getComputedStyle(document.getElementById('styled')).color") != "rgb(1, 2, 3)"
    assert any("Content Security Policy" in words for words in guest.complaints)
    guest.pardon()


async def test_a_viewer_sees_what_is_theirs(consoles, invite):
    """A viewer of one app finds that app alone, and nothing of who did what."""
    fake = await furnished(consoles)
    await fake.user("eve", "checkout", Role.VIEWER)
    guest = await invite(fake, name="eve")
    await expect(guest.page.get_by_role("rowheader")).to_have_text(["checkout"])
    await guest.open("/audit")
    await expect(guest.page.get_by_text("Nothing that fits")).to_be_visible()
