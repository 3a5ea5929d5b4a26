"""The history as people look through it: what was asked for, page by page, line by line in words.

Lines are found by their sequence, never by counting from the top, so that a page stays the same
page while new lines come. Nothing here changes a line; nothing could.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet, TextField
from django.db.models.functions import Cast, Left

from rollouts.domain import ids
from rollouts.domain.digest import short
from rollouts.domain.permissions import Permission, Role, may
from rollouts.domain.trail import BY_COMMAND, OVERRIDES, Group, Told, actions_of, told_of
from rollouts.models import (
    SYSTEM,
    ChainHead,
    Connection,
    Event,
    FrozenList,
    Package,
    Person,
    RoleGrant,
    Rollout,
)

PER_PAGE = 50
# A total beyond this is said as "more than"; counting on would cost more than it tells.
COUNTED = 10_000
NEWER_COUNTED = 99
# Exact fields are shown in the list up to this length; the entry's own page has all of them.
DETAIL_SHOWN = 2_000
ENGINE, PEOPLE = "engine", "people"
_EXPORTED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody looks for; "" and None ask for nothing.

    ``actor`` is a person's row as text, "engine" or "people"; ``about`` names a rollout, a package,
    an org or a connection; days are whole days in UTC, both included.
    """

    actor: str = ""
    group: Group | None = None
    about: str = ""
    since: date | None = None
    until: date | None = None
    overrides: bool = False
    text: str = ""
    rollout: Rollout | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One entry and what its sentence is made of.

    ``detail`` is the exact JSON, cut when ``is_cut``; ``facts`` are counts and digests.
    """

    event: Event
    told: Told
    it: str
    roles: tuple[str, ...]
    facts: tuple[str, ...]
    detail: str = ""
    is_cut: bool = False

    @property
    def who(self) -> str:
        """Who did it; the engine and commands are no names."""
        if self.is_named:
            return self.event.actor
        return "A command" if self.event.action in BY_COMMAND else "The engine"

    @property
    def is_named(self) -> bool:
        """Whether a person did it."""
        return self.event.person_id is not None or self.event.actor != SYSTEM

    @property
    def did(self) -> str:
        """What was done to what, as it goes on after the name."""
        return self.told.words.format(it=self.it)

    @property
    def sentence(self) -> str:
        """The whole line in words, with its reason."""
        facts = ", ".join([*self.facts, *([f"“{self.event.reason}”"] if self.event.reason else [])])
        return f"{self.who} {self.did}" + (f": {facts}" if facts else "")


@dataclass(frozen=True, slots=True)
class Page:
    """Some lines, newest first unless asked otherwise, and where to go on.

    ``total`` counts all that was asked for, up to ``COUNTED``; ``head`` is the newest entry's
    number when the page was read; ``before`` and ``after`` are the sequences that the page before
    it ends and the page after it begins behind, in reading order, None where there is none.
    """

    lines: Sequence[Line]
    total: int
    head: int
    before: int | None
    after: int | None

    @property
    def is_counted(self) -> bool:
        """Whether ``total`` is exact."""
        return self.total <= COUNTED


def sees_all(roles: frozenset[Role]) -> bool:
    """Whether these roles read every line; others read those of rollouts, and their own."""
    return may(roles, Permission.READ_AUDIT)


def entries(asked: Asked, person: Person, roles: frozenset[Role]) -> QuerySet[Event]:
    """Return what was asked for, as far as this person may read it; unordered."""
    rows = Event.objects.all()
    if not sees_all(roles):
        rows = rows.filter(Q(rollout__isnull=False) | Q(person=person))
    if asked.rollout is not None:
        rows = rows.filter(rollout=asked.rollout)
    if asked.actor:
        rows = rows.filter(_by(asked.actor))
    if asked.group is not None:
        rows = rows.filter(action__in=actions_of([asked.group]))
    if asked.overrides:
        rows = rows.filter(action__in=OVERRIDES)
    rows = rows.filter(_within(asked))
    if asked.about:
        rows = rows.alias(fields=Cast("detail", TextField())).filter(_about(asked.about))
    for word in asked.text.split():
        rows = rows.filter(_says(word))
    return rows


def _by(actor: str) -> Q:
    if actor in {ENGINE, PEOPLE}:
        return Q(person__isnull=actor == ENGINE)
    return Q(person=int(actor))


def _within(asked: Asked) -> Q:
    """Whole days in UTC; without any, everything."""
    found = Q()
    if asked.since is not None:
        found &= Q(at__gte=_midnight(asked.since))
    if asked.until is not None:
        found &= Q(at__lt=_midnight(asked.until + timedelta(days=1)))
    return found


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def _about(named: str) -> Q:
    """Match lines on a thing: of its rollout, with it as subject, or with it among their fields."""
    try:
        key = ids.org_id(named)
    except ids.BadId:
        pass
    else:
        return Q(subject__contains=key) | Q(fields__contains=key)
    found = Q(subject__icontains=named) | Q(rollout__slug=named)
    for package in Package.objects.filter(Q(namespace=named) | Q(name=named) | Q(sf_id=named)):
        found |= Q(rollout__to_version__package=package) | Q(subject=f"package {package.name}")
        if package.sf_id:
            found |= Q(fields__contains=package.sf_id)
    for pk in Connection.objects.filter(name=named).values_list("pk", flat=True):
        found |= Q(subject__startswith=f"connection {pk} ")
    return found


def _says(word: str) -> Q:
    digest = word.replace("-", "").lower()
    return (
        Q(reason__icontains=word)
        | Q(subject__icontains=word)
        | Q(actor__icontains=word)
        | Q(action__icontains=word)
        | Q(rollout__slug__icontains=word)
        | Q(digest__startswith=digest)
    )


def page(
    asked: Asked,
    person: Person,
    roles: frozenset[Role],
    *,
    before: int | None = None,
    after: int | None = None,
    oldest_first: bool = False,
) -> Page:
    """Return the lines that stand before or after a sequence in reading order, else the first."""
    found = entries(asked, person, roles)
    # Before the lines, so that one which comes meanwhile is offered as newer, not lost.
    head = newest()
    total = found.order_by()[: COUNTED + 1].count()
    back = after is None and before is not None
    upwards = oldest_first is not back
    rows = _read(found).order_by("sequence" if upwards else "-sequence")
    if after is not None or before is not None:
        edge = after if after is not None else before
        rows = rows.filter(sequence__gt=edge) if upwards else rows.filter(sequence__lt=edge)
    some = list(rows[: PER_PAGE + 1])
    more, shown = len(some) > PER_PAGE, some[:PER_PAGE]
    if back:
        shown.reverse()
    has_before, has_after = (more, True) if back else (after is not None, more)
    return Page(
        lines=lines_of(shown),
        total=total,
        head=head,
        before=shown[0].sequence if shown and has_before else None,
        after=shown[-1].sequence if shown and has_after else None,
    )


def newest() -> int:
    """Return the sequence of the newest line of history."""
    return ChainHead.objects.order_by("pk").values_list("sequence", flat=True).first() or 0


def newer(asked: Asked, person: Person, roles: frozenset[Role], than: int) -> int:
    """Count the lines asked for that are newer than a sequence, up to one more than is said."""
    if newest() <= than:
        return 0
    rows = entries(asked, person, roles).filter(sequence__gt=than)
    return rows.order_by()[: NEWER_COUNTED + 1].count()


def one(sequence: int, person: Person, roles: frozenset[Role]) -> Line | None:
    """Return one line with all its fields, if it is there and this person may read it."""
    event = entries(Asked(), person, roles).select_related(*_WITH).filter(sequence=sequence).first()
    return lines_of([event])[0] if event else None


_WITH = ("person", "wave", "rollout__to_version__package")


def _read(rows: QuerySet[Event]) -> QuerySet[Event]:
    """Read lines without the long fields of some, which would outweigh all the others."""
    text = Cast("detail", TextField())
    return rows.select_related(*_WITH).defer("detail").annotate(shown=Left(text, DETAIL_SHOWN + 1))


def lines_of(events: Sequence[Event]) -> list[Line]:
    """Put lines into words: two queries, however many they are."""
    roles = _roles_then(events)
    sizes = _sizes({event.digest for event in events if event.digest})
    return [_line(event, roles, sizes) for event in events]


def plain(events: Iterable[Event]) -> list[Line]:
    """Put lines into words without roles and numbers of orgs, which takes no query."""
    return [_line(event, {}, {}) for event in events]


def _line(event: Event, roles: dict[int, tuple[str, ...]], sizes: dict[str, int]) -> Line:
    size = sizes.get(event.digest)
    facts = [f"{size} {'org' if size == 1 else 'orgs'}"] if size else []
    if event.digest:
        facts.append(f"list {short(event.digest)}")
    cut = getattr(event, "shown", None)
    text = cut if cut is not None else json.dumps(event.detail, sort_keys=True, ensure_ascii=False)
    return Line(
        event=event,
        told=told_of(event.action),
        it=_it(event),
        roles=roles.get(event.pk, ()),
        facts=tuple(facts),
        detail="" if text == "{}" else text,
        is_cut=cut is not None and len(cut) > DETAIL_SHOWN,
    )


def _it(event: Event) -> str:
    """Name the thing as a sentence goes on: "batch 2 of wave 4 of hbr 4.3.0"."""
    subject = event.subject
    if event.rollout is None:
        kind, _, rest = subject.partition(" ")
        # The row's number, kept for the trail, says nothing to a reader.
        number, _, name = rest.partition(" ")
        return (
            f"connection “{name}”"
            if kind == "connection" and number.isdigit() and name
            else subject
        )
    named, slug = _named(event.rollout), event.rollout.slug
    if subject == f"rollout {slug}":
        return named
    if subject.startswith("wave "):
        wave, _, batch = subject.partition(" batch ")
        return f"batch {batch} of {wave} of {named}" if batch else f"{wave} of {named}"
    return f"{subject} of {named}" if slug not in subject else subject


def _named(rollout: Rollout) -> str:
    """Name a rollout as people do: "hbr 4.3.0", a second one to the same version "... r2"."""
    version = rollout.to_version
    said = f"{version.package.namespace or version.package.name} {version.number}"
    _, _, again = rollout.slug.rpartition("-r")
    return f"{said} r{again}" if again.isdigit() else said


def _roles_then(events: Iterable[Event]) -> dict[int, tuple[str, ...]]:
    """Say which roles each line's person had at its moment: one query."""
    rows = list(events)
    grants: dict[int, list[tuple[str, datetime, datetime | None]]] = defaultdict(list)
    people = {row.person_id for row in rows if row.person_id}
    if people:
        found = RoleGrant.objects.filter(person__in=people).order_by("role")
        for person, role, since, until in found.values_list(
            "person", "role", "starts_at", "ended_at"
        ):
            grants[person].append((role, since, until))
    return {
        row.pk: tuple(
            role
            for role, since, until in grants[row.person_id]
            if since <= row.at and (until is None or row.at < until)
        )
        for row in rows
        if row.person_id
    }


