"""Writes the README's table of all settings, from their descriptions: `python -m config.describe`."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from config.settings import PREFIX, SECRETS, Settings

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- settings: made by `python -m config.describe` -->\n", "<!-- end of settings -->\n"
INTRODUCTION = "From the environment or a `.env` file ([an example](config/example.env)). "


def described(readme: str) -> str:
    """`readme` with the table as it should be; ValueError where its two marks are missing."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the README lacks the marks {BEGIN.strip()} and {END.strip()}")
    return f"{before}{BEGIN}{table()}{END}{after}"


def table() -> str:
    """The introduction and one line per setting, in the order of the code; Markdown."""
    files = " and ".join(f"`{PREFIX}{name.upper()}_FILE`" for name in SECRETS)
    head = f"{INTRODUCTION}{files} may name a file that holds the secret.\n\n"
    return head + "| variable | default | what it is |\n|---|---|---|\n" + "".join(rows())


def rows() -> Iterator[str]:
    """One line of the table per setting."""
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
    README.write_text(described(README.read_text("utf-8")), "utf-8")
