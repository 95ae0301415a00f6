"""A chart as a PNG, by matplotlib's Agg through its object-oriented interface. Only the drawing process imports this.

https://matplotlib.org/stable/gallery/user_interfaces/web_application_server_sgskip.html
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Sequence
from datetime import UTC
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator
from PIL import Image

from worker.pictures.chart import DENSITY, HEIGHT, WIDTH, Chart
from worker.pictures.numbers import scale_for, symbol_of, with_unit
from worker.pictures.series import DAY_S, Frame, Point, cleaned, frame_of, moment, number, thinned, window_of

INCH: Final = 100
COLOURS: Final = 128
LINE, THRESHOLD, INK, FAINT, GRID = "#2d5f8b", "#d9480f", "#1f2933", "#616e7c", "#e4e7eb"
LEFT, RIGHT, BOTTOM, TOP = 0.125, 0.965, 0.125, 0.765
"""Where the axes are, in parts of the picture."""
MARGIN, TITLE_Y, SUBTITLE_Y = 0.02, 0.935, 0.865
UNIT_CHARS: Final = 4
"""A longer unit is written once above the axis instead of behind every number."""
HIGH: Final = 0.88
"""A threshold above this part of the axis has its words below its line."""
FEW: Final = 24
"""So many points are shown as points, too."""
ZONE: Final = "UTC"

mpl.rcdefaults()  # whatever a matplotlibrc on this machine says
mpl.rcParams.update(
    {
        "font.family": "DejaVu Sans",  # which matplotlib brings along
        "font.size": 8,
        # An event's `$` is a dollar, never the begin of a formula that may fail or grow.
        "text.parse_math": False,
        "axes.edgecolor": FAINT,
        "xtick.color": FAINT,
        "ytick.color": FAINT,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
    }
)


class NothingToDraw(ValueError):
    """A chart none of whose points can be drawn."""


def draw(chart: Chart) -> bytes:
    """The picture: 1280 x 640 pixels on white; NothingToDraw where no point is a number near the trigger."""
    at = moment(chart.at)
    points = thinned(cleaned(chart.points, at), WIDTH)
    if not points:
        raise NothingToDraw("none of the points is a number near the trigger")
    figure = Figure(figsize=(WIDTH / INCH, HEIGHT / INCH), dpi=INCH * DENSITY, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((LEFT, BOTTOM, RIGHT - LEFT, TOP - BOTTOM))
    threshold, value = number(chart.threshold), number(chart.value)
    window = window_of(chart.window_s, at, points[0][0])
    frame = frame_of(points, at, window, (threshold, value))
    _set_axes(axes, frame, chart.unit)
    if window is not None:
        axes.axvspan(_day(window), _day(at), color=chart.colour, alpha=0.1, linewidth=0)
    _draw_line(axes, points)
    if threshold is not None:
        _draw_threshold(axes, points, threshold, frame, chart)
    _draw_trigger(axes, at, points[-1][1] if value is None else value, frame, chart)
    _write_words(figure, canvas, chart)
    return _png(canvas)


def _day(at: float) -> float:
    """Matplotlib counts days since 1970."""
    return at / DAY_S


def _set_axes(axes: Axes, frame: Frame, unit: str) -> None:
    axes.set_xlim(_day(frame.left), _day(frame.right))
    axes.set_ylim(frame.bottom, frame.top)
    days = AutoDateLocator(tz=UTC, minticks=3, maxticks=8)
    axes.xaxis.set_major_locator(days)
    offsets = ["", "%Y", "%b %Y", "%d %b %Y", "%d %b %Y", "%d %b %Y %H:%M"]
    axes.xaxis.set_major_formatter(
        ConciseDateFormatter(days, tz=UTC, offset_formats=[f"{part} {ZONE}".strip() for part in offsets])
    )
    _set_values(axes, frame, unit)
    axes.tick_params(length=3, width=0.6)
    axes.grid(axis="y", color=GRID, linewidth=0.6)


def _set_values(axes: Axes, frame: Frame, unit: str) -> None:
    """Round values in people's units, all with the same prefix."""
    ticks = [float(t) for t in MaxNLocator(5).tick_values(frame.bottom, frame.top) if frame.bottom <= t <= frame.top]
    long = len(symbol_of(unit)) > UNIT_CHARS
    scale = scale_for(max(map(abs, ticks), default=0.0), "" if long else unit)
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 0.0
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_major_formatter(FixedFormatter([scale.label(tick, step) for tick in ticks]))
    if long:
        axes.annotate(
            symbol_of(unit),
            (0, 1),
            xycoords="axes fraction",
            xytext=(-3, 3),
            textcoords="offset points",
            ha="right",
            color=FAINT,
        )


