"""Licences and accounts of the invented fleet, as the License Management App shows them.

Not everything in them is right or there, as in life: accounts are missing, leads never converted,
countries spelled by hand, licences double or of orgs that nobody lists.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Final

from .catalog import VENDOR
from .ids import numbered_id
from .names import LONGEST
from .store import Work
from .times import DAY, day_of, whole_second

_CODES: Final = {
    "USA": ("United States", "US"),
    "CAN": ("Canada", "CA"),
    "BRA": ("Brazil", "BR"),
    "DEU": ("Germany", "DE"),
    "FRA": ("France", "FR"),
    "GBR": ("United Kingdom", "GB"),
    "SWE": ("Sweden", "SE"),
    "JPN": ("Japan", "JP"),
    "AUS": ("Australia", "AU"),
    "IND": ("India", "IN"),
    "SGP": ("Singapore", "SG"),
}
# Written by hand, without the picklist of countries: then the code is missing too.
_BY_HAND: Final = {"USA": "U.S.A.", "DEU": "Deutschland", "GBR": "England", "JPN": "日本"}
_ZONES: Final = {
    "USA": ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"),
    "CAN": ("America/Toronto", "America/Vancouver"),
    "BRA": ("America/Sao_Paulo",),
    "DEU": ("Europe/Berlin",),
    "FRA": ("Europe/Paris",),
    "GBR": ("Europe/London",),
    "SWE": ("Europe/Stockholm",),
    "JPN": ("Asia/Tokyo",),
    "AUS": ("Australia/Sydney", "Australia/Perth"),
    "IND": ("Asia/Kolkata",),
    "SGP": ("Asia/Singapore",),
}
# What people type where a zone is asked for.
_ODD_ZONES: Final = ("EST", "Pacific Standard Time", "GMT+1", "Europe/Berln", "tbd", " ")
_CITIES: Final = {"USA": ("Duluth", "MN"), "DEU": ("Bremen", None), "JPN": ("横浜", None)}


@dataclass(frozen=True, slots=True)
class Org:
    """One subscriber org before its installations are drawn."""

    key: str
    name: str
    status: str
    type: str
    instance: str
    country: str
    parent: str | None = None
    own: bool = False


def generate_licences(work: Work, fleet: Sequence[Org]) -> None:
    """One licence, mostly, for each row of the subscriber table, with accounts and leads."""
    # A source of chance of its own: the fleet is the same with and without licences.
    chance = Random(f"licences {work.seed}")  # noqa: S311 - repeatable, not secret
    _packages(work)
    customers = _customers(work, chance, fleet)
    orgs = {org.key: org for org in fleet}
    versions = _versions(work)
    numbers = count(1)
    rows: list[tuple[object, ...]] = []
    for org_key, package_id, version_id in work.db.execute(
        "SELECT org_key, package_id, version_id FROM subscriber ORDER BY rowid"
    ).fetchall():
        org = orgs[org_key]
        of_package = versions[package_id]
        at = list(of_package).index(version_id)
        if chance.random() < _DOUBLE:
            # An older licence of the same org, left behind with an older version.
            older = list(of_package)[max(0, at - 1)]
            rows.append(_licence(work, chance, next(numbers), org, of_package[older], customers))
        rows.append(_licence(work, chance, next(numbers), org, of_package[version_id], customers))
    for org in _unlisted(chance, len(fleet)):
        package_id = chance.choice(list(versions))
        found = chance.choice(list(versions[package_id].values()))
        rows.append(_licence(work, chance, next(numbers), org, found, {}, uninstalled=True))
    work.db.executemany(
        f"INSERT INTO licence VALUES ({','.join('?' * 19)})",  # noqa: S608 - our own names
        rows,
    )


_DOUBLE: Final = 0.02
_UNLISTED: Final = 0.01


def _packages(work: Work) -> None:
    owner = work.db.execute("SELECT id FROM organization WHERE tenant = 'owner'").fetchone()[0]
    for number, (package_id, name) in enumerate(
        work.db.execute("SELECT id, name FROM package ORDER BY rowid").fetchall()
    ):
        own_id = numbered_id("a0P", 40_000 + number * 17)
        rows = []
        for place, (version_id, title, major, minor, patch, state, modstamp) in enumerate(
            work.db.execute(
                "SELECT id, name, major, minor, patch, release_state, modstamp FROM version"
                " WHERE package_id = ? ORDER BY major, minor, patch, build",
                (package_id,),
            ).fetchall()
        ):
            beta = state == "Beta"
            rows.append(
                (
                    numbered_id("a0V", 70_000 + number * 4_099 + place * 31),
                    f"{major}.{minor}.{patch}" if patch else f"{major}.{minor}",
                    own_id,
                    version_id,
                    title,
                    f"{major}.{minor}.{patch}",
                    float(place + 1),
                    int(beta),
                    day_of(modstamp),
                    "Preview" if beta else "Verified",
                    modstamp,
                    modstamp,
                )
            )
        work.db.executemany(
            f"INSERT INTO lma_version VALUES ({','.join('?' * 12)})",  # noqa: S608 - our own names
            rows,
        )
        work.db.execute(
            f"INSERT INTO lma_package VALUES ({','.join('?' * 11)})",  # noqa: S608 - our own names
            (
                own_id,
                name,
                package_id,
                owner,
                VENDOR,
                rows[-1][0],
                rows[-1][8],
                "Verified",
                float(number + 1),
                work.second - 700 * DAY,
                work.second,
            ),
        )


def _versions(work: Work) -> dict[str, dict[str, tuple[str, str]]]:
    """By package and version id, in the order of numbers: the App's own ids of both."""
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for package_id, version_id, lma_package, lma_version in work.db.execute(
        "SELECT p.package_id, v.version_id, p.id, v.id FROM lma_version v"
        " JOIN lma_package p ON p.id = v.lma_package_id ORDER BY p.id, v.sequence"
    ):
        found.setdefault(package_id, {})[version_id] = (lma_package, lma_version)
    return found


