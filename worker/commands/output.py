"""How commands speak: tables and JSON to standard output, problems to standard error, and what exit codes mean."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from enum import IntEnum
from typing import Any, NoReturn, TypeVar

import orjson
import typer
from redis.asyncio import Redis
from redis.exceptions import RedisError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from config.settings import settings
from worker.allow_list import AllowList
from worker.channels.wording import printable
from worker.embedded_redis import redis_url
from worker.errors import BellhopError, Unavailable
from worker.stores.connection import async_redis
from worker.stores.destinations import Destinations, RedisDestinations
from worker.stores.redis_faults import unavailable
from worker.unlocking import opened_keys


class Exit(IntEnum):
    """Exit codes that scripts can rely on."""

    OK = 0
    PROBLEMS = 1
    USAGE = 2
    UNAVAILABLE = 3


_OBEYED = re.compile("[\x7f-\x9f]")
"""Control characters that JSON lets stand as they are, and that terminals obey; the others are escaped anyway."""


def print_json(data: Any) -> None:
    """`data` as JSON, indented, and nothing else."""
    text = orjson.dumps(data, option=orjson.OPT_INDENT_2, default=str).decode()
    sys.stdout.write(_OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")


def print_line(text: str, style: str = "") -> None:
    """One line for people. Nothing in it moves the cursor: producers and vendors have their words in such lines."""
    Console(soft_wrap=True).print(Text(printable(text), style=style))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> None:
    """A table for people: coloured on a terminal, plain and uncut elsewhere."""
    terminal = Console()
    console = terminal if terminal.is_terminal else Console(width=10_000)
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        # As Text: in a str, rich would take [brackets] for its markup.
        table.add_row(*(cell if isinstance(cell, Text) else Text(printable(cell)) for cell in row))
    console.print(table)


def counted(number: int, what: str) -> str:
    """`1 app`, `2 apps`."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


STYLES = {"delivered": "green", "failed": "red", "skipped": "yellow", "retrying": "magenta", "owed": "cyan"}


def coloured(outcome: str) -> Text:
    """An outcome or state in its colour."""
    return Text(outcome, style=STYLES.get(outcome, ""))


def warn(sentence: str) -> None:
    """A warning on standard error."""
    Console(stderr=True, soft_wrap=True).print(Text(printable(f"warning: {sentence}"), style="yellow"))


def fail(problem: BellhopError | str, code: int = Exit.PROBLEMS) -> NoReturn:
    """Each problem on a line of its own on standard error, and the end with `code`."""
    console = Console(stderr=True, soft_wrap=True)
    for line in str(problem).splitlines() or ["it failed without saying why"]:
        console.print(Text(printable(line), style="red"))
    raise typer.Exit(code)


def allowed() -> AllowList:
    """What the settings of this host allow; the workers' are what counts."""
    return AllowList(settings().allowed_addresses)


T = TypeVar("T")


def run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Do the work of a command; errors become sentences and exit codes."""
    try:
        return asyncio.run(work())
    except Unavailable as problem:
        fail(problem, Exit.UNAVAILABLE)
    except BellhopError as problem:
        fail(problem)


@asynccontextmanager
async def connected() -> AsyncIterator[Redis]:
    """A client of the Redis that the settings name; Unavailable where that cannot be used."""
    url = redis_url(settings())
    client = async_redis(url)
    try:
        yield client
    except (RedisError, OSError) as error:
        raise Unavailable(unavailable(url, error)) from None
    finally:
        await client.aclose()


@asynccontextmanager
async def stored_destinations() -> AsyncIterator[Destinations]:
    """The store of destinations on that Redis, with the master keys that open it."""
    async with connected() as client:
        keys = await opened_keys(settings(), client)
        yield RedisDestinations(client, settings().prefix, keys)
