"""The short form of the guard's figures, and that they could fail."""

from __future__ import annotations

from collections import Counter

from config.settings import Settings
from security.addresses import LEAST, measure
from security.forms import TARGETS, Form, forms
from security.lookout import Lookout
from security.ways import all_ways
from worker.allow_list import AllowList
from worker.channels import CHANNELS
from worker.transports import Carrier
from worker.transports.addresses import Guard


def test_a_part_of_each_kind_is_blocked_and_what_is_allowed_is_reached():
    """All rows hold, at a hundredth of the size."""
    said = []
    rows = measure(0.01, said.append)
    assert [row for row in rows if not row.holds] == []
    assert len(rows) == 5
    assert any("SMTP" in line for line in said)


def test_the_table_is_long_and_varied():
    """Each form once, many more than have to be tried, and each kind has several."""
    found = list(forms())
    kinds = Counter(form.kind for form in found)
    assert len(found) == len(set(found)) >= 2 * LEAST
    assert len(kinds) >= 12
    assert min(kinds.values()) >= len(TARGETS)


async def test_without_a_guard_every_way_lets_something_through():
    """What the figures look for is seen when it happens: by every channel's settings, every transport and the proxy."""
    form = Form("plain", "127.0.0.1")
    async with Lookout() as lookout:
        open_to_all = {"allowed_addresses": "0.0.0.0/0,::/0"}
        chosen = Settings.model_validate(open_to_all)
        through = Settings.model_validate(open_to_all | {"http_proxy": f"http://127.0.0.1:{lookout.proxy_port}"})
        carriers = [
            Carrier(each, Guard(AllowList(each.allowed_addresses), look_up=lookout.look_up, dial=lookout.dial))
            for each in (chosen, through)
        ]
        ways = all_ways(*carriers, lookout.port)
        for name, way in ways.items():
            lookout.seen.clear()
            await way(form)
            assert "127.0.0.1" in lookout.seen, name
        for carrier in carriers:
            await carrier.close()
    assert set(CHANNELS) <= {name.split()[0] for name in ways}
