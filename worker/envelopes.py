"""Celery messages as its queues on Redis hold them, made without kombu's producer.

Publishing through kombu takes a thread, a pool of producers and a new Redis client for each message: a millisecond of
processor time, where putting its bytes together takes a few dozen microseconds.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from celery import Celery
from celery.utils.nodenames import anon_nodename
from kombu.utils.json import dumps

from worker.publisher import Envelope

OWN: Final = "bellhop-"
"""How the delivery tags of our own messages begin. What they tell is in the stream or in the ledger as well."""


def is_own(delivery_tag: object) -> bool:
    """Whether a message was made here, and so may be lost: a producer's own task may be nowhere else."""
    return isinstance(delivery_tag, str) and delivery_tag.startswith(OWN)


def envelopes(celery_app: Celery) -> Envelope:
    """What makes messages for the tasks of `celery_app`.

    Version 2 of https://docs.celeryq.dev/en/stable/internals/protocol.html, within the object that
    `kombu.transport.virtual.Channel` makes of a message.
    """
    origin = anon_nodename()

    def envelope(task: str, args: Sequence[Any], kwargs: Mapping[str, Any], shown: str, queue: str) -> bytes:
        task_id = str(uuid.uuid4())
        message = celery_app.amqp.as_task_v2(
            task_id, task, args, kwargs, argsrepr=shown, kwargsrepr="{}", origin=origin, ignore_result=True
        )
        properties = message.properties | {
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": queue},
            "priority": 0,
            "body_encoding": "utf-8",
            "delivery_tag": OWN + task_id,
        }
        whole = {
            "body": _text(message.body),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": message.headers,
            "properties": properties,
        }
        return orjson.dumps(whole)

    return envelope


def _text(body: Any) -> str:
    try:
        return orjson.dumps(body).decode()
    except orjson.JSONEncodeError:
        # Bytes that are no UTF-8 come from the stream as lone surrogates, which only the standard library writes.
        return str(dumps(body))  # type: ignore[no-untyped-call]
