"""A person's word on whose org it is, and why it must not lead an org out of what bars it.

To exclude a customer or to freeze its orgs is one person's act; to open them again takes two. One
person's word that an org is somebody else's must not do that beside them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db.models import Q

from rollouts.domain.freezes import BadFreeze, Once, Scope
from rollouts.domain.permissions import Permission
from rollouts.models import Account, CustomerWord, Exclusion, FreezeRow, Org, Person
from rollouts.pipeline import customers
from rollouts.pipeline.freezes import freeze_of
from rollouts.pipeline.parts import parts
from rollouts.pipeline.transitions import Refusal, demand, record, writing

# A freeze that ends by an org's own clocks has ended everywhere so long after that time of UTC.
_EVERYWHERE = timedelta(days=1)


@writing()
def set_customer(
    org: Org, account: Account | None, *, by: Person, reason: str, now: datetime
) -> CustomerWord:
    """Say whose org this is, or with None that the licence shall tell; the older word is kept.

    Raises Forbidden, or Refusal without a reason, when it would change nothing, or when an
    exclusion or a freeze of its customer would no longer hold it or one of its sandboxes.
    """
    demand(by, Permission.PLAN, now)
    if not reason.strip():
        raise Refusal("Say how you know whose org it is; it stays in the history.")
    last = CustomerWord.objects.filter(org=org).order_by("-pk").first()
    if (last.account_id if last else None) == (account.pk if account else None):
        raise Refusal(
            f"It is noted already that this org is {account}'s."
            if account
            else "Nobody has said whose org it is, so the licence tells already."
        )
    family = Org.objects.filter(Q(pk=org.pk) | Q(parent_key=org.key))
    names = dict(family.values_list("pk", "name"))
    was = customers.customers_of(names)
    word = CustomerWord.objects.create(
        org=org, account=account, reason=reason.strip()[:400], by=by, at=now
    )
    becomes = customers.customers_of(names)
    _refuse_opening(names, was, becomes, now)
    record(
        "set_customer",
        f"org {org.key}",
        now=now,
        by=by,
        before=_named(was.get(org.pk)),
        after=_named(becomes.get(org.pk)),
        reason=word.reason,
        detail={"account": account.sf_id if account else ""},
    )
    return word


def _named(account: Account | None) -> str:
    return account.name[:20] if account else "no customer"


@dataclass(slots=True)
class _Held:
    """The exclusions that keep orgs and customers from being pushed, by their rows."""

    orgs: dict[int, list[Exclusion]] = field(default_factory=dict)
    accounts: dict[int, list[Exclusion]] = field(default_factory=dict)

    def longest(self, org: int, account: Account | None) -> Exclusion | None:
        """Return the one that holds an org of this customer for the longest time."""
        of_account = self.accounts.get(account.pk, []) if account else []
        return max((*self.orgs.get(org, ()), *of_account), key=_how_long, default=None)


def _how_long(exclusion: Exclusion | None) -> tuple[bool, datetime]:
    """Order exclusions by their ends; none is the shortest, one without an end the longest."""
    if exclusion is None:
        return False, datetime.min.replace(tzinfo=UTC)
    return exclusion.until is None, exclusion.until or datetime.max.replace(tzinfo=UTC)


def _refuse_opening(
    names: Mapping[int, str],
    was: Mapping[int, Account],
    becomes: Mapping[int, Account],
    now: datetime,
) -> None:
    """Raise Refusal if an org would be held less than before by what takes two people to end."""
    moved = [org for org in names if was.get(org) != becomes.get(org)]
    held = _held(moved, {one.pk for one in (*was.values(), *becomes.values())}, now)
    freezes = list(_freezes_to_come(now))
    for org in moved:
        before, after = was.get(org), becomes.get(org)
        bar = held.longest(org, before)
        if bar is not None and _how_long(held.longest(org, after)) < _how_long(bar):
            until = f"until {bar.until:%d %b %Y %H:%M} UTC" if bar.until else "until it is ended"
            raise Refusal(
                f"{names[org]} is excluded with all orgs of {before}, {until}: “{bar.reason}”. "
                "It would be so no longer, and to end that takes two people. End that exclusion "
                "first, under Exclusions, or exclude the org itself for as long."
            )
        own = held.longest(org, None)
        if before is None or (own is not None and own.until is None):
            continue
        for row in freezes:
            if before.sf_id in row.among and (after is None or after.sf_id not in row.among):
                raise Refusal(
                    f"{names[org]} is frozen with the orgs of {before} by “{row.name}”. It would "
                    "be so no longer, and to end that takes two people. End that freeze first, in "
                    "the calendar, or exclude the org itself without an end."
                )


def _held(orgs: Collection[int], accounts: Collection[int], now: datetime) -> _Held:
    found = _Held()
    of_orgs = (Exclusion.objects.in_force(now).filter(org__in=part) for part in parts(orgs))
    for row in (row for part in of_orgs for row in part):
        # One person decides of what a sandbox took over, so it does not stand in for two.
        if row.org_id is not None and not row.waits_for_decision:
            found.orgs.setdefault(row.org_id, []).append(row)
    for row in Exclusion.objects.in_force(now).filter(account__in=accounts):
        if row.account_id is not None:
            found.accounts.setdefault(row.account_id, []).append(row)
    return found


def _freezes_to_come(now: datetime) -> Iterator[FreezeRow]:
    """Yield the freezes of customers that close something now or later.

    One that can't be read closes every org whosever it is, so it is none of these.
    """
    for row in FreezeRow.objects.in_force().filter(scope=Scope.CUSTOMER.value).order_by("pk"):
        try:
            rule = freeze_of(row).rule
        except BadFreeze:
            continue
        if not isinstance(rule, Once) or rule.end.replace(tzinfo=UTC) + _EVERYWHERE > now:
            yield row
