"""The table of all settings, from their descriptions: `python -m config.describe > docs/settings.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import Enum
from typing import Any

from pydantic.fields import FieldInfo

from config.settings import PREFIX, SECRETS, Settings

COMMAND = "python -m config.describe > docs/settings.md"
INTRODUCTION = f"""\
# Settings

From environment variables, or a `.env` file in the folder where Bellhop runs; the environment comes first.
An empty variable is an unset one. A variable that begins with `{PREFIX}` and is not listed here has no effect;
`bellhop doctor` names such. [`config/example.env`](../config/example.env) is a file to begin with.

| variable | default | what it is |
|---|---|---|
"""
ENDING = f"""
A secret may instead be named by a file that holds it, as Docker and Kubernetes hand them over:
{" and ".join(f"`{PREFIX}{name.upper()}_FILE`" for name in SECRETS)}.

*Made from `config/settings.py` by `{COMMAND}`.*
"""


def document() -> str:
    """The whole page, in Markdown."""
    return INTRODUCTION + "".join(rows()) + ENDING


def rows() -> Iterator[str]:
    """One line of the table per setting, in the order of the code."""
    for name, field in Settings.model_fields.items():
        yield f"| `{PREFIX}{name.upper()}` | {_default(field)} | {_cell(field.description or '')} |\n"


def _default(field: FieldInfo) -> str:
    """As it would be typed; nothing where unset is the default."""
    default = _typed(field.default)
    return f"`{default}`" if default else "unset"


def _typed(value: Any) -> str:
    if value is None or value == ():
        return ""
    return str(value.value if isinstance(value, Enum) else value)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(document())
