"""`bellhop replay` and `bellhop explain`: dead letters delivered again, and what was decided about an event."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
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
from worker.models import DeliveryId, Event
from worker.stores.ledger import Ledger
from worker.stores.ledger_values import LedgerLimits
from worker.stores.records import DeliveryRecord, Records
from worker.stores.troubles import Troubles

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
BATCH: Final = 200
MS_PER_HOUR: Final = 3_600_000
UNITS_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter: where it stands, when it died (epoch seconds), and its event."""

    ref: str
    died_at: float
    event: Event
    record: DeliveryRecord


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
    span = (_moment(since, now, 0.0, "--since"), _moment(until, now, now, "--until"))

    def fits(letter: Letter) -> bool:
        has = (letter.record.app, letter.record.destination, letter.record.channel, letter.record.details.get("reason"))
        wanted = (app, destination, channel, reason)
        return all(want in {None, is_} for want, is_ in zip(wanted, has, strict=True)) and event in {
            None,
            letter.event.id,
            f"{letter.event.app}/{letter.event.id}",
        }

    async def work() -> tuple[list[Letter], int]:
        async with connected() as redis:
            letters = [letter for letter in await _dead(redis, span) if fits(letter)]
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


async def _dead(redis: Redis, span: tuple[float, float]) -> list[Letter]:
    """The dead letters of a span of epoch seconds, oldest first, with their records."""
    prefix = settings().prefix
    rows = await Ledger(redis, prefix).dead(span[0] * 1000, span[1] * 1000)
    letters: list[Letter] = []
    for ref, at in rows:
        delivery = DeliveryId.parse(ref)
        for record in await Records(redis, prefix).find(delivery.event_id, [delivery.app]):
            mine = [each for each in record.deliveries if each.destination == delivery.destination]
            letters += [Letter(ref, at / 1000, record.event, each) for each in mine]
    return letters


async def _replay(redis: Redis, letters: list[Letter]) -> int:
    config = settings()
    limits = LedgerLimits(wake_ms=0, retention_ms=int(config.retention_hours * MS_PER_HOUR))
    # Workers' timers publish what is due, and only while Celery's queues are short: however many these are.
    ledger, replayed = Ledger(redis, config.prefix, limits), 0
    with Progress(transient=True, disable=len(letters) < BATCH) as progress:
        step = progress.add_task("replaying", total=len(letters))
        for start in range(0, len(letters), BATCH):
            chunk = letters[start : start + BATCH]
            replayed += (await ledger.replay([(letter.ref, letter.event) for letter in chunk]))[1]
            progress.advance(step, len(chunk))
    return replayed


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
