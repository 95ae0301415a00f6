"""The gallery: each picture once, nobody waits beyond his bound, and the illustrator on top of it never fails."""

from __future__ import annotations

import asyncio

import pytest
from fakes.renderer import PNG
from pictures.conftest import NOW
from structlog.testing import capture_logs

from config.settings import Settings
from security.defective import CHANNEL as CRASHING
from security.defective import SAMPLE, CrashingSettings
from worker.channels import CHANNELS
from worker.keys import NO_KEYS, MasterKeys
from worker.models import Notice
from worker.pictures.gallery import KEPT, WAITING, Gallery
from worker.pictures.illustrator import Illustrator, illustrator
from worker.pictures.links import Links

MAIL = CHANNELS["email"].settings.model_validate({"to": "a@example.com", "from": "b@example.com", "host": "h"})
SLACK = CHANNELS["slack"].settings.model_validate({"webhook_url": "https://hooks.slack.example/services/a/b/c"})
LONG_S = 30.0


def notice_of(event):
    """A first attempt at an event."""
    return Notice(event=event, delivery_id=f"x/{event.app}/y/{event.id}", attempt=1, now=NOW)


async def test_a_picture_is_drawn_once_for_all_who_want_it(fake_renderer, make_event):
    """Several destinations, several attempts: one drawing, while it is under way and after."""
    renderer = fake_renderer(takes_s=0.02)
    gallery = Gallery(renderer)
    both = await asyncio.gather(gallery.picture(make_event(), LONG_S), gallery.picture(make_event(), LONG_S))
    assert [*both, await gallery.picture(make_event(), 0.0)] == [PNG] * 3
    assert len(renderer.asked) == 1


async def test_nobody_waits_longer_than_he_said(fake_renderer, make_event):
    """What is not ready by then is not there, but is for the next attempt."""
    renderer = fake_renderer(takes_s=0.1)
    gallery = Gallery(renderer)
    assert await gallery.picture(make_event(), 0.0) == b""
    assert await gallery.picture(make_event(), LONG_S) == PNG
    assert len(renderer.asked) == 1


async def test_while_the_process_starts_a_little_more_is_waited(fake_renderer, make_event):
    """Else the first alert of a night had no picture; once it has been starting for long, no more."""
    assert await Gallery(fake_renderer(takes_s=0.1, up=False)).picture(make_event(), 0.0) == PNG
    late = fake_renderer(takes_s=LONG_S, up=False, starting_s=9.0)
    gallery = Gallery(late)
    async with asyncio.timeout(LONG_S / 2):
        assert await gallery.picture(make_event(), 0.0) == b""
    await gallery.close()
    assert late.closed


async def test_in_a_storm_the_first_ones_get_theirs_and_the_others_do_not_wait(fake_renderer, make_event):
    """Who could not have it in time is told so at once, and leaves the renderer to those who can."""
    renderer = fake_renderer(takes_s=LONG_S)
    gallery = Gallery(renderer)
    storm = [asyncio.create_task(gallery.picture(make_event(id=str(n)), 0.35)) for n in range(100)]
    assert await asyncio.gather(*storm) == [b""] * 100
    assert len(renderer.asked) == 3
    await gallery.close()


async def test_those_who_wait_are_counted(fake_renderer, make_event):
    """Not more than so many, however patient they are."""
    renderer = fake_renderer(takes_s=LONG_S, up=False, starting_s=9.0)
    gallery = Gallery(renderer)
    await asyncio.gather(*(gallery.picture(make_event(id=str(n)), 0.0) for n in range(100)))
    assert len(renderer.asked) == WAITING
    await gallery.close()


async def test_only_the_latest_are_kept(fake_renderer, make_event):
    """Memory is bounded."""
    gallery = Gallery(fake_renderer())
    for n in range(KEPT + 20):
        await gallery.picture(make_event(id=str(n)), LONG_S)
    assert len(gallery._pictures) == KEPT


async def test_who_rests_is_not_asked(fake_renderer, make_event):
    """A renderer that failed too often costs nobody any time."""
    renderer = fake_renderer(resting=True)
    assert await Gallery(renderer).picture(make_event(), LONG_S) == b""
    assert renderer.asked == []


