"""The values that everything else speaks of: frozen, without I/O, without a clock.

Those of which every delivery makes new ones are msgspec's structs: as frozen as dataclasses, and made much faster. None
of them can be part of a cycle, so the garbage collector need not look at them (`gc=False`).

An **event** comes in. Event x destination is a **delivery**. One try of it is an **attempt**. What came of
it is an **outcome** with a **reason**, written back as a **result**.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from msgspec import Struct


class Status(StrEnum):
    """Whether the condition holds now."""

    FIRING = "firing"
    RESOLVED = "resolved"


class Severity(StrEnum):
    """How bad it is, as the producer sees it."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


class Outcome(StrEnum):
    """How a delivery ended."""

    DELIVERED = "delivered"
    FAILED = "failed"
    SKIPPED = "skipped"


class Reason(StrEnum):
    """Why: one small enum for results, logs and metrics alike."""

    OK = "ok"
    PARTIAL = "partial"  # some recipients were refused; the others have it
    UNCONFIRMED = "unconfirmed"  # sent over a protocol that never answers (NSCA, a command file)
    RATE_LIMITED = "rate_limited"  # they told us to slow down
    SERVER_ERROR = "server_error"  # 5xx, SMTP 4yz: theirs, and it may pass
    CLIENT_ERROR = "client_error"  # other 4xx, SMTP 5yz: they refuse this very message
    UNAUTHORIZED = "unauthorized"  # 401, 403
    NOT_FOUND = "not_found"  # 404, 410: the room, the hook or the key is gone
    REDIRECTED = "redirected"  # 3xx is never followed
    BAD_REPLY = "bad_reply"  # a success status with a body that says otherwise
    CONNECT_FAILED = "connect_failed"
    TIMED_OUT = "timed_out"  # before the request was sent whole
    NO_ANSWER = "no_answer"  # after it was sent whole: ambiguous
    TLS_REFUSED = "tls_refused"
    BAD_ADDRESS = "bad_address"  # an address that Bellhop may not or cannot reach
    DISABLED = "disabled"
    PAUSED = "paused"  # refused too often (401, 403, 404, 410), or by hand; a Test that succeeds resumes it
    WORKER_DIED = "worker_died"  # it killed its worker twice
    SUPERSEDED = "superseded"  # its "resolved" came while it was still owed
    EXPIRED = "expired"  # past its deadline before it could be tried
    NO_DESTINATION = "no_destination"  # deleted since the event came
    BAD_SETTINGS = "bad_settings"  # stored settings that this version cannot read
    INTERNAL = "internal"  # a defect of Bellhop's; the log has the traceback


class Kind(StrEnum):
    """What a reply means for the delivery."""

    DELIVERED = "delivered"
    RETRYABLE = "retryable"
    RATE_LIMITED = "rate_limited"
    PERMANENT = "permanent"
    AMBIGUOUS = "ambiguous"  # sent whole, no answer: it may or may not have arrived


class Link(Struct, frozen=True, gc=False):
    """Where to read more."""

    href: str
    text: str


class Metric(Struct, frozen=True, gc=False, omit_defaults=True):
    """The measurement that triggered the alert; `points` are (epoch seconds, value) pairs, oldest first."""

    name: str
    unit: str = ""
    aggregation: str = ""
    comparator: str = ""
    threshold: float | None = None
    value: float | None = None
    window_s: float | None = None
    points: tuple[tuple[float, float], ...] = ()


class Event(Struct, frozen=True, gc=False, omit_defaults=True):
    """One alert event, validated. Times are epoch seconds, UTC. Made by `worker.events.parse_event` only."""

    app: str
    id: str
    title: str
    occurred_at: float
    received_at: float
    dedup_key: str
    status: Status = Status.FIRING
    severity: Severity = Severity.WARNING
    message: str = ""
    rule: str = ""
    source: str = ""
    tags: dict[str, str] = {}  # each event gets its own: msgspec copies an empty default
    links: tuple[Link, ...] = ()
    metric: Metric | None = None
    extra: dict[str, Any] = {}

    @property
    def firing(self) -> bool:
        """Whether the condition holds now."""
        return self.status is Status.FIRING


class Health(StrEnum):
    """What an attempt says of its destination."""

    OK = "ok"  # it answers, whatever it says
    BAD = "bad"  # it does not, or with 5xx
    DENIED = "denied"  # 401, 403, 404, 410: gone, or not allowed
    UNKNOWN = ""


class OnAmbiguous(StrEnum):
    """What to do with a message that went out whole and drew no answer."""

    RETRY = "retry"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Destination:
    """An app's configured channel. `settings` is that channel's own settings value; its repr shows no secret."""

    app: str
    name: str
    channel: str
    settings: Any
    enabled: bool = True
    rate_limit: str = "vendor"
    """`vendor`: the limits that the channel's vendor publishes; `off`; or `30/min`."""
    on_ambiguous: OnAmbiguous = OnAmbiguous.RETRY
    problem: str = ""
    """Why stored settings could not be read, in words; then `settings` is None and nothing can be sent."""
    locked: bool = False
    """Whether that is because this process lacks the master key: another may have it, so what is owed can wait."""


