"""Log lines: one way for ours and the libraries', and no secret in any."""

from __future__ import annotations

import io
import json
import logging
import re
import warnings

import pytest
import structlog
from pydantic import SecretStr

from config.logging import configure
from config.settings import Settings


@pytest.fixture
def logged():
    """Configures logging into a text and gives back its lines; everything is as before afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()

    def start(**settings: str):
        configure(Settings(_env_file=None, **({"log_format": "json"} | settings)), stream)
        return lambda: stream.getvalue().splitlines()

    yield start
    root.handlers = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def test_a_line_is_json_with_level_and_time_in_utc(logged):
    """Away from a terminal each line is one JSON object."""
    lines = logged(log_format="auto")
    structlog.get_logger().info("delivery.settled", app="checkout", n=2)
    line = json.loads(lines()[0])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line.pop("timestamp"))
    assert line == {"event": "delivery.settled", "app": "checkout", "n": 2, "level": "info"}


def test_the_libraries_lines_take_the_same_way(logged):
    """What Celery and aiohttp say through the standard library looks like ours, and names who said it."""
    lines = logged()
    logging.getLogger("celery.worker").warning("task %s took %d s", "x", 3)
    line = json.loads(lines()[0])
    assert (line["event"], line["logger"], line["level"]) == ("task x took 3 s", "celery.worker", "warning")


def test_warnings_become_log_lines(logged):
    """Python's warnings are not lost on a standard error that nobody reads."""
    lines = logged()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert "DeprecationWarning: old" in json.loads(lines()[0])["event"]


def test_below_the_level_nothing_is_written(logged):
    """`log_level` holds for both ways."""
    lines = logged(log_level="Warning")
    structlog.get_logger().info("x")
    logging.getLogger("y").info("x")
    assert lines() == []
    structlog.get_logger().warning("x")
    assert len(lines()) == 1


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_secrets_are_masked(logged, log_format):
    """Secret values, values under secret names in whatever depth, and passwords in addresses are not shown."""
    lines = logged(log_format=log_format)
    structlog.get_logger().info(
        "x",
        value=SecretStr("hunter2"),
        token="hunter2",
        Authorization="Bearer hunter2",
        url_secret="hunter2",
        nested={"access_token": "hunter2", "list": [{"password": "hunter2"}, (SecretStr("hunter2"),)]},
        redis="redis://user:hunter2@db.example:6379/0",
        tokens=3,
    )
    logging.getLogger("kombu").warning("cannot reach %s", "redis://:hunter2@db.example")
    text = "\n".join(lines())
    assert "hunter2" not in text
    assert "db.example:6379" in text
    assert re.search(r"tokens\W+3", re.sub(r"\x1b\[[0-9;]*m", "", text))


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_shows_no_local_variables(logged, log_format):
    """An exception is logged with its traceback, without the values that lay around."""
    lines = logged(log_format=log_format)

    def broken(address):
        raise ValueError(f"no good: {address}")

    try:
        broken("redis://:hunter2@db")
    except ValueError:
        structlog.get_logger().exception("x")
        logging.getLogger("y").exception("x")
    text = "\n".join(lines())
    assert text.count("ValueError: no good: redis://***@db") == 2
    # The source line is shown, with the text that this test wrote there; a variable's value is not.
    assert "address=" not in text.replace(" ", "")
    assert "hunter2" not in text


def test_what_json_cannot_hold_loses_no_line(logged):
    """Odd values and keys are written in some form."""
    lines = logged()
    structlog.get_logger().info("x", big=2**80, thing=object(), nested={1: {2**80: b"\xff"}})
    assert json.loads(lines()[0])["event"] == "x"


def test_configuring_twice_writes_each_line_once(logged):
    """A second call replaces the first."""
    logged()
    lines = logged()
    logging.getLogger("y").warning("x")
    structlog.get_logger().warning("x")
    assert len(lines()) == 2
