"""What people do to the calendar. To close is one person's act, to open again takes two.

Nothing is overwritten: a new word ends the one before it and keeps it, with who and when.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rollouts.domain import release_calendar
from rollouts.domain.freeze_rules import said, written
from rollouts.domain.freezes import BadFreeze, Freeze, Rule, Scope, spans_of
from rollouts.domain.permissions import Permission
from rollouts.domain.places import ANYWHERE
from rollouts.domain.spans import Span
from rollouts.domain.walls import UnknownZone, zone
from rollouts.models import FreezeOverride, FreezeRow, Maintenance, Package, Person
from rollouts.pipeline.transitions import Overtaken, Refusal, demand, record, writing

# What a freeze's own page tells of the history.
ACTS = (
    "add_freeze", "review_freeze", "ask_override", "override_freeze", "end_freeze",
    "take_back_override",
)  # fmt: skip
LONGEST_OVERRIDE = timedelta(days=30)
_LONGEST_REASON = 400


@dataclass(frozen=True, slots=True)
class FreezeSpec:
    """A freeze as somebody wants it; ``among`` and ``zone`` as `domain.freezes.Freeze` has them."""

    name: str
    rule: Rule
    scope: Scope = Scope.ALL
    among: tuple[str, ...] = ()
    zone: str = ""
    source: str = ""


@writing()
def add_freeze(
    spec: FreezeSpec,
    *,
    by: Person,
    reason: str,
    now: datetime,
    replaces: FreezeRow | None = None,
) -> FreezeRow:
    """Close from now on; one person is enough, for it only stops.

    With ``replaces`` it is a change of that freeze: both hold until another approver has
    confirmed that the older one ends. Raises Forbidden or Refusal.
    """
    demand(by, Permission.CLOSE_CALENDAR, now)
    reason = _reason(reason, "Say why nothing may be pushed then.")
    name = " ".join(spec.name.split())[:120]
    if not name:
        raise Refusal("Give the freeze a name; it is what people read when their work waits.")
    try:
        if spec.zone:
            zone(spec.zone)
        Freeze("new", name, spec.scope, frozenset(spec.among), spec.rule, spec.zone)
    except (UnknownZone, BadFreeze) as problem:
        raise Refusal(f"{str(problem)[:1].upper()}{str(problem)[1:].rstrip('.')}.") from problem
    row = FreezeRow.objects.create(
        name=name,
        scope=spec.scope.value,
        among=sorted(spec.among),
        rule=written(spec.rule),
        zone=spec.zone,
        reason=reason,
        source=spec.source[:200],
        reviewed_at=now,
        reviewed_by=by,
        replaces=replaces,
        by=by,
        since=now,
    )
    _note("add_freeze", row, now=now, by=by, reason=reason)
    if replaces is not None:
        ask_override(replaces, until=None, by=by, reason=f"Replaced by “{name}”.", now=now)
    return row


@writing()
def review_freeze(row: FreezeRow, *, by: Person, now: datetime) -> None:
    """Note that somebody has held a freeze's dates against their source."""
    demand(by, Permission.KEEP_CALENDAR, now)
    changed = FreezeRow.objects.in_force().filter(pk=row.pk)
    if not changed.update(reviewed_at=now, reviewed_by=by):
        raise Overtaken("This freeze has ended meanwhile.")
    _note("review_freeze", row, now=now, by=by)


@writing()
def ask_override(
    of: FreezeRow | Maintenance,
    *,
    until: datetime | None,
    by: Person,
    reason: str,
    now: datetime,
    package: Package | None = None,
) -> FreezeOverride:
    """Ask that a freeze be set aside until a moment, or with None that it end for good.

    Nothing is open before another person, an approver, has confirmed it.
    """
    demand(by, Permission.ASK_OVERRIDE, now)
    reason = _reason(reason, "Say why it is safe to push all the same.")
    if of.ended_at is not None:
        raise Overtaken("It has ended already.")
    if until is not None and not now < until <= now + LONGEST_OVERRIDE:
        raise Refusal(f"Say until when: a time within the next {LONGEST_OVERRIDE.days} days.")
    if until is None and package is not None:
        raise Refusal("To end it for good ends it for every package.")
    asked = FreezeOverride.objects.create(
        freeze=of if isinstance(of, FreezeRow) else None,
        maintenance=of if isinstance(of, Maintenance) else None,
        package=package,
        reason=reason,
        until=until,
        asked_by=by,
        asked_at=now,
    )
    _note("ask_override", of, now=now, by=by, reason=reason, override=asked)
    return asked


