"""Step 3 and 4: what is owed is delivered, retried or given up, and its result is written."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import orjson
import pytest
from fakes.pipeline import FakeCarrier, room
from structlog.testing import capture_logs

from config.settings import ResultsDetail
from worker.channels.channel import Limit
from worker.channels.hipchat import HipChatSettings
from worker.channels.pagerduty import PagerDutySettings
from worker.errors import Altered
from worker.messages import Failure, Reply
from worker.models import App, Destination, OnAmbiguous
from worker.progress import DeliveryRules
from worker.stores.ledger_values import LedgerLimits

OK = Reply(status=204, elapsed_ms=3.0)
BUSY = Reply(status=503, body=b"come back later")
SILENT = Reply(failure=Failure.NO_ANSWER, detail="no answer within 20 s")


async def test_a_delivery_is_carried_settled_and_its_result_written(make_pipeline, event):
    """The whole way of one alert: claimed, carried, off the ledger, and a result with every documented field."""
    pipeline = make_pipeline()
    await pipeline.send(event())
    report = await pipeline.deliver()
    (result,) = await pipeline.all_results()
    assert result.keys() == set(
        "event_id app destination channel outcome reason attempts status_code detail first_attempt_at finished_at "
        "elapsed_ms provider_ref ambiguous".split()
    )
    assert (result["outcome"], result["reason"], result["status_code"], result["attempts"]) == (
        "delivered", "ok", 204, 1
    )  # fmt: skip
    assert report.as_result()["summary"] == "1 delivered"
    assert "checkout/ops-room/e1: delivered, 204 in 3 ms" in report.as_result()["deliveries"][0]
    assert set((await pipeline.ledger.counts()).values()) == {0}


async def test_a_message_that_comes_twice_does_nothing(make_pipeline, event):
    """Celery may deliver a wake-up twice; the second finds nothing to claim."""
    pipeline = make_pipeline()
    await pipeline.send(event())
    refs = list(pipeline.published)
    await pipeline.deliver()
    report = await pipeline.deliverer.deliver(refs)
    assert len(pipeline.carrier.carried) == 1
    assert report.as_result()["summary"] == "nothing was owed any more"


async def test_a_retryable_failure_is_owed_again_and_then_delivered(make_pipeline, event):
    """5xx is retried through the ledger, and the result tells both attempts."""
    pipeline = make_pipeline(carrier=FakeCarrier([BUSY, OK]))
    await pipeline.send(event())
    await pipeline.deliver()
    assert (await pipeline.ledger.counts())["owed"] == 1
    assert await pipeline.all_results() == []
    await pipeline.hurry()
    await pipeline.deliver()
    (result,) = await pipeline.all_results()
    assert (result["outcome"], result["attempts"]) == ("delivered", 2)
    (record,) = await pipeline.records.find("e1", ["checkout"])
    assert [attempt["status_code"] for attempt in record.deliveries[0].attempts] == [503, 204]


async def test_a_wake_up_that_comes_early_does_not_bring_a_retry_forward(make_pipeline, event):
    """A doubled message while a retry waits finds it owed, not woken, and leaves it alone."""
    pipeline = make_pipeline(carrier=FakeCarrier([BUSY, OK]))
    await pipeline.send(event())
    refs = list(pipeline.published)
    await pipeline.deliver()
    await pipeline.deliverer.deliver(refs)
    assert len(pipeline.carrier.carried) == 1


async def test_a_permanent_failure_is_settled_with_the_vendors_words(make_pipeline, event):
    """404 is not tried again, and its result says what HipChat said."""
    body = b'{"error":{"code":404,"message":"Room not found","type":"Not Found"}}'
    pipeline = make_pipeline(carrier=FakeCarrier([Reply(status=404, body=body)]))
    await pipeline.send(event())
    await pipeline.deliver()
    (result,) = await pipeline.all_results()
    assert (result["outcome"], result["reason"], result["status_code"]) == ("failed", "not_found", 404)
    assert "Room not found" in result["detail"]


async def test_a_message_of_unknown_fate_is_sent_once_more_and_marked(make_pipeline, event):
    """No answer after the request went out whole: twice at the most, and the result says ambiguous."""
    pipeline = make_pipeline(carrier=FakeCarrier([SILENT]))
    await pipeline.send(event())
    for _ in range(4):
        await pipeline.deliver()
        await pipeline.hurry()
    (result,) = await pipeline.all_results()
    assert len(pipeline.carrier.carried) == 2
    assert (result["outcome"], result["reason"], result["ambiguous"]) == ("failed", "no_answer", True)


async def test_an_owner_may_say_that_unknown_fate_is_not_retried(make_pipeline, event):
    """`on_ambiguous: stop` sends once."""
    pipeline = make_pipeline(room(on_ambiguous=OnAmbiguous.STOP), carrier=FakeCarrier([SILENT]))
    await pipeline.send(event())
    await pipeline.deliver()
    assert [result["outcome"] for result in await pipeline.all_results()] == ["failed"]


async def test_a_delivery_whose_worker_died_goes_out_once_more(make_pipeline, event):
    """It counts as an attempt of unknown fate: sent again once, and where that worker dies too, never a third time."""
    pipeline = make_pipeline(limits=LedgerLimits(lease_ms=1, wake_ms=60_000))
    await pipeline.send(event())
    for _ in range(2):
        await pipeline.ledger.claim([(pipeline.published.pop(), ())])
        await asyncio.sleep(0.01)
        pipeline.published += (await pipeline.ledger.wake(10)).refs
    await pipeline.deliver()
    (result,) = await pipeline.all_results()
    assert pipeline.carrier.carried == []
    assert (result["outcome"], result["reason"], result["ambiguous"], result["attempts"]) == (
        "failed", "worker_died", True, 2
    )  # fmt: skip


async def test_who_lost_the_lease_can_settle_nothing(make_pipeline, event):
    """A worker that was stalled and comes back writes no result over another's."""

    async def stalled():
        await asyncio.sleep(0.02)
        await pipeline.ledger.wake(10)
        return OK

    pipeline = make_pipeline(limits=LedgerLimits(lease_ms=1), carrier=FakeCarrier([stalled]))
    await pipeline.send(event())
    report = await pipeline.deliver()
    assert "lost to another worker" in report.counts
    assert await pipeline.all_results() == []


