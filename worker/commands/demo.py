"""`bellhop demo`: everything at once on this machine, with sample alerts, and nothing that leaves it."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import orjson
import typer
from redis.asyncio import Redis
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from config.settings import settings
from worker import demo as sample
from worker.appsfile import read_apps
from worker.cancelling import ended
from worker.channels import CHANNELS
from worker.commands.output import Exit, coloured, fail, print_json
from worker.commands.processes import console_command, flower_command, flower_of, worker_command
from worker.embedded_redis import EmbeddedRedis
from worker.errors import BellhopError
from worker.stores.connection import async_redis
from worker.stores.destinations import RedisDestinations
from worker.stores.records import Records
from worker.stores.stand_ins import StandIns
from worker.supervisor import Command, Supervisor
from worker.unlocking import opened_keys

if TYPE_CHECKING:
    from worker.sandbox.server import Sandbox

WAIT_S: Final = 60.0
"""How long results may take; on a calm machine they come within a second."""
CONSOLE_S: Final = 20.0
SANDBOX_PORT, FLOWER_PORT = 8025, 5555


def demo(
    once: Annotated[bool, typer.Option("--once", help="End when all is delivered: with 0 only if it was.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON; implies --once.")] = False,
) -> None:
    """Start everything on this machine and send sample alerts through six channels."""
    folder = settings().state_dir / "demo"
    try:
        # On the main thread, so that the server ends with us whatever happens.
        with EmbeddedRedis(folder) as redis:
            results = asyncio.run(Show(redis.url, folder, quiet=as_json).run(stay=not (once or as_json)))
    except BellhopError as problem:
        fail(problem, Exit.UNAVAILABLE)
    if as_json:
        print_json(results)
    if once or as_json:
        raise typer.Exit(Exit.OK if _all_delivered(results) else Exit.PROBLEMS)


def _all_delivered(results: Sequence[dict[str, Any]]) -> bool:
    """Six alerts to six destinations, each delivered."""
    return len(results) == 2 * 3 * len(CHANNELS) and all(each["outcome"] == "delivered" for each in results)


def free_port(preferred: int) -> int:
    """`preferred` where nobody listens there, else any free one."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    return 0


