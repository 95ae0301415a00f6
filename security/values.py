"""What values of our own show of themselves, and what errors say: in this process, without any I/O."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from pydantic import ValidationError
from rich.pretty import pretty_repr

from security.mistakes import files, pairs, wrong_values
from security.places import Named
from security.planting import Tree, secret_leaves
from security.vendors import forms
from worker.appsdiff import diff_apps, shown_fields
from worker.appsfile import read_apps, warnings_of, write_apps
from worker.attempt import Attempted
from worker.channels.channel import Channel
from worker.errors import BellhopError
from worker.messages import Reply
from worker.models import App, Destination
from worker.settings_fields import settings_from_pairs
from worker.shown_request import shown_request
from worker.trial import diagnosis, trial_notice

Trees = Sequence[tuple[Channel, Tree]]


def shown(settings: Trees, app_name: str) -> Iterator[Named]:
    """What could be logged of settings, destinations, messages, replies and verdicts, for every channel."""
    for channel, tree in settings:
        for value in _values(channel, tree, app_name):
            text = "\n".join((repr(value), str(value), pretty_repr(value), f"{[value]!r} {value}"))
            yield f"{channel.name}'s {type(value).__name__}", text.encode()


def _values(channel: Channel, tree: Tree, app_name: str) -> Iterator[Any]:
    settings = channel.settings.model_validate(tree)
    other = settings.model_copy()
    destination = Destination(app_name, "room", channel.name, settings)
    app = App(app_name, {"room": destination})
    message = channel.compose(trial_notice(app_name, time.time(), {"host": "h"}), settings)
    yield from (settings, other, destination, app, message, message.label, shown_fields(destination))
    yield from (write_apps({app_name: app}), warnings_of({app_name: app}), diff_apps({}, {app_name: app}))
    yield shown_request(message, settings)
    yield from (
        channel.limits(settings),
        channel.all_warnings(settings),
        settings.model_dump(),
        settings.model_dump_json(),
    )
    said = " ".join(form for _, secret in secret_leaves(channel, tree) for form in forms(secret)).encode()
    for status in (200, 401, 500):
        reply = Reply(status=status, body=said, headers={"location": said.decode()}, detail="")
        attempted = Attempted(channel.judge(reply, settings), message.label, reply)
        yield from (reply, attempted, attempted.verdict, diagnosis(channel, attempted, settings))


def errors(settings: Trees, app: str) -> Iterator[Named]:
    """What is said of settings that are wrong: the sentences, and the tracebacks if somebody logged those."""
    for number, file in enumerate(files(settings, app), 1):
        yield f"the error on wrong file {number}", _told(partial(read_apps, file, {}))
    for channel, tree in settings:
        validate = channel.settings.model_validate
        for number, wrong in enumerate(wrong_values(channel, tree), 1):
            yield f"the error on {channel.name}'s wrong settings {number}", _told(partial(validate, wrong))
        for number, given in enumerate(pairs(channel, tree), 1):
            yield f"the error on {channel.name} --set {number}", _told(partial(settings_from_pairs, given, channel))


def _told(work: Callable[[], Any]) -> bytes:
    try:
        work()
    except (BellhopError, ValidationError) as error:
        more = repr(error.errors(include_input=False)) if isinstance(error, ValidationError) else ""
        texts = (str(error), repr(error), more, *traceback.format_exception(error))
        return "\n".join(texts).encode("utf-8", "surrogateescape")
    return b""