async def test_retry_after_holds_the_whole_destination(make_pipeline, event):
    """When a vendor asks for a wait, the other deliveries to that destination wait too, without an attempt."""
    asked = Reply(status=429, headers={"retry-after": "120"})
    pipeline = make_pipeline(carrier=FakeCarrier([asked, OK]))
    await pipeline.send(event(id="1", title="a"), event(id="2", title="b"))
    await pipeline.deliverer.deliver([pipeline.published.pop(0)])
    await pipeline.deliver()
    assert len(pipeline.carrier.carried) == 1
    now = await pipeline.ledger.now()
    dues = [score / 1000 - now for _, score in await pipeline.redis.zrange("t:owed", 0, -1, withscores=True)]
    assert len(dues) == 2
    assert min(dues) > 115


async def test_limits_spread_deliveries_over_slots_of_their_own(make_pipeline, event):
    """With 2 per minute, five alerts go out 2 now, 2 in a minute and 1 in two: nobody tries in vain."""
    pipeline = make_pipeline(bucket=(Limit("room", 2, 60.0),))
    await pipeline.send(*(event(id=str(i), title=str(i)) for i in range(5)))
    await pipeline.deliver()
    assert len(pipeline.carrier.carried) == 2
    now = await pipeline.ledger.now()
    owed = await pipeline.redis.zrange("t:owed", 0, -1, withscores=True)
    assert sorted(round((score / 1000 - now) / 60) for _, score in owed) == [1, 1, 2]


async def test_a_slot_that_was_waited_for_is_used(make_pipeline, event):
    """When a reserved slot comes, the delivery goes; it does not queue again."""
    pipeline = make_pipeline(bucket=(Limit("room", 1, 0.05),))
    await pipeline.send(event(id="1", title="a"), event(id="2", title="b"))
    await pipeline.deliver()
    await asyncio.sleep(0.06)
    pipeline.published += (await pipeline.ledger.wake(10)).refs
    await pipeline.deliver()
    assert len(pipeline.carrier.carried) == 2


async def test_past_its_deadline_nothing_is_sent(make_pipeline, event):
    """An alert that helps nobody any more fails as expired, and says so."""
    pipeline = make_pipeline(rules=DeliveryRules(firing_deadline_s=0.0))
    await pipeline.send(event())
    await asyncio.sleep(0.01)
    await pipeline.deliver()
    (result,) = await pipeline.all_results()
    assert (result["outcome"], result["reason"]) == ("failed", "expired")
    assert pipeline.carrier.carried == []


