"""`bellhop status`: what waits, what is owed, who works, what is kept; and `bellhop doctor`: what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer
from redis.asyncio import Redis
from rich.text import Text

from config.settings import misspelt, settings
from worker.commands.key_findings import key_findings, readable_keys
from worker.commands.output import Exit, allowed, connected, print_json, print_table, run
from worker.doubts import doubts_about
from worker.embedded_redis import redis_url
from worker.state import State, read_state, read_workers, readable_info
from worker.stores.destinations import RedisDestinations
from worker.stores.events import EventStream
from worker.stores.redis_address import redis_address
from worker.stores.troubles import Troubles

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
OLDEST = (6, 2)
KEPT = {
    "dead_letters": "dead letters",
    "events": "events on record",
    "results": "results kept",
    "rejected": "rejected events kept",
}


def status(as_json: AsJson = False) -> None:
    """What waits, what is owed, who works, and what is kept."""

    async def work() -> State:
        async with connected() as redis:
            return await read_state(redis, settings().prefix)

    found = run(work)
    if as_json:
        print_json(found.as_json())
        return
    owed = found.deliveries
    rows = [
        ("events waiting in the stream", found.events_waiting),
        ("deliveries due or under way", owed["woken"] + owed["leased"]),
        ("deliveries that wait for their next attempt", owed["owed"]),
        ("deliveries behind another of their condition", owed["waiting"]),
        ("messages in Celery's queues", sum(found.celery_queues.values())),
        ("workers", f"{len(found.alive)}{f' ({len(found.gone)} gone)' if found.gone else ''}"),
        ("apps", len(found.apps)),
        ("destinations in trouble", found.in_trouble),
        *((what, _weighed(found, name)) for name, what in KEPT.items()),
        ("Redis memory", _mebibytes(found.redis_memory_bytes)),
    ]
    print_table(["WHAT", "NOW"], [(what, str(now)) for what, now in rows])


def _mebibytes(size: int | None) -> str:
    return "may not be read" if size is None else f"{size / 2**20:.1f} MiB"


def _weighed(found: State, name: str) -> str:
    size = "" if found.kept_bytes is None else f" ({_mebibytes(found.kept_bytes[name])})"
    return f"{found.kept[name]}{size}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that `doctor` looked at: `level` is ok, warning or problem; `advice` says what to do."""

    what: str
    level: str
    advice: str


def doctor(as_json: AsJson = False) -> None:
    """Look for what would lose alerts or hold them up. Exits with 1 where there is a problem."""

    async def work() -> list[Finding]:
        async with connected() as redis:
            return await examine(redis)

    findings = [*_environment(), *run(work)]
    if as_json:
        print_json([{"what": each.what, "level": each.level, "advice": each.advice} for each in findings])
    else:
        colours = {"ok": "green", "warning": "yellow", "problem": "red"}
        print_table(
            ["", "WHAT", "ADVICE"],
            [(Text(each.level, colours[each.level]), each.what, each.advice) for each in findings],
        )
    if any(each.level == "problem" for each in findings):
        raise typer.Exit(Exit.PROBLEMS)


def _environment() -> list[Finding]:
    found = [Finding(f"{name} is no setting", "warning", "check its spelling; it has no effect") for name in misspelt()]
    folder = settings().ca_dir
    if folder is not None and not folder.is_dir():
        found.append(Finding("BELLHOP_CA_DIR names no folder", "warning", "every destination with a `ca_file` fails"))
    return [
        *found,
        *(Finding("Redis' address", "warning", each) for each in redis_address(redis_url(settings())).warnings),
    ]


async def examine(redis: Redis) -> list[Finding]:
    """What is right and wrong about Redis, workers and settings."""
    info = await readable_info(redis)
    config = await _config(redis)
    checks = (_version, _persistence, _eviction, _room)
    found = [check(info, config) for check in checks] if info else [Finding(*UNREADABLE)]
    found += [Finding(*each) for each in await key_findings(redis)]
    return [*found, await _workers(redis), *await _destinations(redis), *await _troubles(redis)]


