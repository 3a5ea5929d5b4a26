"""Drafts: begun, changed step by step by any planner, and at last made into a rollout.

A change names the rev that its person saw. Changes of somebody else after that rev are a conflict:
nothing is stored, and the person is told whose and which. Nothing here touches Salesforce.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from rollouts.domain.permissions import Permission
from rollouts.domain.schedule import Schedule
from rollouts.models import Batch, Draft, PackageVersion, Person, Rollout
from rollouts.pipeline import control, plan, succession
from rollouts.pipeline.audiences import AudienceChoice
from rollouts.pipeline.transitions import Overtaken, Refusal, demand, record, writing

LOGGED = 50
STEPS = ("version", "audience", "waves", "schedule", "review")


class Conflict(Overtaken):
    """Somebody else changed the draft after the person had read it."""


@writing()
def begin(version: PackageVersion, *, by: Person, now: datetime) -> Draft:
    """Begin a draft for a version. Raises Refusal for one that can't be pushed."""
    demand(by, Permission.PLAN, now)
    _refuse_version(version)
    draft = Draft.objects.create(
        author=by, to_version=version, created_at=now, changed_at=now, changed_by=by
    )
    draft.editors.add(by)
    record("begin_draft", draft, now=now, by=by, after=str(version))
    return draft


def _refuse_version(version: PackageVersion) -> None:
    why = dict(plan.versions_to_offer(version.package)).get(version, "it is not known")
    if why:
        raise Refusal(f"That version can't be pushed: {why}.")


def save(draft: Draft, *, rev: int, step: str, by: Person, now: datetime, **changes: Any) -> Draft:
    """Store what a step holds now; returns the draft as it is after that.

    ``changes`` are fields of the draft. Nothing happens when they hold already. Raises Conflict
    when somebody else changed the draft after ``rev``, Refusal when it is no longer open.
    """
    demand(by, Permission.PLAN, now)
    with transaction.atomic():
        held = Draft.objects.select_for_update(of=("self",)).get(pk=draft.pk)
        _refuse_closed(held)
        _refuse_conflict(held, rev, by)
        if "to_version" in changes and changes["to_version"] != held.to_version:
            _refuse_version(changes["to_version"])
        if all(getattr(held, name) == value for name, value in changes.items()):
            return held
        for name, value in changes.items():
            setattr(held, name, value)
        held.rev += 1
        entry = {"rev": held.rev, "by": by.pk, "step": step, "at": now.isoformat()}
        held.log = [*held.log, entry][-LOGGED:]
        held.changed_at, held.changed_by = now, by
        held.save()
        held.editors.add(by)
    return held


def _refuse_closed(held: Draft) -> None:
    if held.rollout:
        raise Overtaken(f"This draft has become the rollout {held.rollout.slug} meanwhile.")
    if held.dropped_at:
        raise Overtaken("This draft was thrown away meanwhile. Begin a new one.")


def _refuse_conflict(held: Draft, rev: int, by: Person) -> None:
    if rev > held.rev:
        raise Conflict("This page is of another draft. Open the draft again.")
    since = held.changes_after(rev)
    others = [entry for entry in since or () if entry["by"] != by.pk]
    if since is not None and not others:
        return
    steps = [step for step in STEPS if any(entry["step"] == step for entry in others)]
    what = f"the {' and the '.join(steps)}" if steps else "much"
    raise Conflict(
        f"{held.changed_by} changed {what} of this draft after you opened the page; "
        "nothing of yours was stored. Look at what is stored now, or send yours again over it."
    )


def choice_of(draft: Draft) -> AudienceChoice:
    """Read whom the draft is for."""
    return AudienceChoice.from_json(draft.audience)


def schedule_of(draft: Draft) -> Schedule:
    """Read what the draft says about its times; nothing said means the hours of each org."""
    return Schedule.from_json(draft.schedule) if draft.schedule else Schedule()


def older_of(draft: Draft) -> Rollout | None:
    """Return the rollout that the draft takes over, while that can still yield."""
    rows = succession.may_yield(draft.to_version)
    return next((older for older in rows if older.pk == draft.take_over_id), None)


def propose(draft: Draft, now: datetime) -> plan.Proposal:
    """Cut the draft's audience into waves, as things are now."""
    return plan.propose(draft.to_version, choice_of(draft), now, older_of(draft), draft.profile)


@writing()
def drop(draft: Draft, *, by: Person, now: datetime) -> None:
    """Throw a draft away; it can still be read, and never becomes a rollout."""
    demand(by, Permission.PLAN, now)
    held = Draft.objects.select_for_update(of=("self",)).get(pk=draft.pk)
    _refuse_closed(held)
    Draft.objects.filter(pk=held.pk).update(dropped_at=now)
    record("drop_draft", held, now=now, by=by, before=str(held.to_version))


def create(
    draft: Draft, *, rev: int, by: Person, now: datetime, confirmed: str = ""
) -> tuple[Rollout, control.Stopped | None]:
    """Make the rollout; one that takes over an older one also aborts that, when confirmed.

    ``confirmed`` is the slug of the older rollout that the person ticked.
    """
    demand(by, Permission.PLAN, now)
    older: Rollout | None = None
    batches: list[Batch] = []
    with writing():
        held = Draft.objects.select_for_update(of=("self",)).get(pk=draft.pk)
        _refuse_closed(held)
        _refuse_conflict(held, rev, by)
        choice = choice_of(held)
        more: dict[str, Any] = {
            "profile": held.profile,
            "reason": str(held.reasons.get("emergency", "")),
            "editors": held.editors.all(),
            "schedule": schedule_of(held),
        }
        if held.take_over_id is None:
            made = plan.create_rollout(held.to_version, choice, by=by, now=now, **more)
        else:
            older = _confirmed(held, confirmed)
            made, batches = succession.take_over_now(
                held.to_version, choice, older, by=by, now=now, **more
            )
        Draft.objects.filter(pk=held.pk).update(rollout=made)
    return made, control.send_cancels(batches, older) if older else None


def _confirmed(held: Draft, slug: str) -> Rollout:
    older = older_of(held)
    if older is None:
        raise Overtaken("The older rollout has ended meanwhile. Look at the audience again.")
    if slug != older.slug:
        raise Refusal(f"Tick that {older.slug} is to be aborted, or go back and leave it alone.")
    return older