def _sizes(digests: set[str]) -> dict[str, int]:
    """Count the orgs of the frozen lists with these digests: one query."""
    if not digests:
        return {}
    lists = FrozenList.objects.filter(digest__in=digests).annotate(size=Count("orgs"))
    return dict(lists.values_list("digest", "size"))


def exported(rows: QuerySet[Event]) -> Iterator[Line]:
    """Yield lines newest first with all their fields, some hundreds in memory at a time."""
    edge: int | None = None
    rows = rows.select_related(*_WITH).order_by("-sequence")
    while True:
        part = rows if edge is None else rows.filter(sequence__lt=edge)
        events = list(part[:_EXPORTED_AT_ONCE])
        yield from lines_of(events)
        if len(events) < _EXPORTED_AT_ONCE:
            return
        edge = events[-1].sequence


def as_fields(event: Event) -> dict[str, Any]:
    """Return exactly what the hash covers, by name and in its order, and the hash."""
    return {
        "sequence": event.sequence,
        "at": event.at.astimezone(UTC).isoformat(),
        "person": event.person_id,
        "actor": event.actor,
        "action": event.action,
        "subject": event.subject,
        "rollout": event.rollout_id,
        "wave": event.wave_id,
        "before": event.before,
        "after": event.after,
        "reason": event.reason,
        "digest": event.digest,
        "detail": event.detail,
        "previous": event.previous,
        "hash": event.hash,
    }
