"""Those who are rung for in a storm."""

from __future__ import annotations

import threading

from tests.batteries.storms import Crew


def test_who_dies_is_named_and_comes_back_for_the_next_storm() -> None:
    crew, met = Crew(3), threading.Barrier(3)

    def dies() -> None:
        met.wait(10)
        raise ValueError("no line")

    def works() -> None:
        # Passed only if all three are at work at the same time.
        met.wait(10)

    assert crew.ring([works, dies, works]) == ["a worker died of ValueError('no line')"]
    assert crew.ring([works, works, works]) == []
    crew.dismiss()
