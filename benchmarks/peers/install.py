"""Installs the peers: npm packages into `benchmarks/.peers`, in exact versions; Alertmanager from Debian.

The latter cannot just be unpacked: Debian's binary looks for its templates under /usr/share.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
HOME = HERE.parent / ".peers"
DEBIAN = HERE.parents[1] / "tests" / "debian-packages.sh"
PACKAGE = "prometheus-alertmanager"
WAIT_S = 180.0
LAST_WORDS = 200


class Missing(Exception):
    """A peer that cannot be installed here or does not run, and why."""


def node() -> Path:
    """The folder of the npm packages; `NODE_PATH` for what uses them."""
    for tool in ("node", "npm"):
        if not shutil.which(tool):
            raise Missing(f"there is no {tool} here")
    wanted = (HERE / "package.json").read_bytes()
    home, installed = HOME / "node", HOME / "node" / "installed.json"
    if not (installed.is_file() and installed.read_bytes() == wanted):
        home.mkdir(parents=True, exist_ok=True)
        (home / "package.json").write_bytes(wanted)
        installed.unlink(missing_ok=True)
        _run(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"], home)
        _run(["node", "-e", "for (const name of ['bullmq', 'ioredis', 'undici']) require(name)"], home)
        installed.write_bytes(wanted)
    return home / "node_modules"


def alertmanager() -> Path:
    """Alertmanager's binary: this machine's own, else installed from Debian with its daemon held back."""
    if not (found := _alertmanager()):
        said = _run([str(DEBIAN), PACKAGE], HERE)
        found = _alertmanager()
        if not found:
            raise Missing(said.partition("(not installed: ")[2].strip().removesuffix(")") or "it cannot be installed")
    return Path(found)


def _alertmanager() -> str | None:
    return shutil.which(PACKAGE) or shutil.which("alertmanager")


def _run(command: list[str], folder: Path) -> str:
    """Do it; what it said. Missing, in a few words, where it cannot be done."""
    try:
        done = subprocess.run(  # noqa: S603 - commands of ours, written out above
            command, cwd=folder, check=True, capture_output=True, timeout=WAIT_S, stdin=subprocess.DEVNULL
        )
    except subprocess.CalledProcessError as error:
        raise Missing(f"{Path(command[0]).name}: {reason(error.stderr.decode(errors='replace'))}") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"{Path(command[0]).name}: {type(error).__name__}") from None
    return done.stdout.decode(errors="replace")


def reason(output: str) -> str:
    """Of what a program said, the first line that speaks of an error, else the last."""
    lines = output.strip().splitlines() or ["it failed without saying why"]
    return next((line for line in lines if "rror" in line), lines[-1])[:LAST_WORDS]
