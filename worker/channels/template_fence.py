"""Templates as they are compiled: what could go on without end is refused, and what takes work is made to count it."""

from __future__ import annotations

from typing import Any, Final, cast

from jinja2 import nodes
from jinja2.exceptions import TemplateSyntaxError
from jinja2.visitor import NodeTransformer

REFUSED: Final = (
    # What could call itself, or reach another template.
    nodes.Macro,
    nodes.CallBlock,
    nodes.Block,
    nodes.Extends,
    nodes.Include,
    nodes.Import,
    nodes.FromImport,
    # What gathers output where nobody counts it.
    nodes.AssignBlock,
    nodes.FilterBlock,
    # What would make it another kind of text.
    nodes.ScopedEvalContextModifier,
)
WORK: Final = "_work"
"""What is left to do stands in this variable."""


class Fence(NodeTransformer):
    """Makes filters that count of what Jinja2 would do by itself; their names in brackets nobody can write."""

    def generic_visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> nodes.Node:
        """Any other node."""
        if isinstance(node, REFUSED):
            raise TemplateSyntaxError(f"{type(node).__name__.lower()} is not allowed", node.lineno)
        return super().generic_visit(node, *args, **kwargs)

    def visit_Name(self, node: nodes.Name) -> nodes.Name:  # noqa: N802 - the visitor's name
        """A variable, read or set."""
        if node.name == WORK:
            raise TemplateSyntaxError(f"{WORK} is not a name for templates", node.lineno)
        return node

    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802 - the visitor's name
        """A loop: each round costs as much as there stands in it."""
        if node.recursive:
            raise TemplateSyntaxError("recursive loops are not allowed", node.lineno)
        size = sum(1 for _ in node.find_all(nodes.Node))
        self.generic_visit(node)
        node.iter = _filtered(node.iter, "(counted)", nodes.Const(size))
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Expr:  # noqa: N802 - the visitor's name
        """`~` is made a `+`, which the sandbox looks at."""
        self.generic_visit(node)
        joined, *others = (_filtered(part, "string") for part in node.nodes)
        for other in others:
            joined = nodes.Add(joined, other, lineno=node.lineno)
        return joined

    def visit_Compare(self, node: nodes.Compare) -> nodes.Compare:  # noqa: N802 - the visitor's name
        """Both sides may be long, or deep."""
        self.generic_visit(node)
        node.expr = _looked_at(node.expr)
        for operand in node.ops:
            operand.expr = _looked_at(operand.expr)
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Expr:  # noqa: N802 - the visitor's name
        """A slice is a copy."""
        self.generic_visit(node)
        if not isinstance(node.arg, nodes.Slice):
            return node
        ends = (node.arg.start, node.arg.stop, node.arg.step)
        return _filtered(node.node, "(sliced)", *(end or nodes.Const(None) for end in ends))

    def visit_List(self, node: nodes.List) -> nodes.Expr:  # noqa: N802 - the visitor's name
        """A list of lists of lists soon has more in it than anybody can look at."""
        self.generic_visit(node)
        return _filtered(node, "(made)")

    def visit_Dict(self, node: nodes.Dict) -> nodes.Expr:  # noqa: N802 - the visitor's name
        """The same; its keys are looked at as soon as it is made."""
        self.generic_visit(node)
        for pair in node.items:
            pair.key = _looked_at(pair.key)
        return _filtered(node, "(made)")

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Expr:  # noqa: N802 - the visitor's name
        """The same, where it is no list of names to assign to."""
        self.generic_visit(node)
        return node if node.ctx == "store" else _filtered(node, "(made)")


def _looked_at(node: nodes.Expr) -> nodes.Expr:
    return node if isinstance(node, nodes.Const) else _filtered(node, "(looked_at)")


def _filtered(node: nodes.Node, name: str, *args: nodes.Expr) -> nodes.Expr:
    return nodes.Filter(cast("nodes.Expr", node), name, list(args), [], None, None, lineno=node.lineno)
