"""`bellhop deliveries`: what became of alerts, delivery by delivery and attempt by attempt."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import typer
from redis.asyncio import Redis
from rich.text import Text

from config.settings import settings
from worker.channels.wording import clock
from worker.commands.output import Exit, coloured, connected, print_json, print_line, print_table, run
from worker.errors import NotFound
from worker.keys import NO_KEYS
from worker.models import Event
from worker.stores.destinations import RedisDestinations
from worker.stores.records import DeliveryRecord, EventRecord, Records

app = typer.Typer(help="Deliveries: what is owed, and what became of it.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
COLUMNS = ["RECEIVED", "EVENT", "DESTINATION", "CHANNEL", "STATE", "TRIES", "STATUS", "DETAIL"]


@app.command("list")
def list_(
    app_name: Annotated[str | None, typer.Option("--app", help="Of this app only.")] = None,
    destination: Annotated[str | None, typer.Option(help="To this destination only.")] = None,
    channel: Annotated[str | None, typer.Option(help="By this channel only.")] = None,
    state: Annotated[
        str | None, typer.Option(help="delivered, failed, skipped, retrying or owed, or a reason as rate_limited.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At the most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List deliveries, newest event first."""

    def fits(row: DeliveryRecord) -> bool:
        wanted = ((destination, {row.destination}), (channel, {row.channel}))
        states = {row.state, row.details.get("reason", "")}
        return all(not want or want in has for want, has in (*wanted, (state, states)))

    async def work() -> list[tuple[EventRecord, DeliveryRecord]]:
        rows: list[tuple[EventRecord, DeliveryRecord]] = []
        async with connected() as redis:
            async for record in Records(redis, settings().prefix).latest(app_name):
                rows += [(record, row) for row in record.deliveries if fits(row)]
                if len(rows) >= limit:
                    break
        return rows[:limit]

    rows = run(work)
    if as_json:
        print_json([_as_json(record, row) for record, row in rows])
        return
    if not rows:
        print_line("no deliveries yet" if not (app_name or destination or channel or state) else "none that fit")
        return
    print_table(COLUMNS, (_row(record, row) for record, row in rows))


@app.command()
def show(
    event: Annotated[str, typer.Argument(help="An event's id, or app/id.", metavar="EVENT")],
    app_name: Annotated[str | None, typer.Option("--app", help="Of this app.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show an event with every delivery and every attempt."""

    async def work() -> list[EventRecord]:
        async with connected() as redis:
            return await find(redis, event, app_name)

    records = run(work)
    if as_json:
        print_json([_whole(record) for record in records])
        return
    for record in records:
        _show(record)


@app.command()
def watch(
    app_name: Annotated[str | None, typer.Option("--app", help="Of this app only.")] = None,
    count: Annotated[int, typer.Option(min=0, help="End after so many; 0 goes on until Ctrl-C.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Print results as they come."""

    async def work() -> None:
        async with connected() as redis:
            await _follow(Records(redis, settings().prefix), app_name, count, as_json=as_json)

    try:
        run(work)
    except KeyboardInterrupt:
        raise typer.Exit(Exit.OK) from None


async def find(redis: Redis, event: str, app_name: str | None) -> list[EventRecord]:
    """The records that `event` means: `app/id`, or an id of whichever app; NotFound where there is none."""
    records = Records(redis, settings().prefix)
    known = await RedisDestinations(redis, settings().prefix, NO_KEYS).names()
    found = await records.find(event, [app_name] if app_name else known)
    owner, slash, event_id = event.partition("/")
    if not found and slash:
        found = await records.find(event_id, [owner])
    if not found:
        hours = f"{settings().retention_hours:g}"
        raise NotFound(f"there is no record of event {event}; records are kept for {hours} hours")
    return found


async def _follow(records: Records, app_name: str | None, count: int, *, as_json: bool) -> None:
    after, seen = await records.last_result(), 0
    while not count or seen < count:
        for entry, result in await records.results(after, block_ms=1000):
            after = entry
            if app_name and result["app"] != app_name:
                continue
            seen += 1
            _print_result(result, as_json=as_json)
            if count and seen >= count:
                return


def _print_result(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    words = f"{result['app']}/{result['event_id']} → {result['destination']} ({result['channel']}): {result['outcome']}"
    status = f" {result['status_code']}" if result["status_code"] else ""
    print_line(f"{words}{status} {result['detail']}".rstrip(), coloured(result["outcome"]).style.__str__())


def _show(record: EventRecord) -> None:
    event = record.event
    print_line(f"{event.app}/{event.id}", "bold")
    for name, value in _facts(record, event):
        print_line(f"  {name:<10} {value}")
    for row in record.deliveries:
        status = Text.assemble(f"  {row.destination} ({row.channel}): ", coloured(row.state))
        print_line(status.plain, f"bold {coloured(row.state).style}")
        detail = row.details.get("detail")
        if detail:
            print_line(f"    {row.details.get('reason')}: {detail}")
        if row.attempts:
            print_table(["    TRY", "AT", "TOOK", "MEANT", "STATUS", "DETAIL", "NEXT"], map(_attempt, row.attempts))


def _facts(record: EventRecord, event: Event) -> Iterable[tuple[str, str]]:
    yield "title", event.title
    yield "status", f"{event.status}, {event.severity}"
    yield "received", clock(record.at)
    yield "occurred", clock(event.occurred_at)
    yield "condition", event.dedup_key


def _attempt(row: dict[str, Any]) -> list[str | Text]:
    return [
        f"    {row['number']}",
        clock(row["at"]),
        f"{row['elapsed_ms']:.0f} ms",
        row["kind"],
        str(row["status_code"] or ""),
        row["detail"],
        clock(row["retry_at"]) if row["retry_at"] else "",
    ]


def _row(record: EventRecord, row: DeliveryRecord) -> list[str | Text]:
    return [
        clock(record.at),
        f"{row.app}/{row.event_id}",
        row.destination,
        row.channel,
        coloured(row.state),
        str(len(row.attempts) or ""),
        str(row.details.get("status_code") or ""),
        row.details.get("detail") or "",
    ]


def _as_json(record: EventRecord, row: DeliveryRecord) -> dict[str, Any]:
    return {"received_at": record.at, "title": record.event.title} | row.as_json()


def _whole(record: EventRecord) -> dict[str, Any]:
    return {
        "event": record.event,
        "received_at": record.at,
        "deliveries": [row.as_json() for row in record.deliveries],
    }
