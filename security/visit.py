"""One run: a deployment full of canaries, its good and bad days, and everything that it left behind or said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from chaos.processes import Process
from config.settings import Settings
from security.canary import Canary
from security.defective import Where
from security.mistakes import files, operators, pairs
from security.places import Named, arguments, monitored, pages, redis_logs, redis_values
from security.places import files as files_in
from security.row import Say
from security.samples import Planted, operator_fields
from security.scenes import Days, apps_of, write_apps
from security.shell import Shell
from security.uses import LONG, Known, calls, lasting
from security.values import Trees, errors, shown
from security.world import World, free_port

T = TypeVar("T")
UNREACHABLE: Final = "redis://:{}@127.0.0.1:1/0"
LOGS, FLOWER = "logs", "Flower"
FULL: Final = 0.5
"""From this scale on nothing is left out."""


@dataclass(slots=True)
class Found:
    """What a run left behind, by kind of place; and what is to be known of it."""

    places: dict[str, list[Named]] = field(default_factory=dict)
    operator: list[Canary] = field(default_factory=list)
    delivered: dict[str, int] = field(default_factory=dict)
    called: int = 0
    left_out: int = 0
    """Commands that are called at full size only."""
    unsettled: str = ""

    def add(self, kind: str, places: Iterable[Named]) -> None:
        """More of one kind."""
        self.places.setdefault(kind, []).extend(places)


@dataclass(frozen=True, slots=True)
class Marks:
    """Texts that are looked for besides the planted secrets."""

    typed: Canary
    """The secret that an operator gets wrong."""
    words: Canary
    """What alerts say: in no log and no task."""
    tracer: Canary
    """No secret: it is meant to be found in every kind of place."""


class Visit:
    """Runs a world once.

    Args:
        planted: what is applied.
        changed: the same with other secrets.
        marks: what else is looked for.
        scale: 1 is the full size.
        say: is told how it goes.
    """

    def __init__(self, planted: Planted, changed: Planted, marks: Marks, *, scale: float, say: Say) -> None:
        self._planted, self._changed = planted, changed
        self._typed, self._words, self._tracer = marks.typed, marks.words.text, marks.tracer.text
        self._scale = scale
        self._say = say
        self._found = Found()

    def run(self, folder: Path) -> Found:
        """All of it; its files go to `folder`."""
        nsca_password = self._planted.channels["nagios"][""]["password"]
        self._found.add("values", shown(self._planted.trees, self._tracer))
        self._found.add("errors", errors(self._some_trees(), self._tracer))
        with World(folder, nsca_password) as world:
            self._found.operator = world.canaries
            self._days(world)
            self._say("looking into Redis")
            self._found.add("Redis' keys", redis_values(world.redis.url))
            self._found.add("what Redis was told", [*monitored(world.monitor), *redis_logs(world.redis.url)])
            world.redis.client.save()
            self._found.add("Redis' files", files_in(world.folders.redis / "redis", "*"))
        self._found.add(LOGS, files_in(world.folders.logs, "*.log"))
        self._found.add(LOGS, files_in(world.folders.said, "*-up.out"))
        printed = files_in(world.folders.said, "*.out")
        self._found.add("what commands print", (named for named in printed if not named[0].endswith("-up.out")))
        return self._found

    @property
    def _short(self) -> bool:
        return self._scale < FULL

    def _some_trees(self) -> Trees:
        """All settings, or in the short form those of one variant each."""
        firsts = {channel.name: (channel, tree) for channel, tree in reversed(self._planted.trees)}
        return list(firsts.values()) if self._short else self._planted.trees

    def _count(self, full: int, least: int) -> int:
        return least if self._short else full

    def _days(self, world: World) -> None:
        self._say("starting Redis, workers and Flower")
        up = world.start_up()
        days = Days(world, self._planted, self._words, self._scale)
        world.parrots.listen(self._planted.secrets(days.trees("parroted")) | {self._typed.text: self._typed.text})
        up_log = world.shell.said[-1]
        defective = self._start_others(world)
        applied, changed = days.apply(), write_apps(world, "changed", apps_of(self._changed, world))
        password = world.folders.typed / "password"
        password.write_text(self._typed.text, "utf-8")
        known = Known(days.apps, self._tracer, applied, changed, str(password), short=self._short)
        self._say("good and bad days")
        world.wait_ready(up_log, defective.log)
        world.wait_for_flower()
        watching = [world.shell.start(*call) for call in lasting(known)]
        days.begin()
        days.tamper()
        days.hang()
        self._found.add("process arguments", arguments(world.processes))
        world.kill_worker(up)
        self._mistakes(world)
        self._found.unsettled = days.end(self._tracer)
        self._found.delivered = days.delivered()
        self._commands(world.shell, known)
        self._say("looking at Flower")
        self._found.add(FLOWER, pages(world.flower, self._count(40, least=4)))
        for pid in [*watching, up]:
            world.shell.end(pid)

    def _start_others(self, world: World) -> Process:
        """A worker with a defective channel, and those that find no Redis, or one that refuses them."""
        worker = ("celery", "-A", "worker", "worker", "-P", "threads")
        host = f"{self._tracer}@canary"
        defective = ("celery", "-A", "security.crashing", *worker[3:], "--hostname", host)
        started = world.start("defective", *defective, BELLHOP_REDIS_URL=world.url(1))
        typed = self._typed.text
        world.start("nowhere", *worker, BELLHOP_REDIS_URL=UNREACHABLE.format(typed))
        if not self._short:
            refused = f"redis://:{typed}@{world.redis.url.rpartition('@')[2]}"
            world.start("refused", *worker, BELLHOP_REDIS_URL=refused)
            world.start("no-url", *worker, BELLHOP_REDIS_URL=f"redis://:{typed}#@127.0.0.1:1/0")
            world.start("no-flower", "celery", "-A", "worker", "flower", f"--port={free_port()}", "--logging=debug",
                        BELLHOP_REDIS_URL=refused)  # fmt: skip
            world.start("flower", "celery", "-A", "worker", "flower", f"--port={free_port()}", "--logging=debug")
        return started

    def _mistakes(self, world: World) -> None:
        """Wrong files, wrong options and wrong environments, as real commands meet them."""
        self._say("bad settings")
        for number, content in enumerate(self._spread(files(self._some_trees(), self._tracer), 20)):
            file = world.folders.typed / f"wrong-{number}"
            file.write_bytes(content)
            world.shell.run("apps", "apply", str(file))
        self._wrong_options(world.shell)
        self._wrong_environments(world)
        for where in Where:
            trial = ("destinations", "test", "crashes", where.value)
            world.shell.run(*trial, using=("security.crashing",), BELLHOP_REDIS_URL=world.url(1))

    def _wrong_options(self, shell: Shell) -> None:
        for channel, tree in self._some_trees():
            for given in self._spread(pairs(channel, tree), 2):
                typed = [f"{name}={value}" for name, value in given.items() if "\0" not in value]
                options = [word for pair in typed for word in ("--set", pair)]
                shell.run("destinations", "test", "--channel", channel.name, *options)
        shell.run("destinations", "test", "--channel", self._typed.text)

    def _wrong_environments(self, world: World) -> None:
        web = world.places["parroted"].url
        for name in operator_fields():
            leads = {f"BELLHOP_{name.upper()}": web.replace("://", f"://bellhop:{self._typed.text}@")}
            world.shell.run("destinations", "test", "parroted", "webhook", "--json", **leads)
        for environment in self._spread(operators(self._typed.text, world.redis.url, list(Settings.model_fields)), 5):
            world.shell.run("status", **environment)

    def _spread(self, everything: Iterable[T], count: int) -> list[T]:
        """So many of them in the short form, ten times as many at full size, evenly spread."""
        whole = list(everything)
        step = max(1, len(whole) // self._count(10 * count, least=count))
        return whole[::step]

    def _commands(self, shell: Shell, known: Known) -> None:
        self._say("every command")
        self._found.left_out = len(LONG) if known.short else 0
        for call in calls(known):
            shell.run(*call)
            self._found.called += 1
