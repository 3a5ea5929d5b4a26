"""What changed since people last agreed: to this wave, else to any wave of the rollout."""

from __future__ import annotations

from dataclasses import dataclass

from rollouts.domain.plan_diff import PlanDiff, differences
from rollouts.models import Approval, Event, FrozenList, Org

SHOWN = 50


@dataclass(frozen=True, slots=True)
class Since:
    """The last approval and what is different now; ``names`` are those of orgs in and out.

    Without any approval so far, ``by_hand`` tells what people changed in the waves since the plan.
    """

    approval: Approval | None
    is_same_wave: bool
    diff: PlanDiff
    added: tuple[tuple[str, str], ...] = ()
    removed: tuple[tuple[str, str], ...] = ()
    by_hand: tuple[Event, ...] = ()


def last_approval(frozen: FrozenList) -> Since:
    """Compare a list with the one that was approved last. Reads both lists."""
    by_hand = tuple(
        Event.objects.filter(
            rollout=frozen.wave.rollout, action__in=("reshape", "decide_drift")
        ).order_by("-sequence")[:SHOWN]
    )
    granted = Approval.objects.exclude(list=frozen).select_related(
        "person", "list__wave", "list__to_version__package"
    )
    mine = granted.filter(list__wave=frozen.wave).order_by("-granted_at").first()
    other = granted.filter(list__wave__rollout=frozen.wave.rollout).order_by("-granted_at").first()
    last = mine or other
    if last is None:
        return Since(None, is_same_wave=False, diff=PlanDiff(), by_hand=by_hand)
    diff = differences(last.list.plan(), frozen.plan(), same_wave=mine is not None)
    return Since(
        last,
        is_same_wave=mine is not None,
        diff=diff,
        added=_named(diff.added),
        removed=_named(diff.removed),
        by_hand=tuple(event for event in by_hand if event.at > last.granted_at),
    )


def _named(keys: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    rows = Org.objects.filter(key__in=keys[:SHOWN]).order_by("name").values_list("key", "name")
    return tuple(rows)
