"""`bellhop apps`: settings as a file, applied, exported and compared.

Exit codes: 0 done, 1 problems in the file (then nothing is applied), 2 wrong usage, 3 Redis cannot be reached.
`diff` keeps to diff(1): 0 the same, 1 different, 2 trouble of any kind.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer
from rich.text import Text

from worker.appsdiff import Change, What, diff_apps
from worker.appsfile import read_apps, write_apps, written
from worker.commands.files import content
from worker.commands.output import (
    Exit,
    allowed,
    fail,
    print_json,
    print_line,
    print_table,
    run,
    stored_destinations,
    warn,
)
from worker.doubts import path_of, warnings_of
from worker.errors import BellhopError, InvalidSettings, NotFound
from worker.models import App
from worker.strict_yaml import MAX_BYTES

app = typer.Typer(help="Apps and their destinations, as a file.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
File = Annotated[str, typer.Argument(help="A settings file, YAML or JSON; - for standard input.", metavar="FILE")]
Prune = Annotated[bool, typer.Option("--prune", help="Count apps that the file does not name as removed.")]

STYLES = {What.ADDED: "green", What.REMOVED: "red", What.CHANGED: "yellow"}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a file would do: its apps, the changes, and the apps to delete."""

    apps: dict[str, App]
    changes: list[Change]
    removed: list[str]


@app.command()
def apply(
    file: File,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Delete apps that the file does not name.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make the apps that FILE names what it says; their destinations that it leaves out are removed."""
    wanted = _read(file, Exit.USAGE)

    async def work() -> Plan:
        async with stored_destinations() as destinations:
            plan = planned(wanted, await destinations.everything(), prune=prune)
            if plan.changes and not dry_run:
                await destinations.save(plan.apps.values(), plan.removed)
            return plan

    plan = run(work)
    warnings = warnings_of(wanted, allowed=allowed())
    if as_json:
        print_json({"applied": not dry_run, "changes": _json(plan.changes), "warnings": warnings})
        return
    _print(plan.changes)
    _warn(warnings)
    print_line(_summed_up(len(plan.changes), dry_run=dry_run))


@app.command()
def diff(file: File, prune: Prune = False, as_json: AsJson = False) -> None:
    """Say what applying FILE would change. Exits with 0 for nothing, 1 for something, 2 for trouble."""
    try:
        plan = _diff(file, prune=prune)
    except typer.Exit as ended:
        raise typer.Exit(Exit.USAGE) from ended
    changes, warnings = plan.changes, warnings_of(plan.apps, allowed=allowed())
    if as_json:
        print_json({"changes": _json(changes), "warnings": warnings})
    else:
        _print(changes)
        _warn(warnings)
    raise typer.Exit(Exit.PROBLEMS if changes else Exit.OK)


def _diff(file: str, *, prune: bool) -> Plan:
    wanted = _read(file, Exit.USAGE)

    async def work() -> dict[str, App]:
        async with stored_destinations() as destinations:
            return await destinations.everything()

    return planned(wanted, run(work), prune=prune)


@app.command()
def export(
    names: Annotated[list[str] | None, typer.Argument(help="Apps; all where none is named.", metavar="APP…")] = None,
    as_json: AsJson = False,
) -> None:
    """Print apps as a settings file, with `${…}` in the place of every secret."""

    async def work() -> dict[str, App]:
        async with stored_destinations() as destinations:
            return chosen(await destinations.everything(), names or [])

    apps = run(work)
    try:
        text = write_apps(apps)
    except InvalidSettings as problem:
        fail(problem)
    if as_json:
        _warn(warnings_of(apps))  # beside it: what is printed can be applied again, and has no place for them
        print_json(_exported(apps))
    else:
        sys.stdout.write(text)


@app.command("list")
def list_apps(as_json: AsJson = False) -> None:
    """List the apps and how many destinations each has."""

    async def work() -> dict[str, App]:
        async with stored_destinations() as destinations:
            return await destinations.everything()

    apps = run(work)
    rows = [_summary(one) for one in apps.values()]
    if as_json:
        print_json(rows)
        return
    texts = [[row["app"], str(row["destinations"]), str(row["enabled"]), ", ".join(row["channels"])] for row in rows]
    print_table(["APP", "DESTINATIONS", "ENABLED", "CHANNELS"], texts)
    _warn(warnings_of(apps, allowed=allowed()))


def planned(wanted: dict[str, App], stored: Mapping[str, App], *, prune: bool) -> Plan:
    """What has to be done so that `stored` is as `wanted`; apps that `wanted` lacks are left alone unless pruned."""
    touched = stored if prune else {name: stored[name] for name in wanted if name in stored}
    return Plan(wanted, diff_apps(touched, wanted), sorted(set(touched) - set(wanted)))


def chosen(apps: dict[str, App], names: Sequence[str]) -> dict[str, App]:
    """Those of `apps` that are named, all where none is; NotFound for a name that is not there."""
    for name in names:
        if name not in apps:
            raise NotFound(f"there is no app {name}")
    return {name: apps[name] for name in names} if names else apps


def _read(file: str, unreadable: int) -> dict[str, App]:
    try:
        return read_apps(content(file, MAX_BYTES), os.environ)
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror}", unreadable)
    except BellhopError as problem:
        fail(problem)


def _warn(warnings: Sequence[str]) -> None:
    for warning in warnings:
        warn(warning)


def _json(changes: list[Change]) -> list[dict[str, Any]]:
    return [{name: value for name, value in asdict(change).items() if value} for change in changes]


def _exported(apps: Mapping[str, App]) -> dict[str, Any]:
    taken: set[str] = set()
    return {
        "apps": {
            name: {"destinations": {key: written(one.destinations[key], taken) for key in sorted(one.destinations)}}
            for name, one in sorted(apps.items())
        }
    }


def _summed_up(changes: int, *, dry_run: bool) -> str:
    if not changes:
        return "no change"
    return f"{changes} {'change' if changes == 1 else 'changes'}{', nothing' if dry_run else ''} applied"


def _print(changes: list[Change]) -> None:
    if not changes:
        return
    rows: list[list[str | Text]] = [
        [
            Text(change.what, STYLES[change.what]),
            change.app,
            change.destination,
            change.field,
            change.before,
            change.after,
        ]
        for change in changes
    ]
    print_table(["", "APP", "DESTINATION", "FIELD", "BEFORE", "AFTER"], rows)


def _summary(one: App) -> dict[str, Any]:
    destinations = one.destinations.values()
    return {
        "app": one.name,
        "destinations": len(destinations),
        "enabled": sum(destination.enabled for destination in destinations),
        "channels": sorted({destination.channel for destination in destinations}),
        "problems": [f"{path_of(d)}: {d.problem}" for d in destinations if d.problem],
        "warnings": warnings_of({one.name: one}, allowed=allowed()),
    }
