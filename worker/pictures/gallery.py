"""The pictures that were drawn lately, or are being drawn: each event's once, however many destinations want it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final, Protocol

import structlog

from config.settings import Settings
from worker.cancelling import ended
from worker.models import Event
from worker.pictures.chart import Chart
from worker.pictures.charts import chart_of
from worker.pictures.renderer import NoPicture, Renderer, can_draw, environment

log = structlog.get_logger()

KEPT: Final = 64
"""Pictures; they have some 20 kB each."""
WAITING: Final = 16
"""Charts that may wait to be drawn."""
STARTING_S: Final = 2.0
"""So long is waited for the process that draws while it starts: else the first alert of a night went without."""

Key = tuple[str, str, float]


class Draws(Protocol):
    """What draws: `worker.pictures.renderer.Renderer`, or a fake in a test."""

    pace_s: float
    """How long a picture takes, by the latest ones."""

    @property
    def up(self) -> bool:
        """Whether it can begin at once."""

    @property
    def resting(self) -> bool:
        """Whether it would refuse."""

    @property
    def starting_s(self) -> float:
        """For how long it has been starting, in seconds."""

    async def draw(self, chart: Chart) -> bytes:
        """The PNG, or NoPicture."""

    async def close(self) -> None:
        """End it."""


class Gallery:
    """Has pictures drawn in the background, and hands them out."""

    def __init__(self, renderer: Draws) -> None:
        self._renderer = renderer
        self._pictures: dict[Key, asyncio.Task[bytes]] = {}
        self._waiting = 0

    async def picture(self, event: Event, within_s: float) -> bytes:
        """The PNG of an event with points; nothing where it cannot be had within so many seconds.

        While the process that draws is starting that is STARTING_S, counted from when it was asked to.
        """
        drawing = self._pictures.get(_key(event))
        if drawing is None:
            drawing = self._begin(event, within_s)
        if drawing is None:
            return b""
        await asyncio.wait((drawing,), timeout=self._patience(within_s))
        return drawing.result() if drawing.done() and not drawing.cancelled() else b""

    async def close(self) -> None:
        """Stop drawing."""
        await ended(self._pictures.values())
        await self._renderer.close()

    def _begin(self, event: Event, within_s: float) -> asyncio.Task[bytes] | None:
        """Have it drawn; None where that would be in vain."""
        if self._renderer.resting or self._full(within_s):
            return None
        self._waiting += 1
        key = _key(event)
        drawing = asyncio.create_task(self._drawn(key, event))
        self._pictures[key] = drawing
        self._forget(key for key, task in list(self._pictures.items())[:-KEPT] if task.done())
        return drawing

    def _full(self, within_s: float) -> bool:
        """Whether so many wait that one more would not come in time: in a storm the first ones get their pictures."""
        too_late = self._renderer.up and (self._waiting + 1) * self._renderer.pace_s > within_s
        return self._waiting >= WAITING or (self._waiting > 0 and too_late)

    def _patience(self, within_s: float) -> float:
        if self._renderer.up:
            return within_s
        return max(within_s, STARTING_S - self._renderer.starting_s)

    async def _drawn(self, key: Key, event: Event) -> bytes:
        try:
            return await self._renderer.draw(chart_of(event))
        except NoPicture as problem:
            log.info("picture.missing", app=event.app, event_id=event.id, problem=str(problem))
        except Exception:
            log.exception("picture.crashed", app=event.app, event_id=event.id)
        finally:
            self._waiting -= 1
        self._forget((key,))
        return b""

    def _forget(self, keys: Iterable[Key]) -> None:
        for key in list(keys):
            self._pictures.pop(key, None)


def open_gallery(settings: Settings) -> Gallery | None:
    """A gallery with a process of its own, which is not started yet; None where there are no pictures."""
    if not settings.pictures or not can_draw():
        return None
    return Gallery(Renderer(environment(settings.state_dir / "matplotlib")))


def _key(event: Event) -> Key:
    return event.app, event.id, event.occurred_at
