"""`bellhop …` many times over, each in a process of its own, forked from one that has loaded the commands once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, Self

WIDE = "5000"
"""Columns: a line that is broken to fit hides what is looked for."""


@dataclass(slots=True)
class Shell:
    """Runs commands; what each says goes to a file of its own in `folder`. A context manager.

    `said` is these files by command, in the order in which they ran.
    """

    folder: Path
    environment: Mapping[str, str]
    said: list[Path] = field(default_factory=list)
    _started: set[int] = field(default_factory=set)
    _server: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "security.shell"]
        environment = {**self.environment, "COLUMNS": WIDE, "TERMINAL_WIDTH": WIDE}
        self._server = subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.communicate()

    def run(self, *arguments: str, using: Sequence[str] = (), **environment: str) -> int:
        """Run `bellhop …` to its end; its exit code. `using`: modules to import before."""
        return self._ask(arguments, using, environment, wait=True)

    def start(self, *arguments: str, **environment: str) -> int:
        """Start `bellhop …`; its process id, for `end`."""
        pid = self._ask(arguments, (), environment, wait=False)
        self._started.add(pid)
        return pid

    def end(self, pid: int) -> None:
        """SIGTERM to what was started, and wait until it has ended; nothing where that was done before."""
        if pid in self._started:
            self._started.remove(pid)
            self._request({"end": pid})

    def output(self) -> str:
        """What the last command said."""
        return self.said[-1].read_text("utf-8", "replace")

    def _ask(
        self, arguments: Sequence[str], using: Sequence[str], environment: Mapping[str, str], *, wait: bool
    ) -> int:
        name = "-".join(word for word in arguments[:2] if word.isalpha()) or "bellhop"
        self.said.append(self.folder / f"{len(self.said) + 1:03}-{name}.out")
        return self._request(
            {"arguments": arguments, "using": using, "environment": {**self.environment, **environment}}
            | {"output": str(self.said[-1]), "folder": str(self.folder), "wait": wait}
        )

    def _request(self, request: dict[str, Any]) -> int:
        if self._server is None or self._server.stdin is None or self._server.stdout is None:
            raise RuntimeError("the shell was not entered")
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        return int(json.loads(self._server.stdout.readline()))


def serve() -> None:
    """Fork for each line of standard input; answer with the exit code, or with the process id where nobody waits."""
    from worker.cli import main  # noqa: PLC0415 - only the process that serves needs the commands

    for line in sys.stdin:
        request = json.loads(line)
        if "end" in request:
            with suppress(ProcessLookupError):
                os.kill(request["end"], signal.SIGTERM)
            answer = _code(request["end"])
        else:
            pid = os.fork()
            if not pid:
                _become(request, main)
            answer = _code(pid) if request["wait"] else pid
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


def _code(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _become(request: Mapping[str, Any], main: Any) -> NoReturn:
    """Be `bellhop …` as if started anew: with its own arguments, environment, folder and output."""
    output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for number, descriptor in enumerate((os.open(os.devnull, os.O_RDONLY), output, output)):
        os.dup2(descriptor, number)
    os.setsid()
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"], COLUMNS=WIDE, TERMINAL_WIDTH=WIDE)
    sys.argv = ["bellhop", *request["arguments"]]
    code: Any = 0
    try:
        for name in request["using"]:
            import_module(name)
        main()
    except SystemExit as ended:
        code = ended.code
    except BaseException:  # noqa: BLE001 - what the interpreter would do
        sys.excepthook(*sys.exc_info())
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    serve()
