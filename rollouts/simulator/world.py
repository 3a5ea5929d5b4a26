"""The invented fleet: packages, versions and subscriber orgs, all from one seed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from random import Random
from typing import Final

from .catalog import HARBOR, TRACKER, VENDOR, PackagePlan
from .customization import adopt_all
from .ids import ALPHABET, long_id, numbered_id
from .lma_world import Org, generate_licences
from .names import AWKWARD, company_name, sandbox_name
from .options import Role
from .store import Work, remember
from .times import DAY, HOUR, whole_second

OWN_ORGS: Final = 8
OTHER_USERNAMES: Final = {
    "owner": "releases@harborline.example",
    "lmo": "licences@harborline.example",
}
_FEW: Final = 40  # below this many orgs the world is a test's, with proportionally fewer own orgs
_SANDBOX_SHARE: Final = 0.3
_LEGACY_SHARE: Final = 0.12

# Country of the customer, its weight, and the prefix of instances that predate country names.
_COUNTRIES: Final = {
    "USA": (40, "NA"),
    "CAN": (5, "NA"),
    "BRA": (4, "NA"),
    "DEU": (12, "EU"),
    "FRA": (8, "EU"),
    "GBR": (9, "EU"),
    "SWE": (3, "EU"),
    "JPN": (7, "AP"),
    "AUS": (6, "AP"),
    "IND": (4, "AP"),
    "SGP": (2, "AP"),
}
_STATUSES: Final = {"Active": 87, "Trial": 5, "Free": 3, "Inactive": 4, "Demo": 1}
_BLOCKED_SHARE: Final = 0.006
_MAY_BLOCK_SHARE: Final = 0.02


def generate(work: Work, orgs: int) -> None:
    """Fill an empty store with the world of the seed. Modstamps lie in the two years before now."""
    chance = Random(work.seed)  # noqa: S311 - repeatable, not secret
    # Every role has the same world behind it, so that a License org's licences are those of the
    # subscribers a packaging org shows, also when two processes play the two.
    plans = [HARBOR, TRACKER]
    _tenants(work, orgs)
    versions = {plan.name: _package(work, plan) for plan in plans}
    rows: list[tuple[object, ...]] = []
    fleet = _fleet(chance, orgs)
    for org in fleet:
        drawn = chance.random()
        chosen = [plan for plan in plans if drawn < plan.installed or org.own]
        # Nobody is a subscriber of nothing; who drew neither has the second package alone.
        for plan in chosen or [plans[-1]]:
            rows.append(_installation(work, chance, org, plan, versions[plan.name], len(rows)))
    work.db.executemany(
        "INSERT INTO subscriber VALUES (" + ",".join("?" * 15) + ")",  # noqa: S608 - our own names
        rows,
    )
    adopt_all(work)
    _announce_maintenance(work, fleet)
    generate_licences(work, fleet)
    if work.options.role is Role.PACKAGING:
        _show_only(work, HARBOR)


def _announce_maintenance(work: Work, fleet: Sequence[Org]) -> None:
    """Announce work on a few instances, far enough ahead that a look around is not held up."""
    for number, instance in enumerate(sorted({org.instance for org in fleet})[:3]):
        starts = work.now + (26 + number) * DAY
        work.db.execute(
            "INSERT INTO maintenance (instance, starts, ends, name, kind) VALUES (?,?,?,?,?)",
            (instance, starts, starts + 4 * HOUR, "Instance refresh", "maintenance"),
        )


def _show_only(work: Work, plan: PackagePlan) -> None:
    """A first-generation packaging org owns one package; the other belongs to somebody else."""
    others = "SELECT id FROM package WHERE name <> ?"
    for table in ("subscriber", "version", "customization"):
        work.db.execute(
            f"DELETE FROM {table} WHERE package_id IN ({others})",  # noqa: S608 - our own names
            (plan.name,),
        )
    work.db.execute("DELETE FROM package WHERE name <> ?", (plan.name,))


def _tenants(work: Work, orgs: int) -> None:
    """The vendor's own org, and the one with the License Management App."""
    hub = work.options.role is not Role.PACKAGING
    owner = ("owner", f"{VENDOR} Releases", None if hub else HARBOR.namespace, "USA94")
    lmo = ("lmo", f"{VENDOR} Business", None, "USA214")
    for number, (tenant, name, namespace, instance) in enumerate((owner, lmo)):
        edition = "Enterprise Edition" if hub or tenant == "lmo" else "Developer Edition"
        serial = 4_105_871_300 + number * 50_000_000 + work.seed
        work.db.execute(
            "INSERT INTO organization VALUES (?,?,?,?,?,?,?,0,NULL,'America/Los_Angeles',?)",
            (
                numbered_id("00D", serial),
                tenant,
                name,
                None,
                namespace,
                instance,
                edition,
                work.second,
            ),
        )
        mine = work.options.role.tenant == tenant
        username = work.options.username if mine else OTHER_USERNAMES[tenant]
        work.db.execute(
            "INSERT INTO person VALUES (?,?,?,?,?,?)",
            (
                numbered_id("005", serial),
                tenant,
                username,
                "Release Automation",
                username,
                work.second,
            ),
        )
    for name, value in (
        ("seed", work.seed),
        ("orgs", orgs),
        ("role", work.options.role.value),
    ):
        remember(work.db, name, value)


