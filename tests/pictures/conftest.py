"""What the pictures' tests share: events with a metric, PNGs to look at, and renderers in place of the real one."""

from __future__ import annotations

import io
import sys

import pytest
from fakes.renderer import FakeRenderer
from PIL import Image

from worker.models import Event, Metric, Severity
from worker.pictures.renderer import NoPicture, Renderer, environment

NOW = 1_795_442_700.0  # 2026-11-23 14:05:00 UTC


@pytest.fixture
def make_event():
    """An event whose metric climbs through its threshold, changed as told; `metric` holds changes of the metric."""

    def make(metric=None, **changes):
        points = tuple((NOW - 60 * ago, 7e8 if ago > 5 else 1.46e9) for ago in range(50, -1, -1))
        numbers = {"threshold": 1_073_741_824.0, "value": 1_464_274_175.5, "window_s": 300.0, "points": points}
        words = {"name": "used", "unit": "bytes", "aggregation": "avg", "comparator": ">"}
        fields = {
            "app": "shop",
            "id": "e1",
            "title": "Memory used by Apache is above 1 GiB",
            "severity": Severity.CRITICAL,
            "dedup_key": "shop:memory",
            "occurred_at": NOW,
            "received_at": NOW,
            "metric": Metric(**(words | numbers | (metric or {}))),
        }
        return Event(**(fields | changes))

    return make


def seen(png: bytes) -> Image.Image:
    """A PNG, read whole."""
    image = Image.open(io.BytesIO(png))
    image.load()
    return image.convert("RGB")


@pytest.fixture
def fake_renderer():
    """FakeRenderer, to be made as told."""
    return FakeRenderer


@pytest.fixture
def no_picture():
    """What a renderer raises."""
    return NoPicture("not today")


@pytest.fixture
async def make_renderer(tmp_path):
    """Make renderers, of the real process or of a Python script in its place, and end them after the test."""
    made = []

    def make(script=None, **options):
        command = {"command": (sys.executable, "-c", script)} if script else {"draw_s": 60.0}
        made.append(Renderer(environment(tmp_path / "matplotlib"), **command, **options))
        return made[-1]

    yield make
    for renderer in made:
        await renderer.close()
