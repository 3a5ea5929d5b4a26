"""B goes only to orgs that have A, new enough."""

from __future__ import annotations

from rollouts.domain.dependencies import Lacking, Need, circle, lacking
from rollouts.domain.versions import Number

NEED = Need("core", Number(3, 2))


def test_orgs_with_an_older_base_or_none_are_named() -> None:
    seen = {
        ("one", "core"): Number(3, 2, 0, 9),
        ("two", "core"): Number(3, 1, 9),
        ("one", "other"): Number(9, 9),
    }

    assert lacking(["one", "two", "three"], [NEED], seen) == (Lacking(NEED, ("two", "three"), 1),)


def test_a_need_that_everybody_meets_is_no_news() -> None:
    assert lacking(["one"], [NEED], {("one", "core"): Number(3, 10)}) == ()


def test_two_packages_never_wait_for_each_other() -> None:
    known = {"core": ["base"], "base": ["ground"]}

    assert circle("ground", "core", known)
    assert circle("core", "core", known)
    assert not circle("hbr", "core", known)
