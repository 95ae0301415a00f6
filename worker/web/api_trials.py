"""Test, by the HTTP API: one message by production's own path, with settings that are stored or only sent along."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

from pydantic import Field

from worker.channels import CHANNELS
from worker.errors import InvalidSettings, NotFound
from worker.models import Destination, Reason
from worker.stores.edits import Opened
from worker.web.api import Answer, Call, Operation, Reply
from worker.web.api_destination_values import DestinationBody
from worker.web.api_destinations import AREA, wanted_destination
from worker.web.api_values import check_name
from worker.web.console import Console
from worker.web.destination_desk import Desk, Tested
from worker.web.roles import Role

PATH: Final = "/apps/{app}/destinations/{name}/test"


class RequestShown(Answer):
    """What went out, with every secret as stars."""

    method: str
    address: str
    headers: dict[str, str]
    body: str


class TestAnswer(Answer):
    """What came of a Test."""

    __test__ = False  # it is no test of ours

    delivered: bool
    status_code: int | None = Field(description="Of the reply; null where there was none, or it has no such thing.")
    reason: Reason
    diagnosis: str = Field(description="What it means and what to do, in one or two sentences.")
    detail: str = Field(description="The vendor's own words.")
    body: str = Field(description="How the reply begins.")
    label: str = Field(description="Where it went, without path and token.")
    elapsed_ms: float
    warnings: list[str] = Field(description="What gives cause for doubt.")
    request: RequestShown | None
    resumed: bool = Field(description="Whether the destination was held back or paused, and goes on now.")


class ApiTrials:
    """Tests destinations."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._desk = Desk(console)

    async def test(self, call: Call) -> Reply:
        """By what is sent, or without that by what is stored."""
        name = call.part("name")
        check_name(name)
        opened = await self._console.destinations.opened(call.app)
        stored = opened.app.destinations.get(name)
        tried = _stored(opened, name) if call.body is None else wanted_destination(opened, name, call.body)
        if tried.settings is None or tried.channel not in CHANNELS:
            raise InvalidSettings([f"settings: {tried.problem}"])
        return Reply(_answer(await self._desk.test(call.who, tried, stored)))


def _stored(opened: Opened, name: str) -> Destination:
    if name not in opened.app.destinations:
        raise NotFound(
            f"There is no destination {name} in app {opened.app.name}: send the settings that are to be tried."
        )
    return opened.app.destinations[name]


def _answer(tested: Tested) -> TestAnswer:
    trial = tested.trial
    told = {name: value for name, value in asdict(trial).items() if name not in {"channel", "request", "reason"}}
    request = None if trial.request is None else RequestShown(**asdict(trial.request))
    return TestAnswer(**told, reason=Reason(trial.reason), request=request, resumed=tested.resumed)


def operations(console: Console) -> list[Operation]:
    """The one."""
    about = (
        "Send one test message, by the settings in the body or without one by those that are stored. Nothing is saved; "
        "a destination that is held back or paused goes on where its stored settings have worked."
    )
    return [
        Operation(
            AREA, "testDestination", "POST", PATH, about, ApiTrials(console).test, TestAnswer, least=Role.EDITOR,
            body=DestinationBody, body_optional=True, fails=(404,),
        ),
    ]  # fmt: skip
