"""Fixtures of the steps' tests."""

from __future__ import annotations

import pytest
from fakes.pipeline import Pipeline, checkout


@pytest.fixture
async def make_pipeline():
    """Builds pipelines, and closes what they opened."""
    made = []

    def make(*destinations, **options):
        made.append(Pipeline([checkout(*destinations)], **options))
        return made[-1]

    yield make
    for pipeline in made:
        await pipeline.close()


@pytest.fixture
def event():
    """Makes an event's JSON object."""

    def make(**fields):
        return {"app": "checkout", "id": "e1", "title": "CPU load above 4"} | fields

    return make
