"""Rehearsals: what is asked, the plan that leaves for another process, the report that returns.

Nothing else of a rehearsal touches this database. The process itself is `management.rehearsal`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import IntegrityError

from rollouts.domain.freezes import Scope
from rollouts.domain.lifecycle import ROLLOUT_ENDS, TargetState
from rollouts.domain.permissions import Permission
from rollouts.models import FreezeRow, Person, Rehearsal, Rollout, Target
from rollouts.pipeline import clock
from rollouts.pipeline.forecasting import past_of
from rollouts.pipeline.transitions import Overtaken, Refusal, demand, record, writing
from rollouts.pipeline.zones import DEFAULT, whereabouts

_ENDS = [state.value for state in ROLLOUT_ENDS]
_GOING = (TargetState.PLANNED.value, TargetState.IN_FLIGHT.value)
# Real seconds after which a rehearsal that never came back may be asked for again.
LOST_AFTER = 2400.0


@writing()
def ask(rollout: Rollout, *, by: Person | None, now: datetime) -> Rehearsal:
    """Note that a rehearsal is wanted. Raises Refusal when nothing is left, or one is under way.

    Without a person it is the command line that asks, which has its own way to say who it is.
    """
    if by is not None:
        demand(by, Permission.REHEARSE, now)
    if rollout.state in _ENDS:
        raise Refusal(f"{rollout.slug} has ended; there is nothing to rehearse.")
    lost = Rehearsal.objects.filter(
        rollout=rollout, ended_at=None, asked_at__lt=now - clock.wire(LOST_AFTER)
    )
    lost.update(ended_at=now, problem="It never came back.")
    if not rollout.targets.filter(state__in=_GOING).exists():
        raise Refusal("No org is left to rehearse with.")
    try:
        made = Rehearsal.objects.create(
            rollout=rollout, asked_by=by, asked_at=now, plan=hash_of(plan_of(rollout, now))
        )
    except IntegrityError as error:
        raise Overtaken("A rehearsal of this plan is under way.") from error
    record("ask_rehearsal", f"rollout {rollout.slug}", now=now, by=by, rollout=rollout)
    return made


def claim(now: datetime) -> Rehearsal | None:
    """Take the oldest rehearsal that nobody has begun, or None."""
    for row in Rehearsal.objects.filter(begun_at=None, ended_at=None).order_by("asked_at"):
        if Rehearsal.objects.filter(pk=row.pk, begun_at=None).update(begun_at=now):
            row.refresh_from_db()
            return row
    return None


def plan_of(rollout: Rollout, now: datetime) -> dict[str, Any]:
    """Describe what is left of a rollout as plain JSON: no credential, no name of a customer."""
    version = rollout.to_version
    package = version.package
    rows = list(
        Target.objects.filter(rollout=rollout, state__in=_GOING)
        .select_related("org", "from_version", "wave")
        .order_by("wave__number", "place")
    )
    places = whereabouts([row.org_id for row in rows], now)
    past = past_of(package)
    numbers = {str(version.number)} | {str(row.from_version.number) for row in rows}
    waves = {row.wave_id: row.wave for row in rows}
    return {
        "package": {"name": package.name, "namespace": package.namespace},
        "version": str(version.number),
        "versions": sorted(numbers, key=lambda text: [int(part) for part in text.split(".")]),
        "kind": rollout.kind,
        "policy": rollout.policy_json,
        "schedule": rollout.schedule,
        "begin": now.astimezone(UTC).isoformat(),
        "rate": past.rate,
        "rate_basis": past.rate_basis,
        "waves": [
            {
                "pk": wave.pk,
                "number": wave.number,
                "name": wave.name,
                "kind": wave.kind,
                "bake": wave.bake,
                "approvals": wave.approvals_needed,
            }
            for wave in waves.values()
        ],
        "orgs": [
            {
                "key": row.org.key,
                "version": str(row.from_version.number),
                "production": row.org.is_production,
                "own": row.org.is_own,
                "instance": row.org.instance,
                "wave": row.wave.number,
                "zone": place.time.zones[0] if len(place.time.zones) == 1 else "",
                "hours": "" if place.time.window_from == DEFAULT else str(place.time.window),
            }
            for row in rows
            if (place := places.get(row.org_id))
        ],
        "freezes": _freezes(rollout, {row.org.key: places[row.org_id].customer for row in rows
                             if row.org_id in places}),
    }  # fmt: skip


def _freezes(rollout: Rollout, customers: Mapping[str, str]) -> list[dict[str, Any]]:
    """Describe the freezes in force; one of customers names their orgs instead."""
    found = []
    for row in FreezeRow.objects.in_force().order_by("pk"):
        scope, among = row.scope, [str(one) for one in row.among]
        if scope == Scope.CUSTOMER.value:
            scope = Scope.ORG.value
            among = [key for key, customer in customers.items() if customer in among]
        if scope == Scope.PACKAGE.value:
            # Its package has another id on the stage, where there is only this one.
            if rollout.to_version.package.sf_id not in among:
                continue
            scope, among = Scope.ALL.value, []
        found.append(
            {"name": row.name, "scope": scope, "among": among, "rule": row.rule, "zone": row.zone}
        )
    return found


def hash_of(plan: Mapping[str, Any]) -> str:
    """Name a plan by what of it people decide: not by when it is rehearsed."""
    decided = {
        key: plan[key] for key in ("version", "policy", "schedule", "waves", "orgs", "freezes")
    }
    text = json.dumps(decided, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def is_current(rehearsal: Rehearsal, now: datetime) -> bool:
    """Say whether the plan is still the one that was rehearsed."""
    return rehearsal.plan == hash_of(plan_of(rehearsal.rollout, now))


@writing()
def keep(
    rehearsal: Rehearsal, *, report: Mapping[str, Any] | None, problem: str, now: datetime
) -> None:
    """Store what returned: a report, or why there is none. The first word stands."""
    changed = Rehearsal.objects.filter(pk=rehearsal.pk, ended_at=None).update(
        report=dict(report or {}), problem=problem[:2000], ended_at=now
    )
    if not changed:
        return
    record(
        "rehearsed",
        f"rollout {rehearsal.rollout.slug}",
        now=now,
        rollout=rehearsal.rollout,
        after=str((report or {}).get("outcome", "no report")),
        reason=problem or str((report or {}).get("because", "")),
        detail={"rehearsal": rehearsal.pk, "plan": rehearsal.plan},
    )


def lasted(report: Mapping[str, Any]) -> timedelta | None:
    """Return how long the rehearsed rollout took, in business time."""
    try:
        return datetime.fromisoformat(report["ended"]) - datetime.fromisoformat(report["begin"])
    except (KeyError, ValueError):
        return None
