"""What people type into a search box, as SQLite's full-text search understands it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from worker.web.history_values import KINDS, text

MOST_WORDS, WORD_CHARS = 10, 100
BEGINNING_CHARS: Final = 3
"""From so many characters on the last word may be the beginning of one: of fewer, too much begins with them."""


def match_of(query: str, apps: Sequence[int] | None, kinds: Collection[int]) -> str:
    """An FTS5 query for all the words, the last of which may be unfinished; empty where there is nothing to look for.

    Quoted, nothing in a word has a meaning of its own: https://www.sqlite.org/fts5.html#fts5_strings
    """
    words = _words(query)
    if not words:
        return ""
    quoted = [_quoted(word) for word in words]
    if len(words[-1]) >= BEGINNING_CHARS:
        quoted[-1] += " *"
    return " AND ".join([*_facets(apps, kinds), f"words : ({' AND '.join(quoted)})"])


def patterns_of(query: str) -> list[str]:
    """A LIKE pattern for each word, with `!` as its escape."""
    words = _words(query) or [text(query, WORD_CHARS)]
    escaped = (word.replace("!", "!!").replace("%", "!%").replace("_", "!_") for word in words)
    return [f"%{word}%" for word in escaped]


def _words(query: str) -> list[str]:
    """Those that hold a letter or a digit: of others the index knows nothing."""
    words = (text(word, WORD_CHARS) for word in query.replace("\0", " ").split())
    return [word for word in words if any(map(str.isalnum, word))][:MOST_WORDS]


def _quoted(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'


def _facets(apps: Sequence[int] | None, kinds: Collection[int]) -> list[str]:
    """The search passes over other apps' events by itself; see history_database.SEARCH."""
    facets = []
    if apps is not None:
        facets.append(f"facets : ({' OR '.join(f'a{app}' for app in apps)})")
    if len(kinds) < len(KINDS):
        pairs = (f"(s{kind // 2} AND t{kind % 2})" for kind in kinds)
        facets.append(f"facets : ({' OR '.join(pairs)})")
    return facets
