"""One command of a client and what is held against it."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from .org import Org

_SECONDS: Final = 300
# A command in the report must read the same in each run.
_IDS: Final = ((r"\b04t\w{12,15}\b", "VERSION"), (r"\b0DV\w{12,15}\b", "REQUEST"))
_MORE_IDS: Final = ((r"\b033\w{12,15}\b", "PACKAGE"), (r"(\b00D\w{12}\b,?)+", "ORGS"))


@dataclass(slots=True)
class Case:
    """One command, what it did, and which of its claims did not hold."""

    client: str
    command: str
    code: int
    output: str
    requests: list[dict[str, Any]]
    effects: list[dict[str, Any]]
    held: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def holds(self, claim: str, found: object, expected: object = True) -> None:
        """Compare what was found with what should be."""
        self.held.append(claim)
        if found != expected:
            self.problems.append(f"{claim}: expected {expected!r}, found {found!r}")

    def json(self) -> Any:
        """The output as JSON, or an empty object that no claim fits."""
        start = self.output.find("{")
        try:
            return json.loads(self.output[start:]) if start >= 0 else {}
        except ValueError:
            return {}

    def result(self) -> Any:
        """The result that the Salesforce CLI puts into its JSON."""
        return self.json().get("result")

    def rows(self) -> list[dict[str, str]]:
        """The output as CSV."""
        return list(csv.DictReader(io.StringIO(self.output)))

    def table(self) -> list[list[str]]:
        """The rows of the tables that the output draws, headings among them."""
        lines = [line for line in self.output.splitlines() if "│" in line]
        return [[cell.strip() for cell in line.strip().strip("│").split("│")] for line in lines]

    def happened(self, **wanted: int) -> None:
        """Exactly these effects on push requests and jobs, counted by kind.

        Others follow by themselves, at times that no command decides: licences that change late.
        """
        counted = Counter(
            effect["kind"]
            for effect in self.effects
            if effect["kind"].startswith(("request_", "job_"))
        )
        said = ", ".join(_words(kind, count) for kind, count in wanted.items()) or "no push move"
        self.holds(f"the org saw {said}", dict(counted), dict(wanted))

    def orgs(self, kind: str) -> set[str]:
        """The orgs that an effect of a kind befell."""
        return {effect["org"] for effect in self.effects if effect["kind"] == kind}

    def request_id(self) -> str:
        """The push request that the command created, or an empty text."""
        made = [one["request_id"] for one in self.effects if one["kind"] == "request_created"]
        return str(made[0]) if len(made) == 1 else ""


class Book:
    """All cases of a run."""

    def __init__(self) -> None:
        self.cases: list[Case] = []

    @property
    def problems(self) -> list[str]:
        """What did not hold, with the command it belongs to."""
        return [f"{case.command}\n    {one}" for case in self.cases for one in case.problems]

    def run(
        self,
        client: str,
        org: Org,
        command: Sequence[str],
        *,
        program: Path,
        environment: Mapping[str, str],
        folder: Path,
        judge: Callable[[Case], None],
    ) -> Case:
        """Run a command, gather what the org saw of it, and judge it."""
        before, asked = org.last_effect(), len(org.requests())
        try:
            done = subprocess.run(
                [str(program), *command],
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                check=False,
            )
            code, output, noise = done.returncode, done.stdout, done.stderr
        except subprocess.TimeoutExpired:
            code, output, noise = -1, "", f"It took longer than {_SECONDS} s."
        case = Case(
            client,
            _readable(" ".join([program.name, *command])),
            code,
            output,
            org.requests(asked),
            org.effects(before),
        )
        try:
            judge(case)
        except (LookupError, TypeError, ValueError, AttributeError) as odd:
            case.problems.append(f"its answer has another form: {type(odd).__name__}: {odd}")
        if case.problems:
            case.problems.append(f"it said: {(noise.strip() or output.strip())[-1_500:]}")
        self.cases.append(case)
        print(f"  {'FAIL' if case.problems else 'ok  '}  {case.command}", flush=True)
        for problem in case.problems:
            print(f"        {problem}", flush=True)
        return case


def _words(kind: str, count: int) -> str:
    thing, _, what = kind.partition("_")
    return f"{count} {thing}{'' if count == 1 else 's'} {what}"


def _readable(command: str) -> str:
    for pattern, word in (*_IDS, *_MORE_IDS):
        command = re.sub(pattern, word, command)
    return command
