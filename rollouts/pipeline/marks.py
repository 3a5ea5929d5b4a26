"""Tags, rings, volunteers and never-first: what people say of an org or of a whole customer.

A mark of a customer holds for every org of it, also for those that come later. An org's own ring
speaks before its customer's; tags and wishes add up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from rollouts.domain.audience import Ring
from rollouts.domain.permissions import Permission
from rollouts.models import Account, Mark, MarkKind, Org, Person
from rollouts.pipeline import customers
from rollouts.pipeline.parts import AT_ONCE, parts
from rollouts.pipeline.transitions import Refusal, demand, record, writing

# People mark orgs as needing the migration to a second-generation package with this tag; a normal
# push can't reach them.
MIGRATION = "1gp-to-2gp"
_TAG = re.compile(r"[a-z0-9][a-z0-9 ._-]{0,38}")
_PAST = 20


@dataclass(frozen=True, slots=True)
class Said:
    """What marks say of one org; ``ring`` is "" when nobody put it into one."""

    tags: frozenset[str] = frozenset()
    ring: str = ""
    volunteer: bool = False
    never_first: bool = False


NOTHING = Said()


def said_of(owned: Mapping[int, int | None]) -> dict[int, Said]:
    """Return what is said of orgs, by row; those of whom nothing is said are not in it.

    Args:
        owned: the orgs with the row of their customer, if one is known.
    """
    by_org, by_account = _gathered(owned)
    # Orgs of one customer without marks of their own share one answer.
    shared = {account: _heap(marks) for account, marks in by_account.items()}
    found: dict[int, Said] = {}
    if not by_org and not shared:
        return found
    for org, account in owned.items():
        own = by_org.get(org)
        if own is not None:
            found[org] = _heap((*by_account.get(account or 0, ()), *own))
        elif account is not None and account in shared:
            found[org] = shared[account]
    return found


_Marks = dict[int, list[tuple[str, str]]]


def _gathered(owned: Mapping[int, int | None]) -> tuple[_Marks, _Marks]:
    """Read standing marks, by org and by customer: of a few orgs theirs, of many orgs all.

    People set them, so they are not many.
    """
    by_org: _Marks = {}
    by_account: _Marks = {}
    rows = Mark.objects.standing().order_by("pk")
    if len(owned) <= AT_ONCE // 2:
        accounts = {account for account in owned.values() if account is not None}
        rows = rows.filter(Q(org__in=list(owned)) | Q(account__in=accounts))
    found: list[tuple[int | None, int | None, str, str]] = [
        *rows.values_list("org_id", "account_id", "kind", "value")
    ]
    for org, account, kind, value in found:
        if org is not None:
            by_org.setdefault(org, []).append((kind, value))
        elif account is not None:
            by_account.setdefault(account, []).append((kind, value))
    return by_org, by_account


def _heap(marks: Iterable[tuple[str, str]]) -> Said:
    """Add up marks; of several rings the last speaks."""
    tags: set[str] = set()
    kinds: set[str] = set()
    ring = ""
    for kind, value in marks:
        kinds.add(kind)
        if kind == MarkKind.TAG:
            tags.add(value)
        elif kind == MarkKind.RING:
            ring = value
    volunteer, never_first = MarkKind.VOLUNTEER.value in kinds, MarkKind.NEVER_FIRST.value in kinds
    return Said(frozenset(tags), ring, volunteer, never_first)


def of_org(org: Org) -> Said:
    """Return what is said of one org, by itself or through its customer."""
    return sum_of(told_of(org, customers.customers_of([org.pk]).get(org.pk))[0])


def told_of(org: Org, account: Account | None) -> tuple[list[Mark], list[Mark]]:
    """List the marks that speak of an org, its own and its customer's, newest first: one query.

    Returns those that stand, and the latest of those that were taken off.
    """
    about = Q(org=org) if account is None else Q(org=org) | Q(account=account)
    rows = Mark.objects.filter(about).select_related("by", "ended_by", "account").order_by("-pk")
    standing: list[Mark] = []
    past: list[Mark] = []
    for mark in rows:
        (standing if mark.ended_at is None else past).append(mark)
    return standing, past[:_PAST]


def sum_of(standing: Iterable[Mark]) -> Said:
    """Add up the standing marks of an org and of its customer."""
    of_org_last = sorted(standing, key=lambda mark: (mark.org_id is not None, mark.pk))
    return _heap((mark.kind, mark.value) for mark in of_org_last)


def clean_tag(text: str) -> str:
    """Return a tag as it is stored. Raises Refusal for one that can't be."""
    tag = " ".join(text.lower().split())
    if not _TAG.fullmatch(tag):
        raise Refusal(
            "A tag has up to 39 letters a to z, digits, spaces, dots, hyphens and underscores, "
            "and begins with a letter or a digit."
        )
    return tag


