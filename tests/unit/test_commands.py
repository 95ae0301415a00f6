"""`bellhop send`, `deliveries`, `status` and `doctor`, as a shell sees them."""

from __future__ import annotations

import json
import time

import pytest
from fakes.master_keys import KEYS
from fakes.master_keys import text as text_of
from fakes.pipeline import checkout, room
from typer.testing import CliRunner

from config.settings import settings
from worker.cli import app
from worker.stores.connection import async_redis, sync_redis
from worker.stores.destinations import RedisDestinations

TOKEN = "Canary5ecretTokenOfForty0Characters00000"


@pytest.fixture(autouse=True)
async def _shell(monkeypatch, tmp_path, redis_server):
    """An empty Redis with one app, an empty folder, and settings read anew."""
    client = async_redis(redis_server.url)
    await client.flushall()
    await RedisDestinations(client, "bellhop", KEYS).save([checkout(room(), room("second", enabled=False))])
    await client.aclose()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BELLHOP_REDIS_URL", redis_server.url)
    monkeypatch.setenv("BELLHOP_MASTER_KEYS", text_of(1))
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def redis(redis_server):
    """A client that waits."""
    with sync_redis(redis_server.url) as client:
        yield client


def bellhop(*arguments, text=None):
    """Run a command; whatever it prints holds no secret."""
    result = CliRunner().invoke(app, arguments, input=text)
    assert TOKEN not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def record(redis, **delivery):
    """An event record as dispatch and settle write it."""
    event = {
        "app": "checkout", "id": "e1", "title": "CPU", "occurred_at": 1.0, "received_at": 1.0, "dedup_key": "k",
        "status": "firing", "severity": "warning", "message": "", "rule": "", "source": "", "tags": {}, "links": [],
        "metric": None, "extra": {},
    }  # fmt: skip
    redis.set("bellhop:event:checkout/e1", f"5-0\t1795000000000\tfk\tops-room=hipchat\n{json.dumps(event)}")
    if delivery:
        redis.set("bellhop:record:checkout/ops-room/e1", json.dumps(delivery))
    redis.zadd("bellhop:recent", {"checkout/e1": 1})


def attempt(number, **fields):
    """One attempt as it is recorded."""
    whole = {
        "number": number, "at": 1_795_000_000.0, "elapsed_ms": 12.0, "kind": "retryable", "reason": "server_error",
        "status_code": 503, "detail": "come back later", "retry_at": None,
    } | fields  # fmt: skip
    return list(whole.values())


def test_send_puts_the_event_on_the_stream_as_a_producer_does(redis):
    """The entry is the contract's: one field `event`, a JSON object with an id."""
    result = bellhop("send", "--app", "checkout", "--title", "Disk full", "--tag", "host=db-1", "--json")
    ((_, fields),) = redis.xrange("bellhop:events")
    event = json.loads(fields[b"event"])
    assert (event["title"], event["tags"]) == ("Disk full", {"host": "db-1"})
    assert json.loads(result.output)["sent"] == [event["id"]]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--title", "x"], "app: is required"),
        (["--app", "checkout"], "title: is required"),
        (["--app", "nobody", "--title", "x"], "app nobody is not configured"),
        (["--app", "checkout", "--title", "x", "--tag", "host"], "--tag host: write it as name=value"),
        (["--file", "nowhere.json"], "cannot read nowhere.json"),
    ],
)
def test_send_refuses_what_the_worker_would_reject(redis, arguments, words):
    """A mistake is told at once, by the field's name, and nothing is sent."""
    result = bellhop("send", *arguments)
    assert result.exit_code in {1, 2}
    assert words in result.output
    assert redis.xlen("bellhop:events") == 0


def test_send_reads_a_file_of_events(redis):
    """One JSON object a line, from standard input."""
    lines = "\n".join(json.dumps({"app": "checkout", "title": str(n)}) for n in range(3))
    assert bellhop("send", "--file", "-", text=lines).exit_code == 0
    assert redis.xlen("bellhop:events") == 3


