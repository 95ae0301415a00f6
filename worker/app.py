"""The Celery app: queues, routes, start and stop; no logic.

`celery -A worker worker -P threads` is a whole deployment.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from celery import Celery, bootsteps, concurrency
from celery.signals import setup_logging, worker_shutdown
from kombu.entity import Exchange, Queue

from config.logging import configure
from config.settings import settings
from worker import broker, json_decoder
from worker.embedded_redis import redis_url
from worker.envelopes import envelopes
from worker.errors import BellhopError
from worker.keys import MasterKeys
from worker.publisher import DELIVER_QUEUE, DISPATCH_QUEUE, QUEUES
from worker.runtime import Runtime, close_runtime, runtime
from worker.stores.redis_address import redis_address
from worker.tasks import register
from worker.unlocking import unlocked

# `-P threads` on the command line names Celery's pool by this table; `worker_pool` below serves where -P is not given.
concurrency.ALIASES["threads"] = "worker.pool:TaskPool"
broker.install()

try:
    _url = redis_url(settings())
    _address = redis_address(_url)
except BellhopError as problem:
    # Celery's command line would show a traceback above our sentence.
    raise SystemExit(f"bellhop: {problem}") from None


def _queue(name: str) -> Any:
    return Queue(name, Exchange(name), routing_key=name)  # type: ignore[no-untyped-call]


json_decoder.install()
celery_app = Celery("bellhop", broker=_address.broker_url, events="worker.task_events:Events")
celery_app.conf.update(
    # The same TLS as our own clients'. Kombu would verify nobody by itself, and Flower looks here, too.
    broker_use_ssl=dict(_address.tls) or False,
    # JSON only: a pickle in the queue would be code that anybody with Redis can run here.
    task_serializer="json",
    result_serializer="json",
    accept_content=["json"],
    # Results are Bellhop's own stream. Celery's backend, when away, stalls the threads pool for good.
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    result_backend=None,
    task_default_queue=DISPATCH_QUEUE,
    # Each bound by its own name: two queues on one key would both get each message.
    task_queues=tuple(_queue(name) for name in QUEUES),
    task_routes={"bellhop.deliver.*": {"queue": DELIVER_QUEUE, "routing_key": DELIVER_QUEUE}},
    # The ledger, not the broker, is what redelivers deliveries; take no more than the threads can run.
    task_acks_late=False,
    worker_prefetch_multiplier=1,
    worker_pool="worker.pool:TaskPool",
    worker_consumer="worker.consumer:Consumer",
    worker_concurrency=settings().concurrency,
    # Flower shows tasks and their return values from these events; `worker.task_events` sends them while it listens.
    worker_send_task_events=True,
    task_send_sent_event=False,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    broker_connection_retry=True,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    # What an ACL forbids today it may permit tomorrow: that is no reason to exit.
    broker_channel_error_retry=True,
    # No task waits or runs for long, so a message that a dying worker held is given back soon.
    broker_transport_options={"visibility_timeout": 120, "socket_keepalive": True, "health_check_interval": 25},
    timezone="UTC",
    enable_utc=True,
)

_envelope = envelopes(celery_app)


@cache
def _keys() -> MasterKeys:
    """The master keys, asked for by workers only: Flower and producers need none. A forked child has its parent's."""
    return unlocked(settings(), _url)


def process_runtime() -> Runtime:
    """This process' event loop and what lives on it."""
    return runtime(settings(), _url, _envelope, _keys())


class Pipeline(bootsteps.StartStopStep):  # type: ignore[misc]
    """Intake and timer, in every worker: from when its pool runs until before it stops."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **options: Any) -> None:
        # Workers need not know each other here, and looking for each other takes a second at every start.
        parent.options |= {"without_mingle": True, "without_gossip": True}
        super().__init__(parent, **options)
        try:
            _keys()
        except BellhopError as problem:
            raise SystemExit(f"bellhop: {problem}") from None

    def start(self, parent: Any) -> None:
        """Begin to read the stream and to publish what is due."""
        process_runtime().begin_intake(parent.hostname)

    def stop(self, parent: Any) -> None:
        """Take nothing new; Celery then lets the tasks that run finish."""
        del parent
        process_runtime().end_intake()

    terminate = stop


celery_app.steps["worker"].add(Pipeline)
register(celery_app, process_runtime)


@setup_logging.connect  # type: ignore[untyped-decorator]
def _log_our_way(**_: Any) -> None:
    configure(settings())


@worker_shutdown.connect  # type: ignore[untyped-decorator]
def _close(**_: Any) -> None:
    close_runtime()
