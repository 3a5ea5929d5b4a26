"""A batch may lose orgs, each with its reason; it never gains one. Many losses need a look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from rollouts.domain.lifecycle import TargetState
from rollouts.models import Wave
from rollouts.pipeline.shifts import set_targets
from rollouts.pipeline.transitions import joining, record, writing

LOST = (TargetState.EXCLUDED, TargetState.GONE, TargetState.ALREADY_CURRENT)


@writing()
def leave_out(
    wave: Wave,
    lost: Iterable[tuple[int, TargetState, str]],
    *,
    now: datetime,
    detail: Mapping[str, object] | None = None,
) -> int:
    """Leave targets (key, state, reason) out of what is left of a wave; returns how many.

    Losing needs no new approval, but when more of the wave has dropped out than the policy
    allows, the wave holds until an approver has looked it over.
    """
    rows = list(lost)
    for pk, state, reason in rows:
        set_targets([pk], state, reason)
    if not rows:
        return 0
    record(
        "drop_out",
        f"wave {wave.number}",
        now=now,
        rollout=wave.rollout,
        wave=wave,
        reason=f"{len(rows)} orgs dropped out: {rows[0][2]}",
        detail=dict(detail or {}) or {"targets": {str(pk): reason for pk, _, reason in rows}},
    )
    gone = wave.targets.filter(state__in=[state.value for state in LOST]).count()
    limit = wave.rollout.policy.drop_percent
    if 100 * gone > limit * wave.targets.count():
        hold_for_review(wave, f"{gone} orgs have dropped out of the wave, over {limit:g} %", now)
    return len(rows)


@joining()
def hold_for_review(wave: Wave, reason: str, now: datetime) -> None:
    """Let nothing more of the wave start until an approver has looked."""
    if Wave.objects.filter(pk=wave.pk, review="").update(review=reason):
        record(
            "review_wave",
            f"wave {wave.number}",
            now=now,
            rollout=wave.rollout,
            wave=wave,
            reason=reason,
        )
