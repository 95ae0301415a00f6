"""Bodies of answers that are well-formed, more or less, and mean harm to whoever makes words of them."""

from __future__ import annotations

from typing import Final

import orjson

DEEP: Final = 1000
"""As deep as orjson reads: deeper is no JSON to it."""
ESCAPES: Final = "\x1b[2J\x1b]0;owned\x07\r\nevent.forged outcome=delivered\u202e\x9b31m\x00"
"""What a terminal would obey, and a log reader take for a line of its own."""


def _deep(around: bytes) -> bytes:
    return around % (b"[" * DEEP + b"]" * DEEP)


def _everywhere(value: object) -> bytes:
    """`value` in each place that a channel looks at."""
    names = ("error", "errors", "message", "status", "needed", "channel", "ts", "dedup_key", "result", "ok", "type")
    inner = dict.fromkeys(names, value)
    return orjson.dumps({**inner, "error": inner, "result": inner})


REPLIES: Final[dict[str, bytes]] = {
    "deeper than any reader": b'{"ok":' + b"[" * 30_000,
    "deep error": _deep(b'{"ok":false,"error":%b}'),
    "deep message": _deep(b'{"error":{"message":%b}}'),
    "deep errors": _deep(b'{"message":"x","errors":[%b]}'),
    "deep status": _deep(b'{"result":{"status":%b,"message":"x"}}'),
    "deep reference": _deep(b'{"ok":true,"channel":"C1","ts":%b}'),
    "wide": b'{"ok":false,"errors":[' + b"0," * 30_000 + b"0]}",
    "many names": b"{" + b",".join(b'"%d":0' % i for i in range(7000)) + b"}",
    "the same name over and over": b"{" + b",".join(b'"ok":false' for _ in range(5000)) + b"}",
    "a huge number": b'{"ok":false,"error":' + b"9" * 60_000 + b"}",
    "a long error": orjson.dumps({"ok": False, "error": "x" * 60_000, "needed": "y" * 5000}),
    "a long reference": orjson.dumps({"ok": True, "channel": "C" * 30_000, "ts": "1" * 30_000, "dedup_key": "k" * 999}),
    "escape sequences": _everywhere(ESCAPES),
    "escape sequences, taken": orjson.dumps({"ok": True, "channel": ESCAPES, "ts": ESCAPES, "dedup_key": ESCAPES}),
    "numbers": _everywhere(1e308),
    "nulls": _everywhere(None),
    "lists": _everywhere([[], {}, [None]]),
    "objects": _everywhere({"a": {"b": {}}}),
    "half a surrogate pair": b'{"ok":false,"error":"\\ud800"}',
    "not UTF-8": b'{"ok":false,"error":"\xff\xfe"}',
    "an XML bomb": b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><result><status>&c;</status></result>',
    "an XML entity of a file": b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><result><status>&a;</status></result>',
    "a page": b"<html><body>" + b"<p>hello</p>" * 5000 + b"</body></html>",
    "control characters": bytes(range(32)) * 200,
    "nothing": b"",
}
"""By what they are."""