async def test_a_late_message_says_so(make_pipeline, event):
    """What goes out more than a minute after it came tells how late it is."""
    pipeline = make_pipeline()
    now = await pipeline.ledger.now()
    await pipeline.send(event(), entries=[f"{int((now - 600) * 1000)}-0"])
    await pipeline.deliver()
    assert "10 min late" in json.loads(pipeline.carrier.carried[0].body)["message"]


async def test_a_destination_disabled_or_deleted_meanwhile_is_not_sent_to(make_pipeline, event):
    """Settings count at the moment of sending, not of dispatch."""
    pipeline = make_pipeline()
    await pipeline.send(event(id="1", title="a"), event(id="2", title="b"))
    await pipeline.enable(enabled=False)
    await pipeline.deliverer.deliver([pipeline.published.pop(0)])
    await pipeline.destinations.save([App("checkout", {})])
    await pipeline.deliver()
    assert {result["reason"] for result in await pipeline.all_results()} == {"disabled", "no_destination"}
    assert pipeline.carrier.carried == []


async def test_what_a_vendor_calls_a_message_holds_no_secret(make_pipeline, event):
    """A provider's own reference is the vendor's to choose, and is written into results."""
    settings = PagerDutySettings(routing_key="Canary5ecretKeyOfThirty2Letters0")
    reply = Reply(status=202, body=b'{"status": "success", "dedup_key": "of Canary5ecretKeyOfThirty2Letters0"}')
    pager = Destination("checkout", "pager", "pagerduty", settings)
    pipeline = make_pipeline(pager, carrier=FakeCarrier([reply]))
    await pipeline.send(event())
    await pipeline.deliver()
    (result,) = await pipeline.all_results()
    assert (result["outcome"], result["provider_ref"]) == ("delivered", None)


async def test_a_defect_of_ours_is_retried_and_shows_nothing(make_pipeline, event):
    """An exception inside a channel or transport costs no alert, and its words reach nobody."""

    async def broken():
        raise RuntimeError(f"{room().settings.token.get_secret_value()} in the traceback")

    pipeline = make_pipeline(carrier=FakeCarrier([broken, OK]))
    await pipeline.send(event())
    with capture_logs() as logged:
        report = await pipeline.deliver()
    assert "Canary5ecret" not in str(report.as_result())
    (crash,) = [line for line in logged if line["event"] == "delivery.crashed"]
    assert "RuntimeError: *** in the traceback" in crash["exception"]
    assert "Canary5ecret" not in str(logged)
    await pipeline.hurry()
    await pipeline.deliver()
    assert [result["outcome"] for result in await pipeline.all_results()] == ["delivered"]


async def test_the_next_of_a_condition_goes_when_the_one_before_is_settled(make_pipeline, event):
    """A resolved that waited is woken by its firing's end, and is carried after it."""

    async def slow():
        await resolved_came.wait()
        return OK

    resolved_came = asyncio.Event()
    pipeline = make_pipeline(carrier=FakeCarrier([slow, OK]))
    await pipeline.send(event(id="f", rule="cpu", title="high"))
    under_way = asyncio.create_task(pipeline.deliver())
    while not pipeline.carrier.carried:
        await asyncio.sleep(0)
    await pipeline.send(event(id="r", rule="cpu", title="normal", status="resolved"))
    resolved_came.set()
    await under_way
    assert pipeline.published == ["hipchat/checkout/ops-room/r"]
    await pipeline.deliver()
    assert [result["event_id"] for result in await pipeline.all_results()] == ["f", "r"]


async def test_a_firing_that_failed_is_not_retried_once_it_is_resolved(make_pipeline, event):
    """When a retry would come and its resolved waits behind it, the firing one is superseded instead."""

    async def fails():
        await pipeline.send(event(id="r", rule="cpu", status="resolved"))
        return BUSY

    pipeline = make_pipeline(carrier=FakeCarrier([fails, OK]))
    await pipeline.send(event(id="f", rule="cpu"))
    await pipeline.deliver()
    await pipeline.deliver()
    results = [(each["event_id"], each["outcome"], each["reason"]) for each in await pipeline.all_results()]
    assert results == [("f", "skipped", "superseded"), ("r", "delivered", "ok")]


