"""Which orgs a person wants to see: words of an address, made into one query.

A row is one package in one org. Everything is decided by the database, so that a page of twenty
thousand orgs costs what its own rows cost. A word that is not known matches nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime

from django.db.models import CharField, Exists, F, OuterRef, Q, QuerySet, Subquery, Value

from rollouts.domain import ids
from rollouts.domain.audience import PRODUCTION, SANDBOX, Ring
from rollouts.domain.business_days import region
from rollouts.domain.lifecycle import ROLLOUT_ENDS, AttemptState, TargetState
from rollouts.models import (
    Account,
    Attempt,
    Exclusion,
    Installation,
    Licence,
    Mark,
    MarkKind,
    Org,
    Package,
    PackageVersion,
    Rollout,
    Target,
)
from rollouts.models.orgs import InstallationQuerySet
from rollouts.pipeline.finding import listed_ids
from rollouts.pipeline.ownership import owned_by, owner
from rollouts.pipeline.readiness import key_of
from rollouts.pipeline.subscribers import fold

NEWEST, NOT_NEWEST, BEFORE = "newest", "not-newest", "before-"
GONE, ALL = "no", "all"
BLOCKED, UNREADABLE, INACTIVE, EXCLUDED = "blocked", "unreadable", "inactive", "excluded"
IN_ROLLOUT, FAILED, UNPLANNED = "in-rollout", "failed", "unplanned"
_LONGEST = 4_000
_ENDS = [state.value for state in ROLLOUT_ENDS]
_UNDER_WAY = [TargetState.PLANNED.value, TargetState.IN_FLIGHT.value]
_AT = "org__"
_OF_CUSTOMERS = (EXCLUDED, UNPLANNED)
_NOTHING = Q(pk__in=())

_TIES = ("org__folded", "-org__is_production", "org__key", "package__name", "pk")
SORTS: dict[str, tuple[str, ...]] = {
    "name": ("org__folded",),
    "customer": ("owner_name",),
    "type": ("org__is_production",),
    "version": ("version__major", "version__minor", "version__patch", "version__build"),
    "instance": ("org__instance",),
    "since": ("since_before",),
    "seen": ("read_at",),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of the list is wanted; every word may be missing. `Catalog` says which there are."""

    q: str = ""
    package: str = ""
    version: str = ""
    type: str = ""
    why: str = ""
    rollout: str = ""
    status: str = ""
    instance: str = ""
    region: str = ""
    customer: str = ""
    licence: str = ""
    tag: str = ""
    ring: str = ""
    installed: str = ""

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Wanted:
        """Take the words out of an address."""
        return cls(**{one.name: query.get(one.name, "").strip()[:_LONGEST] for one in fields(cls)})


@dataclass(frozen=True, slots=True)
class Catalog:
    """The versions there are, by row, with their packages, and the newest that can be pushed."""

    versions: dict[int, PackageVersion]
    packages: dict[int, Package]
    newest: dict[int, PackageVersion]

    def named(self, key: str) -> Package | None:
        """Return the package that addresses name so."""
        return next((one for one in self.packages.values() if key_of(one) == key), None)

    def is_newest(self, version: PackageVersion) -> bool:
        """Say whether nothing newer can be pushed."""
        newest = self.newest.get(version.package_id)
        return newest is None or version.number >= newest.number


@dataclass(frozen=True, slots=True)
class Known:
    """The words that rows have, by the filter they answer; one query for all."""

    words: dict[str, list[str]] = field(default_factory=dict)

    def of(self, name: str) -> list[str]:
        """Return the words of one filter, in order."""
        return self.words.get(name, [])


def catalog() -> Catalog:
    """Read the versions: one query."""
    versions: dict[int, PackageVersion] = {}
    packages: dict[int, Package] = {}
    newest: dict[int, PackageVersion] = {}
    for version in PackageVersion.objects.select_related("package").newest_first():
        version.package = packages.setdefault(version.package_id, version.package)
        versions[version.pk] = version
        if not version.push_refusal:
            newest.setdefault(version.package_id, version)
    return Catalog(versions, packages, newest)


def known_words() -> Known:
    """Read which instances, statuses, tags, licences and running rollouts there are: one query."""
    parts = [
        rows.order_by().values_list(_text_of(name), column, more)
        for name, rows, column, more in (
            ("instance", Org.objects.all(), "instance", "status"),
            ("licence", Licence.objects.filter(gone_at=None), "status", _text_of("")),
            ("tag", Mark.objects.standing().filter(kind=MarkKind.TAG.value), "value", _text_of("")),
            ("rollout", Rollout.objects.exclude(state__in=_ENDS), "slug", _text_of("")),
        )
    ]
    found: dict[str, set[str]] = {}
    for name, word, more in parts[0].union(*parts[1:]):
        found.setdefault(name, set()).add(word)
        if name == "instance":
            found.setdefault("status", set()).add(more)
    found["region"] = {region(word) for word in found.get("instance", ())}
    return Known({name: sorted(words - {""}) for name, words in found.items()})


