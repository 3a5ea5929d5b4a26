"""Our own files, and their syntax trees, for the tests of the house rules."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What machines make for themselves, and what others wrote.
_NOT_OURS = {
    ".git",
    ".hypothesis",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".venv",
    "__pycache__",
    "htmlcov",
    "staticfiles",
    "test-results",
    "var",
    "vendor",
}


@cache
def files() -> tuple[Path, ...]:
    """Every file of the clone that people wrote, relative to its root."""
    found: list[Path] = []
    for folder, below, names in os.walk(ROOT):
        below[:] = sorted(set(below) - _NOT_OURS)
        found += [Path(folder, name).relative_to(ROOT) for name in sorted(names)]
    return tuple(found)


def ours(*suffixes: str, under: str = "") -> list[Path]:
    """Our files with one of these suffixes below a folder."""
    return [path for path in files() if path.suffix in suffixes and str(path).startswith(under)]


def text(path: Path) -> str:
    """The content of one of our files."""
    return (ROOT / path).read_text(encoding="utf-8")


@cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of a Python file."""
    return ast.parse(text(path), str(path))


def calls(path: Path, *names: str) -> Iterator[ast.Call]:
    """Each call of a function or method with one of these names."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and called(node) in names:
            yield node


def called(call: ast.Call) -> str:
    """The last part of what is called: `delay` for `task.delay(1)`."""
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


def at(path: Path, node: ast.stmt | ast.expr) -> str:
    """Where to look, for a failing test."""
    return f"{path}:{node.lineno}"
