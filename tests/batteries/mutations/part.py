"""The process that plays schedules with rules taken away; it prints a JSON line for each rule.

python -m tests.batteries.mutations.part DATABASE_URL SEEDS STANDING [RULE]

For each rule seeds from 0 on are played until one shows that it is missing, at most SEEDS. Then
the same trouble is played with every rule standing, from seed 0 to STANDING or to that seed.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta

import pytest

from tests.batteries import product

Rule = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True, slots=True)
class Missed:
    """What became of one rule. ``seed`` showed that it was missing, None if none did.

    ``wrong``: what was wrong with one of ``standing`` schedules though every rule stood; "" is
    the only good.
    """

    rule: str
    aim: str
    seed: int | None
    by: str
    standing: int
    wrong: str


class Errors(logging.Handler):
    """What the pipeline caught, logged and went on from."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


class Theatre:
    """One stage on which schedules are played with a rule taken away, or with all of them."""

    def __init__(self) -> None:
        from tests.batteries.schedules.stage import Stage

        self.errors = Errors()
        logger = logging.getLogger("rollouts")
        logger.addHandler(self.errors)
        logger.propagate = False
        self.stage = Stage()
        self._stood: dict[tuple[str, int], str] = {}

    def missed(self, rule: Rule, seeds: int, standing: int) -> Missed:
        """Take a rule away until a seed misses it; then play the same trouble with all rules."""
        from tests.batteries.mutations.aims import AIMS

        name = rule.__name__
        aim = name if name in AIMS else ""
        seed, by = next(
            ((seed, by) for seed in range(seeds) if (by := self.played(aim, seed, rule))),
            (None, ""),
        )
        quantity = max(standing, (seed or 0) + 1) if standing else 0
        wrong = next(
            (f"seed {n}: {w}" for n in range(quantity) if (w := self._standing(aim, n))), ""
        )
        told = AIMS[aim].trouble.__name__ if aim else "as its seed has it"
        return Missed(name, told, seed, by, quantity, wrong)

    def _standing(self, aim: str, seed: int) -> str:
        if (aim, seed) not in self._stood:
            self._stood[aim, seed] = self.played(aim, seed)
        return self._stood[aim, seed]

    def played(self, aim: str, seed: int, rule: Rule | None = None) -> str:
        """The first that the judge or one of the other questions has against a schedule, or ""."""
        from tests.batteries.mutations.questions import asked_too
        from tests.batteries.schedules.story import Story

        with self._aimed(aim):
            told = Story(self.stage, seed, self.errors.lines)
            # Taken away only now: the scene to begin with was played with every rule.
            with pytest.MonkeyPatch.context() as patch:
                if rule:
                    rule(patch)
                try:
                    found = list(told.play().problems)
                except Exception:  # noqa: BLE001 - a schedule that comes to no end has noticed
                    found = [traceback.format_exc().splitlines()[-1]]
            # The rule stands again, so that nothing is answered by what was broken.
            found += asked_too(self.stage.world, timedelta(seconds=told.skew))
        return next(iter(found), "")

    @contextmanager
    def _aimed(self, aim: str) -> Iterator[None]:
        from tests.batteries.mutations.aims import AIMS
        from tests.batteries.schedules import story

        with pytest.MonkeyPatch.context() as patch:
            if aim:
                scenes = [one for one in self.stage.scenes if AIMS[aim].scenes in one.name]
                patch.setattr(self.stage, "scenes", scenes)
                patch.setattr(story, "trouble", AIMS[aim].trouble)
            yield


def main() -> None:
    url, seeds, standing, only = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
    product.load(url)
    product.migrate()
    from tests.batteries import swift
    from tests.batteries.mutations.broken import RULES

    swift.remember()
    theatre = Theatre()
    for rule in RULES:
        if not only or only[0] in rule.__name__:
            print(json.dumps(asdict(theatre.missed(rule, seeds, standing))), flush=True)


if __name__ == "__main__":
    main()
