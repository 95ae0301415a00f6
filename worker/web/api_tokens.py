"""API tokens and who asks, by the HTTP API; the audit log, too."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from aiohttp import web

from worker.web.api import Call, Operation, Paged, Query, Reply, page_of
from worker.web.api_access_values import (
    AuditAnswer,
    AuditQuery,
    EntryAnswer,
    MeAnswer,
    NewTokenAnswer,
    TokenAnswer,
    TokenBody,
    TokensAnswer,
)
from worker.web.audit_pages import fitting
from worker.web.console import Console
from worker.web.roles import Role, stored_roles
from worker.web.tokens import Token

AREA: Final = "tokens"


class ApiTokens:
    """What can be done with tokens; the same as `bellhop tokens` does."""

    def __init__(self, console: Console) -> None:
        self._tokens = console.tokens
        self._audit = console.audit

    async def list(self, call: Call) -> Reply:
        """All of them, without what they are."""
        behind = [each for each in await self._tokens.all() if each.name > call.query.cursor]
        shown, cursor = page_of(behind[: call.query.limit + 1], call.query.limit, lambda each: each.name)
        return Reply(TokensAnswer(items=[TokenAnswer.model_validate(_facts(each)) for each in shown], next=cursor))

    async def add(self, call: Call) -> Reply:
        """A new one, told once."""
        body: TokenBody = call.body
        if body.name in {each.name for each in await self._tokens.all()}:
            raise web.HTTPConflict(text=f"There is a token {body.name} already.")
        text = await self._tokens.add(body.name, body.app, Role.named(body.role))
        await self._audit.record(call.who, "token.added", subject=body.name, detail=f"{body.role} of {body.app}")
        made = next(each for each in await self._tokens.all() if each.name == body.name)
        return Reply(NewTokenAnswer.model_validate({**_facts(made), "token": text}), 201)

    async def revoke(self, call: Call) -> Reply:
        """It opens nothing from now on."""
        await self._tokens.revoke(call.part("token"))
        await self._audit.record(call.who, "token.revoked", subject=call.part("token"))
        return Reply(status=204)

    async def me(self, call: Call) -> Reply:
        """Who asks."""
        roles = stored_roles(call.who.roles)
        return Reply(MeAnswer.model_validate({"name": call.who.name, "kind": call.who.kind.value, "roles": roles}))

    async def audit(self, call: Call) -> Reply:
        """What was done, as far as whoever asks may know."""
        asked: AuditQuery = call.query
        fits = fitting(call.who, {"who": asked.who, "what": asked.what, "app": asked.app})
        found = await self._audit.entries(fits, limit=asked.limit, before=asked.cursor)
        items = [EntryAnswer.model_validate(asdict(each)) for each in found.entries]
        return Reply(AuditAnswer(items=items, next=found.older or None))


def _facts(token: Token) -> dict[str, Any]:
    return {"name": token.name, "roles": stored_roles(token.roles), "made_at": token.made_at}


def operations(console: Console) -> list[Operation]:
    """All of them."""
    api, admin = ApiTokens(console), Role.ADMIN
    listed = "API tokens: what each may do, and not what it is."
    added = "Make a token. It is in the answer, and not to be had again."
    audit = "Who did what, newest first. Who does not administer everything sees what concerns apps that they may edit."
    return [
        Operation(AREA, "listTokens", "GET", "/tokens", listed, api.list, TokensAnswer, least=admin, query=Paged),
        Operation(
            AREA, "addToken", "POST", "/tokens", added, api.add, NewTokenAnswer, statuses=(201,), least=admin,
            body=TokenBody, fails=(409,),
        ),
        Operation(
            AREA, "revokeToken", "DELETE", "/tokens/{token}", "Revoke a token: from now on it opens nothing.",
            api.revoke, statuses=(204,), least=admin, fails=(404,),
        ),
        Operation(
            "me", "whoAmI", "GET", "/me", "Who you are to the console, and what you may do.", api.me, MeAnswer,
            query=Query,
        ),
        Operation("audit", "listAudit", "GET", "/audit", audit, api.audit, AuditAnswer, query=AuditQuery),
    ]  # fmt: skip