def _text_of(word: str) -> Value:
    return Value(word, output_field=CharField())


def narrowed(wanted: Wanted, there: Catalog, known: Known, now: datetime) -> InstallationQuerySet:
    """Return the installations that are wanted, in no order; what is sorted by: `ordered`."""
    asked = _Asked(wanted, there, known, now)
    rows = Installation.objects.all()
    # An expression that no condition uses would still join its tables.
    if any((wanted.q, wanted.customer, wanted.tag, wanted.ring, wanted.why in _OF_CUSTOMERS)):
        rows = rows.alias(owner=owner(_AT))
    if wanted.licence:
        rows = rows.alias(licence_says=_licence_says())
    if wanted.installed == GONE:
        rows = rows.exclude(gone_at=None)
    elif wanted.installed != ALL:
        rows = rows.filter(gone_at=None)
    for name, condition in _CONDITIONS.items():
        if getattr(wanted, name):
            rows = rows.filter(condition(asked))
    return rows


def ordered(rows: InstallationQuerySet, sort: str) -> InstallationQuerySet:
    """Sort by a word of `SORTS`, "-" before it for the other way round; else by name."""
    down, name = sort.startswith("-"), sort.removeprefix("-")
    columns = SORTS.get(name, SORTS["name"])
    if name == "customer":
        named = Account.objects.filter(pk=OuterRef("owner")).values("name")
        rows = rows.alias(owner=owner(_AT), owner_name=Subquery(named[:1]))
        column = F("owner_name")
        whose = column.desc(nulls_last=True) if down else column.asc(nulls_last=True)
        return rows.order_by(whose, *_TIES)
    if name == "type":
        down = not down  # production first
    first = [f"-{column}" if down else column for column in columns]
    return rows.order_by(*first, *(tie for tie in _TIES if tie.lstrip("-") not in columns))


@dataclass(frozen=True, slots=True)
class _Asked:
    wanted: Wanted
    there: Catalog
    known: Known
    now: datetime

    def packages(self) -> Iterable[int]:
        """Name the packages that count: the one that is wanted, else all."""
        if not self.wanted.package:
            return self.there.packages
        one = self.there.named(self.wanted.package)
        return [one.pk] if one else []


def _text(asked: _Asked) -> Q:
    text = asked.wanted.q
    listed = listed_ids(text)
    if listed:
        return Q(org__key__in=listed)
    accounts = Account.objects.filter(name__icontains=text).values("pk")
    found = Q(org__folded__contains=fold(text)) | owned_by(accounts, _AT)
    return found | Q(org__key__startswith=text) if text.startswith(ids.ORG) else found


def _package(asked: _Asked) -> Q:
    return Q(package__in=list(asked.packages()))


def _version(asked: _Asked) -> Q:
    word, there = asked.wanted.version, asked.there
    mine = [one for one in there.versions.values() if one.package_id in set(asked.packages())]
    if word in {NEWEST, NOT_NEWEST}:
        return Q(version__in=[one for one in mine if there.is_newest(one) == (word == NEWEST)])
    if word.startswith(BEFORE):
        numbers = word.removeprefix(BEFORE).split(".")
        if not all(part.isascii() and part.isdigit() for part in numbers):
            return _NOTHING
        bound = tuple(int(part) for part in numbers)
        return Q(version__in=[one for one in mine if one.number.release < bound])
    return Q(version__in=[one for one in mine if word in {one.label, one.sf_id}])


def _type(asked: _Asked) -> Q:
    word = asked.wanted.type
    if word not in {PRODUCTION, SANDBOX}:
        return _NOTHING
    return Q(org__is_production=word == PRODUCTION)


def _region(asked: _Asked) -> Q:
    wanted = asked.wanted.region.upper()
    return Q(org__instance__in=[one for one in asked.known.of("instance") if region(one) == wanted])


def _customer(asked: _Asked) -> Q:
    """Find by the account's id, else by a part of its name."""
    word = asked.wanted.customer
    meant = Q(name__icontains=word)
    if len(word) in {ids.SHORT, ids.LONG} and word.isalnum():
        meant |= Q(sf_id__startswith=word[: ids.SHORT])
    return owned_by(Account.objects.filter(meant).values("pk"), _AT)


