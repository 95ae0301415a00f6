"""Step 2: events become what is owed."""

from __future__ import annotations

import json

import pytest
from fakes.pipeline import Pipeline, checkout, room
from hypothesis import example, given
from hypothesis import strategies as st

from worker.dispatch import AT_ONCE, Dispatcher, arrival
from worker.events import KnownEvents
from worker.models import App, Destination


async def test_an_event_is_owed_to_every_enabled_destination(make_pipeline, event):
    """One reference per enabled destination is published, and stands in the ledger."""
    pipeline = make_pipeline(room("a"), room("b"))
    report = await pipeline.send(event())
    assert sorted(pipeline.published) == ["hipchat/checkout/a/e1", "hipchat/checkout/b/e1"]
    assert report.as_result()["summary"] == "1 events: 2 deliveries owed, 0 skipped"
    assert (await pipeline.ledger.counts())["woken"] == 2


async def test_a_disabled_destination_is_skipped_with_that_reason(make_pipeline, event):
    """The result says skipped, disabled, and how to enable it; nothing is owed."""
    pipeline = make_pipeline(room(enabled=False))
    await pipeline.send(event())
    (result,) = await pipeline.all_results()
    assert (result["outcome"], result["reason"], result["attempts"]) == ("skipped", "disabled", 0)
    assert "bellhop destinations enable checkout ops-room" in result["detail"]
    assert pipeline.published == []


async def test_an_unknown_app_is_rejected_in_words(make_pipeline, event):
    """An event for an app that nobody configured is kept on the rejected stream, and says what to do."""
    pipeline = make_pipeline()
    report = await pipeline.send(event(app="nobody"), event())
    (rejected,) = await pipeline.records.rejected(10)
    assert "bellhop apps apply" in rejected["error"]
    assert json.loads(rejected["event"])["app"] == "nobody"
    assert report.owed == 1


async def test_one_bad_event_does_not_stop_its_batch(make_pipeline, event):
    """What cannot be read is rejected by itself; the events around it are delivered."""
    pipeline = make_pipeline()
    bad = b'{"app": "checkout", "title": "\xff"}'.decode("utf-8", "surrogateescape")
    await pipeline.send(event(id="1", title="a"), "nonsense", bad, event(id="2", title="b"))
    assert len(pipeline.published) == 2
    rejected = await pipeline.records.rejected(10)
    assert ["not JSON in UTF-8" in each["error"] for each in rejected] == [True, True]
    assert "nonsense" in {each["event"] for each in rejected}


async def test_a_long_list_is_dispatched_part_by_part(make_pipeline, event):
    """Of a Celery producer's thousands each event is owed and each non-event rejected, and named by its place."""
    pipeline = make_pipeline()
    given = [event(id=f"e{i}", dedup_key=str(i)) if i % 2 else i for i in range(3 * AT_ONCE)]
    report = await pipeline.send(*given)
    assert (report.events, report.owed, len(report.rejected)) == (3 * AT_ONCE, 1.5 * AT_ONCE, 1.5 * AT_ONCE)
    assert await pipeline.redis.hget("t:busy", "checkout/ops-room") == b"50"
    assert await pipeline.redis.zcard("t:queue:checkout/ops-room") == 1.5 * AT_ONCE - 50
    assert report.rejected[-1].startswith(f"celery:task-{3 * AT_ONCE - 2}: event: must be a JSON object")


@pytest.mark.parametrize("depth", [100, 900, 20_000])
@pytest.mark.parametrize("leaf", [[], {}])
async def test_what_is_nested_too_deep_is_rejected_as_far_as_it_can_be_written(make_pipeline, event, depth, leaf):
    """A list, and an event of an unknown app, nested without end cost neither the task nor the event beside them."""
    pipeline = make_pipeline()
    for _ in range(depth):
        leaf = [leaf] if isinstance(leaf, list) else {"a": leaf}
    report = await pipeline.send([leaf], event(more=leaf), event(app="nobody", title=leaf), event(id="good"))
    assert (report.owed, len(report.rejected)) == (1, 3)
    assert "extra: must not be nested deeper than 32 levels" in report.rejected[1]


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=128))
@example("a|b/c=d e,%-{}[]*?\\\"'`")
@example("1-1")
@example("🔥" * 128)
async def test_ids_of_any_characters_are_delivered_once(event_id):
    """What an id may hold means nothing to the ledger's own separators and patterns; what it may not is rejected."""
    pipeline = Pipeline([checkout()])
    try:
        await pipeline.send({"app": "checkout", "id": event_id, "title": "t"})
        await pipeline.deliver()
        results = [(result["event_id"], result["outcome"]) for result in await pipeline.all_results()]
        rejected = await pipeline.records.rejected(10)
        assert results == ([(event_id, "delivered")] if event_id.isprintable() else [])
        assert len(rejected) == (not event_id.isprintable())
        assert sum((await pipeline.ledger.counts()).values()) == 0
    finally:
        await pipeline.close()


async def test_the_same_id_again_yields_no_second_set(make_pipeline, event):
    """An id counts once; the repetition is kept on the rejected stream with the entry that came first."""
    pipeline = make_pipeline()
    await pipeline.send(event(), entries=["5-0"])
    report = await pipeline.send(event(title="again"), entries=["6-0"])
    assert report.repeated == ["checkout/e1"]
    assert len(pipeline.published) == 1
    (rejected,) = await pipeline.records.rejected(10)
    assert "was seen before, on entry 5-0" in rejected["error"]


async def test_the_same_entry_again_is_only_a_message_that_came_twice(make_pipeline, event):
    """A doubled Celery message does nothing, and is no fault of the producer's."""
    pipeline = make_pipeline()
    await pipeline.send(event(), entries=["5-0"])
    report = await pipeline.send(event(), entries=["5-0"])
    assert report.repeated == []
    assert len(pipeline.published) == 1
    assert await pipeline.records.rejected(10) == []


