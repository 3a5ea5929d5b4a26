"""The simulation of the default policy asks the product, and remembers only what it said."""

from __future__ import annotations

from collections import Counter

import pytest

from rollouts.domain.decide import Action, Do, decide
from tests.batteries.policy import (
    NOW,
    PACKAGE,
    SORTS,
    SUBSCRIBER,
    TRANSIENT,
    Cell,
    Fleet,
    Rollout,
    Sort,
    Wave,
    planned,
)

WAVES = planned(40)


class Forgetful(Rollout):
    """Asks the product at each step, whatever it has said before."""

    def _asked(self, number: int, wave: Wave) -> Action:
        known = super()._asked(number, wave)
        (afresh, *_) = decide(self.facts(), self.policy, NOW)
        assert afresh == known
        return afresh


@pytest.mark.parametrize("sort", SORTS, ids=lambda sort: sort.name)
@pytest.mark.parametrize("patient", [False, True])
def test_what_was_asked_before_is_what_the_product_says_now(sort: Sort, patient: bool) -> None:
    fleet = Fleet(WAVES, sort)
    for seed in range(6):
        Forgetful(fleet, 0.1, seed, patient=patient).run()
    assert any(action.do is not Do.WAIT for action in fleet.asked.values())


def _of(sort: Sort, rate: float, ends: dict[str, int], in_wave: float = 10) -> Cell:
    return Cell(sort, rate, "", 100, Counter(ends), in_wave, 1.0, 10, 10, 1)


def test_each_target_can_be_missed() -> None:
    assert _of(TRANSIENT, 0.03, {"halted": 10, "completed": 90}).target()[1]
    assert not _of(TRANSIENT, 0.03, {"halted": 11, "completed": 89}).target()[1]
    assert not _of(SUBSCRIBER, 0.0, {"completed": 99, "halted": 1}).target()[1]
    assert _of(PACKAGE, 0.2, {"halted": 100}, in_wave=20).target()[1]
    assert not _of(PACKAGE, 0.2, {"halted": 100}, in_wave=20.5).target()[1]
    assert not _of(PACKAGE, 0.2, {"halted": 99, "completed": 1}).target()[1]


def test_new_failures_at_three_percent_are_no_false_alarm() -> None:
    assert _of(PACKAGE, 0.03, {"halted": 50, "held": 50}).target() == ("", True)
