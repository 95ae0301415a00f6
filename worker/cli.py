"""`bellhop …`: the commands, each in a module of its own under `worker.commands`."""

from __future__ import annotations

import typer

from worker.commands import apps, deliveries, destinations, keys, tokens, users
from worker.commands.audit import audit
from worker.commands.demo import demo
from worker.commands.processes import up, worker
from worker.commands.replay import explain, replay
from worker.commands.sandbox import sandbox
from worker.commands.send import send
from worker.commands.status import doctor, status
from worker.commands.web import web

app = typer.Typer(
    name="bellhop",
    help="Delivers monitoring alerts from Redis to HipChat, Slack, e-mail, PagerDuty, Nagios and web hooks.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(apps.app, name="apps")
app.add_typer(destinations.app, name="destinations")
app.add_typer(deliveries.app, name="deliveries")
app.add_typer(keys.app, name="keys")
app.add_typer(users.app, name="users")
app.add_typer(tokens.app, name="tokens")
for command in (demo, up, worker, web, sandbox, send, explain, replay, status, doctor, audit):
    app.command()(command)


def main() -> None:
    """The script `bellhop`."""
    app()
