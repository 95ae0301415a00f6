"""What a run says: a table for people, JSON for scripts."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.figures import BELLHOP, PLAIN, Round, Summary, Target, lost, median_latency, summarised, targets
from worker.commands.output import print_line, print_table

COLUMNS = ("what", "deliveries/s", "CPU us each", "x bare", "target")
AIMS = {BELLHOP: ("Bellhop by rate", "Bellhop by processor time")}


def as_json(rounds: Sequence[Round], redis: str) -> dict[str, Any]:
    """The medians, the targets, and every round's figures."""
    idle = median_latency(rounds)
    return {
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "redis": redis},
        "rounds": len(rounds),
        "throughput": [asdict(each) for each in summarised(rounds)],
        "idle_ms": {"p50": idle.p50, "p95": idle.p95, "p99": idle.p99} if idle else None,
        "targets": [asdict(each) for each in targets(rounds)],
        "lost": lost(rounds),
        "each_round": [asdict(each) for each in rounds],
    }


def rows(rounds: Sequence[Round]) -> list[tuple[str, ...]]:
    """The table's rows."""
    aims = {target.what: target for target in targets(rounds)}
    table = [_throughput_row(each, aims) for each in summarised(rounds)]
    idle = median_latency(rounds)
    if idle:
        p50, p99 = aims["idle p50"], aims["idle p99"]
        table += [
            ("idle, XADD to arrival, p50", _ms(idle.p50), "", "", _verdict(p50)),
            ("idle, p95", _ms(idle.p95), "", "", ""),
            ("idle, p99", _ms(idle.p99), "", "", _verdict(p99)),
        ]
    return table


def _throughput_row(each: Summary, aims: dict[str, Target]) -> tuple[str, ...]:
    verdicts = [_verdict(aims[what]) for what in AIMS.get(each.name, ()) if aims[what].value is not None]
    x_bare = "" if each.x_bare is None else f"{each.x_bare:.2f} (by CPU {each.x_bare_by_cpu or 0:.2f})"
    return each.name, f"{each.per_s:,.0f}", f"{each.cpu_us:,.0f}", x_bare, "\n".join(verdicts)


def _ms(value: float) -> str:
    return "none came" if math.isnan(value) else f"{value:.1f} ms"


def _verdict(target: Target) -> str:
    """`>= 0.6 x bare: 0.64, holds`."""
    value = target.value
    if value is None:
        return f"{target.aim}: not measured"
    return f"{target.aim}: {value:.3g}, {'holds' if target.holds else 'MISSED'}"


def show(rounds: Sequence[Round], redis: str) -> None:
    """Print the table and what it stands for."""
    print_line(f"Medians of {len(rounds)} rounds; {redis}, Python {platform.python_version()}", "bold")
    print_table(COLUMNS, rows(rounds))
    print_line(closing(rounds), "red" if lost(rounds) else "")


def closing(rounds: Sequence[Round]) -> str:
    """One sentence on what counts most: whether everything was delivered."""
    doubled = sum(mine.doubled for each in rounds if (mine := each.of(BELLHOP)))
    more = f"; {doubled} arrived more than once" if doubled else ""
    missing = lost(rounds)
    return (f"{missing} deliveries were LOST{more}" if missing else f"nothing was lost{more}") + _note(rounds)


def _note(rounds: Sequence[Round]) -> str:
    plain = sum(mine.lost for each in rounds if (mine := each.of(PLAIN)))
    return f" (plain Celery lost {plain})" if plain else ""
