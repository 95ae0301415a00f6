"""How log lines look and what they never show. Every line, ours and the libraries', takes the same way.

`configure(settings())` once per process; elsewhere `log = structlog.get_logger()`.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TextIO

import orjson
import structlog
from pydantic import SecretBytes, SecretStr
from structlog.typing import EventDict, Processor, WrappedLogger

from config.settings import LogFormat, Settings

MASK = "***"
_SECRET_NAME = re.compile(
    r"(?:.*[_\-.])?(?:token|password|passwd|secret|authorization|url_secret|api_key|routing_key|master_keys?)",
    re.IGNORECASE,
)
_CREDENTIALS_IN_URL = re.compile(r"(?<=://)[^/\s@]+(?=@)")
DEEPEST = 6


def configure(settings: Settings, stream: TextIO | None = None) -> None:
    """Send every log line to `stream` (default: standard output), as `log_level` and `log_format` say."""
    output = stream or sys.stdout
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    renderer = _renderer(settings.log_format, output)
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, *_shared(), renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=output),
        # Loggers are built once and then stay as they are: configure before the first line is logged.
        cache_logger_on_first_use=True,
    )
    _route_stdlib(level, renderer, output)


def _shared() -> list[Processor]:
    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.UnicodeDecoder(),
    ]


def _renderer(log_format: LogFormat, output: TextIO) -> Processor:
    """Traceback, mask, render: in this order, so that a traceback's text is masked too."""
    console = log_format is LogFormat.CONSOLE or (log_format is LogFormat.AUTO and output.isatty())
    # Both forms without local variables: these are where secrets lie.
    traceback = structlog.processors.format_exc_info
    last: Any = (
        structlog.dev.ConsoleRenderer(colors=output.isatty(), exception_formatter=structlog.dev.plain_traceback)
        if console
        else structlog.processors.JSONRenderer(serializer=_json)
    )

    def render(logger: WrappedLogger, method: str, line: EventDict) -> Any:
        return last(logger, method, mask_secrets(logger, method, traceback(logger, method, line)))

    return render


def _route_stdlib(level: int, renderer: Processor, output: TextIO) -> None:
    handler = logging.StreamHandler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *_shared()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    logging.captureWarnings(capture=True)


def mask_secrets(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """`line` with the values of secret names, and credentials inside addresses, as stars."""
    masked: EventDict = _masked_map(line, 0)
    return masked


def _masked_map(fields: Mapping[Any, Any], depth: int) -> dict[Any, Any]:
    return {name: MASK if _names_secret(str(name)) else _masked(value, depth) for name, value in fields.items()}


@lru_cache(4096)
def _names_secret(name: str) -> bool:
    return _SECRET_NAME.fullmatch(name) is not None


def _masked(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _CREDENTIALS_IN_URL.sub(MASK, value) if "@" in value else value
    if isinstance(value, SecretStr | SecretBytes):
        return MASK
    if depth >= DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return _masked_map(value, depth + 1)
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(item, depth + 1) for item in value]
    return value


def _json(line: Any, **_options: Any) -> str:
    # Numbers beyond 64 bits, halves of surrogate pairs and the like must not lose the line.
    try:
        return orjson.dumps(line, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        return json.dumps(line, default=repr, skipkeys=True)