UNREADABLE = (
    "Redis' INFO may not be read",
    "warning",
    "its version, AOF and memory are unknown: permit INFO, as config/redis.acl.example does",
)


async def _config(redis: Redis) -> dict[str, str]:
    """CONFIG GET is refused by many hosted servers and by our own ACL: it shows passwords, too."""
    try:
        raw = await redis.config_get("maxmemory*", "append*")
    except Exception:  # noqa: BLE001 - whatever the reason, the advice is the same
        return {}
    return {str(_text(key)): _text(value) for key, value in raw.items()}


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _version(info: dict[str, Any], _config: dict[str, str]) -> Finding:
    name = "Valkey" if "valkey_version" in info else "Redis"
    text = str(info.get("valkey_version") or info["redis_version"])
    if tuple(int(part) for part in text.split(".")[:2]) < OLDEST:
        return Finding(f"{name} {text}", "problem", "Bellhop needs Redis 6.2 or newer, or Valkey")
    return Finding(f"{name} {text}", "ok", "")


def _persistence(info: dict[str, Any], config: dict[str, str]) -> Finding:
    if not int(info.get("aof_enabled", 0)):
        advice = "alerts that wait are lost when Redis stops: set `appendonly yes`"
        return Finding("AOF is off", "problem", advice)
    return Finding(f"AOF is on, fsync {config.get('appendfsync', 'may not be read')}", "ok", "")


def _eviction(info: dict[str, Any], config: dict[str, str]) -> Finding:
    policy = config.get("maxmemory-policy") or str(info.get("maxmemory_policy", "unknown"))
    if policy not in {"noeviction", "unknown"}:
        advice = "Redis may throw alerts away when memory is short: set `maxmemory-policy noeviction`"
        return Finding(f"maxmemory-policy is {policy}", "problem", advice)
    return Finding(f"maxmemory-policy is {policy}", "ok", "")


NEARLY_FULL = 0.8


def _room(info: dict[str, Any], _config: dict[str, str]) -> Finding:
    used, limit = int(info["used_memory"]), int(info.get("maxmemory", 0))
    if limit and used > limit * NEARLY_FULL:
        advice = "raise maxmemory, or lower BELLHOP_RETENTION_HOURS: a full Redis takes no alerts"
        return Finding(f"Redis uses {used / limit:.0%} of its maxmemory", "warning", advice)
    return Finding(f"Redis uses {used / 2**20:.1f} MiB", "ok", "")


async def _workers(redis: Redis) -> Finding:
    prefix = settings().prefix
    alive = [each for each in await read_workers(redis, prefix) if each.alive]
    if alive:
        return Finding(f"{len(alive)} workers read the stream", "ok", "")
    waiting = await EventStream(redis, prefix, "").waiting()
    what = f"no worker reads the stream ({waiting} events wait)"
    return Finding(what, "problem", "start one: `bellhop worker`, or `celery -A worker worker -P threads`")


async def _troubles(redis: Redis) -> list[Finding]:
    troubles = await Troubles(redis, settings().prefix).all()
    return [
        Finding(f"{app}/{name}", "problem" if trouble.paused_at else "warning", trouble.words)
        for (app, name), trouble in troubles.items()
    ]


async def _destinations(redis: Redis) -> list[Finding]:
    apps = await RedisDestinations(redis, settings().prefix, readable_keys()).everything()
    every = [each for app in apps.values() for each in app.destinations.values()]
    broken = [Finding(f"{each.app}/{each.name}", "problem", each.problem) for each in every if each.problem]
    doubtful = [
        Finding(f"{each.app}/{each.name}", "warning", sentence)
        for each in every
        for sentence in doubts_about(each, allowed=allowed())
    ]
    if not every:
        return [Finding("no destinations", "warning", "set some up with `bellhop apps apply FILE`")]
    return [*broken, *doubtful, Finding(f"{len(every)} destinations of {len(apps)} apps", "ok", "")]
