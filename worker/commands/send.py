"""`bellhop send`: put an event on the stream, as a producer does, and on request wait for what comes of it."""

from __future__ import annotations

import asyncio
import codecs
import time
from typing import Annotated, Any
from uuid import uuid4

import orjson
import typer
from redis.asyncio import Redis
from rich.text import Text

from config.settings import settings
from worker.commands.files import content
from worker.commands.output import Exit, coloured, connected, fail, print_json, print_line, print_table, run
from worker.errors import BellhopError, InvalidEvent
from worker.events import parse_event, read_object
from worker.keys import NO_KEYS
from worker.models import Severity, Status
from worker.stores.destinations import RedisDestinations
from worker.stores.records import Records

PENDING = "no result yet"
FILE_BYTES = 64 * 1024 * 1024


def send(
    app: Annotated[str, typer.Option(help="The app whose alert it is.")] = "",
    title: Annotated[str, typer.Option(help="What happened, in one line.")] = "",
    message: Annotated[str, typer.Option(help="The rest of the story.")] = "",
    severity: Annotated[Severity, typer.Option(help="How bad it is.")] = Severity.WARNING,
    status: Annotated[Status, typer.Option(help="Whether the condition holds.")] = Status.FIRING,
    rule: Annotated[str, typer.Option(help="The rule that fired.")] = "",
    event_id: Annotated[str, typer.Option("--id", help="The idempotency key; a new one by default.")] = "",
    dedup_key: Annotated[str, typer.Option(help="The condition; by default derived from app, rule and tags.")] = "",
    tag: Annotated[list[str] | None, typer.Option(help="A tag, as host=db-1; may be repeated.")] = None,
    file: Annotated[
        str, typer.Option(help="Events from a file instead, one JSON object a line; - for standard input.")
    ] = "",
    wait: Annotated[float, typer.Option(help="Seconds to wait for the results; 0 does not wait.", min=0)] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Send an alert, or a file of them. With --wait exits with 0 only if every delivery arrived."""
    options: dict[str, Any] = {
        "app": app,
        "title": title,
        "message": message,
        "severity": severity,
        "status": status,
        "rule": rule,
    }
    options |= {"id": event_id, "dedup_key": dedup_key, "tags": _tags(tag or [])}
    events = _read(file) if file else [{key: value for key, value in options.items() if value}]
    for place, event in enumerate(events, 1):
        _check(event, f"event {place}: " if len(events) > 1 else "")

    async def work() -> list[dict[str, Any]]:
        async with connected() as redis:
            return await _send(redis, events, wait)

    results = run(work)
    _print(events, results, wait, as_json=as_json)
    if wait and not all(result["outcome"] == "delivered" for result in results):
        raise typer.Exit(Exit.PROBLEMS)


def _tags(pairs: list[str]) -> dict[str, str]:
    tags = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            fail(f"--tag {pair}: write it as name=value", Exit.USAGE)
        tags[name] = value
    return tags


def _read(file: str) -> list[dict[str, Any]]:
    try:
        raw = content(file, FILE_BYTES)
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror}", Exit.USAGE)
    if len(raw) > FILE_BYTES:
        fail(f"{file}: is larger than {FILE_BYTES // 1024 // 1024} MiB; send it in parts", Exit.USAGE)
    # Not `splitlines`: JSON's texts may hold some of what Python takes for a line end.
    lines = enumerate(raw.removeprefix(codecs.BOM_UTF8).split(b"\n"), 1)
    return [_event(line, f"{file}: line {number}") for number, line in lines if line.strip()]


def _event(line: bytes, place: str) -> dict[str, Any]:
    try:
        return read_object(line, settings().max_event_bytes)
    except InvalidEvent as error:
        fail(f"{place}: each line must be a JSON object: {error}", Exit.USAGE)


def _check(event: dict[str, Any], place: str) -> None:
    """Refuse here what the worker would reject, and give it an id so that its results can be found."""
    if not event.get("id"):
        event["id"] = uuid4().hex
    try:
        parse_event(event, default_id="", received_at=time.time(), max_bytes=settings().max_event_bytes)
    except InvalidEvent as error:
        fail(f"{place}{error}", Exit.USAGE)


async def _send(redis: Redis, events: list[dict[str, Any]], wait: float) -> list[dict[str, Any]]:
    prefix = settings().prefix
    apps = await RedisDestinations(redis, prefix, NO_KEYS).lookup({event["app"] for event in events})
    unknown = sorted({event["app"] for event in events} - apps.keys())
    if unknown:
        raise BellhopError(f"app {unknown[0]} is not configured; set it up with `bellhop apps apply`")
    for event in events:
        await redis.xadd(f"{prefix}:events", {"event": orjson.dumps(event)})
    if not wait:
        return []
    wanted = [(event["app"], event["id"], name) for event in events for name in apps[event["app"]].destinations]
    return await _results(Records(redis, prefix), wanted, wait)


async def _results(records: Records, wanted: list[tuple[str, str, str]], wait: float) -> list[dict[str, Any]]:
    """The deliveries' states, once all are settled or the time is over."""
    loop = asyncio.get_running_loop()
    until = loop.time() + wait
    ids = {(app, event_id) for app, event_id, _ in wanted}
    while True:
        found = [record for app, event_id in ids for record in await records.find(event_id, [app])]
        states = {(d.app, d.event_id, d.destination): d.as_json() for each in found for d in each.deliveries}
        settled = [key for key in wanted if states.get(key, {}).get("outcome")]
        if len(settled) == len(wanted) or loop.time() >= until:
            break
        await asyncio.sleep(0.1)
    nothing = {"outcome": None, "detail": PENDING}
    return [
        nothing | {"app": key[0], "event_id": key[1], "destination": key[2]} | states.get(key, {}) for key in wanted
    ]


def _print(events: list[dict[str, Any]], results: list[dict[str, Any]], wait: float, *, as_json: bool) -> None:
    if as_json:
        print_json({"sent": [event["id"] for event in events], "results": results})
        return
    for event in events:
        print_line(f"sent {event['app']}/{event['id']}", "bold")
    if wait:
        rows = [_row(result) for result in results]
        print_table(["DESTINATION", "CHANNEL", "OUTCOME", "STATUS", "DETAIL"], rows)


def _row(result: dict[str, Any]) -> list[str | Text]:
    return [
        result["destination"],
        result.get("channel") or "",
        coloured(result["outcome"] or result.get("state") or PENDING),
        str(result.get("status_code") or ""),
        result.get("detail") or "",
    ]