def test_send_waits_and_tells_that_nothing_came():
    """Without a worker --wait ends in time, with an exit code that scripts can use."""
    result = bellhop("send", "--app", "checkout", "--title", "x", "--wait", "0.2", "--json")
    assert result.exit_code == 1
    assert {row["outcome"] for row in json.loads(result.output)["results"]} == {None}


def test_deliveries_list_shows_what_is_owed_and_what_became_of_it(redis):
    """A delivery that was not tried yet is listed as owed; a settled one with its outcome."""
    record(redis)
    assert json.loads(bellhop("deliveries", "list", "--json").output)[0]["state"] == "owed"
    record(
        redis, channel="hipchat", outcome="delivered", reason="ok", status_code=204, detail="", attempts=[attempt(1)]
    )
    assert "delivered" in bellhop("deliveries", "list").output
    assert "none that fit" in bellhop("deliveries", "list", "--state", "failed").output


def test_deliveries_show_tells_every_attempt(redis):
    """The event, each delivery, each attempt with what it meant and when the next is due."""
    attempts = [attempt(1, retry_at=1_795_000_004.0), attempt(2, kind="delivered", status_code=204, detail="")]
    record(redis, channel="hipchat", outcome="delivered", reason="ok", status_code=204, detail="", attempts=attempts)
    for name in ("e1", "checkout/e1"):
        output = bellhop("deliveries", "show", name).output
        assert "come back later" in output
        assert "ops-room (hipchat): delivered" in output
    assert len(json.loads(bellhop("deliveries", "show", "e1", "--json").output)[0]["deliveries"][0]["attempts"]) == 2


def test_deliveries_show_says_what_is_not_there():
    """An unknown event is a sentence and exit code 1."""
    result = bellhop("deliveries", "show", "nothing")
    assert result.exit_code == 1
    assert "no record of event nothing" in result.output


def test_status_counts_what_waits(redis):
    """What is in the stream and in the ledger is told in words and as JSON."""
    redis.xadd("bellhop:events", {"event": "{}"})
    redis.zadd("bellhop:owed", {"x": 1})
    found = json.loads(bellhop("status", "--json").output)
    assert (found["events_waiting"], found["deliveries"]["owed"], found["apps"]) == (1, 1, 1)
    assert "deliveries that wait for their next attempt" in bellhop("status").output


def test_status_says_what_is_kept_and_what_it_weighs(redis):
    """An event on record weighs at least what it says, with its deliveries' records; so do the streams."""
    record(redis, outcome="delivered", attempts=[attempt(1)])
    redis.xadd("bellhop:results", {"result": "x" * 5000})
    found = json.loads(bellhop("status", "--json").output)
    assert found["kept"] == {"events": 1, "results": 1, "rejected": 0, "dead_letters": 0}
    assert found["kept_bytes"]["events"] > 400
    assert found["kept_bytes"]["results"] > 5000
    assert found["kept_bytes"]["rejected"] == 0
    assert "events on record" in bellhop("status").output


def test_doctor_finds_what_would_lose_alerts(redis, monkeypatch):
    """No AOF, an evicting Redis, no worker and a misspelt variable are found, each with what to do."""
    monkeypatch.setenv("BELLHOP_REDISURL", "x")
    redis.config_set("appendonly", "no")
    redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        result = bellhop("doctor", "--json")
    finally:
        redis.config_set("appendonly", "yes")
        redis.config_set("maxmemory-policy", "noeviction")
    advice = {row["what"]: row["advice"] for row in json.loads(result.output)}
    assert result.exit_code == 1
    assert "set `appendonly yes`" in advice["AOF is off"]
    assert "noeviction" in advice["maxmemory-policy is allkeys-lru"]
    assert "bellhop worker" in advice["no worker reads the stream (0 events wait)"]
    assert "BELLHOP_REDISURL is no setting" in advice


def test_no_redis_is_one_sentence(monkeypatch):
    """A Redis that cannot be reached is exit code 3 and a sentence, not a traceback."""
    monkeypatch.setenv("BELLHOP_REDIS_URL", "redis://:hidden@127.0.0.1:1/0")
    settings.cache_clear()
    result = bellhop("status")
    assert result.exit_code == 3
    assert "cannot be used" in result.output
    assert "hidden" not in result.output


