"""Twelve rules taken away, one by one, under the seeded fault schedules on PostgreSQL.

A schedule is judged by the judge of all batteries and by what ``questions`` asks in addition; with
every rule standing the same trouble must pass.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

from tests.batteries.demo import ROOT
from tests.batteries.mutations.part import Missed
from tests.batteries.report import table
from tests.batteries.servers.postgres import running

# With every rule standing so many seeds of each trouble are played, whatever was missed before.
STANDING = 20


@dataclass(frozen=True, slots=True)
class Found:
    """What became of the rules; ``whole`` is False when the process came to no end."""

    rules: tuple[Missed, ...]
    whole: bool

    @property
    def caught(self) -> int:
        """How many rules were missed by a schedule."""
        return sum(one.seed is not None for one in self.rules)

    @property
    def wrong(self) -> list[str]:
        """Everything that is not as it should be."""
        lived = [f"{one.rule} was not missed" for one in self.rules if one.seed is None]
        stood = [
            f"with every rule standing, {one.aim}, {one.wrong}" for one in self.rules if one.wrong
        ]
        return [*lived, *stood, *([] if self.whole else ["the schedules came to no end"])]


def take_away(seeds: int, standing: int, only: str) -> Found:
    """Play the schedules in a process of its own, on a server of its own."""
    rules = []
    with running() as server:
        command = [
            sys.executable, "-m", "tests.batteries.mutations.part", server.create("mutations"),
            str(seeds), str(standing), only,
        ]  # fmt: skip
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as part:
            assert part.stdout is not None
            for line in part.stdout:
                rules.append(Missed(**json.loads(line)))
                one = rules[-1]
                print(f"  {one.rule:32} seed {one.seed}: {one.by[:90]}", flush=True)
    return Found(tuple(rules), whole=part.returncode == 0 and bool(rules))


def tell(found: Found) -> str:
    """The table of the rules, as docs/reliability.md has it."""
    return table(
        ("rule taken away", "trouble", "missed by seed", "what was seen", "good with every rule"),
        [
            (
                one.rule.replace("_", " "),
                one.aim.replace("_", " "),
                "none" if one.seed is None else str(one.seed),
                one.by.splitlines()[0][:110].replace("|", "/") if one.by else "",
                one.wrong[:110].replace("|", "/") or f"{one.standing} of {one.standing} seeds",
            )
            for one in found.rules
        ],
    )
