"""A rollout's report in sentences, as a table and as data; whole, or fit to hand to customers.

What goes to customers holds no name, no seat, no message, and no figure but those that Salesforce
has confirmed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from rollouts.domain.failures import FailureKind
from rollouts.pipeline.report.whole import COLUMNS, OrgLine, Share, Whole
from rollouts.pipeline.trail import Line

COLUMN_WORDS = {
    "seen": "upgraded, seen",
    "reported": "upgraded, reported",
    "failed": "failed",
    "under_way": "under way",
    "left": "not pushed",
}
CONFIRMED = COLUMNS[:3]
KIND_WORDS = {
    FailureKind.TRANSIENT: "passing trouble at Salesforce",
    FailureKind.SUBSCRIBER: "something in the org",
    FailureKind.PACKAGE: "something in the package",
    FailureKind.REJECTED: "refused by Salesforce",
    FailureKind.UNKNOWN: "cause not known",
}
ORG_HEADER = (
    "org_id", "org", "type", "region", "status", "seats", "wave", "from", "to", "outcome", "reason",
    "tries", "salesforce_status", "started_utc", "started_local", "ended_utc", "ended_local",
    "zone",
)  # fmt: skip
FIGURES_HEADER = ("about", "name", "confirmed", *CONFIRMED)


def _orgs(count: int) -> str:
    return f"{count:,} {'org' if count == 1 else 'orgs'}"


def _day(moment: datetime | None) -> str:
    if moment is None:
        return "a time not known"
    there = moment.astimezone(UTC)
    return f"{there.day} {there:%B %Y, %H:%M} UTC"


def summary(told: Whole) -> list[str]:
    """Say the whole in five sentences, for those inside."""
    total, began = told.total, told.started_at
    have = total["seen"] + total["reported"]
    actions = [line.event.action for line in told.stops]
    guards = sum(line.told.overrides for line in (*told.decisions, *told.stops))
    first = (
        f"Salesforce began the first on {_day(began)} and ended the last so far on "
        f"{_day(told.ended_at)}."
        if began
        else "Salesforce has started none of them."
    )
    waves = f"{len(told.waves)} {'wave' if len(told.waves) == 1 else 'waves'}"
    scope = f"{told.rollout.to_version} was planned for {_orgs(total.total)} in {waves}; {first}"
    success = (
        f"{_orgs(have)} {'has' if have == 1 else 'have'} it as Salesforce reports: "
        f"{total['seen']:,} seen with it afterwards, {total['reported']:,} not seen with it yet."
    )
    trouble = (
        f"Halts: {actions.count('halt'):,}; pauses: {actions.count('paused'):,}; guards that "
        f"people asked or agreed to set aside: {guards:,}; batches that started outside their "
        "window: "
        f"{len(told.late):,}."
    )
    rest = (
        f"Under way: {_orgs(total['under_way'])}; not pushed: {_orgs(total['left'])}; "
        f"{told.settled} of {len(told.items)} items of the checklist are settled."
    )
    return [scope, success, _failed(told), trouble, rest]


def _failed(told: Whole) -> str:
    failed = told.total["failed"]
    if not told.kinds:
        return "No push failed."
    most = told.kinds[0].cluster
    kinds = f"{len(told.kinds)} {'kind' if len(told.kinds) == 1 else 'kinds'}"
    return (
        f"{_orgs(failed)} failed and stayed so; all failures are of {kinds}, and the most frequent "
        f"hit {_orgs(most.count)}."
    )


def safe_summary(told: Whole) -> list[str]:
    """Say what Salesforce has confirmed, for anybody."""
    total = told.total
    have = total["seen"] + total["reported"]
    between = (
        f"Salesforce upgraded orgs to {told.rollout.to_version} between {_day(told.started_at)} "
        f"and {_day(told.ended_at)}."
        if told.started_at and told.ended_at
        else f"Salesforce has upgraded no org to {told.rollout.to_version} in this rollout yet."
    )
    success = (
        f"It reports success for {_orgs(have)}; {total['seen']:,} of them were read back with the "
        "new version."
    )
    failure = f"It reports failure for {_orgs(total['failed'])}."
    only = "Only what Salesforce has confirmed is counted here; orgs without an end are not."
    return [between, success, failure, only, f"Data as of {_day(told.as_of)}."]


def safe_kinds(told: Whole) -> list[tuple[str, int]]:
    """Count failed orgs by whose turn it is, without a word of any message."""
    found: dict[str, int] = {}
    for kind in told.kinds:
        words = KIND_WORDS[FailureKind(kind.cluster.kind)]
        found[words] = found.get(words, 0) + kind.still
    return sorted(((words, n) for words, n in found.items() if n), key=lambda one: -one[1])


def org_rows(told: Whole) -> Iterator[tuple[object, ...]]:
    """Give a line for each org of the plan; times in UTC and by the org's own clock, if known."""
    to = told.rollout.to_version.label
    for org in told.orgs:
        yield (
            org.key, org.name, org.kind, org.region, org.status, org.seats, org.wave, org.has, to,
            COLUMN_WORDS[org.column], org.reason, org.tries, org.sf_status,
            _utc(org.started_at), _local(org.started_at, org), _utc(org.ended_at),
            _local(org.ended_at, org), org.zone,
        )  # fmt: skip


