"""The master keys that a process works with: those that are set, else the one that was generated.

Only where Redis holds nothing that is sealed is a key generated. A process that has none of the keys in use is refused:
it could read nothing, and what it saved no other could.
"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from config.settings import Settings
from worker.errors import InvalidSettings
from worker.key_file import kept_key, kept_or_new_key, key_path
from worker.keys import SETTING, MasterKeys, read_keys
from worker.stores.connection import async_redis
from worker.stores.key_register import KeyRegister
from worker.stores.redis_faults import unavailable

log = structlog.get_logger()

PAUSE_S: Final = 2.0


def keys_at_hand(settings: Settings) -> MasterKeys:
    """The keys that are set, newest first, and behind them the generated one; perhaps none.

    So whoever sets keys for the first time loses nothing: the generated one counts until its file is deleted.

    Raises:
        InvalidSettings: where one that is set cannot be used, or none is set and the generated one cannot be.
    """
    keys = read_keys(settings.master_keys)
    try:
        kept = kept_key(settings.state_dir)
    except InvalidSettings:
        if not keys:
            raise
        kept = None
    return MasterKeys([*keys, kept] if kept is not None and kept not in keys else keys)


async def opened_keys(settings: Settings, redis: Redis) -> MasterKeys:
    """The keys to work with, generated at the very first start.

    Raises:
        InvalidSettings: where a key cannot be used, or these are not those of this Redis.
        RedisError, OSError: where Redis does not say.
    """
    register = KeyRegister(redis, settings.prefix)
    keys = keys_at_hand(settings)
    if not keys.ids:
        in_use = await register.in_use()
        # Once more: a process that started together with this one may have generated it, and said so, in between.
        keys = keys_at_hand(settings)
        _refuse_unknown(settings, keys, in_use)
        keys = keys if keys.ids else MasterKeys([kept_or_new_key(settings.state_dir)])
    _refuse_unknown(settings, keys, await register.claim(keys.newest))
    return keys


def _refuse_unknown(settings: Settings, keys: MasterKeys, in_use: set[str]) -> None:
    if not in_use or in_use & set(keys.ids):
        return
    wanted, file = ", ".join(sorted(in_use)), key_path(settings.state_dir)
    have = f"these keys are {', '.join(keys.ids)}" if keys.ids else f"is not set, there is no {file}"
    needs = f"the secrets in this Redis are sealed under master key {wanted}"
    advice = f"set that key here, too (where it was generated, it is in the file {file.name} of that host)"
    lost = f"where it is lost for good: `bellhop keys forget {min(in_use)}`, and apply all settings again"
    raise InvalidSettings([f"{SETTING}: {have}, but {needs}; {advice}; {lost}"])


def unlocked(settings: Settings, url: str) -> MasterKeys:
    """`opened_keys` for a worker, which waits until Redis answers. Not on an event loop."""
    return asyncio.run(_patiently(settings, url))


async def _patiently(settings: Settings, url: str) -> MasterKeys:
    redis = async_redis(url)
    try:
        while True:
            try:
                return await opened_keys(settings, redis)
            except (RedisError, OSError) as error:
                log.warning("keys.waiting", error=unavailable(url, error))
                await asyncio.sleep(PAUSE_S)
    finally:
        await redis.aclose()
