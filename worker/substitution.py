"""`${NAME}` in a settings file: what it stands for, and how a literal one is written."""

from __future__ import annotations

import re
from collections.abc import Mapping

from config.settings import PREFIX, SECRETS
from worker.errors import InvalidSettings
from worker.strict_yaml import MAX_NAME_CHARS, MAX_TEXT_CHARS, Tree

_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")
_INSIDE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
MAX_CHARS = 16 * 1024 * 1024
"""Of all values together: a variable of 100 KB may be named in each of thousands."""

OWN_SECRETS = frozenset(f"{PREFIX}{name.upper()}" for name in SECRETS)


def substituted(tree: Tree, environment: Mapping[str, str], problems: list[str]) -> Tree:
    """`tree` with `${NAME}` and `${NAME:-default}` replaced in every value; `$${` stands for `${` itself.

    What cannot be replaced goes onto `problems`, each as `path: what to do`; InvalidSettings where it grows too large.
    """
    return _Substitution(environment, problems).of(tree, "")


class _Substitution:
    """One file's."""

    def __init__(self, environment: Mapping[str, str], problems: list[str]) -> None:
        self._environment = environment
        self._problems = problems
        self._left = MAX_CHARS

    def of(self, tree: Tree, path: str) -> Tree:
        if isinstance(tree, dict):
            return {key: self.of(value, f"{path}.{key}" if path else key) for key, value in tree.items()}
        if isinstance(tree, list):
            return [self.of(value, f"{path}.{i}") for i, value in enumerate(tree)]
        return tree if tree is None or "$" not in tree else self._text(tree, path)

    def _text(self, text: str, path: str) -> str:
        left = MAX_TEXT_CHARS

        def value_of(found: re.Match[str]) -> str:
            nonlocal left
            value = self._value(found, path)
            left -= len(value)
            self._left -= len(value)
            if left < 0:
                raise InvalidSettings([f"{path}: is longer than {MAX_TEXT_CHARS} characters, its variables replaced"])
            if self._left < 0:
                raise InvalidSettings([f"the file has more than {MAX_CHARS} characters, its variables replaced"])
            return value

        return _REFERENCE.sub(value_of, text)

    def _value(self, found: re.Match[str], path: str) -> str:
        if found[0] == "$${":
            return "${"
        inside = _INSIDE.fullmatch(found[1] or "")
        if inside is None:
            self._problems.append(
                f"{path}: `${{` must begin a variable such as ${{NAME}}; write $${{ for the text itself"
            )
            return ""
        name, default = inside[1], inside[2]
        if name in OWN_SECRETS:
            # Who writes a file need not be who applies it, and could have a master key sent to a web hook.
            self._problems.append(f"{path}: {name} is Bellhop's own secret, and not for a settings file to read")
            return ""
        value = self._environment.get(name)
        if default is not None:
            return value or default
        if value is None:
            self._problems.append(f"{path}: the environment variable {name[:MAX_NAME_CHARS]} is not set")
        return value or ""


def escaped(text: str) -> str:
    """`text` so written that substitution gives it back."""
    return text.replace("${", "$${")
