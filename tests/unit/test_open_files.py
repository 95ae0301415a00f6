"""How many connections a process may have."""

from __future__ import annotations

import resource

import pytest

from worker.open_files import may_open


@pytest.fixture
def limits():
    """A low limit of this process' own, put back afterwards: (the low one, the highest that may be asked for)."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))
    yield 512, before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_worker_asks_for_the_connections_that_it_needs(limits):
    """The soft limit rises to what is needed; what is already enough stays."""
    may_open(700)
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (700, limits[1])
    may_open(600)
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (700, limits[1])


def test_no_more_is_asked_for_than_the_system_allows(limits):
    """Where the system allows less than is wanted, the most that it allows is taken."""
    low, hard = limits
    may_open(10**9)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert low < soft <= (hard if hard != resource.RLIM_INFINITY else 10**9)