@writing()
def confirm_override(override: FreezeOverride, *, by: Person, now: datetime) -> None:
    """Confirm what another person asked for; from now on the freeze is set aside, or ended."""
    demand(by, Permission.CONFIRM_OVERRIDE, now)
    found = FreezeOverride.objects.select_for_update().filter(pk=override.pk).first()
    if found is None or found.ended_at is not None:
        raise Overtaken("It was taken back meanwhile.")
    if found.confirmed_at is not None:
        raise Overtaken("It is confirmed already.")
    if found.asked_by_id == by.pk:
        raise Refusal("You asked for it, so somebody else confirms.")
    if found.until is not None and found.until <= now:
        raise Refusal("The time that was asked for is over; ask again.")
    found.confirmed_by, found.confirmed_at = by, now
    found.save(update_fields=["confirmed_by", "confirmed_at"])
    of = found.of
    if found.until is None:
        kind = FreezeRow if isinstance(of, FreezeRow) else Maintenance
        if not kind.objects.filter(pk=of.pk, ended_at=None).update(ended_at=now, ended_by=by):
            raise Overtaken("It has ended already.")
    action = "end_freeze" if found.until is None else "override_freeze"
    _note(action, of, now=now, by=by, reason=found.reason, override=found)


@writing()
def take_back(override: FreezeOverride, *, by: Person, now: datetime) -> None:
    """Take a wish or an override back: the freeze holds again at once. One person is enough."""
    demand(by, Permission.CLOSE_CALENDAR, now)
    if not FreezeOverride.objects.filter(pk=override.pk, ended_at=None).update(
        ended_at=now, ended_by=by
    ):
        raise Overtaken("It was taken back meanwhile.")
    if override.until is None and override.confirmed_at is not None:
        raise Refusal("That freeze has ended for good; add it anew.")
    _note("take_back_override", override.of, now=now, by=by, override=override)


@writing()
def install_built_in(now: datetime, *, clear_until: datetime | None = None) -> int:
    """Add the freezes that come along and were never here; returns how many.

    What somebody ended stays ended, what somebody changed stays changed. With ``clear_until``
    those are left out that would close anything before then, as the demo wants it.
    """
    known = set(FreezeRow.objects.exclude(built_in="").values_list("built_in", flat=True))
    new = [
        one
        for one in release_calendar.BUILT_IN
        if one.key not in known
        and not (clear_until and _closes(one, Span(now.astimezone(UTC), clear_until)))
    ]
    reviewed = datetime.combine(release_calendar.REVIEWED, datetime.min.time(), tzinfo=UTC)
    for one in new:
        row = FreezeRow.objects.create(
            name=one.name,
            scope=one.scope.value,
            among=sorted(one.among),
            rule=written(one.rule),
            zone=one.zone,
            reason="came along with Pushboard",
            built_in=one.key,
            source=one.source,
            guessed=one.guessed,
            reviewed_at=reviewed,
            since=now,
        )
        _note("add_freeze", row, now=now, reason=row.reason)
    return len(new)


def _closes(one: release_calendar.BuiltIn, within: Span) -> bool:
    freeze = Freeze(one.key, one.name, one.scope, one.among, one.rule, one.zone)
    return bool(spans_of(freeze, ANYWHERE, 1, within))


def waiting() -> Iterable[FreezeOverride]:
    """List what was asked for and nobody confirmed yet, the oldest first."""
    rows = FreezeOverride.objects.open().filter(confirmed_at=None).order_by("asked_at")
    return rows.select_related("freeze", "maintenance", "asked_by", "package")


def _reason(text: str, otherwise: str) -> str:
    if not text.strip():
        raise Refusal(otherwise)
    return text.strip()[:_LONGEST_REASON]


def _note(
    action: str,
    of: FreezeRow | Maintenance,
    *,
    now: datetime,
    by: Person | None = None,
    reason: str = "",
    override: FreezeOverride | None = None,
) -> None:
    """Write the line of history; it tells all that a reader of it alone must know."""
    detail: dict[str, object]
    if isinstance(of, FreezeRow):
        detail = {
            "freeze": of.pk,
            "rule": of.rule,
            "scope": of.scope,
            "among": of.among,
            "zone": of.zone,
        }
    else:
        detail = {
            "maintenance": of.pk,
            "starts_at": of.starts_at.isoformat(),
            "ends_at": of.ends_at.isoformat(),
        }
    if override is not None:
        detail |= {
            "until": override.until.isoformat() if override.until else "for good",
            "package": override.package.sf_id if override.package else "all",
            "asked_by": override.asked_by.email,
        }
    record(action, f"freeze “{of}”"[:80], now=now, by=by, reason=reason, detail=detail)


def sentence(row: FreezeRow, rule: Rule) -> str:
    """Say when a freeze closes and by whose clocks."""
    if row.zone == "UTC":
        return f"{said(rule)} UTC"
    clocks = f"{row.zone} time" if row.zone else "each org's own time"
    return f"{said(rule)}, {clocks}"
