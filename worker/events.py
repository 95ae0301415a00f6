"""Events as JSON: read from producers with every doubt, kept on Redis, read back without one."""

from __future__ import annotations

import hashlib
import math
import re
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import orjson

from worker.errors import InvalidEvent
from worker.event_extra import storable
from worker.models import Event, Link, Metric, Severity, Status
from worker.usual_event import NAME_CHARS, TITLE_CHARS, UsualEvent, usual_event

APP = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
ID_CHARS, MESSAGE_BYTES, KEY_CHARS = 128, 65_536, 1024
UTF8_BYTES: Final = 4
"""What a character takes at the most."""
TAGS, LINKS, POINTS, HREF_CHARS, EXTRAS = 100, 20, 5000, 2048, 1000
PAST_S, FUTURE_S = 30 * 86_400.0, 86_400.0
MILLISECONDS: Final = 1e11
"""A time beyond this is in milliseconds: as seconds it would lie in the year 5138."""
FIELDS = frozenset(Event.__struct_fields__) - {"received_at"}


def parse_event(raw: bytes | str | dict[str, Any], *, default_id: str, received_at: float, max_bytes: int) -> Event:
    """An event as producers send it, checked; InvalidEvent names the field and what to do about it.

    Args:
        raw: the JSON text, or for producers that use Celery the object itself.
        default_id: the id where the event names none.
        received_at: when it came, in epoch seconds.
        max_bytes: the largest JSON text that is taken; of an object, the most that its `extra` may take as JSON.
    """
    usual = usual_event(raw) if isinstance(raw, bytes) and len(raw) <= max_bytes else None
    if usual is not None and APP.match(usual.app) and usual.title.strip():
        return _event_of(usual, default_id, received_at)
    fields = raw if isinstance(raw, dict) else read_object(raw, max_bytes)
    app = _text(fields, "app", 64)
    if not APP.match(app):
        raise InvalidEvent("app", "is required: 1 to 64 letters, digits, dots, underscores and hyphens")
    event_id = _text(fields, "id", ID_CHARS) or default_id
    if not event_id.isprintable():
        raise InvalidEvent("id", "must not hold control characters")
    title = _text(fields, "title", TITLE_CHARS)
    if not title.strip():
        raise InvalidEvent("title", "is required: what happened, in one line")
    message = _text(fields, "message", MESSAGE_BYTES)
    if len(message) * UTF8_BYTES > MESSAGE_BYTES and len(message.encode()) > MESSAGE_BYTES:
        raise InvalidEvent("message", f"must not be longer than {MESSAGE_BYTES} bytes")
    rule, tags = _text(fields, "rule", NAME_CHARS), _tags(fields.get("tags"))
    occurred_at = fields.get("occurred_at")
    return Event(
        app=app,
        id=event_id,
        title=title,
        occurred_at=received_at if occurred_at is None else _moment(occurred_at, received_at),
        received_at=received_at,
        dedup_key=_text(fields, "dedup_key", KEY_CHARS) or condition(app, rule, tags, title),
        status=_choice(fields, "status", _STATUSES),
        severity=_choice(fields, "severity", _SEVERITIES),
        message=message,
        rule=rule,
        source=_text(fields, "source", NAME_CHARS),
        tags=tags,
        links=_links(fields.get("links")),
        metric=_metric(fields.get("metric")),
        extra=_extra(fields, max_bytes),
    )


def _event_of(usual: UsualEvent, default_id: str, received_at: float) -> Event:
    return Event(
        app=usual.app,
        id=usual.id or default_id,
        title=usual.title,
        occurred_at=received_at,
        received_at=received_at,
        dedup_key=usual.dedup_key or condition(usual.app, usual.rule, usual.tags, usual.title),
        status=usual.status,
        severity=usual.severity,
        message=usual.message,
        rule=usual.rule,
        source=usual.source,
        tags=usual.tags,
    )


def dump_event(event: Event) -> bytes:
    """An event as it is kept: its own JSON, without what has its default."""
    return _ENCODER.encode(event)


