"""What is wrong with a settings file, gathered so that all of it is told at once, within reason."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from worker.errors import InvalidSettings

MOST: Final = 100
"""Nobody reads more, and a file may have a million."""


class Problems(list[str]):
    """Each as `path: what to do`. Beyond so many reading ends with InvalidSettings."""

    def append(self, problem: str) -> None:
        """Note it, and read on."""
        super().append(problem)
        if len(self) > MOST:
            raise InvalidSettings([*self[:MOST], "there may be more: reading ended here"])

    def extend(self, problems: Iterable[str]) -> None:
        """Note them one by one."""
        for problem in problems:
            self.append(problem)