def _package(work: Work, plan: PackagePlan) -> dict[str, str]:
    """Store a package with its versions; gives version id by number."""
    package_id = work.new_id("033")
    work.db.execute(
        "INSERT INTO package VALUES (?,?,?,?,?)",
        (package_id, plan.name, plan.namespace, plan.category, work.second - 700 * DAY),
    )
    # Ids of versions don't follow their numbers: who sorts by id sorts wrongly.
    ids = sorted((work.new_id("04t") for _ in plan.versions), key=lambda one: one[::-1])
    for place, (version, version_id) in enumerate(zip(plan.versions, ids, strict=True)):
        major, minor, patch = (int(part) for part in version.number.split("."))
        age = (len(plan.versions) - place) * 45 * DAY
        work.db.execute(
            "INSERT INTO version VALUES (?,?,?,?,?,?,?,?,?,?,?)",
            (
                version_id,
                version.name,
                package_id,
                major,
                minor,
                patch,
                version.build,
                "Beta" if version.beta else "Released",
                int(version.deprecated),
                int(version.defect),
                work.second - age,
            ),
        )
    return {version.number: one for version, one in zip(plan.versions, ids, strict=True)}


def _fleet(chance: Random, count: int) -> list[Org]:
    own = OWN_ORGS if count >= _FEW else max(1, count // 5)
    keys = _org_keys(chance, count)
    orgs = [_own_org(chance, number, keys) for number in range(min(own, count))]
    customers = count - len(orgs)
    sandboxes = round(customers * _SANDBOX_SHARE)
    production: list[Org] = []
    # Awkward names are spread evenly, so that every page of a list meets some.
    step = max(1, (customers - sandboxes) // len(AWKWARD))
    for number in range(customers - sandboxes):
        country = _weighted(chance, {name: weight for name, (weight, _) in _COUNTRIES.items()})
        awkward, rest = divmod(number, step)
        name = (
            AWKWARD[awkward]
            if rest == 0 and awkward < len(AWKWARD)
            else company_name(chance, country)
        )
        production.append(
            Org(
                keys[len(orgs) + number],
                name,
                _weighted(chance, _STATUSES),
                "Production",
                _instance(chance, country, sandbox=False),
                country,
            )
        )
    orgs += production
    first = len(orgs)
    for number in range(sandboxes if production else 0):
        parent = chance.choice(production)
        orgs.append(
            Org(
                keys[first + number],
                sandbox_name(chance, parent.name),
                "Inactive" if chance.random() < 0.03 else "Active",  # noqa: PLR2004 - few
                "Sandbox",
                _instance(chance, parent.country, sandbox=True),
                parent.country,
                parent=parent.key,
            )
        )
    return orgs


def _own_org(chance: Random, number: int, keys: list[str]) -> Org:
    sandbox = number >= OWN_ORGS - 3
    return Org(
        keys[number],
        f"{VENDOR} QA {number + 1}",
        "Demo",
        "Sandbox" if sandbox else "Production",
        _instance(chance, "USA", sandbox=sandbox),
        "USA",
        parent=keys[0] if sandbox else None,
        own=True,
    )


def _org_keys(chance: Random, count: int) -> list[str]:
    """Distinct 15-character keys; the last two customers' keys differ by letter case alone."""
    keys: dict[str, None] = {}
    while len(keys) < count:
        tail = "".join(chance.choices(ALPHABET, k=7))
        keys["00D" + chance.choice(("5g", "Kb", "2o", "8d")) + "000" + tail] = None
    found = list(keys)
    if count > OWN_ORGS:
        twin = found[-2][:-1] + "q"
        found[-2], found[-1] = twin, twin[:-1] + "Q"
    return found


def _instance(chance: Random, country: str, *, sandbox: bool) -> str:
    if chance.random() < _LEGACY_SHARE:
        prefix = "CS" if sandbox else _COUNTRIES[country][1]
        return f"{prefix}{chance.randint(10, 220)}"
    digits = {"USA": (100, 999), "DEU": (10, 60), "AUS": (10, 80), "IND": (10, 90)}
    low, high = digits.get(country, (2, 9))
    return f"{country}{chance.randint(low, high)}{'S' if sandbox else ''}"


def _installation(
    work: Work, chance: Random, org: Org, plan: PackagePlan, versions: dict[str, str], number: int
) -> tuple[object, ...]:
    shares = {
        version.number: version.share
        for version in plan.versions
        # Betas are installed in sandboxes at most.
        if version.share and (not version.beta or org.type == "Sandbox")
    }
    installed = plan.usual_version if org.own else _weighted(chance, shares)
    luck = chance.random()
    blocked = not org.own and luck < _BLOCKED_SHARE
    package_id = work.db.execute(
        "SELECT package_id FROM version WHERE id = ?", (versions[installed],)
    ).fetchone()[0]
    return (
        numbered_id("0Sb", 1_000_003 + number * 131),
        package_id,
        versions[installed],
        org.key,
        org.name,
        org.status,
        org.type,
        org.instance,
        org.parent,
        "i",
        "BlockedBySubscriber" if blocked else "None",
        int(blocked),
        int(not org.own and luck < _MAY_BLOCK_SHARE),
        int(org.own),
        whole_second(work.now - int(chance.random() * 720 * DAY)),
    )


def _weighted(chance: Random, weights: dict[str, int] | dict[str, float]) -> str:
    drawn = chance.random() * sum(weights.values())
    for name, reached in zip(weights, accumulate(weights.values()), strict=True):
        if drawn < reached:
            return name
    return next(reversed(weights))


def org_id(work: Work) -> str:
    """The long id of the tenant itself."""
    return _of_tenant(work, "organization")


def user_id(work: Work) -> str:
    """The long id of the tenant's one user."""
    return _of_tenant(work, "person")


def _of_tenant(work: Work, table: str) -> str:
    found = work.db.execute(
        f"SELECT id FROM {table} WHERE tenant = ?",  # noqa: S608 - our own names
        (work.options.role.tenant,),
    ).fetchone()
    return str(found[0])


def known_org(work: Work, key: str) -> bool:
    """Whether any installation of this org is listed."""
    found = work.db.execute(
        "SELECT 1 FROM subscriber WHERE org_key = ? LIMIT 1", (long_id(key)[:15],)
    ).fetchone()
    return found is not None
