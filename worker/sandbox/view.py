"""Arrivals as JSON: parsed and masked when somebody looks, not when they come in."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import orjson

from worker.sandbox.arrivals import Arrival, Arrivals
from worker.sandbox.exchange import FORM, Fate
from worker.sandbox.mail import MAIL, mail_parts
from worker.sandbox.masking import mask_fields, mask_header, mask_line

TEXT_CHARS = 100_000


def as_json(arrival: Arrival, *, brief: bool = False) -> dict[str, Any]:
    """All that may be shown of an arrival; `brief` leaves out headers and body."""
    shown = {
        "number": arrival.number,
        "at": arrival.at,
        "channel": arrival.channel,
        "to": arrival.to,
        "status": arrival.status,
        "fate": arrival.fate,
        "accepted": arrival.accepted,
        "delivery_id": arrival.delivery_id,
        "note": arrival.note,
    }
    if brief:
        return shown
    return {**shown, "line": mask_line(arrival.line), "headers": _headers(arrival.headers), "body": _body(arrival)}


def stats(arrivals: Arrivals) -> dict[str, Any]:
    """Exact counts per channel, and what the ring holds."""
    channels = {
        name: {
            **fates(dict(tally.by_fate)),
            "by_status": {str(status or "none"): count for status, count in tally.by_status.items()},
            "first_at": tally.first_at,
            "last_at": tally.last_at,
        }
        for name, tally in arrivals.tallies.items()
    }
    return {"channels": channels, "last": arrivals.last, "cleared": arrivals.cleared, "kept": len(arrivals)}


def fates(counts: dict[Fate, int]) -> dict[str, int]:
    """`arrived`, and how many of them had each fate."""
    return {"arrived": sum(counts.values()), **{fate.value: counts.get(fate, 0) for fate in Fate}}


def _headers(raw: bytes) -> dict[str, str]:
    pairs = (line.partition(": ") for line in raw.decode("utf-8", "replace").split("\n") if line)
    return {name: mask_header(name, value) for name, _, value in pairs}


def _body(arrival: Arrival) -> Any:
    if not arrival.body:
        return None
    if arrival.content_type == MAIL:
        return mail_parts(arrival.body)
    text = arrival.body.decode("utf-8", "replace")
    if arrival.content_type.startswith(FORM):
        return _form(text)
    try:
        return mask_fields(orjson.loads(arrival.body))
    except ValueError:
        return text[:TEXT_CHARS]


def _form(text: str) -> Any:
    fields = mask_fields(dict(parse_qsl(text, keep_blank_values=True)))
    return {key: _nested(value) for key, value in fields.items()}


def _nested(value: str) -> Any:
    """NRDP's `json` and Slack's `payload` are JSON within a form."""
    try:
        return orjson.loads(value) if value[:1] in {"{", "["} else value
    except ValueError:
        return value
