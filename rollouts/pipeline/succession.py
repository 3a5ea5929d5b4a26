"""A newer version's rollout takes over what an older one has left, when a person confirms it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rollouts.domain.lifecycle import RolloutState
from rollouts.domain.permissions import Permission
from rollouts.models import Batch, PackageVersion, Person, Rollout
from rollouts.pipeline import control, plan
from rollouts.pipeline.transitions import Overtaken, Refusal, demand, record, writing

_MAY_YIELD = (RolloutState.READY.value, RolloutState.ACTIVE.value, RolloutState.HALTED.value)


def may_yield(version: PackageVersion) -> list[Rollout]:
    """List the running rollouts of older versions of the package, the newest version first."""
    rows = Rollout.objects.filter(
        to_version__package=version.package, state__in=_MAY_YIELD
    ).select_related("to_version__package", "author")
    older = [rollout for rollout in rows if rollout.to_version.number < version.number]
    return sorted(older, key=lambda rollout: rollout.to_version.number, reverse=True)


def take_over(
    version: PackageVersion,
    choice: plan.AudienceChoice,
    older: Rollout,
    *,
    by: Person,
    now: datetime,
) -> tuple[Rollout, control.Stopped]:
    """Plan a rollout that also takes what ``older`` has left, abort that one and send its recalls.

    The older one is aborted only when nothing of it can still start, and until then nothing of
    the newer one does.
    """
    made, batches = take_over_now(version, choice, older, by=by, now=now)
    return made, control.send_cancels(batches, older)


def take_over_now(
    version: PackageVersion,
    choice: plan.AudienceChoice,
    older: Rollout,
    *,
    by: Person,
    now: datetime,
    **more: Any,
) -> tuple[Rollout, list[Batch]]:
    """Do it in the database, in one transaction; returns the batches to be cancelled after it.

    ``more`` is for `plan.create_rollout`. Without a schedule it keeps that of the older one.
    """
    demand(by, Permission.PLAN, now)
    demand(by, Permission.ABORT, now)
    with writing():
        held = Rollout.objects.select_for_update().get(pk=older.pk)
        if held.state not in _MAY_YIELD:
            raise Overtaken(f"{held.slug} is {held.state}; nothing of it is left to take over.")
        if held not in may_yield(version):
            raise Refusal(f"{held.slug} is not for an older version of the same package.")
        more.setdefault("schedule", held.when)
        made = plan.create_rollout(version, choice, by=by, now=now, instead_of=held, **more)
        Rollout.objects.filter(pk=made.pk).update(supersedes=held)
        made.supersedes = held
        batches = control.abort_now(held, by, f"superseded by {made.slug}", now)
        record(
            "take_over",
            f"rollout {made.slug}",
            now=now,
            by=by,
            rollout=made,
            reason=f"takes over what {held.slug} has left; that one is being aborted",
        )
    return made, batches