def load_event(raw: bytes) -> Event:
    """The reverse of `dump_event`."""
    return _DECODER.decode(raw)


class KnownEvents:
    """The events that a process has had in its hands lately, so that it need not read again what it wrote itself."""

    def __init__(self, kept: int = 4000) -> None:
        self._kept = kept
        self._known: dict[bytes, Event] = {}

    def dump(self, event: Event) -> bytes:
        """`dump_event`, remembered."""
        raw = dump_event(event)
        self._known[raw] = event
        if len(self._known) > self._kept:
            del self._known[next(iter(self._known))]
        return raw

    def load(self, raw: bytes) -> Event:
        """`load_event`, or the very event that was dumped to these bytes."""
        return self._known.get(raw) or load_event(raw)


_ENCODER, _DECODER = msgspec.json.Encoder(), msgspec.json.Decoder(Event)


def condition(app: str, rule: str, tags: dict[str, str], title: str) -> str:
    """The dedup key of an event that names none: the same for the firing and the resolved of one condition.

    Where there is neither rule nor tags the title stands for them: else all alerts of an app would be one condition,
    and one incident at PagerDuty.
    """
    named = "\n".join([app, rule or ("" if tags else title), *map("=".join, sorted(tags.items()))])
    return hashlib.sha256(named.encode()).hexdigest()[:32]


def read_object(raw: bytes | str, max_bytes: int) -> dict[str, Any]:
    """The JSON object in `raw`; InvalidEvent for anything else."""
    data = raw.encode("utf-8", "surrogateescape") if isinstance(raw, str) else raw
    if not data.strip():
        raise InvalidEvent("event", "is empty; send a JSON object")
    if len(data) > max_bytes:
        raise InvalidEvent("event", f"has {len(data)} bytes; at most {max_bytes} are taken (BELLHOP_MAX_EVENT_BYTES)")
    try:
        fields = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InvalidEvent("event", f"is not JSON in UTF-8: {error}") from None
    if not isinstance(fields, dict):
        raise InvalidEvent("event", f"must be a JSON object, not {_kind(fields)}")
    return fields


_STATUSES = {status.value: status for status in Status}
_SEVERITIES = {severity.value: severity for severity in Severity} | {"warn": Severity.WARNING}
_DEFAULTS = {"status": Status.FIRING, "severity": Severity.WARNING}


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _text(fields: dict[str, Any], name: str, limit: int, within: str = "") -> str:
    value = fields.get(name)
    # The usual case: neither a NUL nor half a surrogate pair is printable.
    if isinstance(value, str) and len(value) <= limit and value.isprintable():
        return value
    return _checked(value, limit, within + name)


