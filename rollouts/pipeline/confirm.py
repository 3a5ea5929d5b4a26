"""Success is a claim; the version seen in the org is the proof."""

from __future__ import annotations

from datetime import datetime, timedelta

from rollouts.domain.failures import FailureKind
from rollouts.domain.lifecycle import AttemptState, TargetState
from rollouts.models import (
    Attempt,
    Installation,
    PackageVersion,
    Rollout,
    Since,
    VersionChange,
)
from rollouts.pipeline import clock
from rollouts.pipeline.shifts import set_targets
from rollouts.pipeline.transitions import record, writing
from rollouts.salesforce.gateway import Gateway


def confirm_successes(rollout: Rollout, gateway: Gateway) -> int:
    """Read the installed version of every org whose push Salesforce reports as succeeded.

    An org seen on the target version is confirmed and done, and so is one that has gone on to a
    newer version by itself. One that is not seen within the policy's day is unconfirmed: it counts
    as an unknown failure and is never retried by itself.
    """
    waiting = list(
        Attempt.objects.filter(
            batch__wave__rollout=rollout, state=AttemptState.SUCCEEDED.value
        ).select_related("org", "batch__wave", "version")
    )
    if not waiting:
        return 0
    read_at = clock.now()
    package = rollout.to_version.package
    rows = gateway.installed(package.sf_id, [attempt.org.key for attempt in waiting])
    known = {version.sf_id: version for version in package.versions.all()}
    seen = {row.org: known.get(row.version_id) for row in rows if row.installed}
    limit = read_at - timedelta(seconds=rollout.policy.unconfirmed_after)
    proved, missed = [], []
    for attempt in waiting:
        has = seen.get(attempt.org.key)
        if has is not None and has.number >= attempt.version.number:
            proved.append((attempt, has))
        elif (attempt.ended_at or attempt.moved_at) < limit:
            missed.append(attempt)
    if proved or missed:
        _store(rollout, proved, missed, read_at)
    return len(proved)


@writing()
def _store(
    rollout: Rollout,
    proved: list[tuple[Attempt, PackageVersion]],
    missed: list[Attempt],
    read_at: datetime,
) -> None:
    for attempt, has in proved:
        _prove(rollout, attempt, has, read_at)
    Attempt.objects.filter(
        pk__in=[a.pk for a in missed], state=AttemptState.SUCCEEDED.value
    ).update(
        state=AttemptState.UNCONFIRMED.value,
        failure_kind=FailureKind.UNKNOWN.value,
        signature="success reported, version not seen",
        reason="success reported, version not seen",
        moved_at=read_at,
    )
    set_targets([a.target_id for a in missed], TargetState.FAILED, "version not seen")
    record(
        "confirm",
        f"rollout {rollout.slug}",
        now=read_at,
        rollout=rollout,
        reason=f"{len(proved)} orgs seen on {rollout.to_version.label} or a newer version"
        if any(has != rollout.to_version for _, has in proved)
        else f"{len(proved)} orgs seen on {rollout.to_version.label}"
        + (f", {len(missed)} not seen in time" if missed else ""),
        detail={
            "confirmed": [a.org.key for a, _ in proved],
            "unconfirmed": [a.org.key for a in missed],
        },
    )


def _prove(rollout: Rollout, attempt: Attempt, has: PackageVersion, read_at: datetime) -> None:
    newer = has.pk != attempt.version_id
    won = Attempt.objects.filter(pk=attempt.pk, state=AttemptState.SUCCEEDED.value).update(
        state=AttemptState.CONFIRMED.value,
        confirmed_at=read_at,
        moved_at=read_at,
        reason=f"seen on {has.label}, which is newer" if newer else "",
    )
    if not won:
        return
    set_targets([attempt.target_id], TargetState.DONE)
    row = Installation.objects.filter(org=attempt.org, package=rollout.to_version.package).first()
    if row is None:
        return
    if newer:
        # How it got further is not our doing: the next sync writes that change with its proof.
        return
    if row.version_id != attempt.version_id:
        VersionChange.objects.create(
            installation=row,
            from_version_id=row.version_id,
            to_version_id=attempt.version_id,
            after=row.read_at,
            before=attempt.ended_at or read_at,
            proof=Since.PUSH,
            attempt=attempt,
        )
    Installation.objects.filter(pk=row.pk).update(
        version_id=attempt.version_id,
        read_at=read_at,
        since_after=None,
        since_before=attempt.ended_at or read_at,
        since_proof=Since.PUSH,
        gone_at=None,
    )
