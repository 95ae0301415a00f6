"""How a destination does, by the HTTP API, pausing one, and letting one go on."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from worker.errors import NotFound
from worker.stores.troubles import Troubles
from worker.web.api import Answer, Call, Operation, Reply
from worker.web.api_destinations import AREA
from worker.web.api_values import Moment
from worker.web.console import Console
from worker.web.destination_desk import Desk
from worker.web.roles import Role

ONE: Final = "/apps/{app}/destinations/{name}"


class HealthAnswer(Answer):
    """How one destination does."""

    trouble: str = Field(description="How it is held back or paused, and why; empty where it is not.")
    paused_at: Moment
    held_until: Moment = Field(description="Until when its circuit is open, or the vendor wants to be left alone.")
    last_success_at: Moment
    p95_ms: float | None = Field(description="Of the day's latest deliveries that arrived; null where none did.")
    owed: int
    last_hour: dict[str, int] = Field(description="Deliveries of events that came in the last hour, by reason.")
    last_day: dict[str, int]


class ApiHealth:
    """What can be asked of a destination's health, and done about it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._desk = Desk(console)
        self._troubles = Troubles(console.redis, console.prefix)

    async def get(self, call: Call) -> Reply:
        """As it is now."""
        await self._check(call)
        return Reply(await self._health(call.app, call.part("name")))

    async def pause(self, call: Call) -> Reply:
        """Deliver nothing to it until it is resumed."""
        await self._check(call)
        await self._desk.pause(call.who, call.app, call.part("name"))
        return Reply(await self._health(call.app, call.part("name")))

    async def resume(self, call: Call) -> Reply:
        """Go on, whatever was the matter."""
        await self._check(call)
        await self._desk.resume(call.who, call.app, call.part("name"))
        return Reply(await self._health(call.app, call.part("name")))

    async def _check(self, call: Call) -> None:
        found = await self._console.destinations.lookup([call.app])
        name = call.part("name")
        if call.app not in found or name not in found[call.app].destinations:
            raise NotFound(f"There is no destination {name[:64]} in app {call.app}.")

    async def _health(self, app: str, name: str) -> HealthAnswer:
        known = self._console.history.destination_health(app, name)
        trouble = (await self._troubles.all()).get((app, name))
        held = (await self._troubles.holds()).get((app, name), 0.0)
        until = max(held if held > self._console.now() else 0.0, trouble.open_until if trouble else 0.0)
        return HealthAnswer(
            trouble=trouble.words if trouble else "",
            paused_at=(trouble.paused_at or None) if trouble else None,
            held_until=until or None,
            last_success_at=known.last_success_at,
            p95_ms=known.p95_ms,
            owed=known.owed,
            last_hour=dict(known.last_hour),
            last_day=dict(known.last_day),
        )


def operations(console: Console) -> list[Operation]:
    """All of them."""
    api = ApiHealth(console)
    got = "How a destination does: whether it is held back, when it last worked, and how deliveries ended."
    pause = (
        "Deliver nothing to a destination until it is resumed, or a Test succeeds. "
        "What comes meanwhile is kept as dead letters, to be replayed."
    )
    resume = "Deliver to a destination again that is held back or paused, as if nothing had been."
    return [
        Operation(AREA, "getHealth", "GET", f"{ONE}/health", got, api.get, HealthAnswer, fails=(404,)),
        Operation(
            AREA, "pauseDestination", "POST", f"{ONE}/pause", pause, api.pause, HealthAnswer, least=Role.EDITOR,
            fails=(404,),
        ),
        Operation(
            AREA, "resumeDestination", "POST", f"{ONE}/resume", resume, api.resume, HealthAnswer, least=Role.EDITOR,
            fails=(404,),
        ),
    ]  # fmt: skip