async def test_results_per_attempt_when_asked_for(make_pipeline, event):
    """BELLHOP_RESULTS=attempts writes one result per attempt, the unsettled ones as `attempted`."""
    pipeline = make_pipeline(carrier=FakeCarrier([BUSY, OK]), detail=ResultsDetail.ATTEMPTS)
    await pipeline.send(event())
    await pipeline.deliver()
    await pipeline.hurry()
    await pipeline.deliver()
    assert [each["outcome"] for each in await pipeline.all_results()] == ["attempted", "delivered"]


async def test_one_destination_cannot_take_all_the_places(make_pipeline, event):
    """With a cap of two in flight each, a room that hangs leaves room for another."""

    async def hangs():
        await asyncio.Event().wait()

    pipeline = make_pipeline(room("slow"), carrier=FakeCarrier([hangs]), limits=LedgerLimits(each=2))
    await pipeline.send(*(event(id=str(i), title=str(i)) for i in range(5)))
    report = await pipeline.deliver()
    assert report.counts["still under way"] == 2
    assert (await pipeline.ledger.counts()) == {"waiting": 3, "owed": 0, "woken": 0, "leased": 2}
    assert await pipeline.deliverer.drain(0.0) == 2


async def test_what_is_handed_back_at_shutdown_is_due_at_once(make_pipeline, event):
    """A stopping worker releases its leases; the delivery goes on elsewhere, marked as of unknown fate."""

    async def hangs():
        await asyncio.Event().wait()

    pipeline = make_pipeline(carrier=FakeCarrier([hangs, OK]))
    await pipeline.send(event())
    await pipeline.deliver()
    await pipeline.deliverer.drain(0.0)
    pipeline.published += (await pipeline.ledger.wake(10)).refs
    await pipeline.deliver()
    (result,) = await pipeline.all_results()
    assert (result["outcome"], result["attempts"], result["ambiguous"]) == ("delivered", 2, True)


async def test_no_record_or_result_shows_a_secret(make_pipeline, event):
    """The token is in the request, and nowhere in what is kept about the delivery."""
    pipeline = make_pipeline()
    await pipeline.send(event())
    report = await pipeline.deliver()
    kept = [
        await pipeline.redis.mget("t:event:checkout/e1", "t:record:checkout/ops-room/e1"),
        await pipeline.all_results(),
        report.as_result(),
    ]
    assert "Canary5ecret" not in str(kept) + repr(pipeline.carrier.carried)
    assert "Canary5ecret" in pipeline.carrier.carried[0].headers["Authorization"]


@pytest.mark.parametrize("count", [1, 450])
async def test_batches_of_any_size_settle_whole(make_pipeline, event, count):
    """Every delivery of a batch is settled once, also where it takes more than one script call."""
    pipeline = make_pipeline(limits=LedgerLimits(each=1000))
    await pipeline.send(*(event(id=str(i), title=str(i)) for i in range(count)))
    await pipeline.deliver()
    results = await pipeline.all_results()
    assert sorted(each["event_id"] for each in results) == sorted(str(i) for i in range(count))
    assert orjson.loads(await pipeline.redis.get("t:record:checkout/ops-room/0"))["outcome"] == "delivered"


async def test_a_fast_destination_is_not_slowed_by_its_cap(make_pipeline, event):
    """Each that is settled lets the next one come: the cap binds only what hangs."""
    pipeline = make_pipeline(limits=LedgerLimits(each=2))
    await pipeline.send(*(event(id=str(i), title=str(i)) for i in range(30)))
    while pipeline.published:
        await pipeline.deliver()
    assert [each["outcome"] for each in await pipeline.all_results()] == ["delivered"] * 30


async def test_a_process_that_has_its_fill_waits_for_places(make_pipeline, event):
    """With two places for ten deliveries all are delivered by one task, two at a time."""
    pipeline = make_pipeline(rules=DeliveryRules(in_flight=2))
    await pipeline.send(*(event(id=str(i), title=str(i)) for i in range(10)))
    assert (await pipeline.deliver()).as_result()["summary"] == "10 delivered"


async def test_a_delivery_whose_event_is_gone_leaves_the_ledger(make_pipeline, event):
    """What an operator deleted by hand does not come back for ever."""
    pipeline = make_pipeline()
    await pipeline.send(event())
    await pipeline.redis.delete("t:event:checkout/e1")
    report = await pipeline.deliver()
    assert report.as_result()["summary"] == "nothing was owed any more"
    assert set((await pipeline.ledger.counts()).values()) == {0}


