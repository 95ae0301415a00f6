"""Body templates of web hooks: Jinja2, fenced in, since app owners write them and workers are shared.

A template can reach nothing but the variables that it is given, and can neither loop, multiply nor print without
bound: https://jinja.palletsprojects.com/en/stable/sandbox/#security-considerations
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

import orjson
from jinja2 import StrictUndefined, Template, Undefined, pass_context
from jinja2.exceptions import TemplateError, TemplateSyntaxError
from jinja2.filters import FILTERS
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS

from worker.channels.template_fence import WORK, Fence
from worker.channels.template_work import CALL, OUTPUT_BYTES, SORTED, Work, within

__all__ = ["OUTPUT_BYTES", "SOURCE_CHARS", "check_template", "render"]

SOURCE_CHARS: Final = 32_768
DIGITS: Final = 15
"""A float has no more of them."""


def check_template(source: str) -> str:
    """`source` itself; ValueError with the line and what is wrong with it."""
    _compiled(source)
    return source


def render(source: str, variables: Mapping[str, Any]) -> bytes:
    """The body; ValueError where the template fails, does too much, or would make more than 256 KiB of it."""
    try:
        return _generated(_compiled(source), variables)
    except Exception as error:  # noqa: BLE001 - a template can fail in any way, and always for the same reason
        raise ValueError(f"body: the template cannot be rendered: {error}"[:500]) from None


def _generated(template: Template, variables: Mapping[str, Any]) -> bytes:
    parts, size = [], 0
    for part in template.generate(variables, **{WORK: Work()}):
        parts.append(part.encode("utf-8", "replace"))
        size += len(parts[-1])
        within(size)
    return b"".join(parts)


@lru_cache(maxsize=512)
def _compiled(source: str) -> Template:
    try:
        return _ENVIRONMENT.from_string(Fence().visit(_ENVIRONMENT.parse(source)))
    except TemplateSyntaxError as error:
        raise ValueError(f"line {error.lineno}: {error.message}") from None
    except (TemplateError, SyntaxError, RecursionError, MemoryError, OverflowError):
        raise ValueError("is nested too deep, or no template at all") from None


def _work(context: Context) -> Work:
    work: Work = context[WORK]
    return work


class _Sandbox(ImmutableSandboxedEnvironment):
    """What Jinja2's own sandbox leaves open, closed: work and memory without bound."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic is for numbers of reasonable size; `+` joins texts and lists, too."""
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if not numbers and operator != "+":
            raise TypeError(f"{operator} is for numbers")
        if operator == "**" and (abs(left) > 1e6 or abs(right) > 8):
            raise ValueError("a power too large")
        work = _work(context)
        if not numbers:
            within(len(left) + len(right))
            work.look_at((left, right))
        return work.kept(super().call_binop(context, operator, left, right))

    def call(self, context: Context, obj: Any, *args: Any, **kwargs: Any) -> Any:
        """A method that is safe, or `range` or `dict`."""
        work = _work(context)
        work.spend(CALL)
        work.look_at((*args, *kwargs.values()))
        owner = getattr(obj, "__self__", None)
        if isinstance(owner, Mapping | LoopContext):  # a look-up
            return super().call(context, obj, *args, **kwargs)
        work.look_at((owner,))
        return work.kept(super().call(context, obj, *args, **kwargs))

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Only methods that are known to be harmless."""
        del value
        return any(isinstance(obj, kind) and attr in allowed for kind, allowed in _METHODS)

    def wrap_str_format(self, value: Any) -> None:
        """Jinja2 lets `format` through before it asks; `'{:>999999999}'.format(1)` is a gigabyte."""


# fmt: off
_METHODS: Final[tuple[tuple[type, frozenset[str]], ...]] = (
    (str, frozenset({
        "capitalize", "casefold", "count", "endswith", "find", "isalnum", "isalpha", "isdigit", "islower",
        "isnumeric", "isspace", "isupper", "lower", "lstrip", "partition", "removeprefix", "removesuffix", "rfind",
        "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "swapcase", "title", "upper",
    })),
    (Mapping, frozenset({"get", "items", "keys", "values"})),
    (list, frozenset({"count", "index"})),
    (tuple, frozenset({"count", "index"})),
    (LoopContext, frozenset({
        "changed", "cycle", "depth", "depth0", "first", "index", "index0", "last", "length", "nextitem", "previtem",
        "revindex", "revindex0",
    })),
)
_CHEAP_FILTERS: Final = frozenset({"count", "d", "default", "first", "items", "last", "length"})
"""They look at no more than one item."""
_SORTING_FILTERS: Final = frozenset({"dictsort", "sort"})
_PLAIN_FILTERS: Final = _CHEAP_FILTERS | _SORTING_FILTERS | {
    "abs", "capitalize", "float", "int", "list", "lower", "map", "max", "min", "reject", "rejectattr", "reverse",
    "select", "selectattr", "title", "trim", "truncate", "unique", "upper", "urlencode",
}
_PLAIN_TESTS: Final = frozenset({
    "boolean", "defined", "divisibleby", "eq", "equalto", "even", "false", "float", "ge", "greaterthan", "gt", "in",
    "integer", "iterable", "le", "lessthan", "lower", "lt", "mapping", "ne", "none", "number", "odd", "sameas",
    "sequence", "string", "true", "undefined", "upper", "==", "!=", ">", ">=", "<", "<=",
})
# fmt: on


def _counting(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter or test of Jinja2's that counts what it looks at, and bounds what it makes."""
    wanted = getattr(function, "jinja_pass_arg", None)
    times = SORTED if name in _SORTING_FILTERS else 1

    @pass_context
    def counting(context: Context, value: Any, *args: Any, **kwargs: Any) -> Any:
        work = _work(context)
        work.spend(CALL)
        work.look_at((*args, *kwargs.values()))
        if name not in _CHEAP_FILTERS:
            work.look_at((value,), times)
        given = {"context": (context,), "environment": (context.environment,), "eval_context": (context.eval_ctx,)}
        first = given[wanted.name] if wanted is not None else ()
        made = function(*first, value, *args, **kwargs)
        if name in _SORTING_FILTERS:  # what came item by item is known by now
            work.look_at((made,), times)
        return made if name in _CHEAP_FILTERS else work.kept(made)

    return counting


