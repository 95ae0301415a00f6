"""What the channels' tests share: the samples, notices to compose, and the golden files.

A sample is `samples/<channel>.py` with plain names in it:

- `SETTINGS`: settings that are valid, every secret of which holds the word Canary, in whatever case.
- `VARIANTS` (optional): name -> settings, for the other ways that the channel goes.
- `SUCCESS`: the Reply that the vendor gives to what it takes.
- `SUCCESSES` (optional): variant -> its own success.
- `STATUSES` (optional): HTTP status -> (Kind, Reason), where the verdict is not the standard's.
- `check_limits(message)`: asserts the vendor's limits on a message.

`pytest tests/channels --rewrite-golden` writes the golden files anew; read the difference before you commit it.
"""

from __future__ import annotations

import runpy
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from worker.channels import CHANNELS
from worker.channels.channel import Channel
from worker.messages import HttpPost, Mail, Message, Reply
from worker.models import DeliveryId, Event, Kind, Link, Metric, Notice, Reason, Severity, Status

HERE = Path(__file__).parent
NOW = 1_795_442_700.0  # 2026-11-23 14:05:00 UTC


def pytest_addoption(parser):
    """How golden files are written anew."""
    parser.addoption("--rewrite-golden", action="store_true", help="write tests/channels/golden anew")


@dataclass(frozen=True)
class Case:
    """One way that a channel goes, with the sample's settings for it."""

    channel: Channel
    variant: str
    raw: dict[str, Any]
    success: Reply
    check_limits: Callable[[Message], None]
    statuses: dict[int, tuple[Kind, Reason]] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.channel.name}-{self.variant}" if self.variant else self.channel.name

    @property
    def settings(self):
        return self.channel.settings.model_validate(self.raw)

    @property
    def over_http(self) -> bool:
        return isinstance(self.channel.compose(full_notice(), self.settings), HttpPost)


def full_event(**changes) -> Event:
    """An event that says everything that an event can say."""
    return Event(
        **{
            "app": "checkout",
            "id": "1795442700000-0",
            "title": "Disk <sda> almost full",
            "message": "95 % of /var & rising",
            "severity": Severity.CRITICAL,
            "dedup_key": "checkout:disk",
            "rule": "disk",
            "source": "db-1",
            "tags": {"host": "db-1", "env": "prod"},
            "links": (Link("https://monitor.example.com/apps/1?a=1&b=2", "Chart"),),
            "metric": Metric(
                name="used",
                unit="bytes",
                aggregation="avg",
                comparator=">",
                threshold=1073741824.0,
                value=1464274175.5,
                window_s=300.0,
                points=((NOW - 60.0, 1.0), (NOW, 2.5)),
            ),
            "extra": {"team": "payments"},
            "occurred_at": NOW - 5,
            "received_at": NOW - 4,
        }
        | changes
    )


def least_event(**changes) -> Event:
    """An event that says only what it must; with a host, without which Nagios has nowhere to put it."""
    return Event(
        **{
            "app": "a",
            "id": "1",
            "title": "t",
            "dedup_key": "a:1",
            "occurred_at": NOW,
            "received_at": NOW,
            "tags": {"host": "h"},
        }
        | changes
    )


def notice_of(event: Event, channel="x", **changes) -> Notice:
    """A first attempt at an event."""
    delivery = DeliveryId(channel, event.app, "ops-room", event.id)
    return Notice(**{"event": event, "delivery_id": str(delivery), "attempt": 1, "now": NOW} | changes)


def full_notice(**changes) -> Notice:
    """A first attempt at `full_event`; `changes` are the event's."""
    return notice_of(full_event(**changes))


TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            "\u202e right to left \u202c שלום",
            "🔥🧯👩‍👩‍👧‍👦",
            "\x00\x07\x1b[31m\r\nInjected: header",
            "<!channel> <@U1> &lt; </b><script>",
            "&" * 2000,
            "x" * 12_000,
            "é" * 6_000,
            "\n" * 3_000,
            "a; b | c \\ `d` $title ${x} {{ y }}",
        ]
    ),
)
NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
METRICS = st.builds(Metric, name=NAMES, unit=TEXTS, comparator=NAMES, threshold=st.none() | NUMBERS, value=NUMBERS)
LINKS = st.builds(Link, href=NAMES.map(lambda path: f"https://example.com/{path}"), text=TEXTS)
EVENTS = st.builds(
    Event,
    app=st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True),
    id=NAMES,
    title=TEXTS.map(lambda text: (text.strip() or "t")[:1024]),
    occurred_at=st.floats(0, 4e9),
    received_at=st.floats(0, 4e9),
    dedup_key=st.text(min_size=1, max_size=1024),
    status=st.sampled_from(Status),
    severity=st.sampled_from(Severity),
    message=TEXTS,
    rule=TEXTS.map(lambda text: text[:256]),
    source=TEXTS.map(lambda text: text[:256]),
    tags=st.dictionaries(NAMES, TEXTS.map(lambda text: text[:1024]), max_size=20).map(
        lambda tags: tags | {"host": "h"}
    ),
    links=st.lists(LINKS, max_size=20).map(tuple),
    metric=st.none() | METRICS,
    extra=st.dictionaries(NAMES, st.integers() | TEXTS, max_size=3),
)


def _cases() -> list[Case]:
    found = []
    for name, channel in CHANNELS.items():
        path = HERE / "samples" / f"{name}.py"
        if not path.exists():
            continue
        sample = runpy.run_path(str(path))
        for variant, raw in {"": sample["SETTINGS"], **sample.get("VARIANTS", {})}.items():
            success = sample.get("SUCCESSES", {}).get(variant, sample["SUCCESS"])
            found.append(Case(channel, variant, raw, success, sample["check_limits"], sample.get("STATUSES", {})))
    return found


CASES = _cases()


@pytest.fixture(scope="session")
def cases():
    """All samples."""
    return CASES


@pytest.fixture(scope="session", params=CASES, ids=str)
def case(request):
    """Every sample in turn."""
    return request.param


@pytest.fixture(scope="session", params=[case for case in CASES if case.over_http], ids=str)
def http_case(request):
    """Every sample that goes over HTTP in turn."""
    return request.param


@pytest.fixture(scope="session")
def make_event():
    """An event that says everything, changed as told."""
    return full_event


@pytest.fixture(scope="session")
def make_least_event():
    """An event that says only what it must, changed as told."""
    return least_event


@pytest.fixture(scope="session")
def make_notice():
    """A first attempt at an event, changed as told."""
    return notice_of


@pytest.fixture(scope="session")
def events():
    """Events of every kind."""
    return EVENTS


def written(message: Message) -> str:
    """A message as a golden file shows it."""
    if isinstance(message, HttpPost):
        head = [f"{message.method} {message.url}", *(f"{name}: {value}" for name, value in message.headers.items())]
        tls = "" if message.verify_tls and not message.ca_file else f"TLS: {message.verify_tls} {message.ca_file}\n"
        return "\n".join(head) + f"\n{tls}\n{message.body.decode()}"
    names = [name for name in type(message).__dataclass_fields__ if name != "data"]
    lines = [f"{name}: {getattr(message, name)!r}" for name in names]
    data = message.data.decode().replace("\r\n", "\n") if isinstance(message, Mail) else ""
    return "\n".join([type(message).__name__, *lines, "", data])


@pytest.fixture(scope="session")
def recorded_notices():
    """What the golden files say: all that an event can, its end, and the least."""
    return {
        "firing": full_notice(),
        "resolved": full_notice(status=Status.RESOLVED),
        "least": notice_of(least_event()),
    }


@pytest.fixture
def same_as_golden(request):
    """Compares a message with `golden/<name>.txt`, or writes it there."""

    def compare(name: str, message: Message) -> None:
        text = written(message)
        path = HERE / "golden" / f"{name}.txt"
        if request.config.getoption("--rewrite-golden", default=False):
            path.write_bytes(text.encode())
        assert path.read_bytes().decode() == text

    return compare


@pytest.fixture(scope="session")
def as_text():
    """A message as a golden file shows it."""
    return written
