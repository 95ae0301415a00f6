"""The error tree.

::

    BellhopError                 something a person can act on; its text is a sentence, and shows no secret
    ├── InvalidEvent             an event that cannot be read; carries the field
    ├── InvalidSettings          settings that cannot be used; carries every problem with its path
    ├── NotFound                 an app, destination, event or delivery that is not there
    ├── Outdated                 a change to something that somebody else has changed in between
    ├── Unavailable              Redis or another part that has to be up is not
    ├── Altered                  something sealed that is not what was sealed for this place
    └── KeyMissing               something sealed under a master key that this process does not have

A vendor that fails is no error: it is a value, `worker.models.Verdict`.
"""

from __future__ import annotations


class BellhopError(Exception):
    """Something a person can act on."""


LONGEST_FIELD = 100


class InvalidEvent(BellhopError):
    """An event that cannot be read: `field` is the path of what is wrong, `problem` what to do about it."""

    def __init__(self, field: str, problem: str) -> None:
        # A tag's name is the producer's, and its error goes into logs and onto terminals.
        field = "".join(c if c.isprintable() else "?" for c in field[:LONGEST_FIELD])
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class InvalidSettings(BellhopError):
    """Settings that cannot be used: `problems` is every one of them, each as `path: what to do`."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class NotFound(BellhopError):
    """An app, destination, event or delivery that is not there."""


class Outdated(BellhopError):
    """A change to something that somebody else has changed in between: nothing was done."""


class Unavailable(BellhopError):
    """Redis, or another part that has to be up, is not."""


class Altered(BellhopError):
    """Something sealed that is not what was sealed for this place."""

    def __init__(self) -> None:
        super().__init__("what is stored was altered or damaged; apply its settings again")


class KeyMissing(BellhopError):
    """Something sealed under a master key, `master` by its id, that this process does not have."""

    def __init__(self, master: str) -> None:
        super().__init__(
            f"its secrets are sealed under master key {master}, which this process does not have; "
            "put that key back into BELLHOP_MASTER_KEYS, or apply its settings again"
        )
        self.master = master
