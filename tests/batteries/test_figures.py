"""The check of figures: what it lets pass, and what it must not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.batteries.books import (
    AttemptRow,
    BatchRow,
    Effect,
    RolloutRow,
    Snapshot,
    TargetRow,
    WaveRow,
)
from tests.batteries.figures import WORDS, Figure, Page, World, check, figures_of
from tests.batteries.truth import Timeline

HBR, OLD, NEW = "033hbr", "04told", "04tnew"
WORLD = World({OLD: "4.2.1", NEW: "4.2.2"}, {"hbr": HBR}, speed=1.0, hang_seconds=3.0)
FIRST, SECOND, THIRD = "00D5g0000000001", "00D5g0000000002", "00D5g0000000003"
LONG = f"{FIRST}AAA"


def line(at: int, kind: str, job: str | None = None, **more: object) -> Effect:
    org = {"0DX1": FIRST, "0DX2": SECOND}.get(job or "")
    values = {"org": org, "version": NEW, "detail": {}, **more}
    return Effect(at, at, kind, "0DV1", job, **values)  # type: ignore[arg-type]


def the_log() -> list[Effect]:
    """Two jobs: running from 10 s on; the first succeeds at 20 s, the second fails at 30 s."""
    return [
        line(1_000, "request_created"),
        line(2_000, "job_created", "0DX1"),
        line(2_001, "job_created", "0DX2"),
        line(5_000, "request_pending"),
        line(5_001, "job_pending", "0DX1"),
        line(5_001, "job_pending", "0DX2"),
        line(10_000, "request_started"),
        line(10_001, "job_started", "0DX1"),
        line(10_002, "job_started", "0DX2"),
        line(20_000, "job_succeeded", "0DX1"),
        line(20_001, "version_changed", "0DX1", detail={"package_id": HBR, "from": OLD}),
        line(30_000, "job_failed", "0DX2"),
        line(30_001, "request_failed"),
    ]


def the_timeline() -> Timeline:
    timeline = Timeline({(FIRST, HBR): NEW, (SECOND, HBR): OLD})
    timeline.add(the_log())
    return timeline


def books() -> Snapshot:
    return Snapshot(
        rollouts=(RolloutRow(1, "r", "active", "", NEW, 1, None),),
        waves=(WaveRow(1, 1, 1, "own", "dispatching", "", 1, 1, None),),
        batches=(BatchRow(7, 1, 1, "running", "0DV1", 4_000),),
        attempts=(
            AttemptRow(1, 7, 1, FIRST, 1, "in_progress", "0DX1"),
            AttemptRow(2, 7, 2, SECOND, 1, "in_progress", "0DX2"),
        ),
        targets=(
            TargetRow(1, 1, 1, FIRST, "in_flight"),
            TargetRow(2, 1, 1, SECOND, "in_flight"),
            TargetRow(3, 1, 1, THIRD, "planned"),
        ),
        beats={},
    )


def page(*figures: Figure, seen_at: int = 25_000) -> Page:
    return Page("/", figures, books(), books(), seen_at)


def row(prefix: str, as_of: int | None, **shown: int) -> list[Figure]:
    return [Figure(f"{prefix}.{word}", as_of, str(shown.get(word, 0))) for word in WORDS]


def wrong(seen: Page) -> str:
    return "; ".join(check(seen, the_timeline(), WORLD).violations)


@pytest.mark.parametrize("prefix", ["rollout.r", "wave.r.1"])
@pytest.mark.parametrize(
    ("as_of", "shown"),
    [
        (12_000, {"running": 2, "planned": 1}),
        (19_000, {"running": 2, "planned": 1}),
        # Within the span of the read, either side of the change is true.
        (19_000, {"running": 1, "upgraded": 1, "planned": 1}),
        (21_000, {"running": 1, "confirmed": 1, "planned": 1}),
    ],
)
def test_figures_that_were_true_at_their_moment_pass(
    prefix: str, as_of: int, shown: dict[str, int]
) -> None:
    assert wrong(page(*row(prefix, as_of, **shown))) == ""


@pytest.mark.parametrize(
    ("as_of", "shown", "words"),
    [
        (12_000, {"upgraded": 2, "planned": 1}, "shows 2 succeeded; the log says 2 running"),
        (12_000, {"queued": 2, "planned": 1}, "shows 2 queued"),
        (16_000, {"running": 1, "upgraded": 1, "planned": 1}, "shows 1 running, 1 succeeded"),
        (12_000, {"running": 2}, "its parts make 2 of 3 orgs"),
        (12_000, {"running": 2, "skipped": 1}, "shows 1 skipped, its own books say 0"),
        (None, {"running": 2, "planned": 1}, "before any read"),
    ],
)
def test_figures_that_were_not_true_are_found(
    as_of: int | None, shown: dict[str, int], words: str
) -> None:
    assert words in wrong(page(*row("rollout.r", as_of, **shown)))


def test_the_second_of_two_figures_may_not_come_from_another_instant() -> None:
    # Both went Pending at once: one of each was never so.
    assert "shows 1 queued" in wrong(page(*row("batch.r.7", 4_000, queued=1, prepared=1)))


def test_a_held_call_makes_the_read_longer() -> None:
    late = page(*row("rollout.r", 17_000, running=1, upgraded=1, planned=1))
    elsewhere, here = Timeline({}), Timeline({})
    for timeline, moment in ((elsewhere, 13_000), (here, 17_200)):
        held = line(moment, "fault", detail={"kind": "hang_after"})
        timeline.add(sorted([*the_log(), held], key=lambda one: one.at))

    assert check(late, elsewhere, WORLD).violations
    assert check(late, here, WORLD).violations == []


def test_two_values_of_one_figure_on_one_page_are_found() -> None:
    twice = [Figure("rollout.r.running", 12_000, "2"), Figure("rollout.r.running", 12_000, "1")]

    assert "is 2 and 1 on one page" in wrong(page(*twice))


@pytest.mark.parametrize(
    ("as_of", "status", "words"),
    [(12_000, "InProgress", ""), (6_000, "Pending", ""), (12_000, "Succeeded", "log says InPro")],
)
def test_a_requests_status_is_compared_word_for_word(as_of: int, status: str, words: str) -> None:
    said = wrong(page(Figure("batch.r.7.sf_status", as_of, status)))

    assert words in said if words else said == ""


@pytest.mark.parametrize(
    ("as_of", "label", "words"),
    [
        (12_000, "4.2.1", ""),
        (22_000, "4.2.2", ""),
        (12_000, "4.2.2", "shows 4.2.2, the log says 4.2.1"),
    ],
)
def test_an_orgs_version_is_compared_word_for_word(as_of: int, label: str, words: str) -> None:
    said = wrong(page(Figure(f"org.{LONG}.version.hbr", as_of, label)))

    assert words in said if words else said == ""


def test_a_figure_over_a_minute_old_is_found_while_something_runs() -> None:
    timeline = Timeline({})
    timeline.add([line(at, kind) for at, kind in ((0, "request_created"), (1, "request_pending"))])
    old = Page("/", (Figure("batch.r.7.sf_status", 1, "Pending"),), books(), books(), 70_000)

    assert "is 70 s old" in "; ".join(check(old, timeline, WORLD).violations)
    assert check(replace(old, seen_at=50_000), timeline, WORLD).violations == []


def test_figures_are_read_from_html() -> None:
    text = (
        '<b><span data-figure="org.00D.version.hbr" data-as-of="1970-01-01T00:00:01.500Z"'
        ' data-value="4.2.1">4.2.1</span></b>'
        '<span data-figure="a.running" data-as-of="" data-value="12">12</span>'
    )

    assert figures_of(text) == (
        Figure("org.00D.version.hbr", 1_500, "4.2.1"),
        Figure("a.running", None, "12"),
    )
    assert "no figure is marked" in wrong(page())
