"""Everything about one rollout for its printed report, in a dozen queries however large it is.

Every org is counted once. What Salesforce has confirmed stands apart from what was decided here, so
that a report for customers can hold the former alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db.models import OuterRef, Q, Subquery

from rollouts.domain.business_days import region
from rollouts.domain.checklists import Item, Status
from rollouts.domain.lifecycle import AttemptState
from rollouts.domain.planner import WORDS, Because
from rollouts.domain.trail import Group, actions_of
from rollouts.models import Attempt, Event, Licence, PackageVersion, Rollout, Wave
from rollouts.pipeline import finish, trail
from rollouts.pipeline.report.counts import Cluster, failures, word_of

COLUMNS = ("seen", "reported", "failed", "under_way", "left")
_COLUMN = {"confirmed": "seen", "upgraded": "reported", "failed": "failed"} | dict.fromkeys(
    ("running", "queued", "prepared"), "under_way"
)
_DECISIONS = frozenset(
    [*actions_of([Group.DECIDE]), "plan", "preflight", "reshape", "take_over", "ask_retry_wave"]
)
_CALENDAR = frozenset(
    {"add_freeze", "ask_override", "override_freeze", "end_freeze", "take_back_override"}
)
# Each recalled batch has a line of its own in the trail; here the stop that recalled it is enough.
_STOPS = (frozenset(actions_of([Group.STOP])) - {"canceled_batch", "recall_batch"}) | _CALENDAR
# What concerns all rollouts, and so this one while it ran.
_FOR_ALL = _CALENDAR | {
    "stop_everything", "ask_lift_stop", "lift_stop", "reason", "restored", "after_restore",
}  # fmt: skip


class OrgLine(NamedTuple):
    """One org of the plan; ``word`` is that of all pages, ``column`` its part in this report.

    ``tries`` are attempts that were not called back; times are Salesforce's; ``zone`` is the org's
    where it is one.
    """

    key: str
    name: str
    kind: str
    region: str
    status: str
    seats: int | None
    wave: int
    has: str
    word: str
    column: str
    reason: str
    tries: int
    sf_status: str
    started_at: datetime | None
    ended_at: datetime | None
    zone: str


@dataclass(frozen=True, slots=True)
class Share:
    """Orgs that are alike in something, by column."""

    name: str
    by_column: Counter[str]

    def __getitem__(self, column: str) -> int:
        if column not in COLUMNS:
            raise KeyError(column)
        return self.by_column[column]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.by_column.values())

    @property
    def confirmed(self) -> int:
        """Those that have an end which Salesforce reports."""
        return sum(self.by_column[column] for column in ("seen", "reported", "failed"))


@dataclass(frozen=True, slots=True)
class WaveLine:
    """A wave as planned and as it was; the actual times are Salesforce's."""

    wave: Wave
    share: Share
    planned_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def digest(self) -> str:
        """The digest of its list, "" before one was frozen."""
        return self.wave.frozen_list.digest if self.wave.frozen_list else ""

    @property
    def later(self) -> timedelta | None:
        """How much later than planned it started; None unless it did."""
        if self.planned_at is None or self.started_at is None:
            return None
        late = self.started_at - self.planned_at
        return late if late > timedelta() else None

    @property
    def baked(self) -> timedelta | None:
        """How long it baked until it passed."""
        if self.wave.settled_at is None or self.wave.passed_at is None:
            return None
        return self.wave.passed_at - self.wave.settled_at


@dataclass(frozen=True, slots=True)
class Kind:
    """Failures that look the same, and what has become of their orgs."""

    cluster: Cluster
    mended: int
    still: int

    @property
    def rest(self) -> int:
        """Orgs of which neither is true: they are tried again or were left."""
        return self.cluster.count - self.mended - self.still


@dataclass(frozen=True, slots=True)
class Late:
    """A batch that Salesforce started at a time nobody had agreed to, in words."""

    wave: int
    batch: int
    planned_at: datetime | None
    says: str


