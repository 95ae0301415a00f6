"""`${NAME}` in a settings file: what it stands for, and how a literal one is written."""

from __future__ import annotations

import re
from collections.abc import Mapping

from config.settings import PREFIX, SECRETS
from worker.strict_yaml import Tree

_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")
_INSIDE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)

OWN_SECRETS = frozenset(f"{PREFIX}{name.upper()}" for name in SECRETS)


def substituted(tree: Tree, environment: Mapping[str, str], problems: list[str], path: str = "") -> Tree:
    """`tree` with `${NAME}` and `${NAME:-default}` replaced in every value; `$${` stands for `${` itself.

    What cannot be replaced goes onto `problems`, each as `path: what to do`.
    """
    if isinstance(tree, dict):
        return {
            key: substituted(value, environment, problems, f"{path}.{key}" if path else key)
            for key, value in tree.items()
        }
    if isinstance(tree, list):
        return [substituted(value, environment, problems, f"{path}.{i}") for i, value in enumerate(tree)]
    return tree if tree is None else _text(tree, environment, problems, path)


def _text(text: str, environment: Mapping[str, str], problems: list[str], path: str) -> str:
    def value_of(found: re.Match[str]) -> str:
        if found[0] == "$${":
            return "${"
        inside = _INSIDE.fullmatch(found[1] or "")
        if inside is None:
            problems.append(f"{path}: `${{` must begin a variable such as ${{NAME}}; write $${{ for the text itself")
            return ""
        name, default = inside[1], inside[2]
        if name in OWN_SECRETS:
            # Who writes a file need not be who applies it, and could have a master key sent to a web hook.
            problems.append(f"{path}: {name} is Bellhop's own secret, and not for a settings file to read")
            return ""
        value = environment.get(name)
        if default is not None:
            return value or default
        if value is None:
            problems.append(f"{path}: the environment variable {name} is not set")
        return value or ""

    return _REFERENCE.sub(value_of, text)


def escaped(text: str) -> str:
    """`text` so written that substitution gives it back."""
    return text.replace("${", "$${")
