"""Writes the tables of settings from their descriptions: `python -m config.describe`."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from config.settings import PREFIX, SECRETS, Settings

ROOT = Path(__file__).parents[1]
README, ALL = ROOT / "README.md", ROOT / "docs/settings.md"
IN_README = (
    "redis_url",
    "prefix",
    "state_dir",
    "master_keys",
    "allowed_addresses",
    "results",
    "retention_hours",
    "firing_deadline_s",
)
"""Those that a newcomer may want; the others are for who runs it at a size."""
BEGIN, END = "<!-- settings: made by `python -m config.describe` -->\n", "<!-- end of settings -->\n"
INTRODUCTION = "From the environment or a `.env` file ([an example](%sconfig/example.env))."


def readme_with_table(readme: str) -> str:
    """The README with its table as it should be, of the settings in IN_README."""
    more = f"\n[All {len(Settings.model_fields)} settings](docs/settings.md).\n"
    return _between_marks(readme, INTRODUCTION % "" + "\n\n" + table(IN_README) + more)


def page_with_table(page: str) -> str:
    """docs/settings.md with its table as it should be, of all settings."""
    files = " and ".join(f"`{PREFIX}{name.upper()}_FILE`" for name in SECRETS)
    head = f"{INTRODUCTION % '../'} {files} may name a file that holds the secret.\n\n"
    return _between_marks(page, head + table(Settings.model_fields))


def _between_marks(page: str, made: str) -> str:
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page lacks the marks {BEGIN.strip()} and {END.strip()}")
    return f"{before}{BEGIN}{made}{END}{after}"


def table(names: Collection[str]) -> str:
    """One line per setting, in the order of the code; Markdown."""
    return "| variable | default | what it is |\n|---|---|---|\n" + "".join(rows(names))


def rows(names: Collection[str]) -> Iterator[str]:
    """One line of the table for each of these settings."""
    for name, field in Settings.model_fields.items():
        if name in names:
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
    README.write_text(readme_with_table(README.read_text("utf-8")), "utf-8")
    ALL.write_text(page_with_table(ALL.read_text("utf-8")), "utf-8")
