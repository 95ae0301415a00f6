"""The page "State": what it says in which case and to whom, and that its numbers are those of `status`."""

from __future__ import annotations

import re

import orjson
import pytest
from fakes.console import PASSWORD
from fakes.pipeline import checkout

from config.settings import read_settings
from worker.errors import InvalidSettings
from worker.models import App
from worker.state import Oldest, State, Troubled, WorkerState, read_state
from worker.stores.roster import Roster, Self
from worker.web import state_view
from worker.web.history_rows import Feeding
from worker.web.roles import Role
from worker.web.words import NONE

NOW = 1_764_000_000.0
WORKER = WorkerState("host-1-aa", 100, 0, "1.2.3", NOW - 7200, 30, 1000, "bellhop-1@host")
TROUBLE = {"until_ms": 0, "why": "401 <b>no</b>", "paused": 1000, "bad": 0, "denied": 3}


def state_of(**parts):
    """A calm state with one worker, changed by `parts`."""
    calm = {
        "at": NOW,
        "events_waiting": 0,
        "deliveries": dict.fromkeys(("waiting", "owed", "woken", "leased"), 0),
        "celery_queues": {"celery": 0, "bellhop.deliver": 0, "bellhop.retry": 0},
        "workers": (WORKER,),
        "oldest": Oldest(),
        "kept": dict.fromkeys(("events", "results", "rejected", "dead_letters"), 0),
        "kept_bytes": dict.fromkeys(("events", "results", "rejected", "dead_letters"), 0),
        "destinations": (),
        "apps": frozenset(),
        "redis_memory_bytes": 2**20,
    }
    return State(**(calm | parts))


def told(state):
    """The verdicts: kinds, and all words in one text."""
    found = state_view.verdicts(state)
    return [each.kind for each in found], " ".join(each.words for each in found)


GONE = WorkerState("host-2-bb", 40_000)
OPEN = Troubled("checkout", "room", "open", "503", None, NOW + 9)
CASES = {
    "calm": ({}, ["good"], "All is well: 1 worker is there, and no destination is in trouble."),
    "no worker": ({"workers": ()}, ["bad"], "No worker is there"),
    "the last one gone": ({"workers": (GONE,)}, ["bad", "warn"], "1 worker fell silent"),
    "one of two gone": ({"workers": (WORKER, GONE)}, ["warn"], "what it had under way goes to others"),
    "behind": ({"oldest": Oldest(event=NOW - 31)}, ["warn"], "came at 2025-11-24 15:59:29 UTC"),
    "just arrived": ({"oldest": Oldest(event=NOW - 1)}, ["good"], "All is well"),
    "in trouble": ({"destinations": (OPEN,)}, ["warn"], "1 destination is in trouble"),
    "told to wait": ({"destinations": (Troubled("a", "b", "limited", "later"),)}, ["good"], "All is well"),
}


@pytest.mark.parametrize("case", CASES)
def test_at_a_glance(case):
    """One sentence for each thing that is wrong, in its colour; and one that says that nothing is."""
    parts, kinds, words = CASES[case]
    found, sentences = told(state_of(**parts))
    assert found == kinds
    assert words in sentences


def test_a_sentence_does_not_change_while_its_meaning_stays():
    """A screen reader would say it again every few seconds."""
    behind = state_of(oldest=Oldest(event=NOW - 40), events_waiting=10)
    later = state_of(oldest=Oldest(event=NOW - 40), events_waiting=90, at=NOW + 5)
    assert told(behind) == told(later)


def test_bars_are_in_proportion_and_the_least_is_seen():
    """The greatest fills its bar, what is there at all shows, and nothing is nothing."""
    lines = state_view.ledger(state_of(deliveries={"woken": 100_000, "leased": 50_000, "owed": 1, "waiting": 0}))
    assert [line.share for line in lines] == [100.0, 50.0, 1.0, 0.0]
    assert [line.number for line in lines] == ["100,000", "50,000", "1", "0"]
    assert {line.share for line in state_view.waiting(state_of())} == {0.0}
    assert (state_view.busy(WORKER).share, state_view.busy(WORKER).words) == (3.0, "of 1,000")
    assert state_view.busy(GONE).number == NONE
    assert state_view.reading(Feeding(50, 200)).share == 25.0
    assert state_view.reading(Feeding(0, 0, complete=True)).share == 100.0


def test_when_things_are_due_and_how_old_they_are():
    """In words: what is due next, what is overdue, and what came when."""
    oldest = Oldest(event=NOW - 5, waiting=NOW - 300, due=NOW + 90, dead=NOW - 7200)
    lines = [*state_view.ledger(state_of(oldest=oldest)), *state_view.waiting(state_of(oldest=oldest))]
    words = [line.words for line in lines]
    assert "the next in 90 s" in words
    assert "the oldest came 5 min ago" in words
    assert "the oldest came 5 s ago" in words
    assert state_view.dead(state_of(oldest=oldest)).words == "the latest died 2 h ago"
    overdue = state_view.ledger(state_of(oldest=Oldest(due=NOW - 3)))
    assert overdue[2].words == "the next is due now"


