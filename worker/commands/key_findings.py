"""What `bellhop doctor` says of the master keys. It looks only: no key is generated for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from redis.asyncio import Redis

from config.settings import settings
from worker.commands.output import counted
from worker.errors import InvalidSettings
from worker.key_file import kept_key, key_path
from worker.keys import NO_KEYS, SETTING, MasterKeys
from worker.stores.key_register import KeyRegister
from worker.unlocking import keys_at_hand

Found = tuple[str, str, str]
"""(what, ok | warning | problem, advice)"""


def readable_keys() -> MasterKeys:
    """The keys at hand, or none where they cannot be used: that is told elsewhere."""
    try:
        return keys_at_hand(settings())
    except InvalidSettings:
        return NO_KEYS


async def key_findings(redis: Redis) -> list[Found]:
    """What is right and wrong about the master keys: here, in Redis and at the workers."""
    try:
        keys = keys_at_hand(settings())
    except InvalidSettings as problem:
        return [("the master keys cannot be used", "problem", each) for each in problem.problems]
    register = KeyRegister(redis, settings().prefix)
    needed = await register.needed()
    used = {*await register.in_use(), *needed}
    return [
        *_at_hand(keys, used),
        *_file(),
        *_not_at_hand(keys, used, needed),
        *_older(keys, needed),
        *_workers(keys, await register.holders()),
    ]


def _at_hand(keys: MasterKeys, used: set[str]) -> Iterator[Found]:
    if keys.ids:
        source = SETTING if settings().master_keys else f"generated in {key_path(settings().state_dir)}"
        yield f"master key {keys.newest} ({source})", "ok", "keep it in your backup: without it the settings are lost"
    elif not used:
        yield "no master key yet", "ok", "the first worker or `bellhop apps apply` generates one"


def _file() -> Iterator[Found]:
    try:
        kept_key(settings().state_dir)
    except InvalidSettings as problem:
        yield "the generated master key is left aside", "warning", str(problem)


def _not_at_hand(keys: MasterKeys, used: set[str], needed: Mapping[str, int]) -> Iterator[Found]:
    for each in sorted(used - set(keys.ids)):
        what = f"master key {each} is not at hand, and seals {counted(needed.get(each, 0), 'app')}"
        yield what, "problem", f"put it back into {SETTING}; where it is lost, `bellhop keys forget {each}`"


def _older(keys: MasterKeys, needed: Mapping[str, int]) -> Iterator[Found]:
    for each in keys.ids[1:]:
        if needed.get(each):
            what = f"the older master key {each} still seals {counted(needed[each], 'app')}"
            yield what, "warning", "bring everything under the newest: `bellhop keys rotate`"
        else:
            yield f"no app needs the older master key {each}", "ok", "it can be removed"


def _workers(keys: MasterKeys, holders: Mapping[str, frozenset[str]]) -> Iterator[Found]:
    without = [worker for worker, ids in holders.items() if keys.ids and keys.newest not in ids]
    if without:
        what = f"{len(without)} of {len(holders)} workers do not have master key {keys.newest}"
        yield what, "problem", f"what is saved here they cannot read: start them again with the same {SETTING}"
