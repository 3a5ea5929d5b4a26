"""Which version does this org have, since when, how do we know, and why not the newest?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from rollouts.domain.lifecycle import ROLLOUT_ENDS, TargetState, WaveState
from rollouts.domain.planner import BLOCKING_UNKNOWN
from rollouts.models import (
    Attempt,
    Installation,
    Licence,
    Org,
    PackageVersion,
    Since,
    Target,
)
from rollouts.pipeline import exclusions, licences

# What of a wave's rollout grows with the fleet and no answer needs.
LONG = ("rollout__left_out", "rollout__audience", "rollout__policy_json", "rollout__schedule")
_OF_BATCH = [f"batch__wave__{name}" for name in LONG]
_ENDS = [state.value for state in ROLLOUT_ENDS]
_UNDER_WAY = (TargetState.PLANNED.value, TargetState.IN_FLIGHT.value)


@dataclass(frozen=True, slots=True)
class Answer:
    """One package in one org, in the words that support reads out."""

    installation: Installation
    version: PackageVersion
    since: str
    read_at: datetime
    newest: PackageVersion | None
    why_not: str
    last_attempt: Attempt | None


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around some orgs' installations; pairs are (org, package), by their keys.

    ``last_of`` holds the last attempt at each target.
    """

    newest: dict[int, PackageVersion]
    attempts: dict[tuple[int, int], Attempt]
    last_of: dict[int, Attempt]
    targets: dict[tuple[int, int], list[Target]]
    exclusions: dict[int, exclusions.Barred]
    licences: dict[str, dict[str, Licence]]


def org_answer(org: Org, now: datetime) -> list[Answer]:
    """Answer for each package of an org; the newest version is the newest that can be pushed."""
    return answers([org], now)[org.pk]


def answers(orgs: Sequence[Org], now: datetime) -> dict[int, list[Answer]]:
    """Answer for several orgs at once: seven queries, however many there are."""
    rows = list(
        Installation.objects.filter(org__in=orgs)
        .select_related("org", "version", "package")
        .order_by("package__name")
    )
    tries = (
        Attempt.objects.filter(org__in=orgs)
        .select_related("version__package", "batch__wave__rollout")
        .defer(*_OF_BATCH)
        .order_by("pk")
    )
    targets = (
        Target.objects.filter(org__in=orgs)
        .select_related("rollout__to_version__package", "wave")
        .defer(*LONG)
        .order_by("-rollout__created_at", "-pk")
    )
    held = exclusions.barred([org.pk for org in orgs], now)
    told = answers_of(rows, around(rows, tries, targets, held, licences.of_orgs(orgs)))
    return {org.pk: told.get(org.pk, []) for org in orgs}


def answers_of(rows: Iterable[Installation], known: Around) -> dict[int, list[Answer]]:
    """Answer for installations, with their orgs, versions and packages: no query."""
    found: dict[int, list[Answer]] = {}
    for row in rows:
        row.version.package = row.package
        newest = known.newest.get(row.package_id)
        found.setdefault(row.org_id, []).append(
            Answer(
                installation=row,
                version=row.version,
                since=since_words(row, known.licences.get(row.org.key, {}).get(row.package.sf_id)),
                read_at=row.read_at,
                newest=newest,
                why_not=why_not_newest(row, newest, known),
                last_attempt=known.attempts.get((row.org_id, row.package_id)),
            )
        )
    return found


def around(
    rows: Iterable[Installation],
    tries: Iterable[Attempt],
    targets: Iterable[Target],
    held: dict[int, exclusions.Barred],
    rights: dict[str, dict[str, Licence]],
) -> Around:
    """Put together what answers about some orgs need: one query, for the newest versions.

    Args:
        rows: the orgs' installations, with their packages.
        tries: all their attempts, with their versions, oldest first.
        targets: all their places in rollouts, with the rollouts' versions and the waves, those of
            the newest rollout first.
        held: which of them must not be pushed.
        rights: their licences.
    """
    newest: dict[int, PackageVersion] = {}
    packages = {row.package_id: row.package for row in rows}
    for version in PackageVersion.objects.pushable().filter(package__in=packages).newest_first():
        version.package = packages[version.package_id]
        newest.setdefault(version.package_id, version)
    attempts: dict[tuple[int, int], Attempt] = {}
    last_of: dict[int, Attempt] = {}
    for attempt in tries:
        attempts[attempt.org_id, attempt.version.package_id] = attempt
        earlier = last_of.get(attempt.target_id)
        if earlier is None or attempt.number > earlier.number:
            last_of[attempt.target_id] = attempt
    of_package: dict[tuple[int, int], list[Target]] = {}
    for target in targets:
        at = (target.org_id, target.rollout.to_version.package_id)
        of_package.setdefault(at, []).append(target)
    return Around(newest, attempts, last_of, of_package, held, rights)