def _licence(asked: _Asked) -> Q:
    """The licence for this package that is still listed, the newest of several."""
    word = asked.wanted.licence
    near = Licence.objects.filter(gone_at=None, status=word).values("org_key")
    return Q(org__key__in=near) & Q(licence_says=word)


def _licence_says() -> Subquery:
    mine = Licence.objects.filter(
        gone_at=None, org_key=OuterRef("org__key"), package_sf_id=OuterRef("package__sf_id")
    )
    return Subquery(mine.order_by("-modified", "-pk").values("status")[:1])


def _tag(asked: _Asked) -> Q:
    return _marked(MarkKind.TAG, asked.wanted.tag)


def _marked(kind: MarkKind, value: str) -> Q:
    marks = Mark.objects.standing().filter(kind=kind.value, value=value)
    whole = owned_by(marks.exclude(account=None).values("account"), _AT)
    return Q(org__in=marks.exclude(org=None).values("org")) | whole


def _ring(asked: _Asked) -> Q:
    """An org's own ring speaks before its customer's; of one nobody spoke of, whose it is."""
    word = asked.wanted.ring
    if word not in set(Ring):
        return _NOTHING
    marks = Mark.objects.standing().filter(kind=MarkKind.RING.value)
    mine, whole = marks.exclude(org=None), marks.exclude(account=None)
    spoken = Q(org__in=mine.values("org"))
    found = Q(org__in=mine.filter(value=word).values("org")) | ~spoken & owned_by(
        whole.filter(value=word).values("account"), _AT
    )
    if word in {Ring.OWN, Ring.USUAL}:
        silent = ~spoken & ~owned_by(whole.values("account"), _AT)
        found |= silent & Q(org__is_own=word == Ring.OWN)
    return found


def _excluded(asked: _Asked) -> Q:
    standing = Exclusion.objects.in_force(asked.now)
    whole = owned_by(standing.exclude(account=None).values("account"), _AT)
    return Q(org__in=standing.exclude(org=None).values("org")) | whole


def _under_way(asked: _Asked) -> Q:
    """A rollout of this package that still runs has the org, and has not tried it to the end."""
    return _running(asked, Target.objects.filter(state__in=_UNDER_WAY))


def _running(asked: _Asked, targets: QuerySet[Target]) -> Q:
    running = targets.exclude(rollout__state__in=_ENDS)
    return _any(
        Q(package=pk, org__in=running.filter(rollout__to_version__package=pk).values("org"))
        for pk in asked.packages()
    )


def _failed(asked: _Asked) -> Q:
    """The last push of this package to the org, recalled ones aside, failed."""
    mine = Attempt.objects.exclude(state=AttemptState.CANCELED.value)
    found = []
    for pk in asked.packages():
        tries = mine.filter(version__package=pk)
        later = tries.filter(org=OuterRef("org"), pk__gt=OuterRef("pk"))
        last = tries.filter(~Exists(later), state=AttemptState.FAILED.value)
        found.append(Q(package=pk, org__in=last.values("org")))
    return _any(found)


def _unplanned(asked: _Asked) -> Q:
    """Nothing speaks against a push of the newest version, and no rollout that runs has the org."""
    older = [one for one in asked.there.versions.values() if not asked.there.is_newest(one)]
    free = Q(version__in=older, version__released=True, blocked=False) & ~Q(org__status="Inactive")
    return free & ~_excluded(asked) & ~_running(asked, Target.objects.all())


def _why(asked: _Asked) -> Q:
    word = asked.wanted.why
    plain = {
        BLOCKED: Q(blocked=True),
        UNREADABLE: Q(blocked=None),
        INACTIVE: Q(org__status="Inactive"),
    }
    if word in plain:
        return plain[word]
    made = {EXCLUDED: _excluded, IN_ROLLOUT: _under_way, FAILED: _failed, UNPLANNED: _unplanned}
    return made[word](asked) if word in made else _NOTHING


def _rollout(asked: _Asked) -> Q:
    slug = asked.wanted.rollout
    return Q(
        package__in=Rollout.objects.filter(slug=slug).values("to_version__package"),
        org__in=Target.objects.filter(rollout__slug=slug).values("org"),
    )


def _any(found: Iterable[Q]) -> Q:
    whole = _NOTHING
    for one in found:
        whole |= one
    return whole


_CONDITIONS: dict[str, Callable[[_Asked], Q]] = {
    "package": _package,
    "version": _version,
    "type": _type,
    "status": lambda asked: Q(org__status=asked.wanted.status),
    "instance": lambda asked: Q(org__instance__iexact=asked.wanted.instance),
    "region": _region,
    "why": _why,
    "rollout": _rollout,
    "licence": _licence,
    "tag": _tag,
    "ring": _ring,
    "customer": _customer,
    "q": _text,
}
