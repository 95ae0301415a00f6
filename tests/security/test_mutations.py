"""The mutations and their watch: what crashes, hangs or dies is seen, and can be made again."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from fakes import misbehaving
from hypothesis import given
from hypothesis import strategies as st

from security import mutated_events, mutated_replies, mutated_settings
from security.mutations import COUNT, KINDS, SEED, measure
from security.mutator import ODD, TOKENS, as_json, in_pieces, mutated_bytes, mutated_value
from security.watched import made, tried, tried_in_processes
from worker.messages import Failure

ROOT = Path(__file__).parents[2]
MODULES = {"events": mutated_events, "settings": mutated_settings, "replies": mutated_replies}
ODDITIES = 107
"""A seed by which each misbehaviour is among the first sixty inputs."""
RANDOM = st.randoms(use_true_random=True)


def test_every_kind_has_its_module():
    """100,000 of each are tried at full size."""
    assert KINDS.keys() == MODULES.keys()
    assert COUNT == 100_000


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_makes_the_same_inputs(kind):
    """So a failure can be had again; and another seed makes others."""
    inputs = [repr(made(kind, SEED, index)) for index in range(30)]
    assert inputs == [repr(made(kind, SEED, index)) for index in range(30)]
    assert inputs != [repr(made(kind, SEED + 1, index)) for index in range(30)]
    assert len(set(inputs)) > 20


@pytest.mark.parametrize("kind", KINDS)
@given(random=RANDOM)
def test_nothing_crashes(kind, random):
    """Beyond the fixed seed of the figures: whatever hypothesis comes upon."""
    module = MODULES[kind]
    module.run(module.make(random))


@given(RANDOM, st.binary(max_size=300))
def test_bytes_are_cut_into_pieces_whole(random, data):
    """Nothing is lost or added on the way to the parser."""
    damaged = mutated_bytes(random, data, (b"other",))
    assert b"".join(in_pieces(random, damaged)) == damaged


@given(RANDOM)
def test_mutations_leave_the_sample_alone(random):
    """The next input is made of the same sample; and JSON is made of all of them, however deep or odd."""
    sample = {"a": [1, {"b": "c"}], "d": None}
    value = mutated_value(random, sample)
    assert sample == {"a": [1, {"b": "c"}], "d": None}
    assert as_json(value)


@given(RANDOM)
def test_odd_values_are_of_every_kind(random):
    """None of them fails to be made."""
    assert all(as_json(odd(random)) for odd in ODD)
    assert len(set(TOKENS)) == len(TOKENS)


@pytest.mark.parametrize(
    ("pieces", "status", "failure"),
    [
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",), 200, None),
        ((b"HTTP/1.1 200 OK\r\nContent-Le", b"ngth: 2\r\n\r\no", b"k"), 200, None),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok",), 200, Failure.NO_ANSWER),
        ((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"nonsense\r\n"), 200, Failure.NO_ANSWER),
        ((b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno", b"\r\nnonsense\r\n"), 403, None),
        ((b"nonsense",), None, Failure.NO_ANSWER),
        ((b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 200_000, b"x" * 200_000, b"x" * 200_000), 200, None),
        ((b"HTTP/1.1 100 Continue\r\n\r\n" * 20,), None, Failure.NO_ANSWER),
    ],
)
def test_the_wire_is_the_transports_own(pieces, status, failure):
    """What a wire without a network makes of an answer is what the HTTP transport makes of it."""
    reply = mutated_replies.from_the_wire(pieces)
    assert (reply.status, reply.failure) == (status, failure)
    assert len(reply.body) <= 65_536


def test_a_crash_is_seen_with_its_input():
    """Its kind, its number, what it was and what it was given."""
    kinds = [made("fakes.misbehaving", ODDITIES, index) for index in range(100)]
    index = kinds.index(0)
    found = tried("fakes.misbehaving", ODDITIES, index, index + 1)
    (failure,) = found.failures
    assert (failure.index, failure.hang, failure.given) == (index, False, "0")
    assert "it crashed" in failure.what


@pytest.mark.slow
def test_what_hangs_eats_or_dies_is_counted_and_stops_nothing_else():
    """Of sixty inputs each misbehaviour is counted as what it is, and the others are tried all the same."""
    count, told = 60, []
    expected = Counter(made("fakes.misbehaving", ODDITIES, index) for index in range(count))
    found = tried_in_processes("fakes.misbehaving", ODDITIES, count, told.append)
    assert found.tried == count == told[-1]
    assert all(expected[kind] for kind in range(4))
    assert found.count(hangs=False) == expected[0] + expected[2]
    assert found.count(hangs=True) == expected[1] + expected[3]
    whats = [failure.what for failure in found.failures]
    assert sum("MemoryError" in what for what in whats) == expected[2]
    assert sum("its process ended" in what for what in whats) == expected[3]
    assert {failure.index for failure in found.failures} == {
        index for index in range(count) if made("fakes.misbehaving", ODDITIES, index) < 4
    }


@pytest.mark.slow
def test_the_figures_hold_in_their_short_form():
    """A row for each kind: so many tried, no crash and no hang, and the seed to have the same again."""
    rows = measure(0.01, lambda _: None)
    assert [row.what for row in rows] == list(KINDS.values())
    for row in rows:
        assert row.holds, row
        assert row.measured.startswith("1,000 tried, 0 crashes, 0 hangs")
        assert f"seed {SEED}" in row.note


@pytest.mark.slow
def test_an_input_is_made_again_by_its_number():
    """As the note of a row that does not hold says."""
    command = [sys.executable, "-m", "security.mutations", "events", "17", "--seed", "5"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.rstrip("\n") == repr(made("events", 5, 17))


def test_the_misbehaving_kind_misbehaves():
    """Else its tests would prove nothing."""
    with pytest.raises(ValueError, match="it crashed"):
        misbehaving.run(0)
    assert misbehaving.run(4)
