"""A program that uses the HTTP API with a token of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from fakes.console import Answer, Visitor

from worker.web.roles import Role

TOKEN = "Canary5ecretTokenOfForty0Characters00000"
OTHER = "0therCanaryTokenOfForty0Characters000000"
ROOM = {"channel": "hipchat", "settings": {"room": "Ops Room", "token": TOKEN}}
HOOK = {
    "channel": "webhook",
    "settings": {"url": "https://hooks.shop.example/in", "headers": {"X-Key": "canary-header"}, "method": "PUT"},
}


@dataclass(frozen=True)
class Told:
    """An answer, with its JSON read."""

    answer: Answer

    @property
    def status(self) -> int:
        return self.answer.status

    @property
    def json(self) -> Any:
        return orjson.loads(self.answer.text)

    @property
    def etag(self) -> str:
        return self.answer.headers["ETag"]

    @property
    def problems(self) -> dict[str, str]:
        """What is wrong, by field."""
        return {each["field"]: each["detail"] for each in self.json["problems"]}


class Program:
    """Sends JSON with a token, and nothing else."""

    def __init__(self, visitor: Visitor, token: str) -> None:
        self._visitor, self._token = visitor, token

    @classmethod
    async def of(cls, fake, app: str = "*", role: Role = Role.ADMIN, name: str = "terraform") -> Program:
        """With a token of this role."""
        return cls(await fake.visitor(), await fake.console.tokens.add(name, app, role))

    async def ask(self, method: str, path: str, content: Any = None, **options) -> Told:
        """One request; `path` is under /api/v1."""
        headers = {"Authorization": f"Bearer {self._token}", **options.pop("headers", {})}
        if content is not None:
            options["data"] = content if isinstance(content, bytes) else orjson.dumps(content)
            headers.setdefault("Content-Type", "application/json")
        return Told(await self._visitor.ask(method, f"/api/v1{path}", headers=headers, **options))

    async def get(self, path: str, **options) -> Told:
        return await self.ask("GET", path, **options)

    async def put(self, path: str, content: Any = None, **options) -> Told:
        return await self.ask("PUT", path, content, **options)

    async def post(self, path: str, content: Any = None, **options) -> Told:
        return await self.ask("POST", path, content, **options)

    async def delete(self, path: str, **options) -> Told:
        return await self.ask("DELETE", path, **options)