def _draw_line(axes: Axes, points: Sequence[Point]) -> None:
    days, values = [_day(when) for when, _ in points], [value for _, value in points]
    dots = {"marker": "o", "markersize": 2.6} if len(points) <= FEW else {}
    axes.plot(days, values, color=LINE, linewidth=1.3, solid_joinstyle="round", **dots)  # type: ignore[arg-type]


def _draw_threshold(axes: Axes, points: Sequence[Point], threshold: float, frame: Frame, chart: Chart) -> None:
    axes.axhline(threshold, color=THRESHOLD, linewidth=1, dashes=(4, 3))
    if chart.beyond:
        days, values = [_day(when) for when, _ in points], [value for _, value in points]
        where = [chart.beyond * (value - threshold) > 0 for value in values]
        axes.fill_between(
            days, values, threshold, where=where, interpolate=True, color=chart.colour, alpha=0.22, linewidth=0
        )
    high = (threshold - frame.bottom) / (frame.top - frame.bottom) > HIGH
    axes.annotate(
        f"threshold {with_unit(threshold, chart.unit)}",
        (0.008, threshold),
        xycoords=("axes fraction", "data"),
        xytext=(0, -3 if high else 3),
        textcoords="offset points",
        va="top" if high else "bottom",
        color=THRESHOLD,
        bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 0.8},
    )


def _draw_trigger(axes: Axes, at: float, value: float, frame: Frame, chart: Chart) -> None:
    axes.axvline(_day(at), color=chart.colour, linewidth=1)
    axes.plot([_day(at)], [value], "o", color=chart.colour, markersize=5, markeredgecolor="white", clip_on=False)
    late = at > (frame.left + frame.right) / 2
    axes.annotate(
        f"{chart.mark} ▼" if late else f"▼ {chart.mark}",
        (_day(at), 1),
        xycoords=("data", "axes fraction"),
        xytext=(3 if late else -3, 3),
        textcoords="offset points",
        ha="right" if late else "left",
        color=chart.colour,
        fontsize=7.5,
    )


def _write_words(figure: Figure, canvas: FigureCanvasAgg, chart: Chart) -> None:
    title = figure.text(MARGIN, TITLE_Y, chart.title, fontsize=10.5, weight="bold", color=INK, va="center")
    subtitle = figure.text(MARGIN, SUBTITLE_Y, chart.subtitle, fontsize=8, color=FAINT, va="center")
    for text in (title, subtitle):
        _fit(text, canvas, (RIGHT - MARGIN) * WIDTH * DENSITY)


def _fit(text: Text, canvas: FigureCanvasAgg, pixels: float) -> None:
    """Cut a text until it is no wider than this."""
    words = "".join(c for c in text.get_text() if unicodedata.category(c)[0] != "C")
    text.set_text(words)
    while words and (width := text.get_window_extent(canvas.get_renderer()).width) > pixels:
        words = words[: min(len(words) - 1, int(len(words) * pixels / width))]
        text.set_text(f"{words.rstrip()}…")


def _png(canvas: FigureCanvasAgg) -> bytes:
    """With a palette: a third of the bytes, and made sooner than matplotlib's own."""
    canvas.draw()
    size = canvas.get_width_height()
    image = Image.frombuffer("RGBA", size, canvas.buffer_rgba(), "raw", "RGBA", 0, 1).convert("RGB")
    made = io.BytesIO()
    image.quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(made, "PNG")
    return made.getvalue()
