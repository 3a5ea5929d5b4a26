from __future__ import annotations

import pytest

from rollouts.domain.versions import Jump, Number, jump, largest_jump, push_refusal


def test_versions_compare_as_numbers() -> None:
    assert Number(4, 10) > Number(4, 9)
    assert Number(4, 2, 1) > Number(4, 2)


@pytest.mark.parametrize(
    ("installed", "kind"),
    [
        (Number(4, 2, 0), Jump.PATCH),
        (Number(4, 1, 9), Jump.MINOR),
        (Number(3, 9, 0), Jump.MAJOR),
    ],
)
def test_the_kind_of_a_jump_is_its_highest_changed_number(installed: Number, kind: Jump) -> None:
    assert jump(installed, Number(4, 2, 1)) is kind


def test_a_rollout_is_as_big_as_its_biggest_jump() -> None:
    assert largest_jump([Number(4, 2, 0), Number(3, 0, 0)], Number(4, 2, 1)) is Jump.MAJOR
    assert largest_jump([], Number(4, 2, 1)) is Jump.PATCH


def test_betas_and_deprecated_versions_are_refused() -> None:
    assert "beta" in push_refusal(released=False, deprecated=False)
    assert "deprecated" in push_refusal(released=True, deprecated=True)
    assert push_refusal(released=True, deprecated=False) == ""
