"""One row more or less in a form, for browsers without scripts: the form comes back with it."""

from __future__ import annotations

from multidict import MultiDict

from worker.web.form_values import ROWS, Posted


def edited_rows(posted: Posted, what: str, about: str) -> Posted:
    """The form with a row added to the list `settings.to`, or with the row `settings.to:s1` removed."""
    name, _, row = about.partition(":")
    marker = f"{name}{ROWS}"
    if what == "remove":
        return MultiDict([(key, value) for key, value in posted.items() if (key, value) != (marker, row)])
    there = set(posted.getall(marker, []))
    free = next(f"n{number}" for number in range(len(there) + 1) if f"n{number}" not in there)
    edited = posted.copy()
    edited.add(marker, free)
    return edited
