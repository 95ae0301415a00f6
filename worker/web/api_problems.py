"""What went wrong, as https://www.rfc-editor.org/rfc/rfc9457 has it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

TYPE: Final = "application/problem+json"


class FieldProblem(BaseModel):
    """One thing to put right."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_serialization_defaults_required=True)

    field: str = Field(description="The path of what is wrong: `settings.room`; empty where it is all of it.")
    detail: str = Field(description="What to do about it.")


class Problem(BaseModel):
    """A request that failed."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_serialization_defaults_required=True)

    type: str = "about:blank"
    title: str = Field(description="What kind of problem it is, in a few words.")
    status: int
    detail: str = Field(description="What to do about it, in a sentence.")
    reference: str = Field(description="Under this the console's log has the rest.")
    problems: list[FieldProblem] = Field(default=[], description="With 422, everything that is wrong.")


def field_problems(said: Iterable[str]) -> list[FieldProblem]:
    """`settings.room: is required` and the like, apart."""
    return [_apart(each) for each in said]


def _apart(said: str) -> FieldProblem:
    path, joint, words = said.partition(": ")
    if not joint or " " in path:
        return FieldProblem(field="", detail=said)
    return FieldProblem(field=path, detail=words)