async def test_a_vendor_that_hangs_holds_no_more_than_two_tasks(make_pipeline, event):
    """With two tasks waiting for a vendor that hangs, the third returns at once and leaves its threads to others."""

    async def hangs():
        await asyncio.Event().wait()

    pipeline = make_pipeline(carrier=FakeCarrier([hangs]))
    await pipeline.send(*(event(id=str(i), title=str(i)) for i in range(3)))
    refs = list(pipeline.published)
    waiting = [asyncio.create_task(pipeline.deliverer.deliver([ref])) for ref in refs[:2]]
    await asyncio.sleep(0.05)
    report = await asyncio.wait_for(pipeline.deliverer.deliver(refs[2:]), 0.5)
    assert report.counts == {"still under way": 1}
    assert not any(task.done() for task in waiting)
    await asyncio.gather(*waiting)
    await pipeline.deliverer.drain(0.0)


async def test_a_destination_that_is_down_is_not_tried_by_every_delivery(make_pipeline, event):
    """After five failures in a row the circuit opens: the others wait in the ledger without an attempt."""
    pipeline = make_pipeline(carrier=FakeCarrier([Reply(failure=Failure.CONNECT, detail="refused")]))
    await pipeline.send(*(event(id=str(i), title=str(i)) for i in range(20)))
    refs, pipeline.published = pipeline.published, []
    for ref in refs:
        await pipeline.deliverer.deliver([ref])
    assert len(pipeline.carrier.carried) == 5
    assert (await pipeline.ledger.counts())["owed"] == 20


async def test_a_destination_that_refuses_is_paused_and_says_so(make_pipeline, event):
    """After three times 404 nothing is sent any more; results say paused, and the dead letters can be replayed."""
    pipeline = make_pipeline(carrier=FakeCarrier([Reply(status=404)]))
    for number in range(5):
        await pipeline.send(event(id=str(number), title=str(number)), entries=[f"celery:{number}"])
        await pipeline.deliver()
    results = [(each["outcome"], each["reason"]) for each in await pipeline.all_results()]
    assert results == [("failed", "not_found")] * 3 + [("skipped", "paused")] * 2
    assert "a Test that succeeds resumes it" in (await pipeline.all_results())[-1]["detail"]
    assert len(await pipeline.ledger.dead(0, 1e15)) == 5


async def test_refusing_one_message_is_no_reason_to_pause(make_pipeline, event):
    """A 400 speaks of the message, not of the destination: every alert is tried."""
    pipeline = make_pipeline(carrier=FakeCarrier([Reply(status=400)]))
    await pipeline.send(*(event(id=str(i), title=str(i)) for i in range(10)))
    await pipeline.deliver()
    assert len(pipeline.carrier.carried) == 10


async def test_a_replayed_delivery_counts_its_deadline_from_the_replay(make_pipeline, event):
    """What expired yesterday can be delivered today, when an operator says so."""
    pipeline = make_pipeline()
    now = await pipeline.ledger.now()
    await pipeline.send(event(), entries=[f"{int((now - 7200) * 1000)}-0"])
    await pipeline.deliver()
    ((ref, _),) = await pipeline.ledger.dead(0, 1e15)
    (record,) = await pipeline.records.find("e1", ["checkout"])
    pipeline.published, _ = await pipeline.ledger.replay([(ref, record.event)])
    await pipeline.deliver()
    results = [(each["outcome"], each["reason"], each["attempts"]) for each in await pipeline.all_results()]
    assert results == [("failed", "expired", 0), ("delivered", "ok", 1)]
    assert "2 h late" in json.loads(pipeline.carrier.carried[0].body)["message"]


async def test_a_redis_that_is_away_does_not_keep_a_worker_from_stopping(make_pipeline, event):
    """A result that cannot be written is waited for no longer than the bound; its lease ends by itself."""
    pipeline = make_pipeline()

    async def redis_goes_away():
        await pipeline.redis.connection_pool.disconnect()
        pipeline.server.connected = False
        return OK

    pipeline.carrier.replies = [redis_goes_away]
    await pipeline.send(event())
    await pipeline.deliver()
    assert await asyncio.wait_for(pipeline.deliverer.drain(0.05), 5) == 1
    pipeline.server.connected = True
    assert (await pipeline.ledger.counts())["leased"] == 1


