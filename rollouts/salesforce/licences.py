"""Licences, packages and versions of the License Management App (managed package ``sfLma``).

The app exists in several ages, whose fields have different names, and an org adds fields of its
own to accounts; so ``describe`` says once which of the known names this org has. Everything comes
in one query, with parents by relationship paths: 2,000 licences to a call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rollouts.domain.ids import ORG, PACKAGE, VERSION, BadId, long_id
from rollouts.salesforce import rows
from rollouts.salesforce.client import Client
from rollouts.salesforce.errors import Refused
from rollouts.salesforce.outcomes import Kind, of_nonsense
from rollouts.salesforce.soql import Query, Thing, at_least
from rollouts.salesforce.values import SfLicence, SfLmaPackage, SfLmaVersion

_MODIFIED = "SystemModstamp"
_ORG = "sfLma__Subscriber_Org_ID__c"
_ACCOUNT = "sfLma__Account__c"
_PACKAGE_PATH = "sfLma__Package__r.sfLma__Package_ID__c"
_VERSION_PATH = "sfLma__Package_Version__r.sfLma__Version_ID__c"
# For each thing the names it goes by, the best first.
_STATUS = ("sfLma__License_Status__c", "sfLma__Status__c")
_SEATS = ("sfLma__Licensed_Seats__c", "sfLma__Seats__c")
_EXPIRES = ("sfLma__Expiration__c", "sfLma__Expiration_Date__c")
_INSTALLED = ("sfLma__Install_Date__c",)
_COUNTRY = ("BillingCountryCode", "BillingCountry", "ShippingCountryCode", "ShippingCountry")
_STATE = ("BillingStateCode", "BillingState", "ShippingStateCode", "ShippingState")
_ZONE = ("Time_Zone__c", "TimeZone__c", "Timezone__c", "TimeZoneSidKey__c")

_LMA_PACKAGES = Query(Thing.LMA_PACKAGE, ("Id", "Name", "sfLma__Package_ID__c"))
_LMA_VERSIONS = Query(
    Thing.LMA_VERSION,
    (
        "Id",
        "Name",
        "sfLma__Version_ID__c",
        "sfLma__Version_Number__c",
        "sfLma__Release_Date__c",
        _PACKAGE_PATH,
    ),
)


@dataclass(frozen=True, slots=True)
class _Names:
    """Which of the known fields this org has; "" for those it has not."""

    status: str
    seats: str
    expires: str
    installed: str
    account: bool
    country: tuple[str, ...]
    state: tuple[str, ...]
    zone: str

    def query(self) -> Query:
        """Return the query for licences in this org's words."""
        fields = ["Id", _ORG, _PACKAGE_PATH, _VERSION_PATH, _MODIFIED]
        fields += [name for name in (self.status, self.seats, self.expires, self.installed) if name]
        if self.account:
            of_account = ("Name", *self.country, *self.state, self.zone)
            fields += [_ACCOUNT, *(f"sfLma__Account__r.{name}" for name in of_account if name)]
        return Query(Thing.LICENCE, tuple(fields))


class LicenceCalls(Client):
    """The License Management App's part of `gateway.Gateway`."""

    _names: _Names | None = None

    def licences(self, *, since: datetime | None = None) -> Iterator[Sequence[SfLicence]]:
        """Read the licences of every package page by page; ``since`` for the changed ones."""
        names = self._licence_names()
        query = names.query()
        if since is not None:
            # Rounded down: reading a row twice does no harm, missing one does.
            query = query.also(at_least(_MODIFIED, since.replace(microsecond=0)))
        for found in self._pages("read the licences", query):
            yield [_licence(row, names) for row in found]

    def lma_packages(self) -> list[SfLmaPackage]:
        """Read the packages that the License Management App knows."""
        return [
            SfLmaPackage(
                id=rows.an_id(row, "Id"),
                package_id=_loose_id(row, "sfLma__Package_ID__c", PACKAGE),
                name=rows.text(row, "Name"),
            )
            for row in self._all("read the licensed packages", _LMA_PACKAGES)
        ]

    def lma_versions(self) -> list[SfLmaVersion]:
        """Read the versions that the License Management App knows, with their release dates."""
        return [
            SfLmaVersion(
                id=rows.an_id(row, "Id"),
                version_id=_loose_id(row, "sfLma__Version_ID__c", VERSION),
                package_id=_at(row, _PACKAGE_PATH, PACKAGE),
                name=rows.text(row, "Name"),
                number=rows.text(row, "sfLma__Version_Number__c"),
                released_on=rows.day(row, "sfLma__Release_Date__c"),
            )
            for row in self._all("read the licensed versions", _LMA_VERSIONS)
        ]

    def _licence_names(self) -> _Names:
        if self._names is None:
            licence = self._fields("sfLma__License__c")
            try:
                account = self._fields("Account") if _ACCOUNT in licence else frozenset[str]()
            except Refused:
                # A user of the app need not see accounts; its licences are worth reading anyway.
                account = frozenset()
            self._names = _Names(
                status=_first(_STATUS, licence),
                seats=_first(_SEATS, licence),
                expires=_first(_EXPIRES, licence),
                installed=_first(_INSTALLED, licence),
                account=bool(account),
                country=_there(_COUNTRY, account),
                state=_there(_STATE, account),
                zone=_first(_ZONE, account),
            )
        return self._names

    def _fields(self, name: str) -> frozenset[str]:
        """Read the names of an object's fields."""
        what = f"read the fields of {name}"
        answer = self._ask(Kind.READ, what, lambda sf: sf.restful(f"sobjects/{name}/describe"))
        fields = answer.get("fields") if isinstance(answer, dict) else None
        if not isinstance(fields, list) or not all(isinstance(one, dict) for one in fields):
            raise of_nonsense(Kind.READ, what)
        return frozenset(str(one.get("name")) for one in fields)


def _there(names: Sequence[str], there: frozenset[str]) -> tuple[str, ...]:
    """Return the names that are there: where no code is picked, the words may tell."""
    return tuple(name for name in names if name in there)


def _first(names: Sequence[str], there: frozenset[str]) -> str:
    return next((name for name in names if name in there), "")


def _said(account: rows.Row, names: Sequence[str]) -> str:
    return next((said for name in names if (said := rows.text(account, name))), "")


def _licence(row: rows.Row, names: _Names) -> SfLicence:
    account = rows.parent(row, "sfLma__Account__r")
    return SfLicence(
        id=rows.an_id(row, "Id"),
        org=_loose_id(row, _ORG, ORG),
        package_id=_at(row, _PACKAGE_PATH, PACKAGE),
        version_id=_at(row, _VERSION_PATH, VERSION),
        status=rows.text(row, names.status),
        seats=rows.count(row, names.seats),
        expires=rows.day(row, names.expires),
        installed_on=rows.day(row, names.installed),
        account_id=rows.maybe_id(row, _ACCOUNT),
        account_name=rows.text(account, "Name"),
        zone=rows.text(account, names.zone),
        country=_said(account, names.country),
        state=_said(account, names.state),
        modified=rows.moment(row, _MODIFIED),
    )


def _at(row: rows.Row, path: str, prefix: str) -> str:
    relation, _, field = path.partition(".")
    return _loose_id(rows.parent(row, relation), field, prefix)


def _loose_id(row: Mapping[str, object], field: str, prefix: str) -> str:
    """Return an id that the app keeps as plain text, "" when it is none.

    People may edit these records; one typing error must not keep all licences from being read.
    """
    try:
        return long_id(rows.text(row, field), prefix=prefix)
    except BadId:
        return ""