@dataclass(frozen=True, slots=True)
class App:
    """A customer's app and its destinations by name."""

    name: str
    destinations: dict[str, Destination] = field(default_factory=dict)


class DeliveryId(NamedTuple):
    """Event x destination. Its text form is the reference that travels through Celery, Flower and the logs."""

    channel: str
    app: str
    destination: str
    event_id: str

    def __str__(self) -> str:
        """`channel/app/destination/event id`: only the last part may hold a slash."""
        return "/".join(self)

    @classmethod
    def parse(cls, text: str) -> DeliveryId:
        """The reverse of `str()`; ValueError where it is not such a reference."""
        parts = text.split("/", 3)
        if len(parts) != len(cls._fields):
            raise ValueError(f"not a delivery reference (channel/app/destination/event): {text[:200]!r}")
        return cls(*parts)


class Picture(Struct, frozen=True, gc=False):
    """The metric that triggered an alert, drawn: the PNG itself, its address, or both."""

    alt: str
    """The same in words."""
    url: str = ""
    """Where vendors can fetch it."""
    png: bytes = b""


class Notice(Struct, frozen=True, gc=False):
    """What a channel is asked to say: the event and the facts of this attempt."""

    event: Event
    delivery_id: str
    """The same over all attempts: the idempotency key for vendors that know one."""
    attempt: int
    """From 1."""
    now: float
    """Epoch seconds by the ledger's clock."""
    late_s: float = 0.0
    """How late this attempt is, in seconds; 0 where it is on time."""
    thread_ref: str | None = None
    """`provider_ref` of the message that announced this condition, where the channel asked to keep it."""
    test: bool = False
    """Whether somebody pressed Test."""
    picture: Picture | None = None
    """What the channel can show of the event's metric; None where that is nothing, or was not ready in time."""


class Verdict(Struct, frozen=True, gc=False):
    """What a reply means, why, and in words that hold no secret."""

    kind: Kind
    reason: Reason
    detail: str = ""
    status_code: int | None = None
    retry_after_s: float | None = None
    """How long they asked us to wait, in seconds from now."""
    retry_at: float | None = None
    """Until when they asked us to wait, in epoch seconds (HipChat's reset headers)."""
    provider_ref: str | None = None
    """Their name for what they took: a message id, a dedup key."""


class Attempt(Struct, frozen=True, gc=False, array_like=True):
    """One try, numbered from 1, recorded whatever happened. Times are epoch seconds. As JSON it is a list."""

    number: int
    at: float
    elapsed_ms: float
    kind: Kind
    reason: Reason
    status_code: int | None = None
    detail: str = ""
    retry_at: float | None = None
    """When the next one is due; None where this was the last."""


class Delivery(Struct, frozen=True, gc=False):
    """A delivery that this process has claimed: what is owed, and what was tried before."""

    id: DeliveryId
    lease: str
    """Who may settle it: the claim's token and the reference."""
    event: Event
    attempts: tuple[Attempt, ...]
    claimed_at: float
    """Epoch seconds by the ledger's clock."""
    since: float
    """From when its deadline counts: its event's arrival, or its replay; epoch seconds."""
    deaths: int = 0
    """How many workers died over it since it was last recorded."""
    marks: bool = False
    """Whether the ledger has deaths or hand-backs on record, which are `attempts` now."""
    paused: str = ""
    """Why its destination is paused, in words; empty where it is not."""

    @property
    def ambiguous(self) -> int:
        """How many of its attempts went out and drew no answer."""
        return sum(attempt.kind is Kind.AMBIGUOUS for attempt in self.attempts) if self.attempts else 0


class Progress(Struct, frozen=True, gc=False):
    """Where a delivery stands after this attempt: settled with an outcome, or due again at `due_at`."""

    delivery: Delivery
    attempts: tuple[Attempt, ...]
    reason: Reason
    outcome: Outcome | None = None
    due_at: float | None = None
    detail: str = ""
    status_code: int | None = None
    provider_ref: str | None = None
    hold_until: float | None = None
    """Until when the vendor wants to be left alone, for the whole destination; epoch seconds."""
    health: Health = Health.UNKNOWN
    keep_thread: bool = False
    """Whether `provider_ref` is to be remembered for the condition's next notice."""

    @property
    def dead(self) -> bool:
        """Whether it is a dead letter: it reached nobody, and an operator may want it to."""
        return self.outcome is Outcome.FAILED or self.reason is Reason.PAUSED
