"""`bellhop keys`: make master keys, see which are in use, and bring all secrets under the newest.

Exit codes: 0 done, 1 a problem, 2 wrong usage, 3 Redis cannot be reached.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Annotated, Any

import typer
from redis.asyncio import Redis
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from config.settings import settings
from worker.commands.output import Exit, connected, counted, print_json, print_line, print_table, run, warn
from worker.errors import InvalidSettings, NotFound
from worker.key_file import kept_key, key_path
from worker.keys import SETTING, MasterKeys, key_id, new_key
from worker.stores.key_register import KeyRegister
from worker.stores.rotation import Rotated, Rotation
from worker.unlocking import keys_at_hand, opened_keys

app = typer.Typer(help="The master keys that seal destinations' secrets.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def generate(as_json: AsJson = False) -> None:
    """Print a new master key. It is kept nowhere: put it in front of BELLHOP_MASTER_KEYS, and into your backup."""
    if as_json:
        print_json({"key": new_key()})
    else:
        print_line(new_key())


@app.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """List the master keys by their ids: which are at hand here, what each holds, which workers have it."""

    async def work() -> list[dict[str, Any]]:
        async with connected() as redis:
            return await _rows(redis, keys_at_hand(settings()))

    rows = run(work)
    if as_json:
        print_json(rows)
        return
    print_table(
        ["KEY", "HERE", "IN USE", "APPS", "WORKERS"],
        [
            [
                row["key"],
                "newest" if row["newest"] else _yes_no(yes=row["here"]),
                _yes_no(yes=row["in_use"]),
                str(row["apps"]),
                f"{row['workers']} of {row['workers_alive']}",
            ]
            for row in rows
        ],
    )


@app.command()
def rotate(as_json: AsJson = False) -> None:
    """Seal all secrets anew under the newest master key, while workers deliver. Can be stopped and run again."""
    began = time.monotonic()

    async def work() -> tuple[MasterKeys, Rotated, dict[str, int]]:
        async with connected() as redis:
            keys = await opened_keys(settings(), redis)
            register = KeyRegister(redis, settings().prefix)
            await register.refuse_to_lock_out(keys.newest)
            with _progress(hidden=as_json) as progress:
                step = progress.add_task("sealing anew")
                done = await Rotation(redis, settings().prefix, keys).run(
                    lambda now, total: progress.update(step, completed=now, total=total)
                )
            return keys, done, dict(await register.retire(keys.newest))

    told = _told(*run(work)) | {"seconds": round(time.monotonic() - began, 3)}
    if as_json:
        print_json(told)
    else:
        _print_rotated(told)
    raise typer.Exit(Exit.PROBLEMS if told["problems"] else Exit.OK)


@app.command()
def forget(
    key: Annotated[str, typer.Argument(help="The key's id, as `bellhop keys list` shows it.", metavar="ID")],
    as_json: AsJson = False,
) -> None:
    """Give a master key up that is lost for good: what is sealed under it must be applied again."""

    async def work() -> int:
        async with connected() as redis:
            register = KeyRegister(redis, settings().prefix)
            if not await register.forget(key):
                raise NotFound(f"master key {key} is not in use")
            return (await register.needed())[key]

    lost = run(work)
    if as_json:
        print_json({"forgotten": key, "apps": lost})
    else:
        print_line(f"master key {key} is forgotten; apply the settings of {counted(lost, 'app')} again")


async def _rows(redis: Redis, keys: MasterKeys) -> list[dict[str, Any]]:
    """One row per key that is at hand or in use, the newest first."""
    register = KeyRegister(redis, settings().prefix)
    in_use, needed, holders = await register.in_use(), await register.needed(), await register.holders()
    others = sorted({*in_use, *needed} - set(keys.ids))
    return [
        {
            "key": each,
            "newest": each == keys.ids[0] if keys.ids else False,
            "here": each in keys.ids,
            "in_use": each in in_use or each in needed,
            "apps": needed[each],
            "workers": sum(each in ids for ids in holders.values()),
            "workers_alive": len(holders),
        }
        for each in (*keys.ids, *others)
    ]


def _told(keys: MasterKeys, done: Rotated, needed: dict[str, int]) -> dict[str, Any]:
    return {
        "newest": keys.newest,
        "apps": done.apps,
        "destinations": done.destinations,
        "passed_over": done.passed_over,
        "needed": needed,
        "removable": [each for each in keys.ids[1:] if each not in needed],
        "problems": done.problems,
    }


def _print_rotated(told: dict[str, Any]) -> None:
    for name, problem in told["problems"].items():
        warn(f"app {name} stays as it is: {problem}")
    counts = f"{counted(told['apps'], 'app')} with {counted(told['destinations'], 'destination')}"
    print_line(f"{counts} sealed anew under master key {told['newest']} in {told['seconds']:.1f} s")
    if told["passed_over"]:
        print_line(f"under it already, or empty: {counted(told['passed_over'], 'app')}")
    for each in told["removable"]:
        print_line(f"no app needs master key {each} any more: {_removal(each)}, and start the workers again")
    others = sorted(set(told["needed"]) - {told["newest"]})
    for each in others:
        print_line(f"master key {each} is still needed by {counted(told['needed'][each], 'app')}")
    if not told["removable"] and not others and not told["apps"]:
        print_line(
            f"to change it: `bellhop keys generate`, put it in front in {SETTING}, start the workers again, rotate"
        )


def _removal(old: str) -> str:
    """How a key goes that nobody needs."""
    with suppress(InvalidSettings):  # one that cannot be read is not among the keys
        kept = kept_key(settings().state_dir)
        if kept is not None and key_id(kept) == old:
            return f"delete {key_path(settings().state_dir)}"
    return f"take it out of {SETTING}"


def _progress(*, hidden: bool) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, transient=True, disable=hidden)


def _yes_no(*, yes: bool) -> str:
    return "yes" if yes else "no"