class Show:
    """One demo: sets up, sends, shows."""

    def __init__(self, redis_url: str, folder: Path, *, quiet: bool) -> None:
        self._url = redis_url
        self._folder = folder
        self._console = Console(quiet=quiet)
        self._prefix = settings().prefix
        self._run = f"demo-{int(time.time())}"

    async def run(self, *, stay: bool) -> list[dict[str, Any]]:
        """The whole of it; the results of what was sent, and none where a signal came before all were there.

        A signal at any moment takes down in good order what is up by then.
        """
        told = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, told.set)
        async with AsyncExitStack() as stack:
            showing = asyncio.create_task(self._show(stack, stay=stay))
            telling = asyncio.create_task(told.wait())
            await asyncio.wait((showing, telling), return_when=asyncio.FIRST_COMPLETED)
            await ended([telling])
            if not showing.done():
                await ended([showing])
                return []
            results = await showing
            if stay:
                await told.wait()
            return results

    async def _show(self, stack: AsyncExitStack, *, stay: bool) -> list[dict[str, Any]]:
        """Set everything up, and take it down with `stack`."""
        redis = async_redis(self._url)
        stack.push_async_callback(redis.aclose)
        progress = stack.enter_context(self._progress())
        sandbox = await self._sandbox(progress, stack)
        await self._apply(redis, sandbox)
        flower_port, console_port = free_port(FLOWER_PORT), free_port(settings().web_port)
        await stack.enter_async_context(self._processes(progress, flower_port, console_port))
        results = await self._send_all(redis, progress)
        if stay:
            await _answers(console_port)
        progress.stop()
        self._sum_up(results, sandbox, flower_port, console_port, stay=stay)
        return results

    def _progress(self) -> Progress:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        return Progress(*columns, TimeElapsedColumn(), console=self._console, transient=True)

    async def _sandbox(self, progress: Progress, stack: AsyncExitStack) -> Sandbox:
        from worker.sandbox.server import Sandbox  # noqa: PLC0415 - no other command waits for it to load

        step = progress.add_task("starting the sandbox", total=1)
        sandbox = Sandbox(http_port=free_port(SANDBOX_PORT))
        await sandbox.start()
        stack.push_async_callback(sandbox.stop)
        progress.update(step, completed=1)
        return sandbox

    async def _apply(self, redis: Redis, sandbox: Sandbox) -> None:
        wanted = sample.destinations(sandbox.url, sandbox.smtp_port, sandbox.nsca_port)
        text = orjson.dumps({"apps": {sample.APP: {"destinations": wanted}}}).decode()
        keys = await opened_keys(settings().model_copy(update={"state_dir": self._folder}), redis)
        await RedisDestinations(redis, self._prefix, keys).save(read_apps(text, {}).values())
        await StandIns(redis, self._prefix).keep(sample.stand_ins(wanted))

    @asynccontextmanager
    async def _processes(self, progress: Progress, flower_port: int, console_port: int) -> AsyncIterator[Supervisor]:
        step = progress.add_task("starting a worker, the console and Flower", total=1)
        # The sandbox is on the loopback, which destinations may not reach unless an operator says so.
        env = {
            "BELLHOP_REDIS_URL": self._url,
            "BELLHOP_STATE_DIR": str(self._folder),
            "BELLHOP_ALLOWED_ADDRESSES": "127.0.0.0/8",
        }
        flower = flower_command(flower_port, FLOWER_UNAUTHENTICATED_API="true", **env)
        told = env | flower_of(settings(), flower_port)
        console = console_command(console_port, "--host", "127.0.0.1", **told)
        commands = [_logged(each, self._folder) for each in (worker_command(0, **env), console, flower)]
        supervisor = Supervisor(commands, say=lambda text: self._console.print(Text(text, "yellow")))
        await supervisor.start()
        try:
            yield supervisor
        finally:
            await supervisor.stop()
            progress.update(step, completed=1)

    async def _send_all(self, redis: Redis, progress: Progress) -> list[dict[str, Any]]:
        """The alerts, and once they are through, each one's back to normal: else it would only replace them."""
        events = sample.firing(time.time(), self._run)
        step = progress.add_task("delivering", total=2 * len(events) * len(CHANNELS))
        results = await self._send(redis, events, progress, step)
        return results + await self._send(redis, sample.resolved(events, time.time()), progress, step)

    async def _send(
        self, redis: Redis, events: list[dict[str, Any]], progress: Progress, step: Any
    ) -> list[dict[str, Any]]:
        records = Records(redis, self._prefix)
        after = await records.last_result()
        for event in events:
            await redis.xadd(f"{self._prefix}:events", {"event": orjson.dumps(event)})
        titles = {event["id"]: event["title"] for event in events}
        expected = len(events) * len(CHANNELS)
        results: list[dict[str, Any]] = []
        until = time.monotonic() + WAIT_S
        while len(results) < expected and time.monotonic() < until:
            for entry, result in await records.results(after, block_ms=500):
                after = entry
                if result["event_id"] in titles:
                    results.append(result)
                    progress.advance(step)
                    self._console.print(_line(result, titles[result["event_id"]]))
        return results

    def _sum_up(
        self, results: list[dict[str, Any]], sandbox: Sandbox, flower_port: int, console_port: int, *, stay: bool
    ) -> None:
        delivered = sum(each["outcome"] == "delivered" for each in results)
        style = "bold green" if _all_delivered(results) else "bold red"
        self._console.print(Text(f"\n{delivered} of {2 * 3 * len(CHANNELS)} deliveries arrived.", style))
        if not _all_delivered(results):
            self._console.print(f"What the worker said is in {self._folder}/worker.log")
        if stay:
            self._console.print(f"\n[bold]Open the console:[/] http://127.0.0.1:{console_port}/\n")
            self._console.print(f"  what arrived   {sandbox.url}/")
            self._console.print(f"  Flower         http://127.0.0.1:{flower_port}/")
            send = f'bellhop send --app {sample.APP} --title "Disk full" --wait 5'
            self._console.print(f"  send another   BELLHOP_STATE_DIR={self._folder} {send}")
            self._console.print("Ctrl-C ends it.")


async def _answers(port: int) -> None:
    """Wait until somebody listens there, but not for ever."""
    until = time.monotonic() + CONSOLE_S
    while time.monotonic() < until:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
            continue
        writer.close()
        return


def _logged(command: Command, folder: Path) -> Command:
    log = folder / f"{command.name}.log"
    log.unlink(missing_ok=True)
    return Command(command.name, command.argv, command.env, log)


def _line(result: dict[str, Any], title: str) -> Text:
    """`✔ delivered  HipChat    204   12 ms  Memory used by Apache is above 1 GiB`."""
    mark = "✔" if result["outcome"] == "delivered" else "✘"
    outcome = coloured(result["outcome"])
    label = CHANNELS[result["channel"]].label
    status = str(result["status_code"] or "")
    words = title if result["outcome"] == "delivered" else f"{title}: {result['reason']} {result['detail']}"
    return Text.assemble(
        (f"{mark} {result['outcome']:<10}", outcome.style),
        f"{label:<11}{status:<5}{result['elapsed_ms']:>5.0f} ms  ",
        words,
    )
