"""`bellhop tokens`: API tokens, shown once and never again.

Exit codes: 0 done, 1 a problem, 2 wrong usage, 3 Redis cannot be reached.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from worker.commands.output import print_json, print_line, print_table, run
from worker.commands.shell import AppOption, AsJson, RoleName, RoleOption, opened_access
from worker.web.roles import ALL_APPS, stored_roles
from worker.web.tokens import Token

app = typer.Typer(help="API tokens of the console.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="What the token is for; the audit log names it so.")]


@app.command()
def add(
    name: Name, app_name: AppOption = ALL_APPS, role: RoleOption = RoleName.VIEWER, as_json: AsJson = False
) -> None:
    """Make a token and print it. It is stored as a hash only, so keep it: nobody can show it again."""

    async def work() -> str:
        async with opened_access() as access:
            text = await access.tokens.add(name, app_name, role.role)
            await access.note("token.added", name, f"{role.value} of {app_name}")
            return text

    text = run(work)
    if as_json:
        print_json({"name": name, "token": text, "roles": {app_name: role.value}})
    else:
        print_line(text)


@app.command("list")
def list_tokens(as_json: AsJson = False) -> None:
    """List the tokens by name, with what each may do."""

    async def work() -> list[Token]:
        async with opened_access() as access:
            return await access.tokens.all()

    rows = [_row(token) for token in run(work)]
    if as_json:
        print_json(rows)
        return
    texts = [[row["name"], ", ".join(f"{r} of {a}" for a, r in row["roles"].items()), row["made_at"]] for row in rows]
    print_table(["NAME", "ROLES", "MADE"], texts)


@app.command()
def revoke(name: Name) -> None:
    """Revoke a token: from now on it opens nothing."""

    async def work() -> None:
        async with opened_access() as access:
            await access.tokens.revoke(name)
            await access.note("token.revoked", name)

    run(work)
    print_line(f"{name} is revoked")


def _row(token: Token) -> dict[str, Any]:
    made_at = datetime.fromtimestamp(token.made_at, UTC).isoformat(timespec="seconds")
    return {"name": token.name, "roles": stored_roles(token.roles), "made_at": made_at}