def _checked(value: Any, limit: int, path: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidEvent(path, f"must be a string, not {_kind(value)}")
    if len(value) > limit:
        raise InvalidEvent(path, f"must not be longer than {limit} characters; it has {len(value)}")
    if "\0" in value:
        raise InvalidEvent(path, "must not hold a NUL character")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidEvent(path, "must be valid Unicode; it holds half a surrogate pair") from None
    return value


def _choice(fields: dict[str, Any], name: str, choices: dict[str, Any]) -> Any:
    value = fields.get(name)
    if value is None:
        return _DEFAULTS[name]
    try:
        return choices[value.lower()]
    except (KeyError, AttributeError):
        known = ", ".join(choices)
        raise InvalidEvent(name, f"must be one of {known}") from None


def _number(value: Any, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidEvent(path, f"must be a number, not {_kind(value)}")
    number = float(value) if abs(value) < 1e300 else math.inf  # noqa: PLR2004 - an integer too large for a float
    if not math.isfinite(number):
        raise InvalidEvent(path, "must be a finite number")
    return number


def _moment(value: Any, received_at: float) -> float:
    """RFC 3339 or epoch seconds, within 30 days before and a day after the event's arrival."""
    moment = _rfc3339(value) if isinstance(value, str) else _number(value, "occurred_at")
    if moment > MILLISECONDS:
        raise InvalidEvent("occurred_at", "looks like milliseconds; send seconds since 1970, or RFC 3339")
    if moment < received_at - PAST_S:
        raise InvalidEvent("occurred_at", "lies more than 30 days in the past; check the producer's clock")
    if moment > received_at + FUTURE_S:
        raise InvalidEvent("occurred_at", "lies more than a day in the future; check the producer's clock")
    return moment


def _rfc3339(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise InvalidEvent("occurred_at", "must be RFC 3339, as 2026-11-23T14:05:00Z, or seconds since 1970") from None


def _items(value: Any, path: str, kind: type[dict[Any, Any] | list[Any]], limit: int) -> Any:
    if not isinstance(value, kind):
        wanted = "an object" if kind is dict else "a list"
        raise InvalidEvent(path, f"must be {wanted}, not {_kind(value)}")
    if len(value) > limit:
        raise InvalidEvent(path, f"must not have more than {limit} entries; it has {len(value)}")
    return value


def _tags(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    tags = _items(value, "tags", dict, TAGS)
    return {_checked(key, NAME_CHARS, "tags: a name"): _tag(tags, key) for key in tags}


def _tag(tags: dict[str, Any], key: str) -> str:
    value = tags[key]
    if isinstance(value, str) or not isinstance(value, int | float):
        return _text(tags, key, TITLE_CHARS, "tags.")
    if isinstance(value, bool):
        return str(value).lower()
    _number(value, f"tags.{key}")
    return str(value)


def _links(value: Any) -> tuple[Link, ...]:
    if value is None:
        return ()
    return tuple(_link(item, f"links.{i}") for i, item in enumerate(_items(value, "links", list, LINKS)))


def _link(item: Any, path: str) -> Link:
    fields = _items(item, path, dict, NAME_CHARS)
    href = _text(fields, "href", HREF_CHARS, f"{path}.")
    if not re.match(r"https?://[^\s<>\"]+\Z", href, re.IGNORECASE) or not href.isprintable():
        raise InvalidEvent(f"{path}.href", "must be an address that begins with https:// or http://")
    return Link(href, _text(fields, "text", TITLE_CHARS, f"{path}.") or href)


_METRIC_TEXTS = ("name", "unit", "aggregation", "comparator")
_METRIC_NUMBERS = ("threshold", "value", "window_s")


def _metric(value: Any) -> Metric | None:
    if value is None:
        return None
    fields = _items(value, "metric", dict, NAME_CHARS)
    texts: dict[str, Any] = {name: _text(fields, name, NAME_CHARS, "metric.") for name in _METRIC_TEXTS}
    if not texts["name"]:
        raise InvalidEvent("metric.name", "is required")
    numbers: dict[str, Any] = {
        name: None if fields.get(name) is None else _number(fields[name], f"metric.{name}") for name in _METRIC_NUMBERS
    }
    points = _items(fields.get("points") or [], "metric.points", list, POINTS)
    return Metric(**texts, **numbers, points=tuple(_point(point, i) for i, point in enumerate(points)))


def _point(value: Any, index: int) -> tuple[float, float]:
    path = f"metric.points.{index}"
    if not isinstance(value, list | tuple) or len(value) != 2:  # noqa: PLR2004 - a pair
        raise InvalidEvent(path, "must be a pair [epoch seconds, value]")
    return _number(value[0], path), _number(value[1], path)


def _extra(fields: dict[str, Any], max_bytes: int) -> dict[str, Any]:
    """Unknown keys are kept, not refused; so is what a producer puts under `extra` itself."""
    given = fields.get("extra")
    if given is None and FIELDS.issuperset(fields):
        return {}
    extra = dict(_items(given, "extra", dict, EXTRAS)) if given is not None else {}
    extra |= {key: value for key, value in fields.items() if key not in FIELDS}
    return storable(extra, max_bytes) if extra else extra