@pytest.mark.parametrize("fails", ["no picture", "defect"])
async def test_a_failure_is_no_picture_and_is_not_kept(fake_renderer, make_event, no_picture, fails):
    """The next attempt asks again."""
    renderer = fake_renderer(problem=no_picture if fails == "no picture" else RuntimeError("a defect"))
    gallery = Gallery(renderer)
    assert await gallery.picture(make_event(), LONG_S) == b""
    assert await gallery.picture(make_event(), LONG_S) == b""
    assert len(renderer.asked) == 2


async def test_a_mail_gets_the_picture_and_slack_its_address(fake_renderer, make_event):
    """Each channel what it can show, and words for those who do not see it."""
    renderer = fake_renderer()
    draws = Illustrator(Gallery(renderer), Links("https://alerts.example.com", [b"k" * 32]), LONG_S)
    mail = await draws.illustrated(notice_of(make_event()), CHANNELS["email"], MAIL)
    assert (mail.picture.png, mail.picture.url) == (PNG, "")
    assert mail.picture.alt == "Chart of avg(used) > 1.07 GB for 300 s, now 1.46 GB, app shop"
    slack = await draws.illustrated(notice_of(make_event()), CHANNELS["slack"], SLACK)
    assert slack.picture.png == b""
    assert slack.picture.url.startswith("https://alerts.example.com/pictures/")
    assert len(renderer.asked) == 1


@pytest.mark.parametrize("what", ["no metric", "no points", "nagios", "no address", "switched off"])
async def test_what_has_nothing_to_show_is_left_alone(fake_renderer, make_event, what):
    """The very same notice, and the renderer is not asked."""
    renderer = fake_renderer()
    draws = Illustrator(Gallery(renderer), None, LONG_S)
    event = make_event(metric={"points": ()}) if what == "no points" else make_event()
    if what == "no metric":
        event = make_event(rule="x")
        event = type(event)(**{**{f: getattr(event, f) for f in event.__struct_fields__}, "metric": None})
    channel, settings = {
        "nagios": (CHANNELS["nagios"], None),
        "no address": (CHANNELS["slack"], SLACK),
        "switched off": (CHANNELS["email"], MAIL.model_copy(update={"picture": False})),
    }.get(what, (CHANNELS["email"], MAIL))
    notice = notice_of(event)
    assert await draws.illustrated(notice, channel, settings) is notice
    assert renderer.asked == []


async def test_a_defect_costs_the_picture_and_not_the_alert(make_event):
    """Whatever is wrong with the gallery, the notice comes back."""

    class Broken:
        async def picture(self, _event, _within_s):
            raise RuntimeError("a defect")

    notice = notice_of(make_event())
    assert await Illustrator(Broken(), None, 0.0).illustrated(notice, CHANNELS["email"], MAIL) is notice


async def test_a_channel_that_fails_shows_no_secret(fake_renderer, make_event):
    """What it quotes in its exception is stars in the log, and the alert goes out without a picture."""
    settings = CrashingSettings.model_validate(SAMPLE | {"where": "shows", "token": "a-canary-of-a-length"})
    draws, notice = Illustrator(Gallery(fake_renderer()), None, LONG_S), notice_of(make_event())
    with capture_logs() as lines:
        assert await draws.illustrated(notice, CRASHING, settings) is notice
    assert [line["event"] for line in lines] == ["picture.crashed"]
    assert "no picture with ***" in lines[0]["exception"]
    assert "canary" not in str(lines)


def test_the_settings_decide_whether_there_are_pictures(tmp_path):
    """Off is off; and without a public address or a key there are no links, but pictures all the same."""
    keys, address = MasterKeys([b"k" * 32]), "https://alerts.example.com"
    assert illustrator(Settings(pictures=False), keys) is None
    assert illustrator(Settings(state_dir=tmp_path), keys)._links is None
    assert illustrator(Settings(state_dir=tmp_path, web_public_url=address), NO_KEYS)._links is None
    assert illustrator(Settings(state_dir=tmp_path, web_public_url=address), keys)._links is not None
