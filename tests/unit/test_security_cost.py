"""The figure of what security costs a delivery: what is measured is real, and a cost that is too high would show."""

from __future__ import annotations

import pytest

from security.cost import ADDRESSES, Costs, _best_us, _checking, _connection_us, _decrypting, rows

CHEAP = Costs(delivery=100.0, connection=100.0, decryption=9.0, guard=8.0, slowest=12.0)


def test_both_are_told_per_delivery_with_what_they_cost_each_time():
    """Decryption by how often an app is read, the guard by how often a connection is opened."""
    decryption, guard = rows(CHEAP, reads_each=0.1, connections_each=0.2)
    assert (decryption.measured, decryption.holds) == ("0.90 µs of 100 µs (0.90%)", True)
    assert (guard.measured, guard.holds) == ("1.60 µs of 100 µs (1.60%)", True)
    assert "(4.0% of a delivery with a plain one of its own)" in guard.note
    assert "9.0 µs each time an app is read" in decryption.note


@pytest.mark.parametrize("dear", [Costs(100, 100, 90, 8, 12), Costs(100, 100, 9, 26, 30)])
def test_more_than_a_twentieth_does_not_hold(dear):
    """The figure can fail."""
    assert [row.holds for row in rows(dear, reads_each=0.1, connections_each=0.2)].count(False) == 1


def test_what_is_measured_is_done():
    """A decryption, a look at each address, a connection: none of them costs nothing."""
    assert min(_best_us(work) for work in [_decrypting(), *map(_checking, ADDRESSES)]) > 0
    assert _connection_us() > 0
