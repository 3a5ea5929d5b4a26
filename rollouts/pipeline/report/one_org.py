"""All that the page of one org shows: each kind of row is read once and handed to whoever asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from rollouts.models import (
    Account,
    Attempt,
    Exclusion,
    Installation,
    Mark,
    Org,
    Target,
    VersionChange,
)
from rollouts.pipeline import customers, exclusions, history, licences, lookup, marks
from rollouts.pipeline.report.hours import Hours, hours_of

PLACES_SHOWN = 10


@dataclass(frozen=True, slots=True)
class OneOrg:
    """An org as its page tells it; ``account_by`` says how its customer is known.

    ``attempts``, ``changes`` and ``targets`` come newest first. ``hours`` is a sentence where the
    org's time can't be told.
    """

    org: Org
    account: Account | None
    account_by: str
    parent: Org | None
    family: list[Org]
    answers: list[lookup.Answer]
    changes: list[VersionChange]
    seen_at: datetime | None
    attempts: list[Attempt]
    targets: list[Target]
    licences: list[licences.LicenceFacts]
    said: marks.Said
    standing: list[Mark]
    taken_off: list[Mark]
    exclusions: list[Exclusion]
    hours: Hours | str


def one_org(org: Org, now: datetime) -> OneOrg:
    """Read an org: at most eighteen queries, however much has happened to it."""
    kin = _kin(org)
    rights = licences.rows_of({org.key, org.parent_key} - {""})
    owner = customers.owner_of(org, rights)
    account = owner[0] if owner else None
    standing, taken_off = marks.told_of(org, account)
    excluded = exclusions.of_org(org, account, now)
    mine = licences.newest(row for row in rights if row.org_key == org.key)
    rows = list(
        Installation.objects.filter(org=org)
        .select_related("version", "package")
        .order_by("package__name")
    )
    for row in rows:
        row.org = org
    names = {row.package.sf_id: row.package.name for row in rows}
    changes = history.of_org(org, rows)
    attempts = list(lookup.attempts(org))
    targets = _targets(org)
    barred = exclusions.speaking(excluded)
    known = lookup.around(
        rows, reversed(attempts), targets, {org.pk: barred} if barred else {}, mine
    )
    return OneOrg(
        org=org,
        account=account,
        account_by=customers.BY_WORDS[owner[1]] if owner else "",
        parent=next((one for one in kin if one.key == org.parent_key), None),
        family=[one for one in kin if org.is_production and one.parent_key == org.key],
        answers=lookup.answers_of(rows, known).get(org.pk, []),
        changes=changes,
        seen_at=history.last_seen(org, changes, rows),
        attempts=attempts,
        targets=targets[:PLACES_SHOWN],
        licences=licences.facts(mine.get(org.key, {}), names),
        said=marks.sum_of(standing),
        standing=standing,
        taken_off=taken_off,
        exclusions=excluded,
        hours=hours_of(org, account, now),
    )


def _kin(org: Org) -> list[Org]:
    """Return the org that it is a sandbox of, and a production org's sandboxes, by name."""
    about = Q(key=org.parent_key) if org.parent_key else Q(pk__in=[])
    if org.is_production:
        about |= Q(parent_key=org.key)
    return list(Org.objects.filter(about).order_by("name"))


def _targets(org: Org) -> list[Target]:
    return list(
        Target.objects.filter(org=org)
        .select_related("rollout__to_version__package", "wave")
        .defer(*lookup.LONG)
        .order_by("-rollout__created_at", "-pk")
    )