async def test_the_same_id_in_another_app_is_another_event(make_pipeline, event):
    """One app's ids cannot swallow another's alerts."""
    pipeline = make_pipeline()
    await pipeline.destinations.save([App("search", {"ops-room": room(app="search")})])
    await pipeline.send(event(), event(app="search"))
    assert sorted(pipeline.published) == ["hipchat/checkout/ops-room/e1", "hipchat/search/ops-room/e1"]


async def test_dispatch_takes_the_entry_off_the_stream_in_the_same_step(make_pipeline, event):
    """An event is in the stream or in the ledger, never in both and never in neither."""
    pipeline = make_pipeline()
    await pipeline.redis.xadd("t:events", {"event": json.dumps(event())})
    assert await pipeline.stream.read(10, 1) == []  # the group is made by the first look
    (entry,) = await pipeline.stream.read(10, 1)
    await pipeline.send(entry.raw.decode(), entries=[entry.id])
    assert await pipeline.stream.waiting() == 0
    assert (await pipeline.redis.xpending("t:events", "bellhop"))["pending"] == 0
    assert (await pipeline.ledger.counts())["woken"] == 1


async def test_an_event_without_id_takes_its_entrys(make_pipeline):
    """The stream entry's id, or the Celery task's id and place, is the id where the event names none."""
    pipeline = make_pipeline()
    await pipeline.send({"app": "checkout", "title": "a"}, {"app": "checkout", "title": "b"})
    assert sorted(pipeline.published) == ["hipchat/checkout/ops-room/task-0", "hipchat/checkout/ops-room/task-1"]


async def test_resolved_waits_behind_its_firing(make_pipeline, event):
    """Of one condition to one destination deliveries go one at a time and in order."""
    pipeline = make_pipeline()
    await pipeline.send(event(id="f", rule="cpu"))
    _, claims, _ = await pipeline.ledger.claim([(pipeline.published.pop(), ())])
    await pipeline.send(event(id="r", rule="cpu", status="resolved"))
    assert len(claims) == 1
    assert pipeline.published == []
    assert (await pipeline.ledger.counts())["waiting"] == 1


async def test_resolved_takes_the_place_of_a_firing_that_is_still_owed(make_pipeline, event):
    """Nobody is paged for what is over: the firing one is skipped as superseded, the resolved one goes out."""
    pipeline = make_pipeline()
    await pipeline.send(event(id="f", rule="cpu"))
    pipeline.published.clear()
    await pipeline.send(event(id="r", rule="cpu", status="resolved"))
    assert pipeline.published == ["hipchat/checkout/ops-room/r"]
    (result,) = await pipeline.all_results()
    assert (result["event_id"], result["outcome"], result["reason"]) == ("f", "skipped", "superseded")


async def test_a_firing_that_comes_after_its_resolved_is_not_told(make_pipeline, event):
    """Workers are not equally fast: a firing entry that is older than a dispatched resolved one is superseded."""
    pipeline = make_pipeline()
    now = int(await pipeline.ledger.now() * 1000)
    await pipeline.send(event(id="r", rule="cpu", status="resolved"), entries=[f"{now}-5"])
    await pipeline.send(event(id="f", rule="cpu"), entries=[f"{now}-4"])
    await pipeline.send(event(id="new", rule="cpu"), entries=[f"{now}-6"])
    assert pipeline.published == ["hipchat/checkout/ops-room/r"]
    (result,) = await pipeline.all_results()
    assert (result["event_id"], result["outcome"], result["reason"]) == ("f", "skipped", "superseded")
    await pipeline.deliver()
    assert pipeline.published == ["hipchat/checkout/ops-room/new"]


async def test_settings_that_cannot_be_read_fail_at_once_and_alone(make_pipeline, event):
    """A destination whose stored settings this version cannot read gives a result in words; the others are owed."""
    broken = Destination("checkout", "broken", "hipchat", None, problem="settings.token: is required")
    pipeline = make_pipeline(room("good"), broken)
    await pipeline.send(event())
    (result,) = await pipeline.all_results()
    assert (result["outcome"], result["reason"], result["detail"]) == ("failed", "bad_settings", broken.problem)
    assert pipeline.published == ["hipchat/checkout/good/e1"]


async def test_dispatch_waits_while_redis_is_away(make_pipeline, event):
    """A batch from a Celery producer is nowhere else, so it waits for Redis and is then owed once."""

    class Away:
        """Destinations that cannot be looked up the first time."""

        def __init__(self, there):
            self.there, self.asked = there, 0

        async def lookup(self, apps):
            self.asked += 1
            if self.asked == 1:
                raise ConnectionError("Redis is away")
            return await self.there.lookup(apps)

    pipeline = make_pipeline()
    pipeline.dispatcher = Dispatcher(
        pipeline.ledger,
        Away(pipeline.destinations),
        pipeline.stream,
        pipeline.publish,
        pipeline.deliverer.supersede,
        events=KnownEvents(),
        max_event_bytes=1000,
    )
    report = await pipeline.send(event())
    assert report.owed == 1
    assert len(pipeline.published) == 1


def test_arrival_is_the_entrys_own_time_where_that_is_sane():
    """Redis stamps entries; a stamp that a producer made up is not believed."""
    assert arrival("1795000000123-4", 1_795_000_001.0) == 1_795_000_000.123
    assert arrival("1-1", 1_795_000_001.0) == 1_795_000_001.0
    assert arrival("celery:abc-0", 1_795_000_001.0) == 1_795_000_001.0
