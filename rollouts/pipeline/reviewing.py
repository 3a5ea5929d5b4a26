"""The last step of a draft: nothing blocks, every warning has its reason, and then a rollout."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from rollouts.domain.findings import unanswered
from rollouts.domain.permissions import Permission
from rollouts.models import Draft, FrozenList, Person, Rollout, Wave
from rollouts.pipeline import approve, control, drafts, preflight
from rollouts.pipeline.transitions import Refusal, demand, record

LONGEST = 400
# What blocks a wave also when its rollout was made long ago.
AT_FREEZING = frozenset(
    {"connection", "push_major", "released", "dependencies", "hours", "api_calls", "data_age"}
)


def keep_reasons(
    draft: Draft, given: Mapping[str, str], *, rev: int, by: Person, now: datetime
) -> Draft:
    """Store why a planner goes on in spite of warnings, by the warning's code; "" takes it back."""
    kept = draft.reasons | {code: text.strip()[:LONGEST] for code, text in given.items()}
    reasons = {code: text for code, text in kept.items() if text}
    return drafts.save(draft, rev=rev, step="review", by=by, now=now, reasons=reasons)


def freeze(wave: Wave, *, by: Person, now: datetime) -> FrozenList:
    """Freeze a wave that nothing blocks; raises Refusal with what must be mended first.

    What was weighed when the rollout was made is not asked again: only what may have changed since
    and would make the list useless.
    """
    demand(by, Permission.FREEZE, now)
    for finding in preflight.of_wave(wave, now).blocks:
        if finding.code in AT_FREEZING:
            raise Refusal(f"{finding.sentence} {finding.do}".strip())
    return approve.freeze(wave, by=by, now=now)


def create(
    draft: Draft,
    given: Mapping[str, str],
    *,
    rev: int,
    by: Person,
    now: datetime,
    confirmed: str = "",
) -> tuple[Rollout, control.Stopped | None]:
    """Make the rollout of a draft whose preflight is clear.

    What was typed is stored first, so that a refusal loses none of it. The findings and reasons
    become part of the rollout's history. Raises Refusal while something blocks.
    """
    held = keep_reasons(draft, given, rev=rev, by=by, now=now)
    looked = preflight.of_draft(held, now)
    if looked.blocks:
        first = looked.blocks[0]
        raise Refusal(f"{first.sentence} {first.do}".strip())
    missing = unanswered(looked.findings, held.reasons)
    if missing:
        raise Refusal(f"Say why you go on although this is so: {missing[0].sentence}")
    made, stopped = drafts.create(held, rev=held.rev, by=by, now=now, confirmed=confirmed)
    warned = [finding for finding in looked.findings if finding.needs_reason]
    record(
        "preflight",
        f"rollout {made.slug}",
        now=now,
        by=by,
        rollout=made,
        reason=f"{len(warned)} warnings, each with a reason" if warned else "nothing in the way",
        detail={
            "warnings": [
                {
                    "code": finding.code,
                    "says": finding.sentence,
                    "reason": held.reasons[finding.code],
                }
                for finding in warned
            ],
            "failures": str(looked.forecast.failures),
            "finish": [moment.isoformat() for moment in looked.forecast.finish],
        },
    )
    return made, stopped
