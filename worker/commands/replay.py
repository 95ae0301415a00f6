"""`bellhop replay` and `bellhop explain`: dead letters delivered again, and what was decided about an event."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import Annotated, Final

import typer
from redis.asyncio import Redis
from rich.progress import Progress
from rich.text import Text

from config.settings import settings
from worker.channels.wording import clock
from worker.commands.deliveries import find
from worker.commands.output import Exit, coloured, connected, fail, print_json, print_line, print_table, run
from worker.explain import explain as explained
from worker.replays import BATCH, Letter, LetterFilter, dead_letters, ledger_for_replays
from worker.replays import replay as replay_letters
from worker.stores.troubles import Troubles

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
UNITS_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def replay(
    event: Annotated[str | None, typer.Argument(help="Only those of this event.", metavar="[EVENT]")] = None,
    app: Annotated[str | None, typer.Option(help="Only of this app.")] = None,
    destination: Annotated[str | None, typer.Option(help="Only to this destination.")] = None,
    channel: Annotated[str | None, typer.Option(help="Only by this channel.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only with this reason, such as not_found or paused.")] = None,
    since: Annotated[str, typer.Option(help="Dead since: 30m, 6h, 2d, or 2026-11-23T14:05:00Z.")] = "",
    until: Annotated[str, typer.Option(help="Dead until, written the same way.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be replayed, and change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Deliver dead letters again: from attempt 1, with a deadline that counts from now."""
    now = time.time()
    wanted = LetterFilter(
        apps={app} if app else None,
        event=event or "",
        destination=destination or "",
        channel=channel or "",
        reason=reason or "",
        since=_moment(since, now, 0.0, "--since"),
        until=_moment(until, now, now, "--until"),
    )

    async def work() -> tuple[list[Letter], int]:
        async with connected() as redis:
            letters = await dead_letters(redis, settings().prefix, wanted)
            return letters, 0 if dry_run else await _replay(redis, letters)

    letters, replayed = run(work)
    if as_json:
        rows = [letter.record.as_json() | {"died_at": letter.died_at} for letter in letters]
        print_json({"replayed": replayed, "dry_run": dry_run, "deliveries": rows})
        return
    table: list[list[str | Text]] = [
        [clock(each.died_at), f"{each.event.app}/{each.event.id}", each.record.destination, each.record.channel,
         coloured(each.record.state), str(each.record.details.get("reason") or ""), each.event.title]
        for each in letters
    ]  # fmt: skip
    print_table(["DIED", "EVENT", "DESTINATION", "CHANNEL", "OUTCOME", "REASON", "TITLE"], table)
    print_line(f"{len(letters)} would be replayed" if dry_run else f"{replayed} replayed")


def explain(
    event: Annotated[str, typer.Argument(help="An event's id, or app/id.", metavar="EVENT")],
    app: Annotated[str | None, typer.Option(help="Of this app.")] = None,
    as_json: AsJson = False,
) -> None:
    """Tell in plain sentences what was decided about an event, and why, per destination."""

    async def work() -> list[list[str]]:
        async with connected() as redis:
            records = await find(redis, event, app)
            troubles = await Troubles(redis, settings().prefix).all()
            return [explained(record, troubles, time.time()) for record in records]

    told = run(work)
    if as_json:
        print_json(told)
        return
    for paragraphs in told:
        first, *others = paragraphs
        print_line(first)
        for paragraph in others:
            print_line("")
            print_line(paragraph)


async def _replay(redis: Redis, letters: list[Letter]) -> int:
    ledger = ledger_for_replays(redis, settings().prefix, settings().retention_hours)
    with Progress(transient=True, disable=len(letters) < BATCH) as progress:
        step = progress.add_task("replaying", total=len(letters))
        return await replay_letters(ledger, letters, lambda count: progress.advance(step, count))


def _moment(text: str, now: float, default: float, option: str) -> float:
    """Epoch seconds of `30m` ago or of an RFC 3339 time."""
    if not text:
        return default
    ago = re.fullmatch(r"(\d+)([smhd])", text)
    if ago:
        return now - int(ago[1]) * UNITS_S[ago[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        fail(f"{option} {text}: write 30m, 6h, 2d, or a time such as 2026-11-23T14:05:00Z", Exit.USAGE)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