@pass_context
def _counted(context: Context, values: Iterable[Any], size: int) -> Iterator[Any]:
    spend = _work(context).spend
    for value in values:
        spend(size)
        yield value


@pass_context
def _looked_at(context: Context, value: Any) -> Any:
    _work(context).look_at((value,))
    return value


@pass_context
def _made(context: Context, value: Any) -> Any:
    return _work(context).kept(value)


def _sliced(value: Any, start: Any, stop: Any, step: Any) -> Any:
    return value[start:stop:step]


def _scalar(value: Any) -> Any:
    """What may be printed as it is; a list within lists could be far larger than it looks."""
    if value is None or isinstance(value, str | int | float | Undefined):
        return value
    raise TypeError("a list or a map is printed with | tojson")


def _string(value: Any) -> str:
    return str(_scalar(value))


def _round(value: Any, precision: int = 0, method: Any = "common") -> Any:
    return FILTERS["round"](value, max(-DIGITS, min(DIGITS, precision)), method)


def _join(values: Iterable[Any], separator: str = "") -> str:
    parts, size = [], 0
    for value in values:
        parts.append(_string(value))
        size += len(parts[-1]) + len(separator)
        within(size)
    return separator.join(parts)


def _replace(text: str, old: str, new: str) -> str:
    within(len(text) + text.count(old) * len(new))
    return text.replace(old, new)


def _to_json(value: Any) -> str:
    _weigh(value, [OUTPUT_BYTES])
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


def _weigh(value: Any, left: list[int]) -> None:
    """Before it is written: text and items together must fit into the body."""
    if isinstance(value, Undefined):
        str(value)  # raises, with the name of what is missing
    left[0] -= len(value) if isinstance(value, str) else 1
    within(OUTPUT_BYTES - left[0])
    if isinstance(value, Mapping):
        for part in (*value, *value.values()):
            _weigh(part, left)
    elif isinstance(value, list | tuple):
        for part in value:
            _weigh(part, left)


def _environment() -> _Sandbox:
    environment = _Sandbox(
        autoescape=False,
        undefined=StrictUndefined,
        finalize=_scalar,
        keep_trailing_newline=True,
        # It works constants out beforehand, and takes seconds for a few hundred operators in each other.
        optimized=False,
    )
    own = {
        "e": html.escape,
        "escape": html.escape,
        "join": _join,
        "replace": _replace,
        "round": _round,
        "(sliced)": _sliced,
        "string": _string,
        "tojson": _to_json,
    }
    functions: dict[str, Callable[..., Any]] = {name: FILTERS[name] for name in _PLAIN_FILTERS} | own
    environment.filters = {name: _counting(name, function) for name, function in functions.items()}
    environment.filters |= {"(counted)": _counted, "(looked_at)": _looked_at, "(made)": _made}
    tests: Mapping[str, Any] = TESTS
    environment.tests = {name: _counting(name, tests[name]) for name in _PLAIN_TESTS}
    environment.globals = {name: environment.globals[name] for name in ("range", "dict")}
    return environment


_ENVIRONMENT = _environment()
