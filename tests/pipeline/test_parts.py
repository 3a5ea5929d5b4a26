"""Long lists are asked for in parts: every value once, in their order, in no query too many."""

from __future__ import annotations

import pytest

from rollouts.pipeline.parts import AT_ONCE, parts


@pytest.mark.parametrize(
    ("many", "sizes"), [(0, []), (1, [1]), (900, [900]), (901, [900, 1]), (1800, [900, 900])]
)
def test_each_value_is_in_one_part(many: int, sizes: list[int]) -> None:
    found = list(parts(range(many)))

    assert [len(part) for part in found] == sizes
    assert [value for part in found for value in part] == list(range(many))
    assert AT_ONCE < 999


def test_a_part_may_be_larger_and_values_need_no_order() -> None:
    assert [len(part) for part in parts({str(n) for n in range(12)}, 5)] == [5, 5, 2]
