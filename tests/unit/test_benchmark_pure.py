"""The benchmark of the pure stages: that it runs what it says."""

from __future__ import annotations

import pytest

from benchmarks.pure import OTHERS, Batch, beside, best_us, stages, yardstick
from worker.channels import CHANNELS
from worker.models import Outcome


@pytest.fixture(scope="module")
def batch():
    """One batch before each stage."""
    return Batch()


def test_every_stage_of_a_delivery_is_measured(batch):
    """From the producer's JSON to the log line, each with a figure of its own."""
    figures = best_us([yardstick(), *stages(batch)], rounds=1)
    assert len(figures) == 10
    assert min(figures.values()) >= 0


def test_what_is_measured_is_delivered(batch):
    """The usual way, not that of an error."""
    assert {each.outcome for each in batch.progress} == {Outcome.DELIVERED}


def test_the_other_channels_are_measured_too(batch):
    """Composing and judging, each of them."""
    names = [stage.name for stage in beside(batch)]
    assert set(OTHERS) | {"hipchat"} == set(CHANNELS)
    assert [f"judge: {name}" in names for name in OTHERS] == [True] * len(OTHERS)
