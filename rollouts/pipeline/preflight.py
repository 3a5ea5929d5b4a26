"""Preflight of a draft, a rollout or one wave: the facts from rows, the findings from the domain.

Nothing here asks Salesforce or changes anything.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rollouts.domain.business_days import region
from rollouts.domain.findings import Facts, Finding, Link, Missing, block, blocks, unanswered
from rollouts.domain.forecast import Forecast, Past, forecast
from rollouts.domain.freeze_rules import read as read_rule
from rollouts.domain.freezes import Once
from rollouts.domain.lifecycle import ROLLOUT_ENDS, TargetState
from rollouts.domain.planner import Because
from rollouts.domain.policy import Policy, WaveKind
from rollouts.domain.preflight import check
from rollouts.domain.schedule import Schedule
from rollouts.domain.versions import Jump, Number
from rollouts.domain.windows import BadWindow
from rollouts.models import (
    Connection,
    Draft,
    FreezeRow,
    Installation,
    PackageVersion,
    Rollout,
    SyncRun,
    Target,
    Wave,
)
from rollouts.pipeline import dependencies, drafts, proof, readiness
from rollouts.pipeline.forecasting import Outlook, Part, look_ahead
from rollouts.pipeline.keeping import times_of

_ENDS = [state.value for state in ROLLOUT_ENDS]
_GOING = (TargetState.PLANNED.value, TargetState.IN_FLIGHT.value)
_RELEASE = re.compile(r"\b(Spring|Summer|Winter) '\d\d\b")


@dataclass(frozen=True, slots=True)
class Preflight:
    """The findings of a plan with its forecast, and when they were made."""

    findings: tuple[Finding, ...]
    forecast: Forecast
    at: datetime

    @property
    def blocks(self) -> list[Finding]:
        """What must be mended first."""
        return blocks(self.findings)

    def unanswered(self, reasons: Mapping[str, str]) -> list[Finding]:
        """The warnings that still want a reason."""
        return unanswered(self.findings, reasons)


@dataclass(frozen=True, slots=True)
class _Row:
    pk: int
    number: Number
    is_production: bool
    is_own: bool
    instance: str


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is looked at, wherever it is stored: ``left_out`` maps an org's id to its reason."""

    version: PackageVersion
    kind: Jump
    policy: Policy
    waves: tuple[tuple[int, str, WaveKind, int, tuple[str, ...]], ...]
    left_out: Mapping[str, str]
    rollout: Rollout | None = None
    instead_of: Rollout | None = None
    trouble: str = ""
    schedule: Schedule = Schedule()  # noqa: RUF009 - it can't be changed


def of_draft(draft: Draft, now: datetime) -> Preflight:
    """Look at a draft as it would be created now."""
    proposal = drafts.propose(draft, now)
    waves = tuple(
        (number, wave.name, wave.kind, wave.bake, wave.orgs)
        for number, wave in enumerate(proposal.waves, start=1)
    )
    left_out = {org: because.value for org, because in proposal.left_out.items()}
    older = drafts.older_of(draft)
    return _look(
        _Plan(
            draft.to_version,
            proposal.kind,
            proposal.policy,
            waves,
            left_out,
            instead_of=older,
            trouble=proposal.trouble,
            schedule=drafts.schedule_of(draft),
        ),
        now,
    )


def of_rollout(rollout: Rollout, now: datetime) -> Preflight:
    """Look at what is left of a rollout."""
    return _look(_stored(rollout, list(rollout.waves.all())), now)


def of_wave(wave: Wave, now: datetime) -> Preflight:
    """Look at one wave that is about to be frozen or approved."""
    return _look(_stored(wave.rollout, [wave]), now)


def preflight(subject: Draft | Rollout | Wave, now: datetime) -> list[Finding]:
    """Return the findings of a draft, a rollout or a wave; blocks first."""
    if isinstance(subject, Draft):
        return list(of_draft(subject, now).findings)
    looked = of_wave(subject, now) if isinstance(subject, Wave) else of_rollout(subject, now)
    return list(looked.findings)


