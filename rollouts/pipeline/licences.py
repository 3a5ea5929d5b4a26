"""Reading licences and their customers from license orgs; they are shown, never acted upon."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Max, Min

from rollouts.models import Account, Connection, Licence, Org, Package
from rollouts.models.rows import insert_rows
from rollouts.pipeline import clock
from rollouts.pipeline.parts import parts
from rollouts.pipeline.subscribers import RETIRE_AT_LEAST, RETIRE_PERCENT
from rollouts.salesforce.gateway import Gateway
from rollouts.salesforce.values import SfLicence

log = logging.getLogger(__name__)
# The hour of the night, UTC, after which everything is read once.
NIGHT = 2
_AT_ONCE = 1_000
_OF_AN_ACCOUNT = ("name", "country", "state", "zone")
_OF_A_LICENCE = (
    "org_key", "package_sf_id", "version_sf_id", "account_id", "status", "seats", "expires",
    "installed_on", "modified",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LicenceFacts:
    """What a page says of one licence, with the time just before it was read."""

    package_name: str
    account_name: str
    status: str
    seats: int | None
    expires: date | None
    installed_on: date | None
    read_at: datetime
    gone_at: datetime | None


def sync_licences(link: Connection, gateway: Gateway, *, full: bool | None = None) -> int:
    """Read the licences of a license org, changed ones by day and all by night; returns how many.

    Raises SalesforceError, with nothing changed.
    """
    read_at = clock.now()
    present = Licence.objects.filter(connection=link, gone_at=None)
    ages = present.aggregate(oldest=Min("read_at"), newest=Max("modified"))
    if full is None:
        full = _is_due(ages["oldest"], read_at)
    since = None if full else ages["newest"]
    rows = [row for page in gateway.licences(since=since) for row in page]
    _store(link, rows, read_at, complete=since is None)
    return len(rows)


def _is_due(oldest: datetime | None, now: datetime) -> bool:
    night = now.replace(hour=NIGHT, minute=0, second=0, microsecond=0)
    night -= timedelta(days=1) if night > now else timedelta()
    return oldest is None or oldest < night


@transaction.atomic
def _store(link: Connection, rows: list[SfLicence], read_at: datetime, *, complete: bool) -> None:
    accounts = _store_accounts(link, rows)
    known = {
        sf_id: values
        for sf_id, *values in Licence.objects.filter(connection=link, gone_at=None).values_list(
            "sf_id", *_OF_A_LICENCE
        )
    }
    there = set(Licence.objects.filter(connection=link).values_list("sf_id", flat=True))
    new: dict[str, list[object]] = {}
    fresh, same = [], []
    for row in rows:
        values = [
            row.org, row.package_id, row.version_id, accounts.get(row.account_id), row.status[:80],
            row.seats, row.expires, row.installed_on, row.modified,
        ]  # fmt: skip
        if known.get(row.id) == values:
            same.append(row.id)
            continue
        if row.id not in there:
            new[row.id] = [row.id, *values]
            continue
        named = dict(zip(_OF_A_LICENCE, values, strict=True))
        fresh.append(Licence(connection=link, sf_id=row.id, read_at=read_at, **named))
    insert_rows(
        Licence,
        ("sf_id", *(name.replace("account_id", "account") for name in _OF_A_LICENCE)),
        list(new.values()),
        same={"connection": link.pk, "read_at": read_at},
    )
    Licence.objects.bulk_create(
        fresh,
        batch_size=_AT_ONCE,
        update_conflicts=True,
        unique_fields=["sf_id"],
        update_fields=[name.removesuffix("_id") if name == "account_id" else name
                       for name in _OF_A_LICENCE] + ["connection", "read_at", "gone_at"],
    )  # fmt: skip
    gone = sorted(set(known) - {row.id for row in rows}) if complete else []
    for part in parts(same, _AT_ONCE):
        Licence.objects.filter(sf_id__in=part).update(read_at=read_at)
    if len(gone) > max(RETIRE_AT_LEAST, RETIRE_PERCENT / 100 * len(known)):
        # More often a wrong answer than a right one; they keep their older age.
        log.warning("%s licences of %s are not listed any more; kept", len(gone), link.name)
        return
    for part in parts(gone, _AT_ONCE):
        Licence.objects.filter(sf_id__in=part).update(gone_at=read_at, read_at=read_at)


def _store_accounts(link: Connection, rows: list[SfLicence]) -> dict[str, int]:
    """Store the customers; returns the keys in our table by Salesforce's ids."""
    told = {
        row.account_id: (row.account_name[:255], row.country[:80], row.state[:80], row.zone[:80])
        for row in rows
        if row.account_id
    }
    known = {
        sf_id: tuple(values)
        for sf_id, *values in Account.objects.filter(connection=link).values_list(
            "sf_id", *_OF_AN_ACCOUNT
        )
    }
    Account.objects.bulk_create(
        [
            Account(connection=link, sf_id=sf_id, **dict(zip(_OF_AN_ACCOUNT, values, strict=True)))
            for sf_id, values in told.items()
            if known.get(sf_id) != values
        ],
        batch_size=_AT_ONCE,
        update_conflicts=True,
        unique_fields=["sf_id"],
        update_fields=["connection", *_OF_AN_ACCOUNT],
    )
    return dict(Account.objects.filter(connection=link).values_list("sf_id", "pk"))


def rows_of(keys: Collection[str]) -> list[Licence]:
    """Return all licences of orgs, by their ids, with their accounts: one query."""
    rows = Licence.objects.filter(org_key__in=keys).select_related("account")
    return list(rows.order_by("pk"))


def of_orgs(orgs: Iterable[Org]) -> dict[str, dict[str, Licence]]:
    """Return the newest licence of each org (by its id) and package (by its id): one query."""
    return newest(rows_of([org.key for org in orgs]))


def newest(rows: Iterable[Licence]) -> dict[str, dict[str, Licence]]:
    """Return the newest of these licences for each org and package, by their ids."""
    found: dict[str, dict[str, Licence]] = {}
    # Several licences of one org and package occur; one that is still listed speaks first.
    for row in sorted(rows, key=lambda one: (one.gone_at is None, one.modified)):
        found.setdefault(row.org_key, {})[row.package_sf_id] = row
    return found


def of_org(org: Org) -> list[LicenceFacts]:
    """Return what a page says about the licences of an org: two queries."""
    return facts(of_orgs([org]).get(org.key, {}), {})


def facts(rows: Mapping[str, Licence], known: Mapping[str, str]) -> list[LicenceFacts]:
    """Return what a page says about an org's licences, given by their packages' ids.

    ``known`` are names of packages by their ids; one query if some of these packages are missing.
    """
    missing = Package.objects.filter(sf_id__in=set(rows) - set(known))
    names = {**known, **dict(missing.values_list("sf_id", "name"))}
    return [
        LicenceFacts(
            package_name=names.get(package, "another package"),
            account_name=row.account.name if row.account else "",
            status=row.status,
            seats=row.seats,
            expires=row.expires,
            installed_on=row.installed_on,
            read_at=row.read_at,
            gone_at=row.gone_at,
        )
        for package, row in sorted(rows.items())
    ]