def dead(redis, reason="not_found", **delivery):
    """A dead letter as settle writes it."""
    told = {"channel": "hipchat", "outcome": "failed", "reason": reason, "status_code": 404, "detail": "Room not found"}
    record(redis, **(told | {"attempts": [attempt(1, kind="permanent", status_code=404)]} | delivery))
    redis.zadd("bellhop:dead", {"hipchat/checkout/ops-room/e1": time.time() * 1000})


def pause(redis, why):
    """The destination's trouble as settle writes it after three refusals."""
    trouble = {"ok": 0, "bad": 0, "run": 0, "denied": 3, "opened": 0, "until_ms": 0, "paused": 1, "why": why}
    redis.hset("bellhop:troubles", "checkout/ops-room", json.dumps(trouble))


def test_replay_tells_first_and_then_owes_again(redis):
    """A dry run changes nothing; the real one puts the dead letter back into the ledger, once."""
    dead(redis)
    assert "1 would be replayed" in bellhop("replay", "--dry-run").output
    assert redis.zcard("bellhop:woken") == 0
    assert "1 replayed" in bellhop("replay").output
    assert redis.zcard("bellhop:woken") == 1
    assert "0 replayed" in bellhop("replay").output
    assert json.loads(bellhop("deliveries", "list", "--json").output)[0]["state"] == "owed"


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (["--app", "checkout"], 1),
        (["--app", "search"], 0),
        (["--destination", "ops-room", "--channel", "hipchat", "--reason", "not_found"], 1),
        (["--reason", "expired"], 0),
        (["--since", "5m"], 1),
        (["--until", "5m"], 0),
        (["e1"], 1),
        (["checkout/e1"], 1),
        (["e2"], 0),
    ],
)
def test_replay_takes_what_it_is_told_to(redis, arguments, count):
    """App, destination, channel, reason, time and event each narrow it down."""
    dead(redis)
    assert len(json.loads(bellhop("replay", "--dry-run", "--json", *arguments).output)["deliveries"]) == count


def test_replay_says_how_to_write_a_time():
    """A time in words is a usage error that names the option."""
    result = bellhop("replay", "--since", "yesterday")
    assert result.exit_code == 2
    assert "--since yesterday: write 30m" in result.output


def test_explain_tells_the_story_in_sentences(redis):
    """What came, each attempt, how it ended, and what is wrong with the destination now."""
    dead(redis, reason="paused", outcome="skipped", ambiguous=True)
    pause(redis, "not_found 404")
    told = bellhop("explain", "e1").output
    assert 'Event e1 of app checkout, "CPU", came at' in told
    assert "attempt 1 at 2026-11-18 11:06:40 UTC was refused for good with status 404" in told
    assert "It was skipped: paused" in told
    assert "paused after repeated refusals (not_found 404)" in told


def test_explain_knows_what_is_still_owed(redis):
    """A delivery that was not tried yet, and one that waits for its retry, are told as such."""
    record(redis)
    assert "It is owed, and was not tried yet." in bellhop("explain", "e1").output
    record(
        redis,
        channel="hipchat",
        outcome=None,
        reason="server_error",
        due_at=1.0,
        attempts=[attempt(1, retry_at=1_795_000_060.0)],
    )
    told = bellhop("explain", "e1").output
    assert "and the next was set for 60 s later" in told
    assert "It is owed, and due now." in told


def test_trouble_shows_wherever_destinations_are_shown(redis):
    """A paused destination is named by list, doctor and status, and enabling it ends its pause."""
    pause(redis, "unauthorized 401")
    assert "paused after repeated refusals" in bellhop("destinations", "list").output
    assert "paused after repeated refusals" in bellhop("doctor").output
    assert json.loads(bellhop("status", "--json").output)["in_trouble"] == 1
    bellhop("destinations", "enable", "checkout", "ops-room")
    assert json.loads(bellhop("status", "--json").output)["in_trouble"] == 0
