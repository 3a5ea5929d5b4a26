"""Orgs and customers that must not be pushed: who said so, why, until when, and how it ends.

To exclude is stopping, so it takes one person. To end it early is starting, so it takes two: one
asks, an approver other than the asker confirms.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, Q

from rollouts.domain.permissions import Permission
from rollouts.models import Account, Exclusion, Org, Person
from rollouts.pipeline import customers
from rollouts.pipeline.parts import parts
from rollouts.pipeline.transitions import Overtaken, Refusal, demand, record, writing

_REASON = 400


@dataclass(frozen=True, slots=True)
class Barred:
    """Why one org must not be pushed: the reason, and for how long."""

    exclusion: int
    reason: str
    until: datetime | None
    customer: str = ""


def barred(
    orgs: Iterable[int], now: datetime, accounts: Mapping[int, int | None] | None = None
) -> dict[int, Barred]:
    """Return which of these orgs must not be pushed now, by row: its own, else its customer's.

    Everything that decides about a push asks here, so that an org which became a customer's a
    moment ago is covered like all others. ``accounts`` gives the orgs' customers, if they have been
    read in this moment already.
    """
    wanted = set(orgs)
    columns = ("pk", "org_id", "account_id", "reason", "until", "account__name")
    rows: list[_Row] = [
        *Exclusion.objects.in_force(now)
        .order_by(F("until").asc(nulls_last=True), "pk")
        .values_list(*columns)
    ]
    found: dict[int, Barred] = {}
    of_customers = {
        account: Barred(pk, reason, until, name or "")
        for pk, _, account, reason, until, name in rows
        if account is not None
    }
    if of_customers:
        if accounts is None:
            accounts = {org: one.account for org, one in customers.owners(wanted).items()}
        found = {
            org: of_customers[account]
            for org, account in accounts.items()
            if account is not None and account in of_customers
        }
    # What was said of the org itself speaks first.
    return found | {
        org: Barred(pk, reason, until)
        for pk, org, _, reason, until, _ in rows
        if org is not None and org in wanted
    }


_Row = tuple[int, int | None, int | None, str, datetime | None, str | None]


def of_org(org: Org, account: Account | None, now: datetime) -> list[Exclusion]:
    """Return all that keeps an org of this customer from being pushed, its own first: one query."""
    about = Q(org=org) if account is None else Q(org=org) | Q(account=account)
    rows = Exclusion.objects.in_force(now).filter(about)
    return sorted(
        rows.select_related("by", "account", "end_asked_by"),
        key=lambda row: (row.account_id is not None, row.pk),
    )


def speaking(rows: Iterable[Exclusion]) -> Barred | None:
    """Return which of an org's exclusions, as `of_org` lists them, `barred` would answer."""
    row = max(
        rows,
        key=lambda one: (
            one.org_id is not None,
            one.until is None,
            one.until.timestamp() if one.until else 0.0,
            one.pk,
        ),
        default=None,
    )
    if row is None:
        return None
    return Barred(row.pk, row.reason, row.until, row.account.name if row.account else "")


@writing()
def exclude(
    whom: Org | Account,
    *,
    reason: str,
    until: datetime | None,
    by: Person,
    now: datetime,
) -> Exclusion:
    """Keep an org, or every org of a customer, from being pushed. Without an end: until ended.

    Raises Refusal without a reason, with an end that has passed, or when the same is said already.
    """
    demand(by, Permission.EXCLUDE, now)
    _refuse_words(reason, until, now)
    of: dict[str, Org | Account] = {"org" if isinstance(whom, Org) else "account": whom}
    if Exclusion.objects.in_force(now).filter(**of, until=until, reason=reason.strip()).exists():
        raise Overtaken(f"{whom} is excluded already, for this reason and as long.")
    made = Exclusion.objects.create(
        **of, reason=reason.strip()[:_REASON], until=until, by=by, since=now
    )
    record(
        "exclude",
        _named(made),
        now=now,
        by=by,
        reason=made.reason,
        detail={"until": until.isoformat() if until else "", "exclusion": made.pk},
    )
    return made


@writing()
def exclude_many(
    keys: Sequence[str], *, reason: str, until: datetime | None, by: Person, now: datetime
) -> int:
    """Keep the listed orgs from being pushed, all or none; returns how many were not yet.

    ``keys`` are 18-character ids of known orgs. Raises Refusal as `exclude` does.
    """
    demand(by, Permission.EXCLUDE, now)
    _refuse_words(reason, until, now)
    words = reason.strip()[:_REASON]
    rows = dict(_known(keys))
    missing = [key for key in keys if key not in rows]
    if missing:
        raise Refusal(f"No org {missing[0]} is known any more. Nothing was changed.")
    same = set(
        Exclusion.objects.in_force(now)
        .filter(until=until, reason=words)
        .exclude(org=None)
        .values_list("org_id", flat=True)
    )
    fresh = [pk for pk in rows.values() if pk not in same]
    Exclusion.objects.bulk_create(
        [Exclusion(org_id=pk, reason=words, until=until, by=by, since=now) for pk in fresh],
        batch_size=500,
    )
    if fresh:
        names = {pk: key for key, pk in rows.items()}
        record(
            "exclude",
            f"{len(fresh)} orgs",
            now=now,
            by=by,
            reason=words,
            detail={
                "until": until.isoformat() if until else "",
                "orgs": sorted(names[pk] for pk in fresh),
            },
        )
    return len(fresh)


