"""The state of workers, queues, ledger and destinations, by the HTTP API: what `bellhop status` shows."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from worker.state import read_state
from worker.web.api import Answer, Call, Operation, Reply
from worker.web.api_values import Moment
from worker.web.console import Console

AREA: Final = "state"


class WorkerAnswer(Answer):
    """A worker process."""

    name: str
    pending: int = Field(description="Events that it has taken and not dispatched yet.")
    idle: int = Field(description="Milliseconds since its last sign of life.")
    version: str
    since: Moment
    in_flight: int | None = Field(description="Deliveries under way, of at most `places`.")
    places: int | None
    celery: str = Field(description="Its name in Flower.")


class TroubledAnswer(Answer):
    """A destination in trouble."""

    app: str
    destination: str
    kind: str = Field(description="paused, open (its circuit), failing, or limited.")
    words: str
    since: Moment
    until: Moment


class StateAnswer(Answer):
    """One look at all of it."""

    at: float = Field(description="Epoch seconds by Redis' clock.")
    events_waiting: int
    deliveries: dict[str, int] = Field(description="How many stand where: waiting, owed, woken, leased.")
    celery_queues: dict[str, int]
    workers: list[WorkerAnswer]
    workers_gone: list[WorkerAnswer] = Field(description="Those that left without a word.")
    oldest_event_at: Moment
    oldest_waiting_at: Moment
    next_due_at: Moment
    last_dead_at: Moment
    kept: dict[str, int]
    kept_bytes: dict[str, int] | None = Field(description="Null where Redis does not say.")
    in_trouble: int = Field(description="How many of the destinations fail; one that was told to wait does not.")
    troubles: list[TroubledAnswer]
    redis_memory_bytes: int | None
    apps: int


def operations(console: Console) -> list[Operation]:
    """The one."""

    async def get(call: Call) -> Reply:
        state = await read_state(console.redis, console.prefix)
        return Reply(StateAnswer.model_validate(state.seen_by(call.who.visible).as_json()))

    about = "Workers, queues, what is owed and kept, and destinations in trouble: of apps that you may see."
    return [Operation(AREA, "getState", "GET", "/state", about, get, StateAnswer)]
