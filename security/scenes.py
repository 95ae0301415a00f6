"""Good and bad days of a deployment that is full of canaries: what could make it say, log or keep one of them."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any, Final

import orjson

from chaos.processes import NotInTime, until
from security.defective import NAME, Where
from security.samples import Planted
from security.values import Trees
from security.vendors import settings_at
from security.world import World
from worker.channels import CHANNELS

SETTLED_S: Final = 60.0
UNDER_WAY_S: Final = 20.0
EVENTS: Final = {"good": 2, "bad": 1, "parroted": 10}
"""How many to each destination at full size."""
METRIC: Final = {"name": "used", "value": 2.5, "points": [[1.0, 1.0], [2.0, 2.5]]}
"""So that channels are asked what they show of it."""
_CHANNEL = re.compile(rb'"channel":"\w+"')
Apps = dict[str, dict[str, Any]]


def apps_of(planted: Planted, world: World) -> Apps:
    """One app for each kind of vendor, with every destination that has a secret."""
    return {
        app: {
            f"{name}-{variant}".rstrip("-"): {
                "channel": name,
                "settings": settings_at(place, CHANNELS[name], tree),
                "rate_limit": "off",
            }
            for name, variants in planted.channels.items()
            for variant, tree in variants.items()
        }
        for app, place in world.places.items()
    }


def crashes_of(planted: Planted) -> Apps:
    """An app that fails wherever a channel can."""
    return {
        "crashes": {
            where.value: {"channel": NAME, "settings": {**planted.crashing, "where": where.value}} for where in Where
        }
    }


def write_apps(world: World, name: str, apps: Apps) -> str:
    """A settings file of the tester's; its path."""
    file = world.folders.typed / f"{name}.json"
    file.write_text(json.dumps({"apps": {app: {"destinations": mine} for app, mine in apps.items()}}), "utf-8")
    return str(file)


class Days:
    """Runs them; `world` is entered, its workers are up; `words` is what every alert says."""

    def __init__(self, world: World, planted: Planted, words: str, scale: float) -> None:
        self._world = world
        self._words = words
        self._apps = apps_of(planted, world)
        self._crashes = crashes_of(planted)
        self._scale = scale
        self._redis, self._other = world.client(), world.client(1)

    @property
    def apps(self) -> Apps:
        """What is applied."""
        return self._apps

    def trees(self, app: str) -> Trees:
        """An app's settings, with their channels."""
        return [(CHANNELS[each["channel"]], each["settings"]) for each in self._apps[app].values()]

    def apply(self) -> str:
        """`bellhop apps apply` everything; the path of the file."""
        applied = write_apps(self._world, "apps", self._apps)
        self._applied(applied)
        crashing = write_apps(self._world, "crashes", self._crashes)
        self._applied(crashing, using=("security.crashing",), BELLHOP_REDIS_URL=self._world.url(1))
        return applied

    def _applied(self, file: str, **options: Any) -> None:
        if self._world.shell.run("apps", "apply", file, **options):
            raise RuntimeError(f"apps apply: {self._world.shell.output()}")

    def begin(self) -> None:
        """Send everything: vendors take it, hang, or refuse it with our secrets in their words; channels crash."""
        self._world.bad.break_down({"hang": True, "times": len(self._apps["bad"])})
        for app in EVENTS:
            for number in range(self._count(app)):
                self._send(app, f"{app}-{number}")
        self._redis.xadd("bellhop:events", {"event": orjson.dumps({"app": "good", "title": [self._words]})})
        self._send("crashes", "crash", self._other, metric=METRIC)

    def tamper(self) -> None:
        """Somebody with Redis gives an app another's settings: as they are, cut off, and as another channel's."""
        stored: Any = self._redis.hgetall("bellhop:app:good")
        spoilt: Any = {}
        for name, raw in stored.items():
            spoilt |= {name: raw, b"cut-" + name: raw[:-30], b"as-" + name: _CHANNEL.sub(b'"channel":"slack"', raw)}
        self._redis.hset("bellhop:app:tampered", mapping=spoilt)
        self._redis.sadd("bellhop:apps", "tampered")
        self._send("tampered", "tampered-0")

    def hang(self) -> None:
        """Wait until deliveries are under way that no vendor answers."""
        until(self._world.bad.received, UNDER_WAY_S, "deliveries that hang")

    def end(self, tracer: str) -> str:
        """Everything is well again; returns what was not settled all the same, in words.

        `tracer` is the id of a last alert, by itself: tasks of many are not shown in whole.
        """
        self._world.bad.repair()
        self._send("good", "good-0-resolved", rule="good-0", status="resolved")
        good, bad = len(self._apps["good"]), len(self._apps["bad"])
        owed = (self._count("good") + 1) * good + self._count("bad") * bad
        missing = self._missing(owed)
        self._send("good", tracer)
        missing += self._missing(owed + good)
        return f"{missing} deliveries were not settled" if missing else ""

    def delivered(self) -> dict[str, int]:
        """By channel, how many deliveries arrived."""
        counts = dict.fromkeys(CHANNELS, 0)
        for result in self.results():
            if result["outcome"] == "delivered":
                counts[result["channel"]] += 1
        return counts

    def results(self) -> list[dict[str, Any]]:
        """Those of settled deliveries."""
        rows: Any = self._redis.xrange("bellhop:results")
        read = [orjson.loads(fields[b"result"]) for _, fields in rows]
        return [result for result in read if result.get("outcome") in {"delivered", "failed", "skipped"}]

    def _missing(self, owed: int) -> int:
        """How many of so many deliveries to the sandbox are not settled in time.

        What parrots refuse for now may be owed for long.
        """

        def settled() -> int:
            return sum(result["app"] in {"good", "bad"} for result in self.results())

        with suppress(NotInTime):
            until(lambda: settled() >= owed, SETTLED_S, "results")
        return max(0, owed - settled())

    def _count(self, app: str) -> int:
        return max(1, round(EVENTS[app] * self._scale))

    def _send(self, app: str, event_id: str, client: Any = None, **more: Any) -> None:
        words = {"title": f"Alert {event_id}", "message": self._words, "severity": "error", "tags": {"host": "db-1"}}
        alert = {"app": app, "id": event_id, "rule": event_id, **words, **more}
        (client or self._redis).xadd("bellhop:events", {"event": orjson.dumps(alert)})