async def test_what_this_worker_has_no_key_for_waits_until_one_with_the_key_comes(make_pipeline, event):
    """A key that was removed too early, or a deploy under way: recorded as an attempt, tried again, nothing lost."""
    locked = replace(room(), settings=None, locked=True, problem="sealed under master key 0123; BELLHOP_MASTER_KEYS")
    pipeline = make_pipeline(locked)
    await pipeline.send(event())
    report = await pipeline.deliver()
    assert report.counts == {"to be retried": 1}
    assert (await pipeline.ledger.counts())["owed"] == 1
    assert pipeline.carrier.carried == await pipeline.all_results() == []
    await pipeline.destinations.save([App("checkout", {"ops-room": room()})])
    await pipeline.hurry()
    await pipeline.deliver()
    (result,) = await pipeline.all_results()
    assert (result["outcome"], result["attempts"]) == ("delivered", 2)
    ((record,),) = [each.deliveries for each in await pipeline.records.find("e1", ["checkout"])]
    assert (record.attempts[0]["reason"], record.attempts[0]["detail"]) == ("bad_settings", locked.problem)


async def test_what_no_worker_has_a_key_for_fails_at_its_deadline_with_the_reason(make_pipeline, event):
    """An alert of yesterday helps nobody; the result says which key was missing, and the destination is not blamed."""
    locked = replace(room(), settings=None, locked=True, problem="sealed under master key 0123; BELLHOP_MASTER_KEYS")
    pipeline = make_pipeline(locked, rules=DeliveryRules(firing_deadline_s=0.2))
    await pipeline.send(event())
    await pipeline.deliver()
    (result,) = await pipeline.all_results()
    assert (result["outcome"], result["reason"], result["detail"]) == ("failed", "bad_settings", locked.problem)
    assert await pipeline.redis.hlen("t:troubles") == 0


async def test_settings_that_were_altered_fail_with_the_reason_and_stop_nobody(make_pipeline, event):
    """What waited for them is settled with what to do; the destination beside them is delivered to."""
    pipeline = make_pipeline(room(), room("second"))
    await pipeline.send(event())
    altered = replace(room(), settings=None, problem=str(Altered()))
    await pipeline.destinations.save([App("checkout", {"ops-room": altered, "second": room("second")})])
    await pipeline.deliver()
    results = {each["destination"]: each for each in await pipeline.all_results()}
    assert results["second"]["outcome"] == "delivered"
    assert (results["ops-room"]["outcome"], results["ops-room"]["reason"]) == ("failed", "bad_settings")
    assert results["ops-room"]["detail"] == "what is stored was altered or damaged; apply its settings again"


async def test_a_refused_address_is_told_on_the_result_with_its_setting(make_pipeline, event):
    """The guard's refusal is final, and says which setting it is about."""
    refusal = "hipchat.corp is at 10.0.0.5, which is not a public address; …"
    settings = HipChatSettings(
        token="Canary5ecretTokenOfForty0Characters00000", room="1", base_url="https://hipchat.corp"
    )
    pipeline = make_pipeline(
        replace(room(), settings=settings), carrier=FakeCarrier([Reply(failure=Failure.NOT_ALLOWED, detail=refusal)])
    )
    await pipeline.send(event())
    await pipeline.deliver()
    (result,) = await pipeline.all_results()
    assert (result["outcome"], result["reason"]) == ("failed", "bad_address")
    assert result["detail"] == f"settings.base_url: {refusal}"


async def test_a_link_to_the_event_graph(make_pipeline, event):
    """Where people can reach the console, each message ends with the alert's own link; elsewhere it has none."""
    rules = DeliveryRules(console_url="https://alerts.example.com/")
    linked, plain = make_pipeline(room(), rules=rules), make_pipeline(room())
    for pipeline in (linked, plain):
        await pipeline.send(event(links=[{"href": "https://wiki.example.com/cpu", "text": "Runbook"}]))
        await pipeline.deliver()
    body, without = (pipeline.carrier.carried[0].body.decode() for pipeline in (linked, plain))
    assert "https://alerts.example.com/apps/checkout/events?from=" in body.split("https://wiki.example.com/cpu")[1]
    assert "wiki.example.com" in without
    assert "alerts.example.com" not in without
