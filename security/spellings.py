"""The ways to write one IPv4 address: those that some resolver, URL parser, gateway or reader takes for it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote

Parts = tuple[int, int, int, int]

DIGITS = {
    "full-width": "０１２３４５６７８９",  # noqa: RUF001 - look-alikes are the point
    "circled": "⓪①②③④⑤⑥⑦⑧⑨",
    "superscript": "⁰¹²³⁴⁵⁶⁷⁸⁹",
    "subscript": "₀₁₂₃₄₅₆₇₈₉",
    "bold": "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗",  # noqa: RUF001 - same
    "double-struck": "𝟘𝟙𝟚𝟛𝟜𝟝𝟞𝟟𝟠𝟡",  # noqa: RUF001 - same
    "Arabic": "٠١٢٣٤٥٦٧٨٩",
    "Devanagari": "०१२३४५६७८९",
}
"""Unicode maps all of these but the last two to ASCII digits."""
DOTS = "。．｡․"  # noqa: RUF001 - same
"""IDNA reads the first three as dots; the last is a `one dot leader`."""
INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad\ufe0f"
"""Dropped when a name is mapped to ASCII."""


def numbers(parts: Parts) -> Iterator[str]:
    """Decimal, octal and hex, whole and in two to four parts, as inet_aton(3) takes them."""
    a, b, c, d = parts
    whole = int.from_bytes(bytes(parts))
    yield from (f"{a}.{b}.{c << 8 | d}", f"{a}.{b << 16 | c << 8 | d}", f"{whole}", f"0x{whole:x}", f"0X{whole:08X}")
    yield from (f"0{whole:o}", f"000000{whole:o}", f"0x00000000{whole:x}")
    for write in _WAYS:
        yield ".".join(write(part) for part in parts)
    yield from (f"0x{a:x}.{b << 16 | c << 8 | d}", f"0{a:o}.{b}.0x{c << 8 | d:x}", f"0x{a:x}.0{b:o}.{c}.{d}")


_WAYS: tuple[Callable[[int], str], ...] = (
    lambda part: f"0x{part:x}",
    lambda part: f"0X{part:02X}",
    lambda part: f"0x00{part:x}",
    lambda part: f"0{part:o}",
    lambda part: f"0000{part:o}",
    lambda part: f"{part:03}",
)


def overflowing(parts: Parts) -> Iterator[str]:
    """Numbers too large, which some programs cut to size."""
    a, b, c, d = parts
    whole = int.from_bytes(bytes(parts))
    yield from (f"{whole + (1 << 32)}", f"0x1{whole:08x}", f"{a + 256}.{b}.{c}.{d}", f"{a}.{b}.{c}.{d + 256}")


def dressed(text: str) -> Iterator[str]:
    """Dotted decimal with something around or within it."""
    yield from (f"{text}.", f"{text}..", f".{text}", f"{text},", f"+{text}", f"-{text}", f"{text}%00", f"{text}%2e")
    yield from (
        f"[{text}]",
        f"({text})",
        f'"{text}"',
        f"{text}%25lo",
        f"{text}/32",
        f" {text}",
        f"{text} ",
        f"{text}\t",
    )


def encoded(text: str) -> Iterator[str]:
    """With percent-encoding: all of it, its dots, its first digit, and once more."""
    whole = "".join(f"%{ord(character):02x}" for character in text)
    yield from (
        whole,
        quote(whole),
        text.replace(".", "%2e"),
        text.replace(".", "%E3%80%82"),
        f"%{ord(text[0]):02x}{text[1:]}",
    )


def looking_alike(text: str) -> Iterator[str]:
    """In digits and dots of other scripts, and with characters that nobody sees."""
    for digits in DIGITS.values():
        yield text.translate(dict(zip(map(ord, "0123456789"), digits, strict=True)))
    for dot in DOTS:
        yield text.replace(".", dot)
    for character in INVISIBLE:
        yield text[0] + character + text[1:]
    yield "．".join(text.translate(dict(zip(map(ord, "0123456789"), DIGITS["full-width"], strict=True))).split("."))  # noqa: RUF001


def embedded(parts: Parts) -> Iterator[str]:
    """As IPv6: mapped, compatible, translated, by NAT64 of both kinds, 6to4, Teredo and ISATAP; in brackets."""
    low = int.from_bytes(bytes(parts))
    dotted = str(IPv4Address(low))
    for prefix in ("::ffff:", "::", "::ffff:0:", "64:ff9b::", "64:ff9b:1::", "2001:470::5efe:", "2001:470::200:5efe:"):
        yield f"[{prefix}{dotted}]"
        yield f"[{IPv6Address(f'{prefix}{dotted}').exploded}]"
    yield f"[0:0:0:0:0:FFFF:{low >> 16:X}:{low & 0xFFFF:X}]"
    yield f"[::ffff:{dotted}%25lo]"
    yield f"[::ffff:{parts[0]}.{parts[1]}.{parts[2]}.0{parts[3]:o}]"
    yield f"[{IPv6Address(0x2002 << 112 | low << 80)}]"
    yield f"[{IPv6Address(0x2002 << 112 | low << 80 | low)}]"
    yield f"[{IPv6Address(0x20010000 << 96 | low << 64)}]"  # as Teredo's server
    yield f"[{IPv6Address(0x20010000 << 96 | 0x08080808 << 64 | (~low & 0xFFFFFFFF))}]"  # as its client
    yield from (f"[{address}]" for address in _by_local_nat64(bytes(parts)))


def _by_local_nat64(four: bytes) -> Iterator[IPv6Address]:
    """https://www.rfc-editor.org/rfc/rfc6052#section-2.2: around the ninth octet, which is zero."""
    prefix = IPv6Address("64:ff9b:1::").packed[:6]
    for before in (0, 1, 2):
        octets = prefix + bytes(before) + four
        yield IPv6Address((octets[:8] + b"\0" + octets[8:]).ljust(16, b"\0"))
