"""`bellhop destinations`: look at them, switch them on and off, test them. Secrets go in and never come out.

Exit codes: 0 done (for `test`: it would be delivered), 1 a problem, 2 wrong usage, 3 Redis cannot be reached.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.text import Text

from config.settings import settings
from worker.appsdiff import shown_fields
from worker.appsfile import like
from worker.channels import CHANNELS, no_channel
from worker.channels.channel import Channel, ChannelSettings
from worker.commands.output import (
    Exit,
    allowed,
    connected,
    fail,
    print_json,
    print_line,
    print_table,
    run,
    stored_destinations,
    warn,
)
from worker.commands.pairs import parsed_pairs
from worker.doubts import warnings_about
from worker.errors import InvalidSettings, NotFound
from worker.models import App, Destination
from worker.settings_fields import settings_from_pairs
from worker.stores.troubles import Trouble, Troubles
from worker.trial import UNSAVED, Trial, tried

app = typer.Typer(help="Where an app's alerts go.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AppName = Annotated[str, typer.Argument(metavar="APP", help="The app's name.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The destination's name.")]

SETTING = (
    "One of the settings, key=value. For a secret: key=@FILE reads it from a file, key=- asks for it; written out "
    "it stays in your shell's history. @@ stands for @ itself."
)


@app.command("list")
def list_destinations(
    app_name: Annotated[str | None, typer.Option("--app", help="Only this app's.")] = None, as_json: AsJson = False
) -> None:
    """List destinations."""

    async def work() -> dict[str, App]:
        async with stored_destinations() as store:
            if app_name is None:
                return await store.everything()
            found = await store.lookup([app_name])
            if not found:
                raise NotFound(f"there is no app {app_name}")
            return found

    troubles = run(_troubles)
    rows = [_row(d, troubles.get((d.app, d.name))) for one in run(work).values() for d in one.destinations.values()]
    if as_json:
        print_json(rows)
        return
    print_table(
        ["APP", "NAME", "CHANNEL", "ENABLED", "RATE LIMIT", "TROUBLE"],
        [
            [
                row["app"],
                row["name"],
                row["channel"],
                _yes_no(enabled=row["enabled"]),
                row["rate_limit"],
                row["problem"] or row["trouble"],
            ]
            for row in rows
        ],
    )
    for row in rows:
        for warning in row["warnings"]:
            warn(warning)


@app.command()
def show(app_name: AppName, name: Name, as_json: AsJson = False) -> None:
    """Show a destination; of its secrets only that they are set."""
    destination = run(lambda: _stored(app_name, name))
    fields = shown_fields(destination)
    if as_json:
        fields = {key.removeprefix("settings."): value for key, value in fields.items() if key.startswith("settings.")}
        trouble = run(_troubles).get((app_name, name))
        print_json(_row(destination, trouble) | {"settings": fields})
        return
    print_table(["FIELD", "VALUE"], list(fields.items()))
    for warning in [destination.problem, *warnings_about(destination, allowed=allowed())]:
        if warning:
            warn(warning)


@app.command()
def enable(app_name: AppName, name: Name, as_json: AsJson = False) -> None:
    """Switch a destination on."""
    _switch(app_name, name, enabled=True, as_json=as_json)


@app.command()
def disable(app_name: AppName, name: Name, as_json: AsJson = False) -> None:
    """Switch a destination off; its alerts are skipped."""
    _switch(app_name, name, enabled=False, as_json=as_json)


@app.command("test")
def try_out(
    app_name: Annotated[str | None, typer.Argument(metavar="APP", help="The app's name.")] = None,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The destination's name.")] = None,
    channel: Annotated[str | None, typer.Option("--channel", help="Test unsaved settings of this channel.")] = None,
    given: Annotated[list[str] | None, typer.Option("--set", help=SETTING, metavar="KEY=VALUE")] = None,
    as_json: AsJson = False,
) -> None:
    """Send a test message to a saved destination (APP NAME) or by unsaved settings (--channel … --set …)."""
    saved, unsaved = app_name is not None and name is not None, channel is not None
    half = app_name is not None and name is None
    if saved == unsaved or half or (given and not unsaved):
        fail("name either APP NAME, or --channel with --set key=value for each of its settings", Exit.USAGE)
    if app_name is not None and name is not None:
        kind, values = _readable(run(lambda: _stored(app_name, name)))
        trial = run(lambda: _tried(kind, values, app_name))
        if trial.delivered:
            run(lambda: _resume(app_name, name))
    else:
        kind = _known_channel(channel or "")
        values = _unsaved(kind, given or [])
        trial = run(lambda: _tried(kind, values, UNSAVED))
    if as_json:
        print_json(asdict(trial))
    else:
        _print_trial(kind, trial)
    raise typer.Exit(Exit.OK if trial.delivered else Exit.PROBLEMS)


async def _tried(channel: Channel, values: ChannelSettings, app_name: str) -> Trial:
    from worker.transports import Carrier  # noqa: PLC0415, aiohttp takes a while to load, and only this needs it

    carrier = Carrier(settings())
    try:
        return await tried(channel, values, carrier, now=time.time(), app=app_name)
    finally:
        await carrier.close()


async def _troubles() -> dict[tuple[str, str], Trouble]:
    async with connected() as redis:
        return await Troubles(redis, settings().prefix).all()


async def _resume(app_name: str, name: str) -> None:
    """A destination that was paused works again."""
    async with connected() as redis:
        await Troubles(redis, settings().prefix).resume(app_name, name)


async def _stored(app_name: str, name: str) -> Destination:
    async with stored_destinations() as store:
        found = (await store.lookup([app_name])).get(app_name)
    if found is None:
        raise NotFound(f"there is no app {app_name}")
    if name not in found.destinations:
        raise NotFound(f"app {app_name} has no destination {name}{like(name, found.destinations)}")
    return found.destinations[name]


def _readable(destination: Destination) -> tuple[Channel, ChannelSettings]:
    if destination.settings is None:
        fail(f"{destination.app} {destination.name}: {destination.problem}")
    return CHANNELS[destination.channel], destination.settings


def _known_channel(name: str) -> Channel:
    if name not in CHANNELS:
        fail(no_channel(name, CHANNELS), Exit.USAGE)
    return CHANNELS[name]


def _unsaved(channel: Channel, given: list[str]) -> ChannelSettings:
    try:
        return settings_from_pairs(parsed_pairs(given, channel), channel)
    except InvalidSettings as problem:
        fail(problem)


def _switch(app_name: str, name: str, *, enabled: bool, as_json: bool) -> None:
    async def work() -> None:
        async with stored_destinations() as store:
            await store.set_enabled(app_name, name, enabled=enabled)

    run(work)
    if as_json:
        print_json({"app": app_name, "name": name, "enabled": enabled})
    else:
        print_line(f"{app_name} {name} is {'enabled' if enabled else 'disabled'}")


def _print_trial(channel: Channel, trial: Trial) -> None:
    mark = Text("delivered", "bold green") if trial.delivered else Text("not delivered", "bold red")
    shown: Mapping[str, str | Text] = {
        "result": mark,
        "diagnosis": trial.diagnosis,
        "channel": channel.label,
        "sent to": trial.label,
        "status code": "" if trial.status_code is None else str(trial.status_code),
        "reply": trial.body,
        "time": f"{trial.elapsed_ms:.0f} ms",
    }
    print_table(["", ""], [[name, value] for name, value in shown.items() if value])
    for warning in trial.warnings:
        warn(warning)


def _row(destination: Destination, trouble: Trouble | None = None) -> dict[str, Any]:
    return {
        "app": destination.app,
        "name": destination.name,
        "channel": destination.channel,
        "enabled": destination.enabled,
        "rate_limit": destination.rate_limit,
        "on_ambiguous": destination.on_ambiguous.value,
        "problem": destination.problem,
        "trouble": trouble.words if trouble else "",
        "warnings": warnings_about(destination, allowed=allowed()),
    }


def _yes_no(*, enabled: bool) -> str:
    return "yes" if enabled else "no"
