"""Makes odd inputs out of good ones: the same ones for the same seed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final

from security.hostile_json import ESCAPES

Values = Sequence[Callable[[Random], Any]]

TOKENS: Final = (
    *(b"\x00", b"\xff", b"\x1b[2J", b"\r\n", b"\n", b"\t", b" "),
    *(b"\xc2\x85", b"\xe2\x80\xa8", b"\xe2\x80\xae", b"\xef\xbb\xbf"),
    *(b"{", b"}", b"[", b"]", b'"', b"'", b",", b":", b"\\", b"\\u0000", b"\\ud800", b"null", b"true", b"NaN", b"-"),
    *(b"1e999", b"-0", b"9" * 400, b"0x1f", b"1_000", b"2026-11-23T14:05:00Z", b"0000-00-00", b"[" * 5000),
    *(b'{"a":' * 500, b"- ", b"? ", b"&a ", b"*a", b"!!python/name:os.system", b"<<: ", b"|\n", b">\n", b"---\n"),
    *(b"...", b"%YAML 1.1\n", b"#", b"${", b"${HOME}", b"$${", b"${X:-", b"{{ 9 ** 9 ** 9 }}", b"{% endfor %}"),
    *(b"{% for i in range(99999) %}", b"$title", b"https://169.254.169.254/", b"file:///etc/passwd", b"javascript:"),
    *(b"../../", b"<script>", b"<!ENTITY a 'b'>", b"HTTP/1.1 100 Continue\r\n\r\n", b"Content-Length: 5\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: gzip\r\n", b"Retry-After: 1e999\r\n", b"250-", b"554 "),
    *(b"Connection: close\r\n", b"ffffffff\r\n", b"0\r\n\r\n", b";x=y"),
)
"""What means something to one reader or another."""
LONG: Final = 20_000
MANY: Final = 200


def _nested(random: Random) -> Any:
    value: Any = random.choice([[], {}, "x"])
    for _ in range(random.choice([3, 33, 300])):
        value = [value] if random.choice((True, False)) else {"a": value}
    return value


def _wide(random: Random) -> Any:
    count = random.choice([30, 150, 1500])
    return [0] * count if random.choice((True, False)) else {str(i): i for i in range(count)}


def _text(random: Random) -> str:
    return random.choice(TOKENS).decode("utf-8", "surrogateescape")


def _characters(random: Random) -> str:
    return "".join(chr(random.randrange(0x110000)) for _ in range(random.randrange(20)))


ODD: Final[Values] = (
    lambda random: random.choice([None, True, False, "", 0, -1, [], {}, [None], {"": ""}, "\0", ESCAPES]),
    lambda random: random.choice([2**63, 2**64, -(2**70), 10**400, 1e308, -1e-308, float("inf"), float("nan")]),
    lambda random: random.choice("xé🔥\n ") * random.choice([1, 64, 257, 1025, LONG]),
    lambda random: random.randrange(-(10**12), 10**13),
    lambda random: random.uniform(-1e12, 1e12),
    _nested,
    _wide,
    _text,
    _characters,
)
"""Values that somebody did not think of."""


def odd(random: Random) -> Any:
    """One of them."""
    return random.choice(ODD)(random)


def mutated_value(random: Random, value: Any, chance: float = 0.2) -> Any:
    """`value`, a tree of maps, lists and scalars, with something in it replaced, left out, doubled or renamed."""
    if random.random() < chance:
        return odd(random)
    if isinstance(value, dict) and value:
        fields = dict(value)
        name = random.choice(list(fields))
        match random.randrange(6):
            case 0:
                del fields[name]
            case 1:
                fields[_text(random)] = fields[name]
            case 2:
                fields[_characters(random)] = odd(random)
            case _:
                fields[name] = mutated_value(random, fields[name], 0.4)
        return fields
    if isinstance(value, list) and value:
        items = list(value)
        place = random.randrange(len(items))
        items[place] = mutated_value(random, items[place], 0.4)
        # Lists in lists would be doubled to no end.
        flat = len(items) < MANY and not any(isinstance(item, dict | list) for item in items)
        return items * random.choice([1, 1, 1, 2, 50]) if flat else items
    return odd(random)


def as_json(value: Any) -> bytes:
    """JSON as lax as Python writes it: NaN, halves of surrogate pairs and all; what is too deep for it, as brackets."""
    try:
        return json.dumps(value).encode()
    except RecursionError:
        return b'{"a":' * 2000 + b"0" + b"}" * 2000


def mutated_bytes(random: Random, sample: bytes, others: Sequence[bytes] = ()) -> bytes:
    """`sample` after one to five small accidents."""
    data = bytearray(sample)
    for _ in range(random.randint(1, 5)):
        start = random.randrange(len(data) + 1)
        end = min(len(data), start + random.choice([1, 1, 2, 8, 64]))
        match random.randrange(8):
            case 0:
                data[start:end] = random.randbytes(end - start)
            case 1:
                del data[start:end]
            case 2:
                data[start:start] = data[start:end] * random.choice([1, 2, 200])
            case 3 if others:
                other = random.choice(others)
                data[start:] = other[random.randrange(len(other) + 1) :]
            case 4:
                del data[start:]
            case 5 if start < len(data):
                data[start] ^= 1 << random.randrange(8)
            case _:
                data[start:start] = random.choice(TOKENS)
    return bytes(data)


def in_pieces(random: Random, data: bytes) -> list[bytes]:
    """`data` as a network may deliver it."""
    pieces, start = [], 0
    while start < len(data):
        size = random.choice([1, 7, 100, 5000, 65_536])
        pieces.append(data[start : start + size])
        start += size
    return pieces