@dataclass(frozen=True, slots=True)
class Whole:
    """One rollout, whole. ``as_of`` is just before the last complete read of its requests."""

    rollout: Rollout
    as_of: datetime | None
    total: Share
    orgs: list[OrgLine]
    came_from: list[tuple[str, int]]
    waves: list[WaveLine]
    by_kind: list[Share]
    by_region: list[Share]
    by_status: list[Share]
    kinds: list[Kind]
    decisions: list[trail.Line]
    stops: list[trail.Line]
    late: list[Late]
    left_out: list[tuple[str, int]]
    items: list[tuple[Item, Status]]

    @property
    def remainder(self) -> list[OrgLine]:
        """The orgs of the plan that do not have the version, as far as Salesforce tells."""
        return [org for org in self.orgs if org.column not in ("seen", "reported")]

    @property
    def started_at(self) -> datetime | None:
        """When Salesforce began the first org."""
        return min((org.started_at for org in self.orgs if org.started_at), default=None)

    @property
    def ended_at(self) -> datetime | None:
        """When Salesforce ended the last org so far."""
        return max((org.ended_at for org in self.orgs if org.ended_at), default=None)

    @property
    def settled(self) -> int:
        """Items of the checklist that are settled."""
        done = (Status.DONE, Status.SKIPPED, Status.HANDED_OVER)
        return sum(status in done for _, status in self.items)


class _Try(NamedTuple):
    """What is read of an attempt."""

    target: int
    number: int
    state: str
    sf_status: str
    reason: str
    started_at: datetime | None
    ended_at: datetime | None
    zones: str | None
    wave: int
    batch: int
    planned_at: datetime | None
    outside: str | None


def whole(rollout: Rollout, now: datetime) -> Whole:
    """Read all of it: the number of queries does not depend on how many orgs there are."""
    versions = {row.pk: row for row in rollout.to_version.package.versions.all()}
    tries = _tries(rollout)
    orgs, came_from, states, as_of = _orgs(rollout, versions, tries)
    left_from = Counter(came_from).most_common()
    events = _events(rollout, now)
    total = _share("all", orgs)
    return Whole(
        rollout=rollout,
        as_of=as_of,
        total=total,
        orgs=orgs,
        came_from=[(versions[pk].label, count) for pk, count in left_from],
        waves=_waves(rollout, orgs, tries),
        by_kind=_shares(orgs, lambda org: org.kind),
        by_region=_shares(orgs, lambda org: org.region or "not known"),
        by_status=_shares(orgs, lambda org: org.status or "not known"),
        kinds=_kinds(rollout, orgs),
        decisions=[line for line in events if line.event.action in _DECISIONS],
        stops=[line for line in events if line.event.action in _STOPS],
        late=_late(tries),
        left_out=[
            (WORDS[Because(why)], count)
            for why, count in Counter(rollout.left_out.values()).most_common()
        ],
        items=_items(rollout, now, states, versions[left_from[0][0]] if left_from else None),
    )


def _tries(rollout: Rollout) -> dict[int, list[_Try]]:
    found: dict[int, list[_Try]] = defaultdict(list)
    rows = Attempt.objects.filter(target__rollout=rollout).order_by("number", "pk")
    for row in rows.values_list(
        "target", "number", "state", "sf_status", "reason", "started_at", "ended_at",
        "approved__zones", "batch__wave__number", "batch__number", "batch__start_at",
        "batch__began_outside",
    ):  # fmt: skip
        found[row[0]].append(_Try(*row))
    return found


