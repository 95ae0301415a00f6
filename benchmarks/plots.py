"""Plots as PNG on no background, in inks that read on white and on black alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.comparison import BARE, BELLHOP, PREPARED, TWO, Compared
from benchmarks.figures import median_of
from benchmarks.table import Table

INK = "#767c85"
"""At least 4 to 1 on white and on GitHub's dark background."""
OURS, THEIRS = "#2f81f7", "#8c8c8c"
LINES = ("#2f81f7", "#1a9e4b", "#d9601a", "#b04fd1", "#b07d00", "#1a9ba8")
WIDTH_IN, HEIGHT_IN, DOTS = 10.0, 3.6, 150
STYLE: Any = {  # Any: its keys are Literals to mypy
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": INK,
    "grid.alpha": 0.25,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=LINES),
    "axes.titlelocation": "left",
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
    "lines.linewidth": 2.0,
    "font.size": 11.0,
}


def save(table: Table, path: Path) -> None:
    """Draw the table's plot to a PNG file; nothing where it has none."""
    if table.plot is None:
        return
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), layout="constrained")
        table.plot(figure)
        figure.savefig(path, format="png", dpi=DOTS)


def bars(axes: Axes, values: Mapping[str, float], title: str, ours: Sequence[str] = ()) -> None:
    """Lying bars with their figures at their ends; `ours` stand out."""
    colours = [OURS if name in ours else THEIRS for name in values]
    drawn = axes.barh(list(values), list(values.values()), color=colours)
    axes.bar_label(drawn, labels=[f" {value:,.0f}" for value in values.values()], color=INK)
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)
    axes.set_xticks([])
    axes.set_xlim(0, 1.2 * max(values.values(), default=1.0))
    axes.set_title(title)


def rates(figure: Figure, found: Compared) -> None:
    """Deliveries per second, and per second of the worker's processor time."""
    names = list(dict.fromkeys(name for each in found.rounds for name in each))
    one = [name for name in names if name != TWO]
    left, right = figure.subplots(1, 2)
    bars(left, _medians(found, sorted(names, key=_place), by_cpu=False), "deliveries per second", (BELLHOP, TWO))
    bars(right, _medians(found, sorted(one, key=_place), by_cpu=True), "deliveries per CPU second", (BELLHOP,))


def _place(name: str) -> int:
    """The limit first, then Bellhop, then its peers in the order in which they were measured."""
    return {BARE: 0, PREPARED: 1, BELLHOP: 2, TWO: 3}.get(name, 4)


def _medians(found: Compared, names: Sequence[str], *, by_cpu: bool) -> dict[str, float]:
    medians = {
        name: median_of(
            found.rounds, name, lambda each: (1e6 / each.cpu_us if each.cpu_us else 0.0) if by_cpu else each.per_s
        )
        for name in names
    }
    return {name: value for name, value in medians.items() if value is not None}


def curves(
    axes: Axes,
    percentiles: Mapping[str, Sequence[float]],
    unit: str,
    aims: Mapping[str, Sequence[tuple[float, float]]],
) -> None:
    """A line for each name: of 1 to 100 %, the value that so many do not exceed.

    `aims` are (value, %) that the line of that name should pass on the left: crosses.
    """
    for name, values in percentiles.items():
        (line,) = axes.plot(values, range(1, len(values) + 1), label=name)
        for value, share in aims.get(name, ()):
            axes.plot(value, share, "x", color=line.get_color(), markersize=9, markeredgewidth=2.5)
    axes.set_xscale("log")
    axes.set_xlabel(unit)
    axes.set_ylabel("% of all")
    axes.xaxis.set_major_formatter(lambda value, _place: f"{value:g}")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(percentiles), borderaxespad=0)
