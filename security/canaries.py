"""A canary in every field that can hold a secret, good and bad days, and a search of every place for each of them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from security.canary import Canary, Search, fresh
from security.places import Named
from security.planting import Mint, Uncovered, secret_paths
from security.row import Row, Say
from security.samples import operator_fields, plant_everything
from security.uses import commands, uncovered
from security.visit import FLOWER, LOGS, Found, Marks, Visit
from worker.channels import CHANNELS

SHOWN: Final = 8
"""Of so many finds the places are named."""


def measure(scale: float, say: Say) -> list[Row]:
    """Plant, live through good and bad days, and search; a row for each kind of place."""
    try:
        planted, changed = plant_everything(Mint()), plant_everything(Mint())
    except Uncovered as problem:
        return [Row("secret canaries", "one in every secret field", str(problem), holds=False)]
    marks = Marks(*(Canary(name, fresh()) for name in ("operator/typed", "an alert's words", "tracer")))
    with tempfile.TemporaryDirectory(prefix="bellhop-canaries-") as folder:
        found = Visit(planted, changed, marks, scale=scale, say=say).run(Path(folder))
    say("searching")
    secrets = [*planted.canaries, *changed.canaries, *found.operator, marks.typed]
    search = Search(secrets)
    rows = [_searched(f"canaries in {kind}", places, search) for kind, places in found.places.items()]
    told = [*found.places[LOGS], *found.places[FLOWER]]
    rows.append(_searched("alerts' own words in logs and Flower", told, Search([marks.words])))
    return [_planted(len(secrets), found), *rows, _traced(found, Search([marks.tracer])), _called(found)]


def _planted(secrets: int, found: Found) -> Row:
    fields = sum(len(list(secret_paths(channel.settings))) for channel in CHANNELS.values())
    silent = [name for name, count in found.delivered.items() if not count]
    measured = (
        f"{secrets} canaries in {fields} fields of {len(CHANNELS)} channels and {len(list(operator_fields()))} of the "
        f"operator's settings; {sum(found.delivered.values())} deliveries arrived"
    )
    notes = [f"none arrived by {', '.join(silent)}"] * bool(silent) + [found.unsettled] * bool(found.unsettled)
    aim = "every secret field of every channel; each channel delivers"
    return Row("secret canaries planted", aim, measured, holds=not notes, note="; ".join(notes))


def _searched(what: str, places: Sequence[Named], search: Search) -> Row:
    hits = list(_hits(places, search))
    names = {name for _, found in hits for name in found}
    size = sum(len(content) for _, content in places) / 2**20
    measured = f"{len(names)} found in {len(places):,} places ({size:.1f} MiB)"
    lines = [f"{place}: {', '.join(sorted(found))}" for place, found in hits[:SHOWN]]
    more = [f"and {len(hits) - SHOWN} more places"] * (len(hits) > SHOWN)
    return Row(what, "0 found", measured, holds=bool(places) and not hits, note="\n".join([*lines, *more]))


def _hits(places: Iterable[Named], search: Search) -> Iterable[tuple[str, set[str]]]:
    for place, content in places:
        if found := search.found(content):
            yield place, found


def _traced(found: Found, trace: Search) -> Row:
    """Whether the search can find anything at all: the tracer is an event's id, a host's, an app's."""
    blind = [kind for kind, places in found.places.items() if not any(trace.found(content) for _, content in places)]
    measured = f"found in {len(found.places) - len(blind)} of {len(found.places)}"
    note = f"not in {', '.join(blind)}" if blind else ""
    return Row("kinds of places where what is no secret is found", "all", measured, holds=not blind, note=note)


def _called(found: Found) -> Row:
    forgotten, there = uncovered(), len(commands())
    measured = f"{there - len(forgotten) - found.left_out} of {there}, in {found.called} calls"
    note = f"not called: {', '.join(forgotten)}; add a use to security/uses.py" if forgotten else ""
    return Row("commands of bellhop looked at", "all, plain and with --json", measured, holds=not forgotten, note=note)
