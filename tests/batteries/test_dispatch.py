"""The model of the dispatch protocol: it can do what the protocol does, and it can fail."""

from __future__ import annotations

import pytest

from rollouts.domain.lifecycle import BatchState
from tests.batteries.dispatch.__main__ import as_it_should
from tests.batteries.dispatch.rows import LAYERS, REMOVED, WHOLE, Row
from tests.batteries.dispatch.search import Found, search, successors
from tests.batteries.dispatch.state import (
    BATCH,
    IN_DOUBT,
    STATE,
    STATES,
    Setting,
    beginning,
    status_of,
)

QUICK = [row for row in (*WHOLE, *LAYERS, *REMOVED) if row.quick]


@pytest.mark.slow
@pytest.mark.parametrize("row", QUICK, ids=lambda row: row.name)
def test_the_protocol_holds_and_each_removed_guard_is_missed(row: Row) -> None:
    found = search(row.setting, live=row.live)
    assert as_it_should(row, found), "\n".join(found.story)


def test_every_state_of_a_batch_is_reached_but_doubt_which_takes_a_stranger() -> None:
    seen: set[BatchState] = set()
    setting = Setting(lost=1)
    todo, known = [beginning(setting)], {beginning(setting)}
    started = False
    while todo:
        state = todo.pop()
        seen |= {STATES[state[STATE]], STATES[state[BATCH + STATE]]}
        started |= status_of(state, 1) == 3
        for _, after, _, _ in successors(setting, state):
            if after not in known:
                known.add(after)
                todo.append(after)
    assert started
    assert set(BatchState) - seen == {STATES[IN_DOUBT]}


def test_a_counterexample_tells_its_steps_and_what_they_break() -> None:
    row = next(row for row in REMOVED if row.name == "watcher")
    found = search(row.setting)
    assert found.story[0] == "a worker claims batch 0"
    assert found.story[-1].endswith("S5: a request is started though its approval was taken back "
                                    "in time")  # fmt: skip


def test_a_search_that_was_cut_short_proves_nothing() -> None:
    cut = search(Setting(), limit=100)
    assert not as_it_should(WHOLE[0], cut)
    broken = Found(9, "L: no way leads on to a good end", (), 1, 0.0, whole=True)
    assert not as_it_should(WHOLE[0], broken)
