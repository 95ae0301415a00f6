"""`bellhop sandbox`: a stand-in for every vendor, in the foreground."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

try:
    from uvloop import run
except ImportError:  # there is none for Windows and PyPy
    from asyncio import run  # type: ignore[assignment]

from worker.errors import BellhopError, InvalidSettings
from worker.sandbox.faults import read_rule
from worker.sandbox.limits import Rate, parse_rate
from worker.sandbox.options import Options

if TYPE_CHECKING:
    from worker.sandbox.server import Sandbox


def sandbox(
    *,
    host: Annotated[str, typer.Option(help="The address to listen on; it is meant for this machine only.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(help="The HTTP port; 0 takes a free one.")] = 8025,
    smtp_port: Annotated[int, typer.Option(help="The SMTP port; 0 takes a free one.")] = 1025,
    nsca_port: Annotated[int, typer.Option(help="The NSCA port; 0 takes a free one.")] = 5667,
    room: Annotated[
        list[str] | None, typer.Option(help="A HipChat room that exists; without any, all do but missing….")
    ] = None,
    hipchat_requests: Annotated[str, typer.Option(help="Requests per HipChat token, or off.")] = "500/5min",
    hipchat_messages: Annotated[str, typer.Option(help="Messages per HipChat room, or off.")] = "30/min",
    slack_burst: Annotated[
        int, typer.Option(min=0, help="Messages a Slack channel takes at once before 1/s holds; 0 is off.")
    ] = 0,
    pagerduty_events: Annotated[str, typer.Option(help="Events per PagerDuty key, such as 120/min, or off.")] = "off",
    nsca_method: Annotated[int, typer.Option(help="0 none, 1 XOR, 3 3DES, 14 AES.")] = 1,
    nsca_password: Annotated[str, typer.Option(help="What NSCA packets are encrypted with.")] = "",
    fault: Annotated[
        list[str] | None,
        typer.Option(help='A fault: channel=hipchat,status=503,share=0.1, or as JSON: {"drop": "after"}.'),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the addresses as one line of JSON.")] = False,
) -> None:
    """Stand in for HipChat, Slack, PagerDuty, NRDP, NSCA, SMTP and web hooks, and show what arrives."""
    try:
        options = Options(
            rooms=frozenset(room) if room else None,
            hipchat_requests=_rate("hipchat-requests", hipchat_requests),
            hipchat_messages=_rate("hipchat-messages", hipchat_messages),
            slack_burst=slack_burst or None,
            pagerduty_events=_rate("pagerduty-events", pagerduty_events),
            nsca_method=nsca_method,
            nsca_password=nsca_password,
        )
        rules = [read_rule(text) for text in fault or ()]
        from worker.sandbox.server import Sandbox  # noqa: PLC0415 - no other command waits for it to load

        box = Sandbox(host, port, smtp_port, nsca_port, options=options, faults=rules)
        run(_serve(box, as_json=as_json))
    except (BellhopError, ValueError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


def _rate(name: str, text: str) -> Rate | None:
    try:
        return parse_rate(text)
    except ValueError as error:
        raise InvalidSettings([f"--{name}: {error}"]) from None


async def _serve(box: Sandbox, *, as_json: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with box:
        _announce(box, as_json=as_json)
        await stop.wait()


def _announce(box: Sandbox, *, as_json: bool) -> None:
    if as_json:
        content = {"url": box.url, "smtp_port": box.smtp_port, "nsca_port": box.nsca_port}
        print(orjson.dumps(content).decode(), flush=True)  # noqa: T201 - a script reads this line
        return
    table = Table("stand-in", "address", title="Bellhop sandbox", title_justify="left")
    for name, address in addresses(box).items():
        table.add_row(name, address)
    Console().print(table)


def addresses(box: Sandbox) -> dict[str, str]:
    """What to put into each channel's settings to send to the sandbox; `page` is for people."""
    return {
        "page": f"{box.url}/",
        "HipChat": f"{box.url}/v2/room/{{room}}/notification",
        "Slack web hook": f"{box.url}/services/T000/B000/secret",
        "Slack Web API": f"{box.url}/api/",
        "PagerDuty": f"{box.url}/v2/enqueue",
        "Nagios NRDP": f"{box.url}/nrdp/",
        "web hook": f"{box.url}/hook/{{name}}",
        "SMTP": f"{box.host}:{box.smtp_port}",
        "Nagios NSCA": f"{box.host}:{box.nsca_port}",
    }
