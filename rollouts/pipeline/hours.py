"""People's words on an org's time: its zone, its window, its customer's fiscal year."""

from __future__ import annotations

from datetime import datetime

from rollouts.domain.permissions import Permission
from rollouts.domain.places import zone_in
from rollouts.domain.windows import BadWindow, parse
from rollouts.models import (
    Account,
    FiscalYear,
    Org,
    Person,
    WindowRule,
    WindowScope,
    ZoneWord,
)
from rollouts.pipeline.transitions import Refusal, demand, record, writing

_MONTHS = 12
_LONGEST = 400


@writing()
def set_zone(
    subject: Org | Account, name: str, *, by: Person, reason: str, now: datetime
) -> ZoneWord | None:
    """Say the zone of an org or of all orgs of a customer; "" takes an earlier word back.

    Raises Forbidden, or Refusal for a name that the tz database has not.
    """
    reason = _allowed(by, reason, now, "Say how you know its zone; it stays in the history.")
    found = zone_in(name)
    if name.strip() and not found:
        raise Refusal(
            f"“{name.strip()[:60]}” is no time zone; write a place's, such as Europe/Berlin."
        )
    whose = {"org": subject} if isinstance(subject, Org) else {"account": subject}
    old = ZoneWord.objects.in_force().filter(**whose).first()
    if (old.zone if old else "") == found:
        raise Refusal("That is noted already." if found else "Nobody has said its zone.")
    if old is not None:
        _end(old, by, now)
    new = (
        ZoneWord.objects.create(**whose, zone=found, reason=reason, by=by, since=now)
        if found
        else None
    )
    _note("set_zone", subject, old.zone if old else "", found, reason, by, now)
    return new


@writing()
def set_window(
    subject: Org | Account | str, hours: str, *, by: Person, reason: str, now: datetime
) -> WindowRule | None:
    """Say when an org, a customer's orgs, a region's ("DEU") or all others ("") may be upgraded.

    ``hours`` as `domain.windows.parse` reads them; "" takes an earlier word back, and the wider
    rule holds again. It holds for waves frozen from now on; what is approved keeps its windows.
    """
    reason = _allowed(by, reason, now, "Say why these hours; it stays in the history.")
    hours = " ".join(hours.split())
    if len(hours) > _LONGEST:
        raise Refusal(f"Say the hours in {_LONGEST} characters.")
    try:
        parse(hours or "any hour")
    except BadWindow as bad:
        raise Refusal(f"{str(bad)[:1].upper()}{str(bad)[1:]}.") from bad
    whose: dict[str, object]
    if isinstance(subject, Org):
        whose = {"scope": WindowScope.ORG.value, "org": subject}
    elif isinstance(subject, Account):
        whose = {"scope": WindowScope.CUSTOMER.value, "account": subject}
    elif subject:
        whose = {"scope": WindowScope.REGION.value, "region": subject.upper()[:20]}
    else:
        whose = {"scope": WindowScope.DEFAULT.value}
    old = WindowRule.objects.in_force().filter(**whose).first()
    if (old.hours if old else "") == hours:
        raise Refusal("That is noted already." if hours else "There is no such rule.")
    if old is not None:
        _end(old, by, now)
    new = (
        WindowRule.objects.create(**whose, hours=hours, reason=reason, by=by, since=now)
        if hours
        else None
    )
    _note("set_window", subject or "default", old.hours if old else "", hours, reason, by, now)
    return new


@writing()
def set_fiscal_year(
    account: Account, month: int | None, *, by: Person, reason: str, now: datetime
) -> FiscalYear | None:
    """Say in which month (1 to 12) a customer's fiscal year begins; None: it is not known."""
    reason = _allowed(by, reason, now, "Say how you know it; it stays in the history.")
    if month is not None and not 1 <= month <= _MONTHS:
        raise Refusal("A fiscal year begins in a month from 1 to 12.")
    old = FiscalYear.objects.in_force().filter(account=account).first()
    if (old.month if old else None) == month:
        raise Refusal("That is noted already.")
    if old is not None:
        _end(old, by, now)
    new = (
        FiscalYear.objects.create(account=account, month=month, reason=reason, by=by, since=now)
        if month
        else None
    )
    before = str(old.month) if old else ""
    _note("set_fiscal_year", account, before, str(month or ""), reason, by, now)
    return new


def _allowed(by: Person, reason: str, now: datetime, otherwise: str) -> str:
    demand(by, Permission.KEEP_CALENDAR, now)
    if not reason.strip():
        raise Refusal(otherwise)
    return reason.strip()[:_LONGEST]


def _end(row: ZoneWord | WindowRule | FiscalYear, by: Person, now: datetime) -> None:
    row.ended_at, row.ended_by = now, by
    row.save(update_fields=["ended_at", "ended_by"])


def _note(
    action: str,
    subject: Org | Account | str,
    before: str,
    after: str,
    reason: str,
    by: Person,
    now: datetime,
) -> None:
    named = f"org {subject.key}" if isinstance(subject, Org) else str(subject)
    record(
        action,
        named,
        now=now,
        by=by,
        before=before[:40],
        after=after[:40],
        reason=reason,
        detail={"before": before, "after": after},
    )
