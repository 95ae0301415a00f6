"""Users, by the HTTP API: for who administers everything."""

from __future__ import annotations

from typing import Final

from worker.errors import InvalidSettings, NotFound
from worker.web.api import Call, Operation, Paged, Reply, page_of
from worker.web.api_access_values import UserAnswer, UserBody, UsersAnswer, read_role_names
from worker.web.console import Console
from worker.web.passwords import too_weak
from worker.web.roles import Role, stored_roles
from worker.web.users import ADMIN, Account

AREA: Final = "users"


class ApiUsers:
    """What can be done with users; the same as `bellhop users` does."""

    def __init__(self, console: Console) -> None:
        self._users = console.users
        self._audit = console.audit

    async def list(self, call: Call) -> Reply:
        """All of them."""
        behind = [each for each in await self._users.everybody() if each.name > call.query.cursor]
        shown, cursor = page_of(behind[: call.query.limit + 1], call.query.limit, lambda each: each.name)
        return Reply(UsersAnswer(items=[_answer(each) for each in shown], next=cursor))

    async def get(self, call: Call) -> Reply:
        """One."""
        account = await self._users.find(call.part("user"))
        if account is None:
            raise NotFound(f"There is no user {call.part('user')[:64]}.")
        return Reply(_answer(account))

    async def put(self, call: Call) -> Reply:
        """Make one, or give one who is there these roles, and where it is sent another password."""
        name, body = call.part("user"), call.body
        _check_password(body)
        account = await self._users.find(name)
        if account is None:
            return Reply(_answer(await self._make(call, name, body)), 201)
        return Reply(_answer(await self._change(call, account, body)))

    async def delete(self, call: Call) -> Reply:
        """Remove one, which ends their sessions."""
        await self._users.remove(call.part("user"))
        await self._audit.record(call.who, "user.removed", subject=call.part("user"))
        return Reply(status=204)

    async def _make(self, call: Call, name: str, body: UserBody) -> Account:
        if body.password is None:
            raise InvalidSettings(["password: is required for a new user"])
        account = await self._users.make(name, body.password, read_role_names(body.roles))
        await self._audit.record(call.who, "user.added", subject=name, detail=_words(account))
        return account

    async def _change(self, call: Call, account: Account, body: UserBody) -> Account:
        wanted = read_role_names(body.roles)
        if account.built_in and (account.roles != wanted or body.password is not None):
            raise InvalidSettings([f"{ADMIN} is made from BELLHOP_WEB_PASSWORD: change it there"])
        if account.roles != wanted:
            account = await self._users.set_roles(account.name, wanted)
            await self._audit.record(call.who, "user.granted", subject=account.name, detail=_words(account))
        if body.password is not None:
            account = await self._users.set_password(account.name, body.password)
            await self._audit.record(call.who, "password.changed", subject=account.name)
        return account


def _check_password(body: UserBody) -> None:
    problem = too_weak(body.password) if body.password is not None else ""
    if problem:
        raise InvalidSettings([f"password: {problem}"])


def _answer(account: Account) -> UserAnswer:
    return UserAnswer.model_validate(
        {"name": account.name, "roles": stored_roles(account.roles), "built_in": account.built_in}
    )


def _words(account: Account) -> str:
    return ", ".join(f"{role} of {app}" for app, role in stored_roles(account.roles).items()) or "without a role"


def operations(console: Console) -> list[Operation]:
    """All of them."""
    api, one, admin = ApiUsers(console), "/users/{user}", Role.ADMIN
    put = (
        "Make a user, or put other roles in the place of a user's. "
        "A password that is sent for one who is there is set, which ends their sessions."
    )
    return [
        Operation(
            AREA, "listUsers", "GET", "/users", "Who may log in.", api.list, UsersAnswer, least=admin, query=Paged,
        ),
        Operation(AREA, "getUser", "GET", one, "One user.", api.get, UserAnswer, least=admin, fails=(404,)),
        Operation(
            AREA, "putUser", "PUT", one, put, api.put, UserAnswer, statuses=(200, 201), least=admin, body=UserBody,
        ),
        Operation(
            AREA, "deleteUser", "DELETE", one, "Remove a user, which ends their sessions.", api.delete, statuses=(204,),
            least=admin, fails=(404,),
        ),
    ]  # fmt: skip