def _utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment else None


def _local(moment: datetime | None, org: OrgLine) -> datetime | None:
    return moment.astimezone(ZoneInfo(org.zone)) if moment and org.zone else None


def figure_rows(told: Whole) -> Iterator[tuple[object, ...]]:
    """Give the figures that Salesforce has confirmed, and nothing of any org."""
    for about, shares in _safe_tables(told):
        for share in shares:
            yield (about, share.name, share.confirmed, *(share[name] for name in CONFIRMED))


def _safe_tables(told: Whole) -> list[tuple[str, Sequence[Share]]]:
    waves = [Share(f"wave {line.wave.number}", line.share.by_column) for line in told.waves]
    return [
        ("all", [told.total]),
        ("wave", waves),
        ("type", told.by_kind),
        ("region", told.by_region),
    ]


def as_data(told: Whole, *, safe: bool) -> dict[str, Any]:
    """Return the report as plain data, for JSON."""
    common: dict[str, Any] = {
        "rollout": told.rollout.slug,
        "version": str(told.rollout.to_version),
        "data_as_of": _iso(told.as_of),
        "for": "customers" if safe else "internal",
        "summary": safe_summary(told) if safe else summary(told),
        "digests": {str(line.wave.number): line.digest for line in told.waves if line.digest},
    }
    if safe:
        return common | {
            "figures": [dict(zip(FIGURES_HEADER, row, strict=True)) for row in figure_rows(told)],
            "failures": [{"cause": words, "orgs": count} for words, count in safe_kinds(told)],
        }
    return common | {
        "state": told.rollout.state,
        "came_from": dict(told.came_from),
        "waves": [
            {
                "number": line.wave.number,
                "name": line.wave.name,
                "state": line.wave.state,
                "planned_start": _iso(line.planned_at),
                "started": _iso(line.started_at),
                "ended": _iso(line.ended_at),
                "passed": _iso(line.wave.passed_at),
                **_figures(line.share),
            }
            for line in told.waves
        ],
        **{
            name: [{"name": share.name, **_figures(share)} for share in shares]
            for name, shares in (
                ("by_type", told.by_kind),
                ("by_region", told.by_region),
                ("by_status", told.by_status),
            )
        },
        "failures": [
            {
                "signature": kind.cluster.signature,
                "kind": kind.cluster.kind,
                "orgs": kind.cluster.count,
                "upgraded_since": kind.mended,
                "still_failed": kind.still,
            }
            for kind in told.kinds
        ],
        "decisions": [_said(line) for line in told.decisions],
        "stops": [_said(line) for line in told.stops],
        "late_starts": [
            {"wave": one.wave, "batch": one.batch, "says": one.says} for one in told.late
        ],
        "left_out": dict(told.left_out),
        "checklist": [{"item": item.title, "status": status.value} for item, status in told.items],
        "orgs": [dict(zip(ORG_HEADER, map(_plain, row), strict=True)) for row in org_rows(told)],
    }


def _figures(share: Share) -> dict[str, int]:
    return {"orgs": share.total} | {name: share[name] for name in COLUMNS}


def _said(line: Line) -> dict[str, object]:
    event = line.event
    return {
        "entry": event.sequence,
        "at": _iso(event.at),
        "says": line.sentence,
        "digest": event.digest,
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment else None


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
