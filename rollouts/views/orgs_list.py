"""Every org with a package of ours: found, filtered, sorted, and why it has no newer version."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC

from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from rollouts.access import Request, can, may
from rollouts.domain.audience import PRODUCTION, SANDBOX, Ring
from rollouts.domain.permissions import Permission
from rollouts.models import Since
from rollouts.pipeline.readiness import key_of
from rollouts.pipeline.report import orgs, orgs_wanted
from rollouts.pipeline.report.hours import SOURCES
from rollouts.pipeline.report.orgs import Line
from rollouts.pipeline.report.orgs_wanted import Catalog, Known, Wanted
from rollouts.views import listing
from rollouts.views.downloads import csv_stream
from rollouts.views.show import show

PAGE = "orgs"
WHYS = {
    orgs_wanted.UNPLANNED: "nobody has planned it",
    orgs_wanted.IN_ROLLOUT: "in a rollout that runs",
    orgs_wanted.FAILED: "failed last time",
    orgs_wanted.BLOCKED: "blocked by the customer",
    orgs_wanted.EXCLUDED: "on the exclusion list",
    orgs_wanted.INACTIVE: "inactive org",
    orgs_wanted.UNREADABLE: "nobody can read if it is blocked",
}
INSTALLED = {orgs_wanted.GONE: "no longer installed", orgs_wanted.ALL: "ever installed"}
TABS = (
    ("All", ""),
    ("Not on the newest", f"version={orgs_wanted.NOT_NEWEST}"),
    ("Nobody has planned", f"why={orgs_wanted.UNPLANNED}"),
    ("Blocked", f"why={orgs_wanted.BLOCKED}"),
    ("Excluded", f"why={orgs_wanted.EXCLUDED}"),
    ("Failed last time", f"why={orgs_wanted.FAILED}"),
    ("Sandboxes", f"type={SANDBOX}"),
    ("Uninstalled", f"installed={orgs_wanted.GONE}"),
)
_LABELS = {
    "q": "Text",
    "package": "Package",
    "version": "Version",
    "type": "Type",
    "why": "Why not yet",
    "rollout": "Rollout",
    "status": "Status",
    "instance": "Instance",
    "region": "Region",
    "customer": "Customer",
    "licence": "Licence",
    "tag": "Tag",
    "ring": "Ring",
    "installed": "Listed",
}
_FIRST = ("package", "version", "type", "why")
_TYPED = ("customer", "instance")
Options = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Field:
    """One filter of the form: a choice among options, or without any a word to type."""

    name: str
    label: str
    value: str
    options: Options


@require_safe
@may(Permission.LOOK)
def orgs_list(request: Request) -> HttpResponseBase:
    """Show the orgs that the address asks for, page by page or as CSV."""
    if tidy := listing.tidied(request):
        return tidy
    wanted = Wanted.read(request.GET)
    there, known = orgs_wanted.catalog(), orgs_wanted.known_words()
    sort = listing.sort_of(request, orgs_wanted.SORTS, "name")
    rows = orgs_wanted.narrowed(wanted, there, known, request.now)
    if request.GET.get("as") == "csv":
        name = f"orgs-{request.now.astimezone(UTC):%Y-%m-%dT%H%MZ}"
        listed = orgs.every(orgs_wanted.ordered(rows, sort), there, request.now)
        return csv_stream(request, name, CSV_HEADER, csv_rows(listed, there))
    total = orgs.total(rows)
    cut = orgs_wanted.ordered(rows, sort).select_related("org")
    page = listing.page_of(request, cut, total.rows)
    fields = _fields(wanted, there, known)
    words = {one.name: dict(one.options) for one in fields}
    chips = listing.chips(request, lambda name, word: _chip(words, name, word))
    context = {
        "total": total,
        "page": page,
        "sizes": listing.sizes(request, page),
        "lines": orgs.lines(list(page), there, request.now),
        "heads": listing.heads(request, _columns(there, wanted), sort),
        "many_packages": len(there.packages) > 1 and not wanted.package,
        "wanted": wanted,
        "first": [one for one in fields if one.name in _FIRST],
        "more": [one for one in fields if one.name not in _FIRST],
        "more_open": any(one.value for one in fields if one.name not in _FIRST),
        "chips": chips,
        "views": listing.views_of(request, PAGE, TABS),
        "csv": listing.instead(request, size="", **{"as": "csv"}),
        "sort": request.GET.get("sort", ""),
        "size": request.GET.get("size", ""),
        "may_connect": can(request, Permission.CONNECT),
    }
    return show(request, "orgs/list.html", context)


def _fields(wanted: Wanted, there: Catalog, known: Known) -> list[Field]:
    plain = {name: [(word, word) for word in known.of(name)]
             for name in ("rollout", "status", "licence", "tag", "region")}  # fmt: skip
    options: dict[str, Options] = {
        "package": [(key_of(one), one.name) for one in there.packages.values()],
        "version": _versions(wanted, there),
        "type": [(PRODUCTION, "production"), (SANDBOX, "sandbox")],
        "why": list(WHYS.items()),
        **plain,
        "ring": [(ring.value, ring.value) for ring in Ring],
        "installed": list(INSTALLED.items()),
        "customer": [],
        "instance": [],
    }
    made = []
    for name, label in _LABELS.items():
        if name == "q":
            continue
        value: str = getattr(wanted, name)
        offered = options[name]
        if value and name not in _TYPED and value not in dict(offered):
            offered = [*offered, (value, value)]  # it matches nothing, and says what it was
        made.append(Field(name, label, value, offered))
    return made


def _versions(wanted: Wanted, there: Catalog) -> Options:
    """Offer the versions of the package that is chosen, or of all, each number once."""
    one = there.named(wanted.package) if wanted.package else None
    mine = [v for v in there.versions.values() if one is None or v.package_id == one.pk]
    labels = dict.fromkeys(version.label for version in mine)
    before = dict.fromkeys(str(version.number) for version in mine)
    return [
        (orgs_wanted.NOT_NEWEST, "not on the newest"),
        (orgs_wanted.NEWEST, "on the newest"),
        *((label, label) for label in labels),
        *((f"{orgs_wanted.BEFORE}{number}", f"older than {number}") for number in before),
    ]


def _chip(words: dict[str, dict[str, str]], name: str, word: str) -> str:
    if name not in _LABELS or not word.strip():
        return ""
    return f"{_LABELS[name]}: {words.get(name, {}).get(word, word)}"


def _columns(there: Catalog, wanted: Wanted) -> list[tuple[str, str]]:
    package = [("Package", "")] if len(there.packages) > 1 and not wanted.package else []
    return [
        ("Org", "name"), ("Customer", "customer"), ("Type", "type"), *package,
        ("Version", "version"), ("Why not yet", ""), ("Instance", "instance"), ("There now", ""),
        ("Seats#", ""), ("Seen", "seen"),
    ]  # fmt: skip


CSV_HEADER = (
    "Org ID", "Org", "Customer", "Customer ID", "Type", "Status", "Instance", "Package", "Version",
    "Newest version", "Why not yet", "Rollout", "Wave", "Since (UTC)", "Since (local)",
    "Not before (UTC)", "Since is known by", "Uninstalled (UTC)", "Uninstalled (local)",
    "Read at (UTC)", "Read at (local)", "Time zone", "Time zone is known by", "Ring", "Tags",
    "Licence", "Licence ends", "Seats",
)  # fmt: skip


def csv_rows(listed: Iterable[Line], there: Catalog) -> Iterator[tuple[object, ...]]:
    """Yield orgs as lines of a table under `CSV_HEADER`; local times by the org's first zone."""
    for line in listed:
        row, org, licence, place = line.installation, line.org, line.licence, line.target
        newest = there.newest.get(row.package_id)
        yield (
            org.key, org.name, line.customer.name if line.customer else "",
            line.customer.sf_id if line.customer else "",
            PRODUCTION if org.is_production else SANDBOX, org.status, org.instance,
            row.package.name, row.version.label, newest.label if newest else "", line.why,
            place.rollout.slug if place else "", place.wave.number if place else "",
            row.since_before, line.by_its_clocks(row.since_before), row.since_after,
            Since(row.since_proof).label, row.gone_at, line.by_its_clocks(row.gone_at),
            row.read_at, line.by_its_clocks(row.read_at), " or ".join(line.zones),
            SOURCES[line.zone_source], line.said.ring, ", ".join(sorted(line.said.tags)),
            licence.status if licence else "", licence.expires if licence else "",
            licence.seats if licence else "",
        )  # fmt: skip
