"""The one door to the outside: any message goes in, a Reply always comes back."""

from __future__ import annotations

import time

from msgspec.structs import replace

from config.proxy import proxy_address
from config.settings import Settings
from worker.allow_list import AllowList
from worker.messages import CommandLine, HttpPost, Mail, Message, PassiveCheck, Reply
from worker.transports import command_file
from worker.transports.addresses import Guard
from worker.transports.ca_files import CaFiles
from worker.transports.http import Http
from worker.transports.nsca import Nsca
from worker.transports.proxy import Proxy
from worker.transports.smtp import Smtp
from worker.transports.tls import Contexts


class Carrier:
    """Carries messages, each by its own transport. Made on the running loop, one per process, closed at the end."""

    def __init__(self, settings: Settings, guard: Guard | None = None) -> None:
        self._guard = guard or Guard(AllowList(settings.allowed_addresses))
        contexts = Contexts(CaFiles(settings.ca_dir))
        proxy = Proxy(proxy_address(settings.http_proxy)) if settings.http_proxy else None
        connect_s, total_s = settings.connect_timeout_s, settings.total_timeout_s
        self._http = Http(self._guard, contexts, connect_s=connect_s, total_s=total_s, proxy=proxy)
        self._smtp = Smtp(self._guard, contexts, connect_s=connect_s, total_s=total_s)
        self._nsca = Nsca(self._guard, connect_s=connect_s, total_s=total_s)

    async def carry(self, message: Message) -> Reply:
        """Send it once; no remote fault is raised, and a cancellation passes. `elapsed_ms` is how long it took."""
        start = time.perf_counter()
        if isinstance(message, HttpPost):  # most are, and whole answers have their time already
            reply = await self._http.carry(message)
            if reply.elapsed_ms:
                return reply
        else:
            reply = await self._carry(message)
        return replace(reply, elapsed_ms=(time.perf_counter() - start) * 1000)

    async def _carry(self, message: Mail | PassiveCheck | CommandLine) -> Reply:
        match message:
            case Mail():
                return await self._smtp.carry(message)
            case PassiveCheck():
                return await self._nsca.carry(message)
            case CommandLine():
                return await command_file.carry(message)

    async def close(self) -> None:
        """Close the connections that are kept open; what is in flight breaks off."""
        await self._http.close()
        self._guard.close()
