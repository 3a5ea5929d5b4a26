"""How batteries are drawn, run side by side, and ended."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter

import pytest

from tests.batteries import __main__ as batteries
from tests.batteries.__main__ import Battery, Run
from tests.batteries.blows import COMMITS, draw
from tests.batteries.ending import orderly


def test_forty_cuts_meet_both_sides_of_each_commit_with_and_without_a_death() -> None:
    quantities = {"kills": 0, "stops": 0, "redis": 0, "postgres": 0, "cuts": 40}
    met = Counter((one.moment, one.side, bool(one.victim)) for one in draw(quantities, 5, seed=3))
    assert set(met) == {
        (name, side, dies)
        for name in COMMITS
        for side in ("before", "after")
        for dies in (True, False)
    }
    assert set(met.values()) == {1}


def test_kills_are_counted_by_process() -> None:
    quantities = {"kills": 60, "stops": 0, "redis": 0, "postgres": 0, "cuts": 0}
    blows = draw(quantities, 5, seed=3)
    killed = {"worker's pool": 2, "everything": 8}
    counts = [killed.get(one.victim, 1) for one in blows]
    # No blow is drawn that is not needed.
    assert sum(counts) >= 60 > sum(counts) - 8
    assert len(blows) < 60


def test_each_battery_stands_in_the_list_once() -> None:
    names = [one.name for one in batteries.BATTERIES]
    assert len(names) == len(set(names))
    assert all(one.full or one.quick for one in batteries.BATTERIES)


def _told() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(5)


def test_being_told_to_end_interrupts_and_only_within() -> None:
    usual = signal.getsignal(signal.SIGTERM)
    with orderly(), pytest.raises(KeyboardInterrupt):
        _told()
    assert signal.getsignal(signal.SIGTERM) == usual


def test_a_battery_that_fails_fails_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    run = Run(quick=False)
    run.lane(
        [
            Battery("good", "json.tool", "--help", None),
            Battery("bad", "json.tool", "/there/is/no/such/file", None),
        ]
    )
    assert run.failed == ["bad"]
    assert "ok " in run.lines[0]
    assert "FAIL" in run.lines[1]
    assert "=== bad: FAIL" in capsys.readouterr().out


def test_a_run_that_was_told_to_end_begins_no_more() -> None:
    run = Run(quick=False)
    run.end()
    run.lane([Battery("good", "json.tool", "--help", None)])
    assert run.lines == []
