"""`bellhop audit`: who changed, tested or replayed what with the console, newest first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from worker.commands.output import print_json, print_table, run
from worker.commands.shell import AsJson, opened_access
from worker.web.audit import Entry


def audit(
    app_name: Annotated[str, typer.Option("--app", help="Only what concerns this app.")] = "",
    who: Annotated[str, typer.Option(help="Only what this user or token did.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many entries at the most.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Show who changed, tested or replayed what, and who logged in or failed to."""

    async def work() -> list[Entry]:
        async with opened_access() as access:
            return (await access.log.entries(lambda entry: _fits(entry, app_name, who), limit=limit)).entries

    entries = run(work)
    if as_json:
        print_json([entry.as_json() for entry in entries])
        return
    rows = [[_when(e), f"{e.who} ({e.kind})", e.what, e.app, e.subject, e.detail, e.address] for e in entries]
    print_table(["WHEN", "WHO", "WHAT", "APP", "SUBJECT", "DETAIL", "FROM"], rows)


def _fits(entry: Entry, app_name: str, who: str) -> bool:
    return (not app_name or entry.app == app_name) and (not who or entry.who == who)


def _when(entry: Entry) -> str:
    return f"{datetime.fromtimestamp(entry.at, UTC):%Y-%m-%d %H:%M:%S}"
