"""House rules that no linter knows."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.conventions.sources import at, called, calls, ours, tree

PRODUCT = ours(".py", under="rollouts/")
DOMAIN = ours(".py", under="rollouts/domain/")
THE_ONE_DOOR = Path("rollouts/pipeline/transitions.py")


def test_bells_ring_after_the_commit_only() -> None:
    # `.delay()` inside a transaction wakes a worker that can't see the row yet.
    rung = [at(path, call) for path in PRODUCT for call in calls(path, "delay", "apply_async")]

    assert rung == []


def test_the_future_lives_in_columns_and_not_in_the_queue() -> None:
    # With Redis a message held longer than the visibility timeout is delivered twice.
    words = {"eta", "countdown"}
    found = [
        at(path, call)
        for path in PRODUCT
        for call in (node for node in ast.walk(tree(path)) if isinstance(node, ast.Call))
        if called(call).startswith(("delay", "apply", "send_task")) and words & keywords(call)
    ]
    imported = [
        at(path, node)
        for path in PRODUCT
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom)
        and node.module == "celery"
        and {"chord", "group", "chain"} & {name.name for name in node.names}
    ]

    assert found + imported == []


def test_tasks_carry_ids_only_and_return_nothing() -> None:
    wrong = []
    for path in PRODUCT:
        for function in tasks(path):
            arguments = [*function.args.args, *function.args.kwonlyargs]
            for argument in arguments:
                kind = ast.unparse(argument.annotation) if argument.annotation else ""
                if not (argument.arg.endswith("_id") and kind in {"int", "str", "UUID"}):
                    wrong.append(f"{at(path, function)}: {argument.arg}")
            if function.returns is None or ast.unparse(function.returns) != "None":
                wrong.append(f"{at(path, function)}: returns something")

    assert wrong == []


def test_celery_tasks_live_in_one_file() -> None:
    homes = {path for path in PRODUCT if any(tasks(path))}

    assert homes <= {Path("rollouts/tasks.py")}


def test_state_changes_through_the_one_door() -> None:
    written = [
        at(path, node)
        for path in PRODUCT
        if path != THE_ONE_DOOR and "simulator" not in path.parts
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Attribute) and target.attr == "state"
    ]

    assert written == []


def test_the_domain_does_not_look_at_a_clock() -> None:
    looked = [
        at(path, call) for path in DOMAIN for call in calls(path, "now", "today", "utcnow", "time")
    ]

    assert DOMAIN
    assert looked == []


def test_every_module_has_a_sentence_about_itself() -> None:
    silent = [
        str(path)
        for path in [*PRODUCT, *ours(".py", under="pushboard/")]
        if "migrations" not in path.parts and not ast.get_docstring(tree(path))
    ]

    assert silent == []


def keywords(call: ast.Call) -> set[str]:
    return {keyword.arg for keyword in call.keywords if keyword.arg}


def tasks(path: Path) -> Iterator[ast.FunctionDef]:
    """The functions of a file that Celery may call."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef):
            decorators = {ast.unparse(each).split("(")[0] for each in node.decorator_list}
            if decorators & {"shared_task", "app.task", "celery_app.task"}:
                yield node
