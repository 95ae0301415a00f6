"""Celery's messages, read by orjson."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from kombu.serialization import dumps, registry
from kombu.utils import json as kombu_json

from worker import json_decoder


@pytest.mark.parametrize(
    "value",
    [
        [[{"app": "a", "title": "ü"}], {}, {"callbacks": None}],
        {"at": datetime(2026, 1, 2, tzinfo=UTC), "value": Decimal("1.5")},
        ["\udcff"],
        "text",
        None,
    ],
)
def test_everything_is_read_as_kombu_reads_it(value):
    """Plain JSON, kombu's own marks for dates and decimals, and half a surrogate pair, as bytes, text or a buffer."""
    text = kombu_json.dumps(value)
    data = text.encode()
    for form in (text, data, bytearray(data), memoryview(data)):
        assert json_decoder.loads(form) == kombu_json.loads(form) == value


def test_what_only_python_calls_json_is_read():
    """A producer's NaN does not cost the events that came with it."""
    first, second = json_decoder.loads(b'[NaN, {"app": "a"}]')
    assert math.isnan(first)
    assert second == {"app": "a"}


@pytest.mark.parametrize(
    "body",
    [
        b'[[[{"app": "a"}]], {}, {}',
        b"[" * 5000 + b"]" * 5000,
        b'[[[{"app": "a", "n": ' + b"9" * 5000 + b"}]], {}, {}]",
        b'[[[{"__type__": "decimal", "__value__": "x"}]], {}, {}]',
        b'[[["\xff"]], {}, {}]',
    ],
    ids=["cut off", "deep", "a huge number", "a decimal that is none", "no UTF-8"],
)
def test_a_body_that_nobody_can_read_becomes_the_tasks_argument(body):
    """So that dispatch rejects it as it came; Celery alone would log it and be done with it."""
    ((text,), named, embedded) = json_decoder.loads(body)
    assert text.encode("utf-8", "surrogateescape") == body
    assert named == embedded == {}


def test_other_messages_that_nobody_can_read_stay_errors():
    """Celery's events and control messages are objects, and nobody's alerts."""
    with pytest.raises(ValueError, match="Expecting"):
        json_decoder.loads(b'{"type": ')


def test_kombu_uses_it():
    """Bodies of type application/json are decoded by it, and written as before."""
    json_decoder.install()
    assert registry._decoders["application/json"] is json_decoder.loads
    assert dumps([1], serializer="json") == ("application/json", "utf-8", "[1]")
