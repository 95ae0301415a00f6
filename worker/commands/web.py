"""`bellhop web`: the console, in the foreground.

Exit codes: 0 ended by a signal, 2 settings that cannot be used or would leave it open to others, 3 Redis or the port
cannot be had.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Annotated

import orjson
import typer

try:
    from uvloop import run
except ImportError:  # there is none for Windows and PyPy
    from asyncio import run  # type: ignore[assignment]

from redis.exceptions import RedisError

from config.logging import configure
from config.settings import Settings, settings
from worker.commands.output import Exit, connected, fail, print_line, warn
from worker.errors import BellhopError, InvalidSettings, Unavailable
from worker.unlocking import opened_keys
from worker.web.entrance import open_entrance
from worker.web.hosts import Place
from worker.web.passwords import too_weak


def web(
    host: Annotated[str | None, typer.Option(help="The address to listen on; BELLHOP_WEB_HOST.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the address as one line of JSON.")] = False,
) -> None:
    """Run the console: apps and destinations, events, deliveries, and who did what."""
    try:
        config = settings()
        configure(config, sys.stderr)
        run(_serve(config, host or config.web_host, config.web_port if port is None else port, as_json=as_json))
    except Unavailable as problem:
        fail(problem, Exit.UNAVAILABLE)
    except InvalidSettings as problem:
        fail(problem, Exit.USAGE)
    except BellhopError as problem:
        fail(problem)


async def _serve(config: Settings, host: str, port: int, *, as_json: bool) -> None:
    # The console takes 0.3 s to load, which no other command should wait for.
    from worker.web.console import assemble  # noqa: PLC0415
    from worker.web.server import Server  # noqa: PLC0415

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with connected() as redis:
        keys = await opened_keys(config, redis)
        console = assemble(config, redis, Place(host, config.web_public_url), keys)
        open_to_all = await open_entrance(console.place, config.web_password, console.users, console.tokens)
        server = Server(console, port)
        await server.start()
        try:
            _announce(server.url, _warnings(config, console.place, open_to_all=open_to_all), as_json=as_json)
            await stop.wait()
        finally:
            with suppress(RedisError, OSError):
                await server.stop()


def _announce(url: str, warnings: Iterable[str], *, as_json: bool) -> None:
    if as_json:
        print(orjson.dumps({"url": url}).decode(), flush=True)  # noqa: T201 - a script reads this line
        return
    print_line(f"console  {url}/")
    for warning in warnings:
        warn(warning)


def _warnings(config: Settings, place: Place, *, open_to_all: bool) -> Iterator[str]:
    if open_to_all:
        yield "whoever is on this machine may do everything there; set BELLHOP_WEB_PASSWORD to be asked for it"
    if place.exposed and not place.secure:
        yield "passwords travel in the clear: put TLS in front, and its address into BELLHOP_WEB_PUBLIC_URL=https://…"
    if config.web_password is not None and (problem := too_weak(config.web_password.get_secret_value())):
        yield f"BELLHOP_WEB_PASSWORD: {problem}"
