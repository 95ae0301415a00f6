"""The SSRF guard: each form tried by every way in, what must be let through tried as well, and the demo's sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import groupby
from math import ceil
from typing import Final

import orjson

from config.settings import Settings
from security.forms import REBINDING, Form, forms
from security.leading import leading
from security.letting import LET, LISTED, WIDE, metadata_forms
from security.lookout import Lookout
from security.row import Row, Say
from security.ways import Way, all_ways, by_transports
from worker import demo
from worker.allow_list import AllowList
from worker.appsfile import read_apps
from worker.channels import CHANNELS
from worker.sandbox.server import Sandbox
from worker.transports import Carrier
from worker.transports.addresses import Guard
from worker.trial import tried

LEAST: Final = 200
"""So many different forms have to be tried."""
TURNS: Final = 4
"""How often in a row a name that changes its answer is tried."""


@dataclass(slots=True)
class Tally:
    """How much was tried, and what of it went otherwise than it must."""

    forms: int = 0
    tried: int = 0
    wrong: list[str] = field(default_factory=list)

    def row(self, what: str, aim: str, verb: str, *, least: int = 0) -> Row:
        """The row for it, with what went wrong as its note."""
        measured = f"{self.forms} forms, {self.tried} tries, {len(self.wrong)} {verb}"
        holds = not self.wrong and self.tried > 0 and self.forms >= least
        return Row(what, aim, measured, holds, note="; ".join(self.wrong[:5])[:400])


def measure(scale: float, say: Say) -> list[Row]:
    """Tries everything; below a scale of 1 only a part of each kind."""
    return asyncio.run(_measured(scale, say))


async def _measured(scale: float, say: Say) -> list[Row]:
    chosen = list(_some(forms(), scale))
    async with Lookout() as lookout:
        blocked = await _refused(lookout, chosen, say)
        behind = await _behind_a_wide_list(lookout, say)
        led = await _led_elsewhere(lookout, say)
        let = await _let_through(lookout, say)
    least = LEAST if scale >= 1 else 0
    return [
        blocked.row("address forms that must not pass", f">= {LEAST} forms, 0 pass", "passed", least=least),
        behind.row("metadata services behind a wide allow-list", "0 pass", "passed"),
        led.row("redirects, answers and variables that lead inside", "0 followed", "followed"),
        let.row("public and listed addresses", "all reached", "not reached"),
        await _sandbox(say),
    ]


def _some(all_forms: Iterable[Form], scale: float) -> Iterator[Form]:
    """At least one of each kind."""
    ordered = sorted(all_forms, key=lambda form: form.kind)
    for _, group in groupby(ordered, key=lambda form: form.kind):
        members = list(group)
        yield from members[:: max(1, len(members) // ceil(len(members) * scale))]


@asynccontextmanager
async def _carrier(lookout: Lookout, *, allowed: str = "", proxy: bool = False) -> AsyncIterator[Carrier]:
    """Bellhop's own, but for its resolver and its network, which the lookout is."""
    settings = Settings.model_validate(
        {
            "allowed_addresses": allowed.replace("{port}", str(lookout.port)),
            "http_proxy": f"http://127.0.0.1:{lookout.proxy_port}" if proxy else None,
            "connect_timeout_s": 2,
            "total_timeout_s": 3,
        }
    )
    guard = Guard(AllowList(settings.allowed_addresses), look_up=lookout.look_up, dial=lookout.dial, same_answer_s=0.0)
    carrier = Carrier(settings, guard)
    try:
        yield carrier
    finally:
        await carrier.close()


async def _refused(lookout: Lookout, chosen: list[Form], say: Say) -> Tally:
    tally = Tally(len(chosen))
    async with _carrier(lookout) as carrier, _carrier(lookout, proxy=True) as proxied:
        ways = all_ways(carrier, proxied, lookout.port)
        for name, way in ways.items():
            say(f"addresses: {len(chosen)} forms by {name}")
            for form in chosen:
                for _ in range(TURNS if form.typed in REBINDING else 1):
                    await _try(tally, lookout, name, way, form)
    return tally


async def _behind_a_wide_list(lookout: Lookout, say: Say) -> Tally:
    say("addresses: metadata services behind a wide allow-list")
    found = list(metadata_forms())
    tally = Tally(len(found))
    async with _carrier(lookout, allowed=WIDE) as carrier:
        for name, way in by_transports(carrier, lookout.port).items():
            for form in found:
                await _try(tally, lookout, name, way, form)
    return tally


async def _try(tally: Tally, lookout: Lookout, name: str, way: Way, form: Form) -> None:
    before = len(lookout.seen)
    answered = await _answered(way, form)
    await asyncio.sleep(0)  # the canary, too, runs on this loop
    tally.tried += 1
    if answered or len(lookout.seen) > before:
        tally.wrong.append(f"{form.typed!r} by {name}: {answered or lookout.seen[before:]}")


async def _answered(way: Way, form: Form) -> str:
    try:
        return "answered" if await way(form) else ""
    except Exception as error:  # noqa: BLE001 - a form that makes something crash is no less a finding
        return f"raised {error!r}"


async def _led_elsewhere(lookout: Lookout, say: Say) -> Tally:
    say("addresses: redirects and variables")
    tally = Tally()
    async for name in leading(lookout):
        await asyncio.sleep(0)
        tally.forms += 1
        tally.tried += 1
        if lookout.seen and lookout.seen[-1] == "the canary":
            tally.wrong.append(name)
            lookout.seen.clear()
    return tally


async def _let_through(lookout: Lookout, say: Say) -> Tally:
    """The same ways with what is to pass, so that the tests above are known to be able to fail."""
    say("addresses: what is to be let through")
    tally = Tally(len(LET) + len(LISTED))
    for entry, typed in [*(("", typed) for typed in LET), *LISTED]:
        async with _carrier(lookout, allowed=entry) as carrier:
            for name, way in by_transports(carrier, lookout.port).items():
                before = len(lookout.seen) + lookout.public
                with suppress(OSError):
                    await way(Form("allowed", typed))
                tally.tried += 1
                if len(lookout.seen) + lookout.public == before:
                    tally.wrong.append(f"{typed} by {name}, with {entry or 'no list'}")
    return tally


async def _sandbox(say: Say) -> Row:
    """Test of each of the demo's destinations, with what the demo allows."""
    say("addresses: the demo's sandbox")
    async with Sandbox() as sandbox:
        wanted = demo.destinations(sandbox.url, sandbox.smtp_port, sandbox.nsca_port)
        apps = read_apps(orjson.dumps({"apps": {demo.APP: {"destinations": wanted}}}), {})
        carrier = Carrier(Settings.model_validate({"allowed_addresses": "127.0.0.0/8"}))
        try:
            trials = [
                await tried(CHANNELS[one.channel], one.settings, carrier, now=0.0)
                for one in apps[demo.APP].destinations.values()
                if one.settings is not None
            ]
        finally:
            await carrier.close()
    away = [f"{trial.channel}: {trial.diagnosis}" for trial in trials if not trial.delivered]
    measured = f"{len(trials) - len(away)} of {len(wanted)} delivered"
    return Row("the demo's sandbox, allowed", "all delivered", measured, not away, note="; ".join(away)[:400])
