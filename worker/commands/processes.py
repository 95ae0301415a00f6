"""`bellhop worker` and `bellhop up`: the processes that an operator keeps running."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import Annotated

import typer
from redis.exceptions import RedisError

from config.settings import Settings, settings
from worker.commands.output import Exit, fail, print_line
from worker.embedded_redis import EmbeddedRedis, redis_url
from worker.errors import BellhopError, Unavailable
from worker.stores.connection import async_redis
from worker.stores.redis_address import shown_address
from worker.supervisor import Command, Supervisor, script
from worker.unlocking import opened_keys
from worker.web.entrance import open_entrance
from worker.web.hosts import Place
from worker.web.passwords import Passwords
from worker.web.tokens import Tokens
from worker.web.users import Users

Processes = Annotated[int, typer.Option(min=1, max=64, help="Worker processes; one per processor core is plenty.")]


def worker_command(number: int = 0, **env: str) -> Command:
    """One worker process, as any Celery user would start it."""
    # %n and %h are Celery's: each process needs a name of its own, or Flower takes them for one.
    name = f"bellhop{number or ''}-{os.getpid()}@%h"
    argv = [script("celery"), "-A", "worker", "worker", "-P", "threads", "--hostname", name, "--loglevel", "warning"]
    return Command(f"worker {number}".strip(" 0"), argv, env)


def flower_command(port: int, **env: str) -> Command:
    """Flower, on this machine's loopback only: its pages are open to whoever reaches them."""
    argv = [script("celery"), "-A", "worker", "flower", "--address=127.0.0.1", f"--port={port}", "--logging=warning"]
    return Command("flower", argv, env)


def console_command(port: int, *arguments: str, **env: str) -> Command:
    """The console; where it listens, unless `arguments` say so, is for the settings to say."""
    return Command("console", [script("bellhop"), "web", "--port", str(port), *arguments], env)


def flower_of(config: Settings, port: int) -> dict[str, str]:
    """What tells the console of a Flower on this machine's loopback, unless it was told of another."""
    return {} if config.flower_url else {"BELLHOP_FLOWER_URL": f"http://127.0.0.1:{port}"}


def worker(
    processes: Processes = 1,
) -> None:
    """Run workers in the foreground: intake, dispatch, deliver, results."""
    try:
        url = redis_url(settings())
    except Unavailable as problem:
        fail(problem, Exit.UNAVAILABLE)
    except BellhopError as problem:
        fail(problem, Exit.USAGE)
    _refuse_early(url, console=False)
    if processes == 1:
        command = worker_command(BELLHOP_REDIS_URL=url)
        os.execve(command.argv[0], list(command.argv), {**os.environ, **command.env})  # noqa: S606 - our own script
    asyncio.run(_keep([worker_command(n + 1, BELLHOP_REDIS_URL=url) for n in range(processes)]))


def up(
    processes: Processes = 1,
    flower_port: Annotated[int, typer.Option(help="Flower's port on the loopback; 0 leaves it out.")] = 5555,
    web_port: Annotated[
        int | None, typer.Option(help="The console's port; 0 leaves it out.", show_default="8080")
    ] = None,
) -> None:
    """Run Redis (unless BELLHOP_REDIS_URL names one), workers, the console and Flower, until Ctrl-C."""
    config = settings()
    embedded = None if config.redis_url else EmbeddedRedis(config.state_dir)
    try:
        url = config.redis_url.get_secret_value() if config.redis_url else embedded.start().url if embedded else ""
    except BellhopError as problem:
        fail(problem, Exit.UNAVAILABLE)
    try:
        console_port = config.web_port if web_port is None else web_port
        _refuse_early(url, console=bool(console_port))
        commands = [worker_command(n + 1, BELLHOP_REDIS_URL=url) for n in range(processes)]
        if console_port:
            place = Place(config.web_host, config.web_public_url)
            near = {} if place.exposed or not flower_port else flower_of(config, flower_port)
            commands.append(console_command(console_port, BELLHOP_REDIS_URL=url, **near))
            print_line(f"console  {place.url(console_port)}/")
        if flower_port:
            commands.append(flower_command(flower_port, BELLHOP_REDIS_URL=url))
            print_line(f"Flower   http://127.0.0.1:{flower_port}/")
        print_line(f"Redis    {shown_address(url)}{' (embedded)' if embedded else ''}")
        print_line(f"workers  {processes}; Ctrl-C ends everything")
        asyncio.run(_keep(commands))
    finally:
        if embedded:
            embedded.stop()


def _refuse_early(url: str, *, console: bool) -> None:
    """What a worker or the console would refuse by itself, and be started again and again for."""
    try:
        asyncio.run(_checked(settings(), url, console=console))
    except BellhopError as problem:
        fail(problem, Exit.USAGE)


async def _checked(config: Settings, url: str, *, console: bool) -> None:
    redis = async_redis(url)
    place = Place(config.web_host, config.web_public_url)
    try:
        with suppress(RedisError, OSError):  # they wait for it
            await opened_keys(config, redis)
            if console:
                users = Users(redis, config.prefix, Passwords())
                await open_entrance(place, config.web_password, users, Tokens(redis, config.prefix))
    finally:
        await redis.aclose()


async def _keep(commands: list[Command]) -> None:
    supervisor = Supervisor(commands, say=lambda text: print_line(text, "yellow"))
    await supervisor.start()
    await supervisor.until_signal()
    await supervisor.stop()
