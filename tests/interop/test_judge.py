"""The check itself: it must be able to fail, and to write its page twice."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, cast

import pytest

from rollouts.simulator import Request, Response

from . import report
from .judge import Book, Case
from .org import Org
from .spoil import SPOILERS


class StillOrg:
    """An org that notes what it is told to have seen."""

    def __init__(self, kinds: list[str]) -> None:
        self.kinds = kinds
        self.asked = 0

    def last_effect(self) -> int:
        return 0

    def requests(self, after: int = 0) -> list[dict[str, Any]]:
        self.asked += 1
        call = {"method": "GET", "path": "/services/data/v67.0/query", "query": {}, "status": 200}
        return [call] if self.asked > 1 else []

    def effects(self, after: int = 0) -> list[dict[str, Any]]:
        return [{"kind": kind, "org": "00D", "request_id": "0DV"} for kind in self.kinds]


def run(code: str, kinds: list[str], judge: Any, folder: Path) -> Case:
    return Book().run(
        "Python",
        cast("Org", StillOrg(kinds)),
        ("-c", code),
        program=Path(sys.executable),
        environment={},
        folder=folder,
        judge=judge,
    )


def judge(case: Case) -> None:
    case.holds("exit code", case.code, 0)
    case.happened(request_created=1, job_created=2)
    case.holds("it says so", case.json()["done"])


MADE = ["bulk_created", "licence_changed", "request_created", "job_created", "job_created"]


def test_a_command_that_does_what_it_says_has_no_problems(tmp_path: Path) -> None:
    case = run("print('{\"done\": true}')", MADE, judge, tmp_path)
    assert case.problems == []
    assert case.held == ["exit code", "the org saw 1 request created, 2 jobs created", "it says so"]
    assert (case.request_id(), len(case.requests)) == ("0DV", 1)


@pytest.mark.parametrize(
    ("code", "kinds", "problem"),
    [
        ("raise SystemExit(3)", MADE, "exit code: expected 0, found 3"),
        ("print('{\"done\": true}')", MADE[:4], "the org saw 1 request created"),
        ("print('{\"done\": true}')", [*MADE, "job_created"], "the org saw 1 request created"),
        ("print('{\"done\": false}')", MADE, "it says so: expected True, found False"),
        ("print('done')", MADE, "its answer has another form: KeyError"),
    ],
)
def test_a_command_that_does_something_else_has(
    tmp_path: Path, code: str, kinds: list[str], problem: str
) -> None:
    case = run(code, kinds, judge, tmp_path)
    assert case.problems[0].startswith(problem)


def test_ids_and_tables_are_read(tmp_path: Path) -> None:
    case = run("print('│ a │ b │\\n├──┤\\n│ 1 │ │')", [], lambda case: None, tmp_path)
    assert case.table() == [["a", "b"], ["1", ""]]
    named = run(
        f"'04t5g0000100AIdAAM 0DV5g000010023jGAA {'00DKb0001SA73l8,' * 2}'", [], judge, tmp_path
    )
    assert "'VERSION REQUEST ORGS'" in named.command


def test_the_page_is_written_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "interop.md"
    page.write_text(f"Before.\n\n{report.BEGIN}\n{report.END}\n\nAfter.\n", encoding="utf-8")
    case = run("print('{\"done\": true}')", MADE, judge, tmp_path)
    for _ in "ab":
        report.write({"sf": "1"}, [case], {"no-children": "cci"}, page)
    text = page.read_text(encoding="utf-8")
    assert text.startswith("Before.\n")
    assert text.endswith("\n\nAfter.\n")
    assert (
        "| 1: query | exit 0; the org saw 1 request created, 2 jobs created; it says so |" in text
    )
    assert text.count("| sf | 1 |") == 1
    assert "| no children | `cci` |" in text
    page.write_text("Nothing.", encoding="utf-8")
    with pytest.raises(ValueError, match="marks"):
        report.write({}, [], {}, page)


def test_the_page_in_the_docs_has_its_marks() -> None:
    text = report.PAGE.read_text(encoding="utf-8")
    assert text.index(report.BEGIN) < text.index("| CumulusCI |") < text.index(report.END)


@pytest.mark.parametrize("name", sorted(SPOILERS))
def test_each_spoiler_changes_one_answer_and_no_other(name: str) -> None:
    body = (
        b'{"records": [{"expr0": 1, "PackagePushErrors": {"records": []}}]}\n'
        if name != "trees-never-fail"
        else b"[]"
    )
    struck = 0
    for request, status in (
        (Request("GET", "/services/data/v67.0/jobs/ingest/1/failedResults"), 200),
        (Request("GET", "/services/data/v67.0/query", {"q": "SELECT Count(Id) FROM X"}), 200),
        (Request("POST", "/services/data/v38.0/composite/tree/X"), 400),
        (Request("GET", "/q", {"q": "SELECT (SELECT Id FROM PackagePushErrors) FROM X"}), 200),
        (Request("GET", "/services/data/v67.0/limits"), 200),
    ):
        response = (
            Response(status, {}, body + b"more")
            if "failed" in request.path
            else Response(status, {}, body)
        )
        before = (response.status, response.body)
        SPOILERS[name](request, response)
        struck += (response.status, response.body) != before
    assert struck == 1
