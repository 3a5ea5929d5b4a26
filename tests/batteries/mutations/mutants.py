"""Small changes to a piece of source, one at a time: what a test suite must notice.

Kinds: a comparison the other way or off by its edge, ``and`` for ``or``, a condition turned round,
a line, a refusal or a filter left out, a number one more, ``True`` for ``False``, a word changed
where it is compared, plus for minus, ``max`` for ``min``, ``filter`` for ``exclude``, an answer of
nothing. Words for people are left as they are.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

_FLIPS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_NAMES = {
    "max": "min", "min": "max", "any": "all", "all": "any", "filter": "exclude",
    "exclude": "filter",
}  # fmt: skip
_SAME = ast.parse("lambda value: value", mode="eval").body


@dataclass(frozen=True, slots=True)
class Mutant:
    """One changed source: where, what was done, and the whole changed tree."""

    function: str
    line: int
    what: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """How lists of equivalents name it: function and change, without the line."""
        return f"{self.function}: {self.what}"


Change = tuple[str, Callable[[], None]]


def mutants(source: str, functions: tuple[str, ...]) -> Iterator[Mutant]:
    """Every change to these functions; each mutant has exactly one."""
    counted = len(list(_changes(ast.parse(source), functions)))
    for number in range(counted):
        tree = ast.parse(source)
        function, line, (what, do) = list(_changes(tree, functions))[number]
        do()
        yield Mutant(function, line, what, ast.fix_missing_locations(copy.deepcopy(tree)))


def _changes(tree: ast.Module, functions: tuple[str, ...]) -> Iterator[tuple[str, int, Change]]:
    for function in tree.body:
        if not isinstance(function, ast.FunctionDef) or function.name not in functions:
            continue
        # What is asserted tells the type checker what the tables allow; no rule rests on it.
        told = {
            id(part)
            for one in ast.walk(function)
            if isinstance(one, ast.Assert)
            for part in ast.walk(one)
        }
        for node in ast.walk(function):
            if id(node) in told:
                continue
            for change in _of(node):
                yield function.name, getattr(node, "lineno", function.lineno), change


def _of(node: ast.AST) -> Iterator[Change]:
    for kind, changes in _KINDS:
        if isinstance(node, kind):
            yield from changes(node)


def _joined(node: ast.BoolOp) -> Iterator[Change]:
    other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield f"{_text(node)} with {type(other).__name__}", _set(node, "op", other)
    for value in node.values:
        rest = [one for one in node.values if one is not value]
        # Of two the other one stays, said twice: the grammar wants two.
        kept = rest if len(rest) > 1 else rest * 2
        yield f"{_text(node)} without {_text(value)}", _set(node, "values", kept)


def _chosen(node: ast.If | ast.IfExp) -> Iterator[Change]:
    turned = ast.UnaryOp(ast.Not(), node.test)
    yield f"if not {_text(node.test)}", _set(node, "test", turned)
    if isinstance(node, ast.If):
        yield f"without if {_text(node.test)}", _set(node, "test", ast.Constant(value=False))


def _turned(node: ast.UnaryOp) -> Iterator[Change]:
    if isinstance(node.op, ast.Not):
        twice = ast.UnaryOp(ast.Not(), node.operand)
        yield f"{_text(node)} without not", _set(node, "operand", twice)


def _counted(node: ast.BinOp) -> Iterator[Change]:
    if isinstance(node.op, ast.Add | ast.Sub):
        other = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
        yield f"{_text(node)} with {type(other).__name__}", _set(node, "op", other)


def _filtered(node: ast.comprehension) -> Iterator[Change]:
    for test in list(node.ifs):
        yield f"without the filter {_text(test)}", _without(node.ifs, test)


def _said(node: ast.Expr) -> Iterator[Change]:
    if isinstance(node.value, ast.Call):
        yield f"without {_text(node)[:60]}", _set(node, "value", ast.Constant(value=None))


def _returned(node: ast.Return) -> Iterator[Change]:
    nothing = ast.Tuple([], ast.Load())
    if node.value is not None and _text(node.value) != _text(nothing):
        yield f"return nothing for {_text(node.value)}", _set(node, "value", nothing)


def _listed(node: ast.Tuple) -> Iterator[Change]:
    if all(isinstance(part, ast.Tuple | ast.Starred) for part in node.elts):
        for part in list(node.elts):
            yield f"without {_text(part)}", _without(node.elts, part)


def _compared(node: ast.Compare) -> Iterator[Change]:
    for place, op in enumerate(node.ops):
        for other in _FLIPS[type(op)]:
            changed = list(node.ops)
            changed[place] = other()
            yield f"{_text(node)} with {other.__name__}", _set(node, "ops", changed)
    for side in node.comparators:
        if isinstance(side, ast.Constant) and isinstance(side.value, str):
            yield f"{_text(node)} with another word", _set(side, "value", side.value + "X")


def _called(node: ast.Call) -> Iterator[Change]:
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if isinstance(node.func, ast.Attribute) and node.func.attr in ("filter", "exclude"):
        other = _NAMES[node.func.attr]
        yield f"{_text(node)[:60]} with {other}", _set(node.func, "attr", other)
        for keyword in list(node.keywords):
            if len(node.keywords) > 1:
                yield f"{_text(node)[:60]} without {keyword.arg}", _without(node.keywords, keyword)
    elif name in ("max", "min", "any", "all"):
        yield f"{_text(node)[:60]} with {_NAMES[name]}", _set(node.func, "id", _NAMES[name])
    elif name == "abs":
        yield f"{_text(node)} without abs", _set(node, "func", _SAME)


def _constant(node: ast.Constant) -> Iterator[Change]:
    if isinstance(node.value, bool):
        yield f"{not node.value} for {node.value}", _set(node, "value", not node.value)
    elif isinstance(node.value, int):
        yield f"{node.value + 1} for {node.value}", _set(node, "value", node.value + 1)


def _set(node: ast.AST, field: str, value: object) -> Callable[[], None]:
    return lambda: setattr(node, field, value)


def _without(parts: list[ast.expr] | list[ast.keyword], part: object) -> Callable[[], None]:
    return lambda: parts.remove(part)  # type: ignore[arg-type]


def _text(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())


_KINDS: tuple[tuple[Any, Callable[[Any], Iterator[Change]]], ...] = (
    (ast.Compare, _compared),
    (ast.BoolOp, _joined),
    ((ast.If, ast.IfExp), _chosen),
    (ast.UnaryOp, _turned),
    (ast.BinOp, _counted),
    (ast.comprehension, _filtered),
    (ast.Call, _called),
    (ast.Constant, _constant),
    (ast.Expr, _said),
    (ast.Return, _returned),
    (ast.Tuple, _listed),
)