@writing()
def ask_end(exclusion: Exclusion, *, reason: str, by: Person, now: datetime) -> Exclusion:
    """Ask that an exclusion ends before its time; another person, an approver, confirms."""
    demand(by, Permission.ASK_END_EXCLUSION, now)
    held = _in_force(exclusion, now)
    if held.end_asked_by_id is not None:
        raise Overtaken(f"{held.end_asked_by} asked already; an approver confirms or keeps it.")
    if not reason.strip():
        raise Refusal("Say why it may be pushed before the time that was agreed.")
    held.end_asked_by, held.end_asked_at = by, now
    held.end_reason = reason.strip()[:_REASON]
    held.save(update_fields=["end_asked_by", "end_asked_at", "end_reason"])
    record("ask_end_exclusion", _named(held), now=now, by=by, reason=held.end_reason)
    return held


@writing()
def confirm_end(exclusion: Exclusion, *, by: Person, now: datetime) -> Exclusion:
    """End it as somebody else has asked. What sandboxes took over from it, undecided, ends too."""
    demand(by, Permission.CONFIRM_END_EXCLUSION, now)
    held = _in_force(exclusion, now)
    if held.end_asked_by_id is None:
        raise Overtaken("Nobody asks for its end any more.")
    if held.end_asked_by_id == by.pk:
        raise Refusal("You asked for it, so another approver confirms.")
    undecided = Exclusion.objects.in_force(now).filter(taken_from=held, decided_at=None)
    followed = undecided.update(ended_at=now, ended_by=by)
    held.ended_at, held.ended_by = now, by
    held.save(update_fields=["ended_at", "ended_by"])
    record(
        "end_exclusion",
        _named(held),
        now=now,
        by=by,
        reason=held.end_reason,
        detail={"asked_by": str(held.end_asked_by), "sandboxes": followed},
    )
    return held


@writing()
def keep(exclusion: Exclusion, *, by: Person, now: datetime) -> Exclusion:
    """Decline that it ends early; the exclusion stays as it was."""
    demand(by, Permission.EXCLUDE, now)
    held = _in_force(exclusion, now)
    if held.end_asked_by_id is None:
        raise Overtaken("Nobody asks for its end any more.")
    asked, why = str(held.end_asked_by), held.end_reason
    held.end_asked_by, held.end_asked_at, held.end_reason = None, None, ""
    held.save(update_fields=["end_asked_by", "end_asked_at", "end_reason"])
    record("keep_exclusion", _named(held), now=now, by=by,
           detail={"asked_by": asked, "asked_because": why})  # fmt: skip
    return held


@writing()
def decide(exclusion: Exclusion, *, stays: bool, by: Person, now: datetime) -> Exclusion:
    """Say of a sandbox that took over its parent's exclusion whether that is right for it.

    Nobody promised anything for the sandbox itself, so one planner decides.
    """
    demand(by, Permission.PLAN, now)
    held = _in_force(exclusion, now)
    if not held.waits_for_decision:
        raise Overtaken("Somebody has decided this already.")
    held.decided_by, held.decided_at = by, now
    if not stays:
        held.ended_at, held.ended_by = now, by
    held.save(update_fields=["decided_by", "decided_at", "ended_at", "ended_by"])
    record(
        "decide_exclusion",
        _named(held),
        now=now,
        by=by,
        after="stays excluded" if stays else "may be pushed",
    )
    return held


def take_over(now: datetime) -> int:
    """Let sandboxes first seen after their parent was excluded take that over; returns how many.

    Run after each reading of subscribers; what it has done it does not do again.
    """
    standing = {
        row.org.key: row
        for row in Exclusion.objects.in_force(now).exclude(org=None).select_related("org")
        if row.org is not None
    }
    made = []
    for part in parts(sorted(standing)):
        for sandbox in Org.objects.filter(parent_key__in=part, is_production=False):
            parent = standing[sandbox.parent_key]
            if sandbox.first_seen_at >= parent.since:
                made.append((sandbox, parent))
    had = set(
        Exclusion.objects.filter(taken_from__in=[parent.pk for _, parent in made]).values_list(
            "org_id", "taken_from_id"
        )
    )
    fresh = [pair for pair in made if (pair[0].pk, pair[1].pk) not in had]
    if fresh:
        _take(fresh, now)
    return len(fresh)


@writing()
def _take(pairs: Sequence[tuple[Org, Exclusion]], now: datetime) -> None:
    for sandbox, parent in pairs:
        taken = Exclusion.objects.create(
            org=sandbox,
            reason=parent.reason,
            by=parent.by,
            since=now,
            until=parent.until,
            taken_from=parent,
        )
        record(
            "take_over_exclusion",
            _named(taken),
            now=now,
            reason=parent.reason,
            detail={"parent": sandbox.parent_key},
        )


def _in_force(exclusion: Exclusion, now: datetime) -> Exclusion:
    held = (
        Exclusion.objects.select_for_update(of=("self",))
        .select_related("org", "account", "end_asked_by")
        .filter(pk=exclusion.pk)
        .in_force(now)
        .first()
    )
    if held is None:
        raise Overtaken("This exclusion has ended already.")
    return held


def _refuse_words(reason: str, until: datetime | None, now: datetime) -> None:
    if not reason.strip():
        raise Refusal("Say why; whoever asks in half a year will read it.")
    if until is not None and until <= now:
        raise Refusal("That end has passed already. Choose a later day, or leave it empty.")


def _named(exclusion: Exclusion) -> str:
    if exclusion.org is not None:
        return f"org {exclusion.org.key}"
    return f"customer {exclusion.account}"


def _known(keys: Sequence[str]) -> Iterable[tuple[str, int]]:
    for part in parts(keys):
        yield from Org.objects.filter(key__in=part).values_list("key", "pk")