def _stored(rollout: Rollout, waves: Sequence[Wave]) -> _Plan:
    orgs: dict[int, list[str]] = {wave.pk: [] for wave in waves}
    rows = Target.objects.filter(wave__in=waves, state__in=_GOING).order_by("wave", "place")
    for wave, key in rows.values_list("wave_id", "org__key"):
        orgs[wave].append(key)
    return _Plan(
        version=rollout.to_version,
        kind=Jump(rollout.kind),
        policy=rollout.policy,
        waves=tuple(
            (wave.number, wave.name, WaveKind(wave.kind), wave.bake, tuple(orgs[wave.pk]))
            for wave in waves
            if orgs[wave.pk]
        ),
        left_out=rollout.left_out,
        rollout=rollout,
        schedule=rollout.when,
    )


def _look(plan: _Plan, now: datetime) -> Preflight:
    now = now.astimezone(UTC)
    package = plan.version.package
    known = _rows(plan)
    parts = [
        Part(number, name, kind, bake, {known[key].pk: known[key].instance for key in orgs
                                        if key in known}, plan.schedule.earliest.get(number))
        for number, name, kind, bake, orgs in plan.waves
    ]  # fmt: skip
    try:
        orgs = [pk for part in parts for pk in part.orgs]
        times = times_of(orgs, plan.schedule, now)
        outlook = look_ahead(package, parts, plan.policy, now, now, times=times)
    except BadWindow as problem:
        return _unreadable(problem, plan.policy, now)
    facts = _facts(plan, known, parts, outlook, now)
    findings = check(facts)
    if plan.trouble:
        findings = (block("plan", plan.trouble, "Change the audience or the waves."), *findings)
    return Preflight(findings, outlook.forecast, now)


def _unreadable(problem: BadWindow, policy: Policy, now: datetime) -> Preflight:
    """Nobody knows when orgs are open, so that is the one thing to say, and it blocks."""
    finding = block("hours", f"A stored window can't be read: {problem}", "Mend it.", "calendar")
    return Preflight((finding,), forecast((), policy, Past(), now, poll=1), now)


def _rows(plan: _Plan) -> dict[str, _Row]:
    rows = (
        Installation.objects.present()
        .filter(package=plan.version.package)
        .values_list(
            "org__key", "org_id", "version__major", "version__minor", "version__patch",
            "version__build", "org__is_production", "org__is_own", "org__instance",
        )
    )  # fmt: skip
    return {
        key: _Row(pk, Number(*number), is_production, is_own, instance)
        for key, pk, *number, is_production, is_own, instance in rows
    }


def _facts(
    plan: _Plan, known: Mapping[str, _Row], parts: Sequence[Part], outlook: Outlook, now: datetime
) -> Facts:
    version, package = plan.version, plan.version.package
    planned = {key for wave in plan.waves for key in wave[4]}
    rows = [known[key] for key in planned if key in known]
    own = [row for row in known.values() if row.is_own]
    done = sum(row.number.release == version.number.release for row in own)
    latest = SyncRun.objects.filter(package=package, ok=True).order_by("-read_at").first()
    past_release, next_release, calendar_known = _releases(outlook.forecast, now)
    left = Counter(plan.left_out.values())
    begins = outlook.forecast.begins or now
    return Facts(
        namespace=readiness.key_of(package),
        version=str(version),
        refusal=version.push_refusal,
        kind=plan.kind,
        changed_at=version.changed,
        newer=_newer(version),
        link=_link(package.connection, version),
        forecast=outlook.forecast,
        policy=plan.policy,
        begin=begins,
        data_as_of=latest.read_at if latest else None,
        now=now,
        orgs=len(rows),
        own=sum(row.is_own for row in rows),
        own_current=done,
        canary=sum(len(wave[4]) for wave in plan.waves if wave[2] is WaveKind.CANARY),
        unseen=_unseen(plan, known),
        platform_release=past_release,
        release_ahead=next_release,
        calendar_known=calendar_known,
        elsewhere=_elsewhere(plan, left),
        beside=_beside(plan),
        missing=tuple(_missing(version, parts)),
        migrating=left[Because.MIGRATION.value],
        frozen=outlook.frozen,
        guessed=outlook.guessed,
        majors_enabled=readiness.majors_enabled(package),
    )


