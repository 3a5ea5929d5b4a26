"""A person's word on one item of a checklist: said once, kept with who and when, in history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from rollouts.domain.checklists import Item, Mark, Said, refusal
from rollouts.domain.permissions import Permission
from rollouts.models import CheckMark, Package, Person, Rollout
from rollouts.pipeline.transitions import Refusal, demand, record, writing


@dataclass(frozen=True, slots=True)
class Word:
    """What a person fills in for one item."""

    mark: Mark
    evidence: str = ""
    note: str = ""
    to: Person | None = None
    due: date | None = None


def said_of(package: Package | None = None, rollout: Rollout | None = None) -> dict[str, Said]:
    """Return the latest word on each item of one list, by the item's code."""
    rows = CheckMark.objects.filter(package=package, rollout=rollout).select_related("by", "to")
    return {
        row.code: Said(
            Mark(row.mark),
            str(row.by),
            row.at,
            row.evidence,
            row.note,
            str(row.to) if row.to else "",
            row.due,
        )
        for row in rows
        if row.mark != Mark.OPEN.value
    }


@writing()
def say(
    items: Sequence[Item],
    code: str,
    word: Word,
    *,
    by: Person,
    now: datetime,
    package: Package | None = None,
    rollout: Rollout | None = None,
) -> None:
    """Store a person's word on one item. Raises Refusal when it can't be said of this item."""
    demand(by, Permission.CHECK_OFF, now)
    item = next((one for one in items if one.code == code), None)
    if item is None:
        raise Refusal("This list has no such item.")
    to = str(word.to) if word.to else ""
    today = now.astimezone(UTC).date()
    why_not = refusal(item, word.mark, note=word.note, due=word.due, to=to, today=today)
    if why_not:
        raise Refusal(why_not)
    known = CheckMark.objects.filter(package=package, rollout=rollout, code=code).first()
    before = known.mark if known else Mark.OPEN.value
    CheckMark.objects.update_or_create(
        package=package,
        rollout=rollout,
        code=code,
        defaults={
            "mark": word.mark.value,
            "by": by,
            "at": now,
            "evidence": word.evidence,
            "note": word.note,
            "to": word.to,
            "due": word.due,
        },
    )
    record(
        "check_off",
        f"{'readiness' if package else 'finish'}: {code}",
        now=now,
        by=by,
        rollout=rollout,
        before=before,
        after=word.mark.value,
        reason=word.note,
        detail={
            "package": package.sf_id if package else "",
            "evidence": word.evidence,
            "to": to,
            "due": word.due.isoformat() if word.due else "",
        },
    )
