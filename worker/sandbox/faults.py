"""Faults on demand: rules in order, and the first that matches a request decides what goes wrong with it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator

from worker.errors import InvalidSettings
from worker.sandbox.limits import Rate, Windows, parse_rate

ChannelName = Literal["hipchat", "slack", "pagerduty", "nrdp", "webhook", "email", "nsca"]
TOO_MANY_REQUESTS = 429


class Rule(BaseModel):
    """What goes wrong, with what, and how often. Unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channel: ChannelName | None = Field(default=None, description="Which channel; all of them where absent.")
    to: str = Field(default="*", max_length=300, description="A glob on what `to` shows in the arrivals.")
    share: float = Field(default=1, ge=0, le=1, description="The share of matching requests that it befalls.")
    times: int | None = Field(default=None, ge=1, description="How often, before the rule is spent.")
    latency_s: float = Field(default=0, ge=0, le=3600, description="The request is taken; the answer comes so late.")
    status: int | None = Field(default=None, ge=200, le=599, description="Answered instead; nothing is taken.")
    headers: dict[str, str] = Field(default_factory=dict, description="Of that answer.")
    body: Any = Field(default=None, description="Of that answer: text as it is, anything else as JSON.")
    drop: Literal["before", "after"] | None = Field(
        default=None,
        description="Close the connection `before` the request is read, or `after` it was taken, without an answer.",
    )
    hang: bool = Field(default=False, description="Read the request, do nothing with it, and never answer.")
    rate: str | None = Field(default=None, description="What exceeds this rate, such as 30/min, is answered 429.")

    @field_validator("headers")
    @classmethod
    def _one_line_each(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
                raise ValueError(f"{name!r} is not a header's name")
            if not value.isprintable():
                raise ValueError(f"the value of {name} must be one line of printable text")
        return headers

    @field_validator("rate")
    @classmethod
    def _is_a_rate(cls, rate: str | None) -> str | None:
        if rate is not None and parse_rate(rate) is None:
            raise ValueError("leave the field out where there is no limit")
        return rate

    @model_validator(mode="after")
    def _does_one_thing(self) -> Self:
        ends = [self.status is not None or self.rate is not None, self.drop is not None, self.hang]
        if sum(ends) > 1:
            raise ValueError("a rule has one end: a status (or a rate), drop, or hang")
        if not any(ends) and not self.latency_s:
            raise ValueError("a rule needs latency_s, status, rate, drop or hang")
        return self

    @property
    def limit(self) -> Rate | None:
        """`rate`, parsed."""
        return parse_rate(self.rate) if self.rate else None


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one request."""

    rule: Rule
    retry_after_s: int | None = None
    """Set where it exceeds the rule's rate, in whole seconds."""

    @property
    def status(self) -> int | None:
        """What is answered instead of the vendor's answer; None where the vendor is to answer."""
        if self.retry_after_s is not None:
            return self.rule.status or TOO_MANY_REQUESTS
        return self.rule.status

    @property
    def words(self) -> str:
        """What the page says of it."""
        rule = self.rule
        if rule.drop:
            return f"fault: connection closed {rule.drop} it was read"
        if rule.hang:
            return "fault: never answered"
        late = f"answered {rule.latency_s:g} s late" if rule.latency_s else ""
        said = f"answered {self.status}" if self.status else ""
        return "fault: " + ", ".join(filter(None, [said, late]))


class _Armed:
    """A rule and how far it is spent."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.applied = 0
        self._windows = Windows(rule.limit) if rule.limit else None

    def strike(self, channel: str, to: str, now: float, chance: Callable[[], float]) -> Fault | None:
        """The fault that this request meets here, or None where the next rule is to be asked."""
        rule = self.rule
        if rule.channel not in {None, channel} or (rule.times is not None and self.applied >= rule.times):
            return None
        if rule.to != "*" and not fnmatchcase(to, rule.to):
            return None
        if rule.share < 1 and chance() >= rule.share:
            return None
        wait = self._excess(now)
        if wait == 0:
            return None
        self.applied += 1
        return Fault(rule, wait)

    def _excess(self, now: float) -> int | None:
        """Whole seconds until the rule's rate allows one more; 0 where it allows this one; None without a rate."""
        if self._windows is None:
            return None
        standing = self._windows.take("", now)
        return 0 if standing.allowed else max(1, round(standing.reset_at - now))


class Faults:
    """The rules that are in force."""

    def __init__(self, rules: Iterable[Rule] = (), chance: Callable[[], float] = random.random) -> None:
        self._chance = chance
        self._armed: list[_Armed] = []
        self.drops_before = False
        """Whether any rule closes connections before the request is read."""
        self.replace(rules)

    def match(self, channel: str, to: str, now: float) -> Fault | None:
        """The fault of the first rule that matches, counted; None where nothing goes wrong."""
        for armed in self._armed:
            fault = armed.strike(channel, to, now, self._chance)
            if fault is not None:
                return fault
        return None

    def replace(self, rules: Iterable[Rule]) -> None:
        """These rules and no others, none of them spent."""
        self._armed = [_Armed(rule) for rule in rules]
        self._note()

    def add(self, rule: Rule) -> None:
        """One more rule, after the others."""
        self._armed.append(_Armed(rule))
        self._note()

    def clear(self) -> None:
        """No faults."""
        self.replace(())

    def listed(self) -> list[dict[str, Any]]:
        """The rules, each with how often it was `applied`."""
        return [{**armed.rule.model_dump(exclude_defaults=True), "applied": armed.applied} for armed in self._armed]

    def _note(self) -> None:
        self.drops_before = any(armed.rule.drop == "before" for armed in self._armed)


_RULES = TypeAdapter(list[Rule])


def read_rules(content: Any) -> list[Rule]:
    """A JSON array of rules, or an object with it under `faults`; InvalidSettings with every problem and its path."""
    if isinstance(content, dict) and set(content) == {"faults"}:
        content = content["faults"]
    try:
        return _RULES.validate_python(content)
    except ValidationError as error:
        raise InvalidSettings([_sentence(problem) for problem in error.errors()]) from None


def read_rule(text: str) -> Rule:
    """One rule of the command line: a JSON object, or `channel=hipchat,status=503,share=0.1`."""
    try:
        content = orjson.loads(text) if text.lstrip().startswith("{") else _pairs(text)
        return Rule.model_validate(content)
    except orjson.JSONDecodeError as error:
        raise InvalidSettings([f"not JSON: {error}"]) from None
    except ValidationError as error:
        raise InvalidSettings([_sentence(problem) for problem in error.errors()]) from None


def _pairs(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(equals for _, equals, _ in pairs):
        raise InvalidSettings([f"{text!r} is neither JSON nor name=value,name=value"])
    return {name.strip(): value.strip() for name, _, value in pairs}


def _sentence(problem: Any) -> str:
    path = ".".join(str(part) for part in problem["loc"]) or "rule"
    return f"{path}: {problem['msg'].removeprefix('Value error, ')}"