def since_words(row: Installation, licence: Licence | None = None) -> str:
    """Say since when, and by what proof."""
    day = f"{row.since_before:%d %b %Y, %H:%M} UTC"
    if row.since_proof == Since.PUSH:
        return f"since {day}, by our confirmed push"
    if row.since_proof == Since.SEEN and row.since_after:
        return f"since between {row.since_after:%d %b %Y, %H:%M} and {day}, seen between two reads"
    seen = f"at least since {day}, when we first saw this org"
    if licence is None or licence.installed_on is None:
        return seen
    # The licence's own version lags, so it proves no more than the package's first day.
    return f"{seen}; by its licence record the package came on {licence.installed_on:%d %b %Y}"


def why_not_newest(row: Installation, newest: PackageVersion | None, known: Around) -> str:
    """Say in one sentence why the org is or is not on the newest version."""
    if row.gone_at:
        return f"The package was no longer installed on {row.gone_at:%d %b %Y}."
    if newest is None or row.version.number >= newest.number:
        return "It is on the newest version."
    reasons = (
        ("The customer blocks pushes to this org.", row.blocked is True),
        (f"Nobody can read {BLOCKING_UNKNOWN}.", row.blocked is None),
        ("The org is inactive in Salesforce, and inactive orgs can't receive pushes.",
         not row.org.is_active),
        ("A beta is installed; the customer must uninstall it first.", not row.version.released),
    )  # fmt: skip
    fixed = next((text for text, applies in reasons if applies), "")
    if fixed:
        return fixed
    exclusion = known.exclusions.get(row.org_id)
    if exclusion:
        until = f" until {exclusion.until:%d %b %Y}" if exclusion.until else ""
        whose = " with all orgs of its customer" if exclusion.customer else ""
        return f"It is on the exclusion list{whose}{until}: {exclusion.reason.rstrip('.')}."
    return _from_targets(known.targets.get((row.org_id, row.package_id), []), newest, known)


def _from_targets(targets: list[Target], newest: PackageVersion, known: Around) -> str:
    """Say what the rollouts tell; one of an older version does not answer for the newest."""
    for target in targets:
        if target.rollout.to_version.number >= newest.number:
            return _of_target(target, known)
    missing = f"No rollout of {newest.label} has this org in its plan yet."
    for target in targets:
        if target.rollout.state not in _ENDS and target.state in _UNDER_WAY:
            return f"{missing} {_of_target(target, known)}"
    return missing


def _of_target(target: Target, known: Around) -> str:
    version, wave = target.rollout.to_version.label, target.wave
    place = f"rollout {target.rollout.slug}, wave {wave.number}"
    ended = target.rollout.state in _ENDS
    match TargetState(target.state):
        case TargetState.PLANNED if not ended:
            waiting = {
                WaveState.PLANNED: "the wave is not frozen yet",
                WaveState.FROZEN: "the wave waits for approval",
                WaveState.APPROVED: "the wave is approved and waits for its turn",
            }.get(WaveState(wave.state), "its batch comes next")
            return f"{version} is planned: {place}; {waiting}."
        case TargetState.IN_FLIGHT:
            return f"{version} is being pushed right now: {place}."
        case TargetState.FAILED:
            return (
                f"The push of {version} failed: {place}. {_failure(known.last_of.get(target.pk))}"
            )
        case TargetState.EXCLUDED:
            return f"{version}: left out of {place}, {target.reason}."
        case _:
            return f"Not in a rollout that still runs; last: {place}, {target.state}."


def _failure(attempt: Attempt | None) -> str:
    return f"{attempt.reason}." if attempt and attempt.reason else ""


def attempts(org: Org) -> QuerySet[Attempt]:
    """Return every push attempt of the org, newest first, with its errors."""
    return (
        org.attempts.select_related(
            "version__package", "batch__wave__rollout", "target__from_version"
        )
        .defer(*_OF_BATCH)
        .prefetch_related("errors")
        .order_by("-pk")
    )
