"""Numbers as people say them: 1.07 GB, not 1073741824 bytes. Light: the process that draws imports it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

LARGE: Final = tuple(zip((1e24, 1e21, 1e18, 1e15, 1e12, 1e9, 1e6, 1e3), "YZEPTGMk", strict=True))
SMALL: Final = tuple(zip((1.0, 1e-3, 1e-6, 1e-9), ("", "m", "µ", "n"), strict=True))
MEANT: Final = {
    "byte": "B",
    "bytes": "B",
    "bytes/s": "B/s",
    "bytes/sec": "B/s",
    "bits": "bit",
    "bits/s": "bit/s",
    "percent": "%",
    "sec": "s",
    "second": "s",
    "seconds": "s",
    "millis": "ms",
    "milliseconds": "ms",
}
"""Units that have a symbol, as monitoring systems spell them out."""
WHOLE: Final = frozenset({"%", "s", "ms", "µs", "us", "ns", "min", "h", "d"})
"""Symbols that take no k and no M: nobody reads kiloseconds."""
SYMBOLS: Final = frozenset({"B", "B/s", "bit", "bit/s", "b", "b/s", "bps", "Hz", "W", "J", "V", "A"})
"""Symbols that are prefixed from 1,000 on, as one always writes them; other things are counted up to 10,000."""
COUNTED: Final = 10_000.0
UNIT_CHARS: Final = 12
DIGITS: Final = 3
FAR, NEAR = 1e6, 1e-4
"""Beyond these a number is written as 1e+07."""


def symbol_of(unit: str) -> str:
    """A unit's symbol where it has one, else itself; not longer than there is room for."""
    text = MEANT.get(unit.lower(), unit)
    return text if len(text) <= UNIT_CHARS else text[: UNIT_CHARS - 1] + "…"


@dataclass(frozen=True, slots=True)
class Scale:
    """By what numbers are divided, and what is written behind them."""

    factor: float
    suffix: str

    def label(self, value: float, step: float) -> str:
        """`value` with as many decimals as tell it from the next one, `step` away."""
        number = "0" if value == 0 else _decimal(value / self.factor, step / self.factor)
        return f"{number} {self.suffix}".rstrip()


def scale_for(largest: float, unit: str) -> Scale:
    """The prefix that makes numbers up to `largest` short."""
    symbol, size = symbol_of(unit), abs(largest)
    if symbol == "s" and 0 < size < 1:
        factor, prefix = next((pair for pair in SMALL if size >= pair[0]), SMALL[-1])
        return Scale(factor, f"{prefix}s")
    long = math.isfinite(size) and size >= (LARGE[-1][0] if symbol in SYMBOLS else COUNTED)
    if symbol in WHOLE or not long:
        return Scale(1.0, symbol)
    factor, prefix = next(pair for pair in LARGE if size >= pair[0])
    return Scale(factor, prefix + symbol if symbol in SYMBOLS else f"{prefix} {symbol}".rstrip())


def with_unit(value: float, unit: str) -> str:
    """`1.07 GB`, `1843 events`, `12.5 %`: three digits, more only of what is counted one by one."""
    scale = scale_for(value, unit)
    return f"{_short(value / scale.factor)} {scale.suffix}".rstrip()


def _short(number: float) -> str:
    if number == 0 or not math.isfinite(number):
        return f"{number:.0f}"
    if not NEAR <= abs(number) < FAR:
        return f"{number:.{DIGITS}g}"
    decimals = max(0, DIGITS - 1 - math.floor(math.log10(abs(number))))
    return _without_zeros(f"{number:,.{decimals}f}" if abs(number) >= COUNTED else f"{number:.{decimals}f}")


def _decimal(number: float, step: float) -> str:
    if not math.isfinite(number) or not 0 < step < math.inf or abs(number) >= FAR:
        return f"{number:.{DIGITS}g}"
    decimals = max(0, math.ceil(-math.log10(step) - 1e-9))
    if decimals > 2 * DIGITS:
        return f"{number:.{DIGITS}g}"
    text = f"{number:,.{decimals}f}"
    return text if float(text.replace(",", "")) else text.removeprefix("-")


def _without_zeros(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text
