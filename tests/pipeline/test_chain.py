"""Whoever forges the history is found: by row, and by what was noted elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from rollouts.models import ChainHead, Event
from rollouts.pipeline import chain
from rollouts.pipeline.transitions import record

NOW = datetime(2026, 11, 21, 3, 14, tzinfo=UTC)


@pytest.fixture
def history(db: None) -> list[Event]:
    """Three honest lines."""
    return [record("exclude", f"org {name}", now=NOW, reason="theirs") for name in "abc"]


def forge(number: int, *, previous: str, sealed: bool = True, linked: bool = True) -> Event:
    """Append a line past the one door, as somebody with the database's password could."""
    line = Event(
        sequence=number, at=NOW, actor="engine", action="exclude", subject="org x",
        previous=previous,
    )  # fmt: skip
    line.hash = line.content_hash()
    if not sealed:
        line.reason = "written in afterwards"
    line.save(force_insert=True)
    if linked:
        ChainHead.objects.update(sequence=number, hash=line.hash)
    return line


def test_an_honest_history_is_intact_and_counted(history: list[Event]) -> None:
    verdict = chain.verify()

    assert verdict.intact
    assert verdict.sentence == "3 entries, chain intact"
    assert verdict.head == history[-1].hash


@pytest.mark.parametrize(
    ("number", "changed", "broken", "why"),
    [
        (4, {"sealed": False}, 4, "what it says is not what was hashed"),
        (4, {"previous": "0" * 64}, 4, "it does not follow from the entry before it"),
        (6, {}, 4, "it is missing"),
        (4, {"linked": False}, 4, "it stands behind the newest link"),
    ],
)
def test_the_first_wrong_entry_is_named(
    history: list[Event], number: int, changed: dict[str, object], broken: int, why: str
) -> None:
    forge(number, **{"previous": history[-1].hash, **changed})  # type: ignore[arg-type]

    verdict = chain.verify()

    assert (verdict.broken, verdict.why, verdict.entries) == (broken, why, 3)


def test_a_cut_end_and_a_rewritten_past_are_found_by_what_was_kept_elsewhere(
    history: list[Event],
) -> None:
    kept = history[1].sequence, history[1].hash

    assert chain.verify(expect=kept).intact
    assert chain.verify(expect=(2, "f" * 64)).broken == 2
    assert (
        chain.verify(expect=(9, kept[1])).why
        == "it is missing; entry 9 was noted outside the database"
    )
    ChainHead.objects.update(sequence=4)
    assert chain.verify().why == "it is missing, and the newest link names entry 4"


def test_the_command_says_the_same_and_fails_when_it_is_broken(history: list[Event]) -> None:
    out = StringIO()
    call_command("verify_history", stdout=out)
    assert out.getvalue() == f"3 entries, chain intact. The last one is 3:{history[-1].hash}\n"

    with pytest.raises(CommandError, match=r"^Entry 2 is the first that is wrong: it had another"):
        call_command("verify_history", expect=f"2:{'f' * 64}", stdout=out)