def _link(link: Connection, version: PackageVersion) -> Link:
    known = {row.key: row.verdict.value for row in proof.stored(link)}
    verdict = {"ok": True, "bad": False}
    reviewed = readiness.reviewed(version.package)
    left = None
    if link.calls_limit is not None and link.calls_used is not None:
        left = link.calls_limit - link.calls_used
    return Link(
        pk=link.pk,
        name=link.name,
        pushes=link.pushes,
        live=link.disconnected_at is None,
        permission=verdict.get(known.get("permission", "")),
        reviewed=reviewed,
        calls_left=left,
        calls_limit=link.calls_limit,
    )


def _newer(version: PackageVersion) -> str:
    rows = version.package.versions.pushable().newest_first()
    newest = rows.select_related("package").first()
    return str(newest) if newest and newest.number.release > version.number.release else ""


def _unseen(plan: _Plan, known: Mapping[str, _Row]) -> dict[str, float]:
    """Return kinds of production org that follow the canary and are not in it, in percent."""
    tested: set[str] = set()
    following: Counter[str] = Counter()
    for _, _, kind, _, orgs in plan.waves:
        kinds = [_kind(known[key]) for key in orgs if key in known]
        if kind is WaveKind.CANARY:
            tested.update(kinds)
        elif kind is WaveKind.PRODUCTION:
            following.update(kinds)
    total = sum(following.values())
    return {name: 100 * count / total for name, count in following.items() if name not in tested}


def _kind(row: _Row) -> str:
    return f"from {row.number.major}.{row.number.minor} in {region(row.instance) or 'no region'}"


def _elsewhere(plan: _Plan, left: Counter[str]) -> tuple[tuple[str, int], ...]:
    if not left[Because.ELSEWHERE.value]:
        return ()
    keys = {key for key, why in plan.left_out.items() if why == Because.ELSEWHERE.value}
    rows = Target.objects.exclude(rollout__state__in=_ENDS).exclude(rollout=plan.rollout)
    found = Counter(
        slug for key, slug in rows.values_list("org__key", "rollout__slug") if key in keys
    )
    return tuple(found.most_common())


def _beside(plan: _Plan) -> tuple[str, ...]:
    rows = Rollout.objects.exclude(state__in=_ENDS).filter(
        to_version__package=plan.version.package_id
    )
    out = [one.pk for one in (plan.rollout, plan.instead_of) if one]
    return tuple(rows.exclude(pk__in=out).order_by("slug").values_list("slug", flat=True))


def _missing(version: PackageVersion, parts: Sequence[Part]) -> list[Missing]:
    if not dependencies.needs_of(version):
        return []
    return [
        Missing(part.number, len(one.orgs), one.absent, need.needs.name, need.at_least.label)
        for part in parts
        for need, one in dependencies.missing(version, part.orgs)
    ]


def _releases(
    told: Forecast, now: datetime
) -> tuple[tuple[str, datetime] | None, tuple[str, datetime] | None, bool]:
    """Return Salesforce's last release, the first in the plan's time, and whether any is known."""
    known: list[tuple[datetime, str]] = []
    for row in FreezeRow.objects.in_force():
        named = _RELEASE.search(row.name)
        try:
            rule = read_rule(row.rule)
        except (TypeError, ValueError):
            continue  # the calendar says so, and holds all that it closes
        if named and isinstance(rule, Once):
            ends = rule.end.replace(tzinfo=UTC)
            known.append((ends, f"Salesforce {named.group()}"))
    past = max((one for one in known if one[0] <= now), default=None)
    ahead = min((one for one in known if now < one[0] <= told.finish[1]), default=None)
    return (
        (past[1], past[0]) if past else None,
        (ahead[1], ahead[0]) if ahead else None,
        any(ends > now for ends, _ in known),
    )
