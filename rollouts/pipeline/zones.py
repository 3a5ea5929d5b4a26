"""Every org's own time, from what people, the CRM and Salesforce's names of instances tell."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from rollouts.domain.business_days import region
from rollouts.domain.org_time import DEFAULT_WINDOW, OrgTime, ZoneSource, zones_for
from rollouts.domain.windows import Window, parse
from rollouts.models import Account, Org, WindowRule, WindowScope, ZoneWord
from rollouts.pipeline.customers import owners_of
from rollouts.pipeline.parts import AT_ONCE, parts

DEFAULT = "the default"
_WHOLE = 9_000


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What windows and freezes ask of an org; ``customer`` is its account's id or ""."""

    key: str
    instance: str
    customer: str
    time: OrgTime


def org_times(orgs: Iterable[int], now: datetime) -> dict[int, OrgTime]:
    """Return each org's zones and window by its row; unknown rows are left out.

    Few queries, however many orgs. Raises BadWindow when a stored window can't be read: then
    nothing is known of when orgs are open, and nothing may start.
    """
    return {pk: place.time for pk, place in whereabouts(orgs, now).items()}


def whereabouts(orgs: Iterable[int], now: datetime) -> dict[int, Whereabouts]:
    """Return the same with whose each org is and on which instance."""
    del now  # what people have said holds at once, and until it is ended
    rows = _orgs(set(orgs))
    owned = owners_of({pk: (key, parent) for pk, key, parent, _ in rows})
    accounts = _accounts({one.account for one in owned.values()})
    windows = _Windows()
    zones = _Zones(ZoneWord.objects.in_force())
    # One object for all orgs that share it: to hash a window costs more than to find it again.
    shared: dict[tuple[tuple[str, ...], ZoneSource, str, int], OrgTime] = {}
    found = {}
    for pk, key, _, instance in rows:
        owner = owned.get(pk)
        account = accounts.get(owner.account) if owner else None
        names, source = zones.of(pk, account, instance)
        window, whose = windows.of(pk, account, instance)
        alike = (names, source, whose, id(window))
        time = shared.get(alike) or shared.setdefault(alike, OrgTime(names, source, window, whose))
        found[pk] = Whereabouts(key, instance, account.sf_id if account else "", time)
    return found


def whereabouts_of(org: Org, account: Account | None) -> Whereabouts:
    """Return the same for one org that has just been read with its customer: two queries.

    Raises BadWindow as `org_times` does, also for another org's window: nothing starts then.
    """
    about = Q(org=org) if account is None else Q(org=org) | Q(account=account)
    known = _account(account) if account else None
    names, source = _Zones(ZoneWord.objects.in_force().filter(about)).of(
        org.pk, known, org.instance
    )
    window, whose = _Windows().of(org.pk, known, org.instance)
    time = OrgTime(names, source, window, whose)
    return Whereabouts(org.key, org.instance, account.sf_id if account else "", time)


def zones_of(
    orgs: Mapping[int, tuple[Account | None, str]],
) -> dict[int, tuple[tuple[str, ...], ZoneSource]]:
    """Return the zones that orgs may be in and how that is known, by row: one query.

    ``orgs`` gives each org's customer, if one is known, and its instance.
    """
    words = _Zones(ZoneWord.objects.in_force())
    return {
        pk: words.of(pk, _account(account) if account else None, instance)
        for pk, (account, instance) in orgs.items()
    }


@dataclass(frozen=True, slots=True)
class _Account:
    pk: int
    sf_id: str
    name: str
    country: str
    state: str
    zone: str


class _Zones:
    """People's words on zones: those on an org go before those on its customer."""

    def __init__(self, rows: QuerySet[ZoneWord]) -> None:
        words = list(rows.values_list("org_id", "account_id", "zone"))
        self.by_org = {org: zone for org, _, zone in words if org}
        self.by_account = {one: zone for _, one, zone in words if one}

    def of(
        self, org: int, account: _Account | None, instance: str
    ) -> tuple[tuple[str, ...], ZoneSource]:
        word = self.by_org.get(org) or (self.by_account.get(account.pk, "") if account else "")
        return zones_for(
            person=word,
            crm=account.zone if account else "",
            country=account.country if account else "",
            state=account.state if account else "",
            instance=instance,
        )


class _Windows:
    """The rules in force: an org's own, its customer's, its region's, the default."""

    def __init__(self) -> None:
        self.rules: dict[tuple[str, object], tuple[Window, str]] = {}
        for rule in WindowRule.objects.in_force().select_related("account"):
            subject = rule.org_id or rule.account_id or rule.region
            self.rules[rule.scope, subject] = (parse(rule.hours), rule.whose)
        self.default = self.rules.get((WindowScope.DEFAULT, ""), (parse(DEFAULT_WINDOW), DEFAULT))

    def of(self, org: int, account: _Account | None, instance: str) -> tuple[Window, str]:
        return (
            self.rules.get((WindowScope.ORG, org))
            or (self.rules.get((WindowScope.CUSTOMER, account.pk)) if account else None)
            or self.rules.get((WindowScope.REGION, region(instance)))
            or self.default
        )


def _orgs(wanted: Collection[int]) -> list[tuple[int, str, str, str]]:
    rows = Org.objects.values_list("pk", "key", "parent_key", "instance")
    if len(wanted) > _WHOLE:
        return [row for row in rows if row[0] in wanted]
    return [row for part in parts(wanted) for row in rows.filter(pk__in=part)]


def _account(row: Account) -> _Account:
    return _Account(row.pk, row.sf_id, row.name, row.country, row.state, row.zone)


def _accounts(wanted: Collection[int]) -> dict[int, _Account]:
    rows = Account.objects.values_list("pk", "sf_id", "name", "country", "state", "zone")
    if len(wanted) <= AT_ONCE:
        rows = rows.filter(pk__in=wanted)
    return {row[0]: _Account(*row) for row in rows if row[0] in wanted}