def _orgs(
    rollout: Rollout, versions: dict[int, PackageVersion], tries: dict[int, list[_Try]]
) -> tuple[list[OrgLine], list[int], Counter[str], datetime | None]:
    licences = Licence.objects.filter(
        org_key=OuterRef("org__key"),
        package_sf_id=rollout.to_version.package.sf_id,
        gone_at=None,
    ).order_by("-modified")
    rows = rollout.targets.order_by("wave__number", "place").values_list(
        "pk", "state", "reason", "from_version", "wave__number", "org__key", "org__name",
        "org__is_production", "org__instance", "org__status", "rollout__sf_as_of",
        Subquery(licences.values("seats")[:1]),
    )  # fmt: skip
    orgs: list[OrgLine] = []
    states: Counter[str] = Counter()
    came_from: list[int] = []
    as_of = rollout.sf_as_of
    for pk, state, reason, had, wave, key, name, production, instance, status, read, seats in rows:
        as_of = read
        states[state] += 1
        came_from.append(had)
        real = [one for one in tries.get(pk, ()) if one.state != AttemptState.CANCELED.value]
        last = real[-1] if real else None
        word = word_of(state, last.state if last else None)
        zones = (last.zones or "").split(",") if last else []
        about = (key, name, "production" if production else "sandbox", region(instance), status)
        how = (word, _COLUMN.get(word, "left"), reason or (last.reason if last else ""), len(real))
        seen = (last.sf_status, last.started_at, last.ended_at) if last else ("", None, None)
        zone = zones[0] if len(zones) == 1 else ""
        orgs.append(OrgLine(*about, seats, wave, versions[had].label, *how, *seen, zone))
    states["total"] = len(orgs)
    return orgs, came_from, states, as_of


def _share(name: str, orgs: Iterable[OrgLine]) -> Share:
    return Share(name, Counter(org.column for org in orgs))


def _shares(orgs: Iterable[OrgLine], by: Callable[[OrgLine], str]) -> list[Share]:
    groups: dict[str, list[OrgLine]] = defaultdict(list)
    for org in orgs:
        groups[by(org)].append(org)
    found = [_share(name, members) for name, members in groups.items()]
    return sorted(found, key=lambda share: (-share.total, share.name))


def _waves(
    rollout: Rollout, orgs: Sequence[OrgLine], tries: dict[int, list[_Try]]
) -> list[WaveLine]:
    members: dict[int, list[OrgLine]] = defaultdict(list)
    for org in orgs:
        members[org.wave].append(org)
    all_tries: dict[int, list[_Try]] = defaultdict(list)
    for some in tries.values():
        for one in some:
            all_tries[one.wave].append(one)
    lines = []
    for wave in rollout.waves.select_related("frozen_list").order_by("number"):
        mine = all_tries[wave.number]
        planned = min((one.planned_at for one in mine if one.planned_at), default=None)
        if planned is None and wave.frozen_list and not wave.frozen_list.voided_at:
            planned = wave.frozen_list.not_before
        lines.append(
            WaveLine(
                wave=wave,
                share=_share(wave.name, members[wave.number]),
                planned_at=planned,
                started_at=min((one.started_at for one in mine if one.started_at), default=None),
                ended_at=max((one.ended_at for one in mine if one.ended_at), default=None),
            )
        )
    return lines


def _kinds(rollout: Rollout, orgs: Sequence[OrgLine]) -> list[Kind]:
    columns = {org.key: org.column for org in orgs}
    found = []
    for cluster in failures(rollout):
        now = Counter(columns.get(key, "left") for key, _ in cluster.orgs)
        found.append(Kind(cluster, now["seen"] + now["reported"], now["failed"]))
    return found


def _late(tries: dict[int, list[_Try]]) -> list[Late]:
    found = {
        (one.wave, one.batch): Late(one.wave, one.batch, one.planned_at, one.outside)
        for some in tries.values()
        for one in some
        if one.outside
    }
    return [found[place] for place in sorted(found)]


def _events(rollout: Rollout, now: datetime) -> list[trail.Line]:
    whole_time = (rollout.created_at, rollout.ended_at or now)
    rows = Event.objects.filter(
        Q(rollout=rollout, action__in=_DECISIONS | _STOPS)
        | Q(rollout=None, action__in=_FOR_ALL, at__range=whole_time)
    )
    events = list(rows.order_by("sequence"))
    for event in events:
        if event.rollout_id is not None:
            event.rollout = rollout
    return trail.plain(events)


def _items(
    rollout: Rollout, now: datetime, states: Counter[str], previous: PackageVersion | None
) -> list[tuple[Item, Status]]:
    listed = finish.items(rollout, now, finish.Known(states, previous))
    today = now.astimezone(UTC).date()
    return [(item, item.status(today)) for item in listed]
