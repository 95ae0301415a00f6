"""Pictures at their addresses: for whoever has one, for nobody else, and never for longer than it takes."""

from __future__ import annotations

import pytest
from aiohttp import web
from fakes.console import PASSWORD
from fakes.renderer import PNG, FakeRenderer

from worker.events import dump_event
from worker.models import Event, Metric
from worker.pictures.album import Album
from worker.pictures.gallery import Gallery
from worker.pictures.links import make_token
from worker.web import login
from worker.web.areas import AREAS, Area
from worker.web.picture_pages import ADDRESS, Allowance, PicturePages

NOW = 1_795_442_700.0
KEY, OLD_KEY = b"k" * 32, b"o" * 32
METRIC = Metric("used", points=((NOW - 60, 1.0), (NOW, 2.0)))


def event(**changes) -> Event:
    """One with a metric."""
    usual = {"app": "checkout", "id": "e/1", "title": "t", "occurred_at": NOW, "received_at": NOW, "dedup_key": "d"}
    return Event(**(usual | {"metric": METRIC} | changes))


def address(app="checkout", event_id="e/1", key=KEY, until=NOW + 9) -> str:
    """Where its picture is."""
    return f"/pictures/{make_token(key, app, event_id, int(until))}.png"


@pytest.fixture
async def make_showing(consoles):
    """Start a console with an album, and keep events in its Redis; log-in is required."""

    async def make(*events, renderer=None, **options):
        album = Album(Gallery(renderer or FakeRenderer()), (KEY, OLD_KEY))
        options = {"web_password": PASSWORD, "now": lambda: NOW, **options}
        fake = await consoles(**{"areas": AREAS, "album": album, **options})
        for each in events or (event(),):
            kept = f"1-0\t{NOW * 1000:.0f}\t\t\n".encode() + dump_event(each)
            await fake.redis.set(f"bellhop:event:{each.app}/{each.id}", kept)
        return fake

    return make


async def read(visitor, path):
    """Status, headers and the very bytes."""
    async with visitor.session.get(f"{visitor.url}{path}", allow_redirects=False) as answer:
        return answer.status, answer.headers, await answer.read()


async def test_whoever_has_the_address_sees_the_picture(make_showing):
    """Without a log-in, with headers by which vendors may show and keep it and nobody is led to run anything."""
    renderer = FakeRenderer()
    visitor = await (await make_showing(renderer=renderer)).visitor()
    status, headers, body = await read(visitor, address())
    assert (status, headers["Content-Type"], body) == (200, "image/png", PNG)
    assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"].startswith("public, max-age=")
    assert "Set-Cookie" not in headers
    assert (await read(visitor, address(key=OLD_KEY)))[0] == 200
    assert len(renderer.asked) == 1


@pytest.mark.parametrize(
    "path",
    [
        address(key=b"x" * 32),
        address(until=NOW - 86_400),
        address(event_id="other"),
        address(app="search"),
        address()[:-6] + "AA.png",
        "/pictures/.png",
        "/pictures/x.png",
        "/pictures/" + "A" * 5000 + ".png",
        address()[:-4],
        "/pictures/../apps",
        "/pictures/%2e%2e/apps",
    ],
    ids=["forged", "too late", "no event", "no app", "changed", "empty", "short", "long", "no png", "up", "encoded up"],
)
async def test_any_other_address_shows_nothing(make_showing, path):
    """And does not say what was wrong with it; nothing is drawn, and no page is to be had this way."""
    renderer = FakeRenderer()
    visitor = await (await make_showing(renderer=renderer)).visitor()
    status, headers, body = await read(visitor, path)
    assert status in {404, 303}
    assert status == 404 or headers["Location"].startswith("/login")
    assert PNG not in body
    assert renderer.asked == []


async def test_an_event_without_points_has_no_picture(make_showing):
    """Nor has one without a metric."""
    fake = await make_showing(event(id="a", metric=None), event(id="b", metric=Metric("used")))
    visitor = await fake.visitor()
    assert [(await read(visitor, address(event_id=each)))[0] for each in "ab"] == [404, 404]


async def test_an_event_that_cannot_be_read_has_no_picture(make_showing):
    """404 as for any other address, and no defect."""
    fake = await make_showing()
    await fake.redis.set("bellhop:event:checkout/e/1", b"1-0\t0\t\t\n{")
    assert (await read(await fake.visitor(), address()))[0] == 404


async def test_what_cannot_be_drawn_now_may_be_later(make_showing):
    """503 and when to come again; it is not kept."""
    visitor = await (await make_showing(renderer=FakeRenderer(resting=True))).visitor()
    status, headers, _ = await read(visitor, address())
    assert (status, headers["Retry-After"], headers["Cache-Control"]) == (503, "10", "no-store")


async def test_nobody_can_ask_without_end(make_showing):
    """One address fetched over and over is refused for a while; what is no address of ours does not count."""

    def twice(console):
        return [web.get(ADDRESS, PicturePages(console, console.album, Allowance(0.0, 2.0)).show)]

    visitor = await (await make_showing(areas=(Area(login.routes), Area(twice)))).visitor()
    asked = ["/pictures/x.png", address(), "/pictures/y.png", address(), address()]
    assert [(await read(visitor, path))[0] for path in asked] == [404, 200, 404, 200, 429]


def test_an_allowance_fills_up_again():
    """As time goes by, and never beyond what it began with."""
    allowance = Allowance(2.0, 3.0)
    assert [allowance.take(100.0) for _ in range(4)] == [True, True, True, False]
    assert [allowance.take(100.5), allowance.take(100.5)] == [True, False]
    assert [allowance.take(200.0) for _ in range(4)] == [True, True, True, False]


async def test_an_address_is_in_no_log(make_showing, capsys):
    """Who reads the access log has no business with the picture."""
    path = address()
    await read(await (await make_showing()).visitor(), path)
    said = "".join(capsys.readouterr())
    assert "/pictures/…" in said
    assert path[10:30] not in said


async def test_without_pictures_there_is_no_such_address(consoles):
    """Switched off, or not installed: the same answer as for any address that is not there."""
    visitor = await (await consoles(areas=AREAS, pictures=False)).visitor()
    assert (await read(visitor, address()))[0] == 404


async def test_the_album_is_closed_with_the_console(make_showing):
    """No process is left behind."""
    renderer = FakeRenderer()
    fake = await make_showing(renderer=renderer)
    await fake.stack.aclose()
    assert renderer.closed
