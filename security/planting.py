"""Puts a canary into every secret field of a channel's settings, whatever channel: by its model and its sample."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, get_args

from pydantic import BaseModel, SecretStr, ValidationError

from security.canary import CORE_CHARS, SPECIAL, Canary, fresh
from worker.channels.channel import Channel
from worker.settings_tree import holds, revealed, unfolded, written_fields

Path = tuple[str, ...]
Tree = dict[str, Any]
KEY, PLACE = "*", "#"
"""In a path: whichever key of a map, whichever place of a list."""
WORD: Final = re.compile(r"[A-Za-z0-9]*canary[A-Za-z0-9]*", re.IGNORECASE)
"""A sample's secrets hold the word; what is around it is the form that the field asks for."""
SHORTEST: Final = 8
BLANK: Final = ("canary", "https://127.0.0.1/canary", "canary".rjust(32, "c"))
"""Forms to try where a sample leaves a secret field out."""


class Uncovered(Exception):
    """A secret field that nothing could be planted in; its text says which, and what to do."""


@dataclass(slots=True)
class Mint:
    """Makes each canary once: the same field has the same one in all variants of a channel, so far as its form fits."""

    made: dict[tuple[str, int], Canary] = field(default_factory=dict)

    def canary(self, name: str, length: int = CORE_CHARS) -> Canary:
        """The canary of that name and length."""
        return self.made.setdefault((name, length), Canary(name, fresh(length)))

    def used_in(self, texts: Iterable[str]) -> list[Canary]:
        """Those that stand in any of `texts`: some forms are only tried."""
        everything = "\n".join(texts)
        return [canary for canary in self.made.values() if all(half in everything for half in canary.halves)]


def planted(channel: Channel, samples: Mapping[str, Tree], mint: Mint) -> dict[str, Tree]:
    """The samples by variant, with a canary in every secret field; one more for each field that they all leave out.

    Raises:
        Uncovered: where a secret field of the model could not be filled.
    """
    read = {name: unfolded(channel.settings.model_validate(raw), revealed) for name, raw in samples.items()}
    trees = {name: _planted(channel, tree, mint) for name, tree in read.items()}
    filled = {path for tree in trees.values() for path, _ in secret_leaves(channel, tree)}
    for missing in secret_paths(channel.settings):
        if not any(_fits(missing, path) for path in filled):
            trees[f"with-{'-'.join(missing)}"] = _added(channel, list(read.values()), missing, mint)
    return trees


def secret_paths(model: type[BaseModel]) -> Iterator[Path]:
    """The path of every secret that settings of this model can hold, with `*` for a map's keys and `#` for places."""
    for name, each in written_fields(model).items():
        for path in sorted(_within(each.annotation)):
            yield (name, *path)


def _within(annotation: Any) -> set[Path]:
    if not holds(annotation, (SecretStr,)):
        return set()
    if isinstance(annotation, type) and not get_args(annotation):
        return set(secret_paths(annotation)) if issubclass(annotation, BaseModel) else {()}
    inner = {path for part in get_args(annotation) for path in _within(part)}
    step = _step(getattr(annotation, "__origin__", None))
    return {(*step, *path) for path in inner}


def _step(origin: Any) -> Path:
    if not isinstance(origin, type):  # a union, or what is only annotated
        return ()
    if issubclass(origin, Mapping):
        return (KEY,)
    return (PLACE,) if issubclass(origin, list | tuple | set | frozenset | Sequence) else ()


def _fits(pattern: Path, path: Path) -> bool:
    return len(pattern) == len(path) and all(
        one in {KEY, PLACE, other} for one, other in zip(pattern, path, strict=True)
    )


def secret_leaves(channel: Channel, tree: Tree) -> list[tuple[Path, str]]:
    """Every secret that `tree` holds, by its path."""
    found: list[tuple[Path, str]] = []
    unfolded(channel.settings.model_validate(tree), lambda path, secret: found.append((path, revealed(path, secret))))
    return found


def _planted(channel: Channel, tree: Tree, mint: Mint) -> Tree:
    for path, text in secret_leaves(channel, tree):
        name = f"{channel.name}/{'.'.join(path)}"
        filled = next(_valid(channel, (_with(tree, path, form) for form in _forms(name, text, mint))), None)
        if filled is None:
            raise Uncovered(f"{name}: no canary fits its sample; write the word Canary where its secret part is")
        tree = filled
    return tree


def _added(channel: Channel, trees: Iterable[Tree], missing: Path, mint: Mint) -> Tree:
    """The first of `trees` that takes a secret at `missing`, with one there and in its other fields."""
    name = f"{channel.name}/{'.'.join(missing)}"
    path = tuple({KEY: "X-Canary", PLACE: "0"}.get(part, part) for part in missing)
    blanks = (_with(tree, path, blank) for tree in trees for blank in BLANK)
    for tree in _valid(channel, blanks):
        return _planted(channel, tree, mint)
    raise Uncovered(f"{name}: no sample holds this secret, and none could be made up; add one with the word Canary")


def _forms(name: str, sample: str, mint: Mint) -> Iterator[str]:
    """`sample` with canaries in the place of its words: with special characters, without, and as long as they were."""
    text = sample if WORD.search(sample) else "canary"
    yield _filled(text, lambda number, _: _special(mint.canary(_numbered(name, number))))
    yield _filled(text, lambda number, _: mint.canary(_numbered(name, number)).text)
    yield _filled(text, lambda number, word: mint.canary(_numbered(name, number), max(SHORTEST, len(word))).text)


def _filled(sample: str, filling: Callable[[int, str], str]) -> str:
    words = list(WORD.finditer(sample))
    for number, found in reversed(list(enumerate(words, 1))):
        sample = sample[: found.start()] + filling(number, found[0]) + sample[found.end() :]
    return sample


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}#{number}"


def _special(canary: Canary) -> str:
    """With characters in its middle that are written differently in JSON, in addresses and in HTML."""
    middle = len(canary.text) // 2
    return canary.text[:middle] + SPECIAL + canary.text[middle:]


def _valid(channel: Channel, candidates: Iterable[Tree]) -> Iterator[Tree]:
    for tree in candidates:
        try:
            channel.settings.model_validate(tree)
        except ValidationError:
            continue
        yield tree


def _with(value: Any, path: Path, text: str) -> Any:
    """`value` with `text` at `path`; maps and lists on the way are made where there are none."""
    if not path:
        return text
    head, *rest = path
    if isinstance(value, list) or (value is None and head == "0"):
        items, at = list(value or []), int(head)
        items[at : at + 1] = [_with(items[at] if at < len(items) else None, tuple(rest), text)]
        return items
    fields = value or {}
    return {**fields, head: _with(fields.get(head), tuple(rest), text)}
