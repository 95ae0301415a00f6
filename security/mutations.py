"""Mutated events, settings files and vendors' replies, 100,000 of each: none may crash anything, or take a second.

`python -m security.mutations KIND INDEX` makes one of them again, shows it and runs it.
"""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer

from security.row import Row, Say
from security.watched import Found, made, tried, tried_in_processes

COUNT: Final = 100_000
SEED: Final = 20_261_123
KINDS: Final = {
    "events": "mutated events",
    "settings": "mutated settings files",
    "replies": "mutated replies of vendors",
}
ACCEPTED: Final = {"events": "taken", "settings": "read", "replies": "delivered"}


def measure(scale: float, say: Say, seed: int = SEED) -> list[Row]:
    """A row for each kind; 1 is the full size. The same inputs for the same seed."""
    count = max(1, round(COUNT * scale))
    return [_row(kind, count, seed, say) for kind in KINDS]


def _row(kind: str, count: int, seed: int, say: Say) -> Row:
    def so_far(done: int) -> None:
        say(f"{KINDS[kind]}: {done:,} of {count:,}")

    so_far(0)
    found = tried_in_processes(kind, seed, count, so_far)
    return Row(
        what=KINDS[kind],
        aim=f"{count:,} tried, 0 crashes, 0 hangs over 1 s",
        measured=_measured(kind, found),
        holds=found.tried >= count and not found.failures,
        note=_note(found, seed),
    )


def _measured(kind: str, found: Found) -> str:
    crashes, hangs = found.count(hangs=False), found.count(hangs=True)
    words = f"{found.tried:,} tried, {crashes:,} crashes, {hangs:,} hangs"
    share = 100 * found.accepted / max(1, found.tried)
    return f"{words}; {share:.0f} % {ACCEPTED[kind]}, the slowest in {found.slowest_s * 1000:.0f} ms"


def _note(found: Found, seed: int) -> str:
    if not found.failures:
        return f"seed {seed}"
    first = found.failures[0]
    again = f"python -m security.mutations {first.kind} {first.index} --seed {seed}"
    return f"{first.what}; `{again}` does it again, with {first.given}"


def main(
    kind: Annotated[str, typer.Argument(help=f"One of {', '.join(KINDS)}.")],
    index: Annotated[int, typer.Argument(min=0, help="Its number.")],
    seed: Annotated[int, typer.Option(help="As the table says.")] = SEED,
) -> None:
    """Make one input again, show it, and run it."""
    if kind not in KINDS:
        raise typer.BadParameter(f"{kind}: there are {', '.join(KINDS)}")
    sys.stdout.write(f"{made(kind, seed, index)!r}\n")
    found = tried(kind, seed, index, index + 1)
    for failure in found.failures:
        sys.stdout.write(f"{failure.what}\n")
    sys.exit(1 if found.failures else 0)


if __name__ == "__main__":
    typer.run(main)
