"""What pages need, put together once per process."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from redis.asyncio import Redis

from config.settings import Settings
from worker.keys import MasterKeys
from worker.pictures.album import Album, open_album
from worker.stores.destinations import Destinations, RedisDestinations
from worker.stores.key_register import KeyRegister
from worker.stores.records import Records
from worker.transports import Carrier
from worker.wakeups import keep_telling
from worker.web.audit import Audit
from worker.web.history import History
from worker.web.history_feed import HistoryFeed
from worker.web.hosts import Place
from worker.web.passwords import Passwords
from worker.web.sessions import Sessions
from worker.web.tokens import Tokens
from worker.web.tries import Tries
from worker.web.users import Users

Work = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Console:
    """The parts of one console process."""

    settings: Settings
    place: Place
    redis: Redis
    destinations: Destinations
    records: Records
    carrier: Carrier
    """For Test, by the same way as a delivery."""
    passwords: Passwords
    users: Users
    tokens: Tokens
    sessions: Sessions
    tries: Tries
    audit: Audit
    history: History
    """What has been read of Redis so far."""
    album: Album | None = None
    """Pictures of metrics; None where there are none."""
    background: tuple[Work, ...] = ()
    """What runs as long as the console does; each ends by being cancelled."""
    now: Callable[[], float] = field(default=time.time)
    """Epoch seconds."""

    @property
    def prefix(self) -> str:
        """What the names of all keys begin with."""
        return self.settings.prefix


def assemble(
    settings: Settings, redis: Redis, place: Place, keys: MasterKeys, passwords: Passwords | None = None
) -> Console:
    """Put the parts together; called on the event loop."""
    prefix, hashing, history = settings.prefix, passwords or Passwords(), History()
    users = Users(redis, prefix, hashing)
    # Whoever changes the master keys has to know that this process reads and writes with these.
    telling = partial(
        keep_telling, KeyRegister(redis, prefix), f"console-{socket.gethostname()}-{os.getpid()}", keys.ids
    )
    return Console(
        settings=settings,
        place=place,
        redis=redis,
        destinations=RedisDestinations(redis, prefix, keys),
        records=Records(redis, prefix),
        carrier=Carrier(settings),
        passwords=hashing,
        users=users,
        tokens=Tokens(redis, prefix),
        sessions=Sessions(redis, prefix, users, settings.web_session_hours),
        tries=Tries(redis, prefix),
        audit=Audit(redis, prefix, kept=settings.web_audit_kept),
        history=history,
        album=open_album(settings, keys),
        background=(telling, HistoryFeed(redis, prefix, history).run),
    )
