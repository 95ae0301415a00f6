"""`bellhop users`: who may log in to the console, and what they may do there.

Exit codes: 0 done, 1 a problem, 2 wrong usage, 3 Redis cannot be reached.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from worker.commands.output import Exit, fail, print_json, print_line, print_table, run
from worker.commands.shell import AppOption, AsJson, RoleName, RoleOption, opened_access
from worker.web.passwords import too_weak
from worker.web.roles import ALL_APPS, stored_roles
from worker.web.users import Account

app = typer.Typer(help="Who may log in to the console.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]
PasswordFile = Annotated[
    str | None, typer.Option("--password-file", help="Read the password from this file; - for standard input.")
]


@app.command()
def add(
    name: Name,
    app_name: AppOption = ALL_APPS,
    role: RoleOption = RoleName.VIEWER,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a user, or give one who is there already a role for another app."""
    present = run(lambda: _find(name))
    password = "" if present else _password(password_file)

    async def work() -> Account:
        async with opened_access() as access:
            if present:
                account = await access.users.grant(name, app_name, role.role)
            else:
                account = await access.users.add(name, password, app_name, role.role)
            await access.note("user.granted" if present else "user.added", name, f"{role.value} of {app_name}")
            return account

    account = run(work)
    if as_json:
        print_json(_row(account))
    else:
        print_line(f"{name} is {_words(account)}")


@app.command()
def revoke(name: Name, app_name: AppOption, as_json: AsJson = False) -> None:
    """Take a user's role for an app away."""

    async def work() -> Account:
        async with opened_access() as access:
            account = await access.users.grant(name, app_name, None)
            await access.note("user.revoked", name, app_name)
            return account

    account = run(work)
    if as_json:
        print_json(_row(account))
    else:
        print_line(f"{name} is {_words(account)}")


@app.command("list")
def list_users(as_json: AsJson = False) -> None:
    """List the users and their roles."""

    async def work() -> list[Account]:
        async with opened_access() as access:
            return await access.users.everybody()

    accounts = run(work)
    if as_json:
        print_json([_row(account) for account in accounts])
        return
    print_table(["NAME", "ROLES", "PASSWORD"], [[a.name, _words(a), _origin(a)] for a in accounts])


@app.command()
def remove(name: Name) -> None:
    """Remove a user, which ends their sessions."""

    async def work() -> None:
        async with opened_access() as access:
            await access.users.remove(name)
            await access.note("user.removed", name)

    run(work)
    print_line(f"{name} is removed")


@app.command()
def password(name: Name, password_file: PasswordFile = None) -> None:
    """Give a user another password, which ends their sessions."""
    new = _password(password_file)

    async def work() -> None:
        async with opened_access() as access:
            await access.users.set_password(name, new)
            await access.note("password.changed", name)

    run(work)
    print_line(f"{name} has another password; their sessions have ended")


async def _find(name: str) -> Account | None:
    async with opened_access() as access:
        return await access.users.find(name)


def _password(file: str | None) -> str:
    if file is None and not sys.stdin.isatty():
        fail("give the password with --password-file FILE, or - for standard input", Exit.USAGE)
    text = typer.prompt("Password", hide_input=True, confirmation_prompt=True) if file is None else _content(file)
    problem = too_weak(text)
    if problem:
        fail(problem, Exit.USAGE)
    return str(text)


def _content(file: str) -> str:
    try:
        return (sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"cannot read {file}: {error.strerror if isinstance(error, OSError) else 'not text'}", Exit.USAGE)


def _row(account: Account) -> dict[str, Any]:
    return {"name": account.name, "roles": stored_roles(account.roles), "built_in": account.built_in}


def _words(account: Account) -> str:
    roles = stored_roles(account.roles).items()
    return ", ".join(f"{role} of {'all apps' if app == ALL_APPS else app}" for app, role in roles) or "without a role"


def _origin(account: Account) -> str:
    return "BELLHOP_WEB_PASSWORD" if account.built_in else "their own"
