"""Replaying dead letters, for the pages and the HTTP API alike: with a line in the audit log for each app."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from worker.replays import Letter, ledger_for_replays, replay
from worker.web.console import Console
from worker.web.roles import User

AT_ONCE: Final = 10_000
"""The most letters that one request replays: they are held in memory meanwhile."""


async def replay_all(console: Console, who: User, letters: Iterable[Letter]) -> int:
    """Owe them again, and return how many: others may have replayed some by now. Who may is asked before."""
    by_app: dict[str, list[Letter]] = {}
    for letter in letters:
        by_app.setdefault(letter.event.app, []).append(letter)
    ledger = ledger_for_replays(console.redis, console.prefix, console.settings.retention_hours)
    total = 0
    for app, its in sorted(by_app.items()):
        count = await replay(ledger, its)
        if count:
            await console.audit.record(who, "deliveries.replayed", app=app, detail=f"{count}")
        total += count
    return total
