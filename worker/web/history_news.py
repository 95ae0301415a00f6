"""Where the deliveries of the history stand: by their records, which are read again when there is reason to.

Reasons are: a result on the `results` stream; a mark on the ledger, as a replayed one has; that somebody asks; and for
whatever is not settled, that some time has passed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from worker.web import history_known as known
from worker.web.history_database import Database
from worker.web.history_known import Known
from worker.web.history_slices import in_slices
from worker.web.history_source import Name, Source
from worker.web.history_values import standing_of
from worker.web.history_writing import write_standing

LOOKED_AT: Final = 500
"""How many unsettled deliveries are looked at again in one go."""
MOST_BATCHES: Final = 10
"""After so many batches of results others have their turn."""


class News:
    """Keeps the deliveries of the history where they stand."""

    def __init__(self, source: Source, database: Database) -> None:
        self._source = source
        self._database = database
        self._asked: set[Name] = set()
        self.begin("0-0")

    def begin(self, last_result: str) -> None:
        """Anew: results up to this one are in the records already."""
        self._last_result = last_result
        self._open_after = (0, 0)
        self._marks = 0

    def ask(self, names: Iterable[Name]) -> None:
        """Look at these soon."""
        self._asked.update(names)

    async def results(self, newest: str) -> None:
        """Look at what was settled since the last time; `newest` is the stream's last entry."""
        if _place(newest) < _place(self._last_result):
            self._last_result = newest  # another Redis: it counts anew
        for _ in range(MOST_BATCHES):
            last, names = await self._source.results(self._last_result)
            if last == self._last_result:
                break
            await self._look_at(names)
            self._last_result = last

    async def look_again(self) -> None:
        """Look at some of what is not settled, at what is marked, and at what was asked for."""
        asked, self._asked = self._asked, set()
        self._marks, marked = await self._source.marks(self._marks)
        await self._look_at([*asked, *marked])
        unsettled = known.still_open(self._database, self._open_after, LOOKED_AT)
        self._open_after = unsettled[-1][0][:2] if len(unsettled) == LOOKED_AT else (0, 0)
        await self._compare(unsettled)

    async def _look_at(self, names: Sequence[Name]) -> None:
        found = ((known.find(self._database, *name), name) for name in dict.fromkeys(names))
        await self._compare([(each, name) for each, name in found if each])

    async def _compare(self, deliveries: Sequence[tuple[Known, Name]]) -> None:
        records = await self._source.records([name for _, name in deliveries])
        await in_slices(self._database, self._write([each for each, _ in deliveries], records))

    def _write(self, deliveries: Sequence[Known], records: Sequence[bytes | None]) -> Iterator[None]:
        for delivery, record in zip(deliveries, records, strict=True):
            standing = standing_of(record)
            if not delivery.stands(standing):
                write_standing(self._database, delivery, standing)
            yield


def _place(entry: str) -> tuple[int, int]:
    """An entry's place in its stream."""
    milliseconds, _, sequence = entry.partition("-")
    return int(milliseconds), int(sequence or 0)
