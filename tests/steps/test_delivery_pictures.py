"""Step 3 with pictures: whatever becomes of the picture, the alert goes out."""

from __future__ import annotations

import asyncio
from dataclasses import replace as replace_field

import pytest
from fakes.pipeline import room
from msgspec.structs import replace

from worker.channels.hipchat import MessageFormat
from worker.models import Picture

METRIC = {"name": "used", "value": 2.5, "points": [[1_795_442_700, 1.0], [1_795_442_760, 2.5]]}


class FakeIllustrator:
    """Adds an address, and notes for whom."""

    def __init__(self) -> None:
        self.asked = []

    async def illustrated(self, notice, channel, settings):
        self.asked.append((notice.event.id, channel.name, settings.room))
        return replace(notice, picture=Picture(alt="a chart", url="https://alerts.example.com/pictures/x.png"))


@pytest.fixture
def illustrator():
    """One that answers at once."""
    return FakeIllustrator()


@pytest.fixture
def pictured(make_pipeline, illustrator):
    """A pipeline whose room shows cards, with an illustrator: that one, or another."""

    def make(other=None):
        destination = room()
        shown = destination.settings.model_copy(update={"message_format": MessageFormat.HTML})
        return make_pipeline(replace_field(destination, settings=shown), illustrator=other or illustrator)

    return make


async def test_an_event_with_a_metric_gets_its_picture(pictured, illustrator, event):
    """It is asked for with the destination's own settings, and is in what is carried."""
    pipeline = pictured()
    await pipeline.send(event(metric=METRIC))
    await pipeline.deliver()
    assert illustrator.asked == [("e1", "hipchat", "Ops Room")]
    assert b"https://alerts.example.com/pictures/x.png" in pipeline.carrier.carried[0].body


async def test_an_event_without_a_metric_is_not_asked_for(pictured, illustrator, event):
    """The usual alert pays nothing for pictures."""
    pipeline = pictured()
    await pipeline.send(event())
    await pipeline.deliver()
    assert illustrator.asked == []
    assert len(pipeline.carrier.carried) == 1


async def test_a_delivery_that_waits_for_its_picture_delays_no_other(pictured, event):
    """Each waits for its own, and nobody's task for all."""
    ready = asyncio.Event()

    class Slow(FakeIllustrator):
        async def illustrated(self, notice, _channel, _settings):
            await ready.wait()
            return notice

    pipeline = pictured(Slow())
    await pipeline.send(event(id="slow", metric=METRIC), event(id="quick", title="Another", dedup_key="other"))
    delivering = asyncio.create_task(pipeline.deliver())
    while not await pipeline.all_results():
        await asyncio.sleep(0.01)
    assert [result["event_id"] for result in await pipeline.all_results()] == ["quick"]
    ready.set()
    await delivering
    assert [result["event_id"] for result in await pipeline.all_results()] == ["quick", "slow"]


async def test_a_worker_that_stops_hands_back_what_waits_for_a_picture(pictured, event):
    """It is delivered by another worker, as anything that was in flight."""

    class Never(FakeIllustrator):
        async def illustrated(self, _notice, _channel, _settings):
            await asyncio.Event().wait()

    pipeline = pictured(Never())
    await pipeline.send(event(metric=METRIC))
    delivering = asyncio.create_task(pipeline.deliver())
    while not pipeline.deliverer.leases:
        await asyncio.sleep(0.01)
    assert await pipeline.deliverer.drain(0.0) == 1
    await delivering
    assert pipeline.carrier.carried == []
    assert (await pipeline.ledger.counts())["owed"] == 1
