"""Answers broken on purpose, each in one way that a careless simulator might get wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from rollouts.simulator import Request, Response


def _no_failed_rows(request: Request, response: Response) -> None:
    """Bulk API 2.0 says that no row failed."""
    if request.path.lower().endswith("/failedresults"):
        response.body = response.body.partition(b"\n")[0] + b"\n"


def _counts_without_names(request: Request, response: Response) -> None:
    """An unnamed count comes as `count` in place of `expr0`."""
    if "Count(Id)" in request.query.get("q", ""):
        response.body = response.body.replace(b'"expr0"', b'"count"')


def _trees_never_fail(request: Request, response: Response) -> None:
    """A tree with a refused record answers as if it had been created."""
    if "/composite/tree/" in request.path and response.status == 400:
        response.status = 201
        response.body = json.dumps({"hasErrors": False, "results": []}).encode()


def _no_children(request: Request, response: Response) -> None:
    """Child queries find nothing."""
    if "FROM PackagePushErrors" in request.query.get("q", "") and response.status == 200:
        told = json.loads(response.body)
        for record in told["records"]:
            record["PackagePushErrors"] = None
        response.body = json.dumps(told).encode()


SPOILERS: Final[dict[str, Callable[[Request, Response], None]]] = {
    "no-failed-rows": _no_failed_rows,
    "counts-without-names": _counts_without_names,
    "trees-never-fail": _trees_never_fail,
    "no-children": _no_children,
}
