"""`/healthz`: whether this process answers and has its Redis; for whatever watches it, without a log-in."""

from __future__ import annotations

from aiohttp import web
from redis.exceptions import RedisError

from worker.web.console import Console


class HealthPage:
    """Says `ok`, or 503."""

    def __init__(self, console: Console) -> None:
        self._redis = console.redis

    async def show(self, _request: web.Request) -> web.StreamResponse:
        """200 while Redis answers."""
        try:
            await self._redis.ping()
        except (RedisError, OSError):
            return web.Response(text="Redis cannot be reached\n", status=503)
        return web.Response(text="ok\n")


def routes(console: Console) -> list[web.RouteDef]:
    """Its one address."""
    return [web.get("/healthz", HealthPage(console).show)]