def test_links_to_flower():
    """A worker that is there leads to its page; one that is gone, or unknown to Flower, leads nowhere."""
    address = "https://flower.example.com/f"
    assert state_view.flower_worker(address, WORKER) == f"{address}/worker/bellhop-1@host"
    assert state_view.flower_worker("", WORKER) == state_view.flower_worker(address, GONE) == ""
    odd = WorkerState("x", 0, celery='a"/../?b#c@h')
    assert state_view.flower_worker(address, odd) == f"{address}/worker/a%22%2F..%2F%3Fb%23c@h"


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("http://127.0.0.1:5555/", "http://127.0.0.1:5555"),
        ("https://Flower.Example.com/flower/", "https://flower.example.com/flower"),
    ],
)
def test_an_address_of_flower(given, stored):
    """With or without a path, and the slash at its end or not."""
    assert read_settings(_env_file=None, flower_url=given).flower_url == stored


@pytest.mark.parametrize(
    "given", ["javascript:alert(1)", "ftp://x", "//x", "http://user:canary@x", "http://x?a", "http://x#a", "http://x y"]
)
def test_what_is_no_address_of_flower(given):
    """Only http and https, and no password, which everybody who looks would see; told without the value."""
    with pytest.raises(InvalidSettings, match="BELLHOP_FLOWER_URL") as refused:
        read_settings(_env_file=None, flower_url=given)
    assert "canary" not in str(refused.value)


@pytest.fixture
async def fake(consoles):
    """Two apps, each with a destination in trouble, a worker, and some of everything that waits."""
    options = {"web_password": PASSWORD, "flower_url": "http://127.0.0.1:5555"}
    fake = await consoles([checkout(), App("search")], **options)
    for name in ("checkout/ops-room", "search/secret-room"):
        await fake.redis.hset("bellhop:troubles", name, orjson.dumps(TROUBLE))
    await fake.redis.xadd("bellhop:events", {"event": "{}"})
    await fake.redis.zadd("bellhop:owed", {f"x{number}": 1 for number in range(1234)})
    roster = Roster(fake.redis, "bellhop")
    await roster.tell(Self("host-1-<i>", "1.2.3", 1000, "bellhop-1@host"), await roster.now(), 7)
    return fake


async def test_the_page_says_what_status_prints(fake):
    """Workers, queues, ledger, streams and trouble, with links to destinations and to Flower; nothing is markup."""
    visitor = await fake.visitor("admin")
    page = await visitor.get("/state")
    state = await read_state(fake.redis, "bellhop")
    assert page.status == 200
    assert f"To be tried again {state.deliveries['owed']:,} the next is due now" in page.words
    assert f"Events in the stream {state.events_waiting}" in page.words
    assert "host-1-<i> there 7 of 1,000 deliveries 1.2.3 just now" in page.words
    assert 'href="http://127.0.0.1:5555/worker/bellhop-1@host"' in page.text
    assert 'href="/apps/checkout/destinations/ops-room"' in page.text
    for listed in ("/deliveries?state=retrying", "/deliveries?state=failed"):
        assert f'href="{listed}"' in page.text
        assert (await visitor.get(listed)).status == 200
    assert "paused after repeated refusals (401 <b>no</b>)" in page.words
    assert "2 destinations are in trouble" in page.words
    assert not re.search("<b>|<i>|style=", page.text)


async def test_nobody_finds_names_of_apps_that_are_not_theirs(fake):
    """A viewer of one app finds its trouble alone; one of no app finds sums, and no name at all."""
    page = await (await fake.logged_in("eve", "checkout", Role.VIEWER)).get("/state")
    assert "ops-room" in page.text
    assert "search" not in page.text
    assert "secret-room" not in page.text
    assert "1 destination is in trouble" in page.words
    assert "1,234" in page.words
    nobody = await (await fake.logged_in("new", "gone", Role.VIEWER)).get("/state")
    assert nobody.status == 200
    assert "checkout" not in nobody.text
    assert "None of yours" in nobody.words


async def test_one_look_serves_many(fake):
    """Whoever asks within the same second gets the same look, as it was."""
    visitor = await fake.visitor("admin")
    first = await visitor.get("/state")
    await fake.redis.zadd("bellhop:owed", {"one more": 1})
    assert (await visitor.get("/state")).words == first.words


async def test_without_flower_and_without_workers(consoles):
    """No link where none is known, and how to begin where nobody works."""
    page = await (await (await consoles()).visitor()).get("/state")
    assert "Flower" not in page.words
    assert "No worker is there" in page.words
    assert "bellhop worker" in page.words
