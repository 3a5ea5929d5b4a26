"""What is closed for which org: freezes, Salesforce's maintenance, and what sets a freeze aside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from django.db.models import Q

from rollouts.domain.business_days import region
from rollouts.domain.freeze_rules import read as read_rule
from rollouts.domain.freezes import (
    BadFreeze,
    ClosedSpan,
    FiscalEnd,
    Freeze,
    Rule,
    Scope,
    Subject,
    closed_spans,
    together,
)
from rollouts.domain.spans import Span, Spans, union, without
from rollouts.domain.walls import UnknownZone, zone
from rollouts.models import FiscalYear, FreezeOverride, FreezeRow, Maintenance, Package
from rollouts.pipeline.customers import moved_since
from rollouts.pipeline.zones import Whereabouts, whereabouts

__all__ = ["ClosedSpan", "closed_for", "freeze_of", "together"]
# When a customer's fiscal year begins unless somebody says otherwise.
_JANUARY = 1
# Of more customers than that the whole table is read: people say few fiscal years.
_FEW = 20


def closed_for(
    orgs: Iterable[int],
    package: Package | None,
    within: Span,
    now: datetime,
    *,
    places: Mapping[int, Whereabouts] | None = None,
    agreed_at: datetime | None = None,
) -> dict[int, tuple[ClosedSpan, ...]]:
    """Return what is closed for each org, by its row, each stretch with its reason.

    Overrides that two people gave are taken off, from their word until they expire. A freeze that
    can't be read closes all of ``within``: what is not understood is held. The stretches may
    overlap; ``freeze_id`` is "freeze 12" or "maintenance 7". ``places`` are the orgs' whereabouts
    where the caller has just read them. With ``agreed_at`` the fiscal ends of that moment
    close beside today's: a word on a fiscal year opens nothing of what was agreed on then.
    """
    freezes, closed = _freezes(within)
    at_work = _maintenance(within)
    aside: dict[str, Spans] | None = None
    found_places = whereabouts(orgs, now) if places is None else places
    # Only freezes ask when a year begins.
    whose = {place.customer for place in found_places.values()} if freezes else set()
    fiscal = _fiscal_starts(whose)
    agreed: dict[int, int] = {}
    if agreed_at is not None and any(_by_customers_year(freeze.rule) for freeze in freezes):
        agreed = _fiscal_then(found_places, agreed_at)
    named = {
        scope: {key for freeze in freezes if freeze.scope is scope for key in freeze.among}
        for scope in (Scope.ORG, Scope.CUSTOMER)
    }
    # Whom no freeze names is like all others of the same time and place: that is computed once.
    shared: dict[tuple[int, str, str, str, frozenset[int]], tuple[ClosedSpan, ...]] = {}
    found = {}
    for pk, place in found_places.items():
        org = place.key if place.key in named[Scope.ORG] else ""
        customer = place.customer if place.customer in named[Scope.CUSTOMER] else ""
        start = fiscal.get(place.customer, _JANUARY)
        starts = frozenset({start, agreed.get(pk, start)})
        alike = (id(place.time), place.instance, org, customer, starts)
        closing = shared.get(alike)
        if closing is None:
            known = set(at_work.get(place.instance, ()))
            for month in starts:
                subject = Subject(
                    org=org,
                    customer=customer,
                    region=region(place.instance),
                    package=package.sf_id if package else "",
                    instance=place.instance,
                    zones=place.time.zones,
                    fiscal_start=month,
                )
                known.update(closed_spans(freezes, subject, within))
            # Nothing is set aside where nothing is closed.
            if known and aside is None:
                aside = _aside(package, now)
            closing = shared[alike] = tuple(sorted((*closed, *_less(known, aside or {}))))
        found[pk] = closing
    return found


def freeze_of(row: FreezeRow) -> Freeze:
    """Read a stored freeze. Raises BadFreeze when it can't be understood."""
    try:
        if row.zone:
            zone(row.zone)
        return Freeze(
            id=f"freeze {row.pk}",
            name=row.name,
            scope=Scope(row.scope),
            among=frozenset(map(str, row.among)),
            rule=read_rule(row.rule),
            zone=row.zone,
        )
    except (UnknownZone, TypeError, ValueError) as problem:
        raise BadFreeze(f"The freeze “{row.name}” can't be read: {problem}") from problem


def _freezes(within: Span) -> tuple[list[Freeze], list[ClosedSpan]]:
    """Return the freezes in force, and what the unreadable ones close: everything."""
    freezes, closed = [], []
    for row in FreezeRow.objects.in_force():
        try:
            freezes.append(freeze_of(row))
        except BadFreeze as problem:
            closed.append(ClosedSpan(within, str(problem), f"freeze {row.pk}"))
    return freezes, closed


def _aside(package: Package | None, now: datetime) -> dict[str, Spans]:
    """Return when each freeze is set aside, by the freeze's id."""
    rows = FreezeOverride.objects.in_force(now)
    rows = (
        rows.filter(Q(package=None) | Q(package=package)) if package else rows.filter(package=None)
    )
    found: dict[str, Spans] = {}
    for row in rows:
        if row.confirmed_at and row.until and row.confirmed_at < row.until:
            span = Span(_utc(row.confirmed_at), _utc(row.until))
            what = f"freeze {row.freeze_id}" if row.freeze_id else ""
            key = what or f"maintenance {row.maintenance_id}"
            found[key] = union((*found.get(key, ()), span))
    return found


def _less(closed: Iterable[ClosedSpan], aside: dict[str, Spans]) -> Iterator[ClosedSpan]:
    for one in closed:
        for span in without((one.span,), aside.get(one.freeze_id, ())):
            yield ClosedSpan(span, one.because, one.freeze_id)


def _maintenance(within: Span) -> dict[str, list[ClosedSpan]]:
    """Return Salesforce's work by instance. An org of an unknown instance (“”) is in all of it."""
    found: dict[str, list[ClosedSpan]] = {"": []}
    rows = Maintenance.objects.in_force().filter(starts_at__lt=within.end, ends_at__gt=within.start)
    for row in rows:
        span = Span(max(_utc(row.starts_at), within.start), min(_utc(row.ends_at), within.end))
        because = f"Salesforce maintenance on {row.instance}: {row.name}"
        one = ClosedSpan(span, because, f"maintenance {row.pk}")
        found.setdefault(row.instance, []).append(one)
        found[""].append(one)
    return found


def _fiscal_starts(customers: set[str]) -> dict[str, int]:
    """Return the month in which these customers' years begin, where somebody has said it."""
    known = customers - {""}
    if not known:
        return {}
    rows = FiscalYear.objects.in_force()
    if len(known) <= _FEW:
        rows = rows.filter(account__sf_id__in=known)
    return dict(rows.values_list("account__sf_id", "month"))


def _by_customers_year(rule: Rule) -> bool:
    return isinstance(rule, FiscalEnd) and rule.year_starts is None


def _fiscal_then(places: Mapping[int, Whereabouts], at: datetime) -> dict[int, int]:
    """Return in which month each org's fiscal year began, by what people had said at a moment."""
    rows = FiscalYear.objects.filter(Q(ended_at=None) | Q(ended_at__gt=at), since__lte=at)
    months = dict(rows.values_list("account__sf_id", "month"))
    whose = moved_since(places, at)
    return {pk: months.get(whose.get(pk, place.customer), _JANUARY) for pk, place in places.items()}


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