@writing()
def put_on(
    whom: Sequence[Org] | Account, kind: MarkKind, value: str = "", *, by: Person, now: datetime
) -> int:
    """Put a mark on orgs, or on every org of a customer; returns how many did not have it.

    A ring replaces the one that was there. Raises Refusal for a tag or a ring that can't be.
    """
    demand(by, Permission.PLAN, now)
    value = _clean(kind, value)
    ids, of = _subjects(whom)
    standing = _standing(ids, of, kind)
    fresh = [pk for pk in ids if value not in standing.get(pk, ())]
    if kind is MarkKind.RING:
        _end([pk for pk in fresh if pk in standing], of, kind, None, by=by, now=now)
    Mark.objects.bulk_create(
        [Mark(**{f"{of}_id": pk}, kind=kind.value, value=value, by=by, since=now) for pk in fresh],
        batch_size=500,
    )
    _tell("mark", whom, kind, value, len(fresh), by=by, now=now)
    return len(fresh)


@writing()
def take_off(
    whom: Sequence[Org] | Account, kind: MarkKind, value: str = "", *, by: Person, now: datetime
) -> int:
    """Take a mark off again; what was said stays in the history. Returns how many had it.

    What a customer's mark says can't be taken off one org: take it off the customer.
    """
    demand(by, Permission.PLAN, now)
    value = _clean(kind, value)
    ids, of = _subjects(whom)
    had = [pk for pk, values in _standing(ids, of, kind).items() if value in values]
    _end(had, of, kind, value, by=by, now=now)
    _tell("unmark", whom, kind, value, len(had), by=by, now=now)
    return len(had)


def tags_in_use() -> list[str]:
    """Name every tag that some org or customer has now."""
    rows = Mark.objects.standing().filter(kind=MarkKind.TAG.value)
    return sorted(set(rows.values_list("value", flat=True)))


def _clean(kind: MarkKind, value: str) -> str:
    if kind is MarkKind.TAG:
        return clean_tag(value)
    if kind is MarkKind.RING:
        if value not in set(Ring):
            raise Refusal(f"The rings are {', '.join(Ring)}.")
        return value
    return ""


def _subjects(whom: Sequence[Org] | Account) -> tuple[list[int], str]:
    if isinstance(whom, Account):
        return [whom.pk], "account"
    return [org.pk for org in whom], "org"


def _standing(ids: Sequence[int], of: str, kind: MarkKind) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for part in parts(ids):
        rows = Mark.objects.standing().filter(**{f"{of}__in": part}, kind=kind.value)
        for pk, value in rows.values_list(f"{of}_id", "value"):
            found.setdefault(pk, set()).add(value)
    return found


def _end(
    ids: Sequence[int], of: str, kind: MarkKind, value: str | None, *, by: Person, now: datetime
) -> None:
    """End standing marks; with no value, all of the kind."""
    for part in parts(ids):
        rows = Mark.objects.standing().filter(**{f"{of}__in": part}, kind=kind.value)
        if value is not None:
            rows = rows.filter(value=value)
        rows.update(ended_by=by, ended_at=now)


def _tell(
    act: str,
    whom: Sequence[Org] | Account,
    kind: MarkKind,
    value: str,
    changed: int,
    *,
    by: Person,
    now: datetime,
) -> None:
    if not changed:
        return
    if isinstance(whom, Account):
        subject, keys = f"customer {whom}", [whom.sf_id]
    else:
        keys = [org.key for org in whom]
        subject = f"org {keys[0]}" if len(keys) == 1 else f"{changed} orgs"
    words = f"{kind.label} {value}".strip()
    record(act, subject, now=now, by=by, after=words[:40], detail={"orgs": keys, "mark": words})
