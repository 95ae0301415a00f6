"""Imports go one way: from the values to the edges, never back."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYERS = [
    {"hosts", "special_addresses", "allow_list"},
    {"errors", "models", "messages", "cancelling", "launching", "near_hosts", "open_files", "keys", "version"},
    {"retry", "rates"},
    {"channels", "events", "event_extra", "usual_event", "record"},
    {"settings_tree", "address_fields", "attempt", "graph_link"},
    {
        "problems",
        "settings_fields",
        "strict_yaml",
        "substitution",
        "shown_request",
        "appsfile",
        "appsdiff",
        "doubts",
        "trial",
        "kept_secrets",
        "given_settings",
    },
    {"transports", "stores", "pictures", "redis_process", "embedded_redis", "key_file", "unlocking"},
    {
        "results",
        "routes",
        "progress",
        "in_flight",
        "deliver_report",
        "intake",
        "dispatch",
        "delivery",
        "wakeups",
        "publisher",
    },
    {"runtime", "pool", "consumer", "broker", "envelopes", "json_decoder", "task_events"},
    {"tasks"},
    {"app"},
    {"sandbox", "supervisor", "demo", "explain", "replays", "state"},
    {"web"},
    {"commands"},
    {"cli", "__init__"},
]
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
FILES = sorted((ROOT / "worker").rglob("*.py"))


def part(path):
    """The module or package right under `worker` that a file belongs to."""
    return path.relative_to(ROOT / "worker").parts[0].removesuffix(".py")


def imported(path):
    """The parts of `worker` that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        yield from (name.split(".")[1] for name in names if name.startswith("worker."))


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(ROOT)) for path in FILES])
def test_a_module_imports_only_what_lies_before_it(path):
    """Nothing imports from a layer above its own, and every module has its layer."""
    mine = RANK[part(path)]
    above = {name for name in imported(path) if RANK[name] > mine and name != part(path)}
    # `worker/__init__.py` hands Celery the app when asked, and imports nothing by itself.
    assert above == set()


def test_only_the_transports_send():
    """The client libraries are imported by the transports alone; sandbox and console have aiohttp's server."""
    clients = {"aiohttp", "aiosmtplib"}
    using = set()
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if any(name.split(".")[0] in clients for name in names):
                using.add(part(path))
    assert using == {"transports", "sandbox", "web"}
