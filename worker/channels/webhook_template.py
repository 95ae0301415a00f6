"""Body templates of web hooks: Jinja2, fenced in, since app owners write them and workers are shared.

A template can reach nothing but the variables that it is given, and can neither loop, multiply nor print without
bound: https://jinja.palletsprojects.com/en/stable/sandbox/#security-considerations
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, cast

import orjson
from jinja2 import StrictUndefined, Template, Undefined, nodes, pass_context
from jinja2.exceptions import TemplateError, TemplateSyntaxError
from jinja2.filters import FILTERS
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

OUTPUT_BYTES = 262_144
STEPS = 20_000
"""How many rounds all loops of one rendering may take together."""
SOURCE_CHARS = 32_768


def check_template(source: str) -> str:
    """`source` itself; ValueError with the line and what is wrong with it."""
    _compiled(source)
    return source


def render(source: str, variables: Mapping[str, Any]) -> bytes:
    """The body; ValueError where the template fails, or would make more than 256 KiB of it."""
    try:
        return _generated(_compiled(source), variables)
    except Exception as error:  # noqa: BLE001 - a template can fail in any way, and always for the same reason
        raise ValueError(f"body: the template cannot be rendered: {error}"[:500]) from None


def _generated(template: Template, variables: Mapping[str, Any]) -> bytes:
    parts, size = [], 0
    for part in template.generate(variables, _steps=iter(range(STEPS))):
        parts.append(part.encode("utf-8", "replace"))
        size += len(parts[-1])
        _bounded(size)
    return b"".join(parts)


def _bounded(size: int) -> None:
    if size > OUTPUT_BYTES:
        raise ValueError(f"it makes more than {OUTPUT_BYTES // 1024} KiB")


@lru_cache(maxsize=512)
def _compiled(source: str) -> Template:
    try:
        return _ENVIRONMENT.from_string(_Fence().visit(_ENVIRONMENT.parse(source)))
    except TemplateSyntaxError as error:
        raise ValueError(f"line {error.lineno}: {error.message}") from None
    except (TemplateError, SyntaxError, RecursionError, MemoryError, OverflowError):
        raise ValueError("is nested too deep, or no template at all") from None


_REFUSED = (
    nodes.Macro,
    nodes.CallBlock,
    nodes.Block,
    nodes.Extends,
    nodes.Include,
    nodes.Import,
    nodes.FromImport,
)


class _Fence(NodeTransformer):
    """Refuses what could call itself, counts the rounds of loops, and makes `~` a `+`, which the sandbox looks at."""

    def generic_visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> nodes.Node:
        if isinstance(node, _REFUSED):
            raise TemplateSyntaxError(f"{type(node).__name__.lower()} is not allowed", node.lineno)
        return super().generic_visit(node, *args, **kwargs)

    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802 - the visitor's name
        if node.recursive:
            raise TemplateSyntaxError("recursive loops are not allowed", node.lineno)
        self.generic_visit(node)
        node.iter = _filtered(node.iter, "counted")
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Expr:  # noqa: N802 - the visitor's name
        self.generic_visit(node)
        joined, *others = (_filtered(part, "string") for part in node.nodes)
        for other in others:
            joined = nodes.Add(joined, other, lineno=node.lineno)
        return joined


def _filtered(node: nodes.Node, name: str) -> nodes.Expr:
    return nodes.Filter(cast("nodes.Expr", node), name, [], [], None, None, lineno=node.lineno)


class _Sandbox(ImmutableSandboxedEnvironment):
    """What Jinja2's own sandbox leaves open, closed: text that grows without bound."""

    intercepted_binops = frozenset({"*", "**", "%", "+"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if not numbers and operator != "+":
            raise TypeError(f"{operator} is for numbers")
        if operator == "**" and (abs(left) > 1e6 or abs(right) > 8):
            raise ValueError("a power too large")
        if not numbers:
            _bounded(len(left) + len(right))
        return super().call_binop(context, operator, left, right)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, str):
            return attr in _TEXT_METHODS
        return super().is_safe_attribute(obj, attr, value)


# fmt: off
_TEXT_METHODS = frozenset({
    "capitalize", "casefold", "count", "endswith", "find", "isalnum", "isalpha", "isdigit", "islower",
    "isnumeric", "isspace", "isupper", "lower", "lstrip", "partition", "removeprefix", "removesuffix", "rfind",
    "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "swapcase", "title", "upper",
})
# fmt: on


@pass_context
def _counted(context: Context, values: Iterable[Any]) -> Iterator[Any]:
    steps: Iterator[int] = context["_steps"]
    for value in values:
        if next(steps, None) is None:
            raise ValueError(f"its loops take more than {STEPS} rounds")
        yield value


def _scalar(value: Any) -> Any:
    """What may be printed as it is; a list within lists could be far larger than it looks."""
    if value is None or isinstance(value, str | int | float | Undefined):
        return value
    raise TypeError("a list or a map is printed with | tojson")


def _string(value: Any) -> str:
    return str(_scalar(value))


def _join(values: Iterable[Any], separator: str = "") -> str:
    parts, size = [], 0
    for value in values:
        parts.append(_string(value))
        size += len(parts[-1]) + len(separator)
        _bounded(size)
    return separator.join(parts)


def _replace(text: str, old: str, new: str) -> str:
    _bounded(len(text) + text.count(old) * len(new))
    return text.replace(old, new)


def _to_json(value: Any) -> str:
    _weigh(value, iter(range(OUTPUT_BYTES)))
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


def _weigh(value: Any, left: Iterator[int]) -> None:
    if isinstance(value, Undefined):
        str(value)  # raises, with the name of what is missing
    if next(left, None) is None:
        _bounded(OUTPUT_BYTES + 1)
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return
    for part in value:
        _weigh(part, left)


# fmt: off
_PLAIN_FILTERS = frozenset({
    "abs", "capitalize", "count", "d", "default", "dictsort", "first", "float", "int", "items", "last", "length",
    "list", "lower", "map", "max", "min", "reject", "rejectattr", "reverse", "round", "select", "selectattr",
    "sort", "title", "trim", "truncate", "unique", "upper", "urlencode",
})
# fmt: on


def _environment() -> _Sandbox:
    environment = _Sandbox(autoescape=False, undefined=StrictUndefined, finalize=_scalar, keep_trailing_newline=True)
    environment.filters = {name: FILTERS[name] for name in _PLAIN_FILTERS}
    environment.filters |= {
        "counted": _counted,
        "e": html.escape,
        "escape": html.escape,
        "join": _join,
        "replace": _replace,
        "string": _string,
        "tojson": _to_json,
    }
    environment.globals = {name: environment.globals[name] for name in ("range", "dict")}
    return environment


_ENVIRONMENT = _environment()
