"""What pictures cost, and what deliveries pay for them: `python -m benchmarks.pictures`. No Redis, nothing on the wire.

The process that draws is a real one. Microseconds are this thread's processor time, the best of many rounds;
milliseconds are by the clock.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from config.settings import read_settings
from worker import demo
from worker.channels import CHANNELS
from worker.channels.channel import Channel
from worker.commands.output import print_table
from worker.events import parse_event
from worker.models import Event, Notice, Picture
from worker.pictures.charts import chart_of
from worker.pictures.gallery import Gallery
from worker.pictures.illustrator import Illustrator
from worker.pictures.links import Links
from worker.pictures.renderer import Renderer, environment

NOW = 1_795_442_700.0  # 2026-11-23 14:05:00 UTC
AT_ONCE = 200
BATCH = 200
MAIL: dict[str, Any] = {"to": "a@example.com", "from": "b@example.com", "host": "localhost"}
SLACK: dict[str, Any] = {"webhook_url": "https://hooks.example.com/services/T00/B00/XXXXXXXXXXXX"}
HIPCHAT: dict[str, Any] = {"room": "1", "token": demo.TOKEN}
HANGS = (
    "import os, time; from worker.pictures.chart import Drawn, framed; os.write(1, framed(Drawn())); time.sleep(3600)"
)

Row = tuple[str, str]


def alert(number: int = 0) -> Notice:
    """The demo's memory alert, with 51 points."""
    event = parse_event(demo.firing(NOW, f"run-{number}")[0], default_id="1", received_at=NOW, max_bytes=262_144)
    return Notice(event=event, delivery_id=f"email/shop/mail/{event.id}", attempt=1, now=NOW)


def of(name: str, raw: dict[str, Any]) -> tuple[Channel, Any]:
    """A channel with settings."""
    return CHANNELS[name], CHANNELS[name].settings.model_validate(raw)


async def took_ms(work: Awaitable[Any]) -> float:
    """How long it took, by the clock."""
    began = time.perf_counter()
    await work
    return (time.perf_counter() - began) * 1000


async def drawing(renderer: Renderer, rounds: int) -> list[Row]:
    """The process that draws: its start, and its pace afterwards."""
    chart = chart_of(alert().event)
    first = await took_ms(renderer.draw(chart))
    spent = [await took_ms(renderer.draw(chart)) for _ in range(rounds)]
    size = len(await renderer.draw(chart))
    return [
        ("the first picture, with the start of the process that draws", f"{first:.0f} ms"),
        ("a picture after that, median", f"{statistics.median(spent):.0f} ms"),
        ("a picture's size", f"{size / 1000:.1f} kB"),
    ]


async def waiting(env: dict[str, str], wait_s: float) -> list[Row]:
    """The longest that any of many deliveries waits while the process that draws hangs."""
    renderer = Renderer(env, (sys.executable, "-c", HANGS), draw_s=60.0)
    gallery = Gallery(renderer)
    await gallery.picture(alert().event, 0.0)  # it has started, and hangs over this one
    draws, channel = Illustrator(gallery, None, wait_s), of("email", MAIL)
    spent = await asyncio.gather(*(took_ms(draws.illustrated(alert(n), *channel)) for n in range(1, AT_ONCE + 1)))
    await gallery.close()
    waited = sum(each > wait_s * 500 for each in spent)
    words = f"{max(spent):.0f} ms, {waited} of {AT_ONCE} waited at all"
    return [(f"the longest wait where it hangs and {wait_s * 1000:.0f} ms are allowed", words)]


def best_us(work: Callable[[], object], rounds: int) -> str:
    """Microseconds of this thread's processor time for one, in the best of the rounds."""
    best = float("inf")
    for _ in range(rounds):
        began = time.thread_time()
        for _ in range(BATCH):
            work()
        best = min(best, (time.thread_time() - began) / BATCH)
    return f"{best * 1e6:.2f} us"


def finished(work: Awaitable[Any]) -> object:
    """Run what never has to wait."""
    try:
        work.__await__().__next__()
    except StopIteration as done:
        return done.value
    raise RuntimeError("it had to wait")


def illustrating(draws: Illustrator, notice: Notice, shown: tuple[Channel, Any]) -> object:
    """One notice, of which nothing has to be drawn."""
    return finished(draws.illustrated(notice, *shown))


def deliveries(draws: Illustrator, png: bytes, rounds: int) -> Iterator[Row]:
    """What the path of a delivery pays."""
    notice, bare = alert(), demo.firing(NOW, "bare")[2]
    event: Event = parse_event(bare, default_id="1", received_at=NOW, max_bytes=262_144)
    yield "an event without a metric", best_us(lambda: event.metric is not None, rounds)
    for words, shown in {
        "a metric, to a channel that shows none (HipChat, text)": of("hipchat", HIPCHAT),
        "a metric, to a channel that takes its address (Slack)": of("slack", SLACK),
    }.items():
        yield words, best_us(partial(illustrating, draws, notice, shown), rounds)
    channel, settings = of("email", MAIL)
    yield "a mail composed without its picture", best_us(lambda: channel.compose(notice, settings), rounds)
    whole = Notice(notice.event, notice.delivery_id, 1, NOW, picture=Picture(alt="a chart", png=png))
    yield "a mail composed with it", best_us(lambda: channel.compose(whole, settings), rounds)


async def measured(rounds: int, folder: Path) -> list[Row]:
    """All rows."""
    env = environment(folder)
    renderer = Renderer(env)
    gallery = Gallery(renderer)
    rows = await drawing(renderer, rounds)
    png = await renderer.draw(chart_of(alert().event))
    draws = Illustrator(gallery, Links("https://alerts.example.com", [b"k" * 32]), 0.3)
    rows += deliveries(draws, png, rounds)
    await gallery.close()
    return rows + await waiting(env, read_settings().picture_wait_s)


def main(*, rounds: Annotated[int, typer.Option(min=1, help="How often each thing is done.")] = 20) -> None:
    """What pictures cost, and what deliveries pay for them."""
    with tempfile.TemporaryDirectory() as folder:
        rows = asyncio.run(measured(rounds, Path(folder)))
    print_table(("what", "measured"), rows)


if __name__ == "__main__":
    typer.run(main)
