"""A console on fakeredis behind a real port, and visitors that do as browsers do: keep cookies, send tokens."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from html import unescape
from pathlib import Path

import aiohttp
from aiohttp.test_utils import TestServer
from fakeredis import FakeAsyncRedis, FakeServer
from fakes.master_keys import KEYS
from redis.asyncio import Redis

from config.settings import Settings
from worker.models import App
from worker.web.areas import AREAS
from worker.web.console import Console, assemble
from worker.web.entrance import open_entrance
from worker.web.hosts import Place
from worker.web.passwords import Cost, Passwords
from worker.web.roles import Role
from worker.web.server import make_app

CHEAP = Cost(memory_kib=64, passes=1)
PASSWORD = "correct horse battery"
CSRF = re.compile(r'<meta name="csrf" content="([^"]*)">')


@dataclass(frozen=True)
class Answer:
    """What came back, read whole. `text` has its entities resolved in `words`."""

    status: int
    headers: aiohttp.typedefs.LooseHeaders
    text: str

    @property
    def words(self) -> str:
        """The text without tags, with entities resolved and white space as one space."""
        return " ".join(unescape(re.sub(r"<[^>]*>", " ", self.text)).split())

    @property
    def csrf(self) -> str:
        """The page's token."""
        found = CSRF.search(self.text)
        assert found, f"no token on a page with status {self.status}"
        return unescape(found[1])


class Visitor:
    """One browser: its own cookies, and the headers that browsers of these years send with a form."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def ask(self, method: str, path: str, **options) -> Answer:
        """One request, redirects not followed."""
        options = {"allow_redirects": False, **options}
        async with self.session.request(method, f"{self.url}{path}", **options) as reply:
            return Answer(reply.status, reply.headers, await reply.text())

    async def get(self, path: str, **options) -> Answer:
        """A page."""
        return await self.ask("GET", path, **options)

    async def send(self, path: str, *, page: str = "", headers=None, **fields) -> Answer:
        """A form, as a page of the console (`page`, or else the log-in) would send it."""
        token = fields.pop("csrf", None)
        if token is None:
            token = (await self.get(page or "/login?next=/", allow_redirects=True)).csrf
        headers = {"Sec-Fetch-Site": "same-origin", "Origin": self.url} if headers is None else headers
        return await self.ask("POST", path, data={"csrf": token, **fields}, headers=headers)

    async def log_in(self, name: str, password: str = PASSWORD, **fields) -> Answer:
        """By the form."""
        return await self.send("/login", page="/login", name=name, password=password, **fields)


@dataclass
class Fake:
    """A running console."""

    console: Console
    url: str
    stack: AsyncExitStack = field(repr=False)
    server: FakeServer = field(repr=False)
    """Redis; it is away while its `connected` is False."""

    @property
    def redis(self) -> Redis:
        """What it keeps everything in."""
        return self.console.redis

    async def visitor(self, name: str | None = None, password: str = PASSWORD) -> Visitor:
        """Somebody with a browser of their own, logged in where a name is given."""
        visitor = Visitor(self.url)
        self.stack.push_async_callback(visitor.session.close)
        if name:
            answer = await visitor.log_in(name, password)
            assert answer.status == 303, answer.words
        return visitor

    async def user(self, name: str, app: str = "*", role: Role = Role.VIEWER) -> None:
        """Make a user with the usual password."""
        await self.console.users.add(name, PASSWORD, app, role)

    async def logged_in(self, name: str, app: str = "*", role: Role = Role.VIEWER) -> Visitor:
        """Make a user and log in as that."""
        await self.user(name, app, role)
        return await self.visitor(name)

    async def audited(self) -> list[tuple[str, str, str]]:
        """Who did what to what, newest first."""
        return [(entry.who, entry.what, entry.subject) for entry in (await self.console.audit.entries()).entries]


@asynccontextmanager
async def open_console(
    apps: Iterable[App] = (), *, host: str = "127.0.0.1", areas=AREAS, templates: Iterable[Path] = (), **options
) -> AsyncIterator[Fake]:
    """A console with these apps; `options` are settings, or else parts of the `Console` to put in."""
    async with AsyncExitStack() as stack:
        server = FakeServer()
        redis = FakeAsyncRedis(server=server)
        stack.push_async_callback(redis.aclose)
        parts = {name: options.pop(name) for name in list(options) if name not in Settings.model_fields}
        settings = Settings(_env_file=None, **options)
        passwords = Passwords(CHEAP)
        console = assemble(settings, redis, Place(host, settings.web_public_url), KEYS, passwords)
        stack.callback(console.history.close)
        console = replace(console, **parts)
        await console.destinations.save(apps)
        await open_entrance(console.place, settings.web_password, console.users, console.tokens)
        listening = TestServer(make_app(console, areas, tuple(templates)), host="127.0.0.1")
        await listening.start_server()
        stack.push_async_callback(listening.close)
        stack.push_async_callback(console.carrier.close)
        yield Fake(console, f"http://127.0.0.1:{listening.port}", stack, server)