def _customers(
    work: Work, chance: Random, fleet: Sequence[Org]
) -> dict[str, tuple[str | None, str | None]]:
    """Account id and lead id by org key; sandboxes belong to the customer of their parent."""
    found: dict[str, tuple[str | None, str | None]] = {}
    accounts: list[tuple[object, ...]] = []
    leads: list[tuple[object, ...]] = []
    last: dict[str, str] = {}  # by country, for customers with several orgs
    for number, org in enumerate(fleet):
        if org.own:
            found[org.key] = (None, None)
        elif org.parent is not None:
            found[org.key] = found[org.parent]
        elif org.status == "Trial" and chance.random() < 0.5:  # noqa: PLR2004 - a half is a half
            lead_id = numbered_id("00Q", 90_000 + number * 13)
            country = _CODES[org.country][0]
            stamp = _some_time_ago(work, chance)
            leads.append((lead_id, "Sam Sampler", org.name, country, "Working", 0, stamp, stamp))
            found[org.key] = (None, lead_id)
        elif chance.random() < 0.03:  # noqa: PLR2004 - few have neither
            found[org.key] = (None, None)
        elif org.country in last and chance.random() < 0.06:  # noqa: PLR2004 - few share
            found[org.key] = (last[org.country], None)
        else:
            account_id = numbered_id("001", 50_000 + number * 29)
            accounts.append(_account(work, chance, account_id, org))
            last[org.country] = account_id
            found[org.key] = (account_id, None)
    work.db.executemany("INSERT INTO account VALUES (?,?,?,?,?,?,?,?,?,?)", accounts)
    work.db.executemany("INSERT INTO lead VALUES (?,?,?,?,?,?,?,?)", leads)
    return found


def _account(work: Work, chance: Random, account_id: str, org: Org) -> tuple[object, ...]:
    country, code = _CODES[org.country]
    drawn = chance.random()
    by_hand = drawn < 0.08  # noqa: PLR2004 - some
    unknown = 0.08 <= drawn < 0.13  # noqa: PLR2004 - some
    city, state = _CITIES.get(org.country, (None, None))
    luck = chance.random()
    zone: str | None = None
    if luck < 0.6:  # noqa: PLR2004 - most have one
        zone = chance.choice(_ZONES[org.country])
    elif luck < 0.65:  # noqa: PLR2004 - a few have nonsense
        zone = chance.choice(_ODD_ZONES)
    # An account's name may be far longer than an org's.
    long = chance.random() < 0.002  # noqa: PLR2004 - very few
    stamp = _some_time_ago(work, chance)
    return (
        account_id,
        f"{org.name} {'and Subsidiaries ' * 20}"[:255].strip() if long else org.name[:LONGEST],
        "Customer",
        city,
        state,
        None if unknown else _BY_HAND.get(org.country, country) if by_hand else country,
        None if unknown or by_hand else code,
        zone,
        stamp,
        stamp,
    )


def _licence(
    work: Work,
    chance: Random,
    number: int,
    org: Org,
    ids: tuple[str, str],
    customers: dict[str, tuple[str | None, str | None]],
    *,
    uninstalled: bool = False,
) -> tuple[object, ...]:
    account_id, lead_id = customers.get(org.key, (None, None))
    trial = org.status == "Trial"
    drawn = chance.random()
    suspended = org.status == "Inactive" or drawn < 0.01  # noqa: PLR2004 - few
    status = "Trial" if trial else "Suspended" if suspended else "Active"
    installed = _some_time_ago(work, chance)
    # A site licence has no number of seats.
    seats = None if drawn < 0.3 else float(chance.choice((5, 10, 25, 60, 250)))  # noqa: PLR2004
    ends = work.now + chance.randint(-60, 700) * DAY
    return (
        numbered_id("a0L", 300_000 + number * 37),
        f"L-{number:05d}",
        org.key,
        *ids,
        account_id,
        lead_id,
        org.instance,
        int(org.type == "Sandbox"),
        "Uninstalled" if uninstalled else status,
        "Free" if trial else "Paid",
        "Trial" if trial else "Free" if org.status == "Free" else "Active",
        day_of(installed),
        None if org.own or drawn > 0.7 else day_of(ends),  # noqa: PLR2004 - the rest never end
        day_of(ends) if trial else None,
        seats,
        None if seats is None else float(int(seats * chance.random())),
        installed,
        min(work.second, installed + chance.randint(0, 90) * DAY),
    )


def _unlisted(chance: Random, orgs: int) -> Iterator[Org]:
    """Orgs that have a licence still, and no installation any more."""
    for number in range(round(orgs * _UNLISTED)):
        key = numbered_id("00D", 7_700_000_000 + number * 7_919)[:15]
        country = chance.choice(list(_CODES))
        yield Org(key, f"Former customer {number + 1}", "Free", "Production", "NA44", country)


def _some_time_ago(work: Work, chance: Random) -> int:
    return whole_second(work.now - int(chance.random() * 720 * DAY))
