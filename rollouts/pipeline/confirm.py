"""Success is a claim; the version seen in the org is the proof."""

from __future__ import annotations

from datetime import datetime, timedelta

from rollouts.domain.failures import NOT_SEEN, FailureKind
from rollouts.domain.lifecycle import AttemptState, TargetState
from rollouts.models import (
    Attempt,
    Batch,
    Installation,
    PackageVersion,
    Rollout,
    Since,
    VersionChange,
)
from rollouts.pipeline import clock, history, looking
from rollouts.pipeline.shifts import set_targets
from rollouts.pipeline.transitions import record, writing
from rollouts.salesforce.gateway import Gateway

WHILE_RUNNING, AFTERWARDS = timedelta(minutes=15), timedelta(minutes=3)


def confirm_successes(rollout: Rollout, gateway: Gateway) -> int:
    """Read the installed version of every org whose push Salesforce reports as succeeded.

    An org seen on the target version is confirmed and done, and so is one that has gone on to a
    newer version by itself. One that is not seen within the policy's day is unconfirmed: it counts
    as an unknown failure and is never retried by itself.
    """
    waiting = list(
        Attempt.objects.filter(batch__wave__rollout=rollout, state=AttemptState.SUCCEEDED.value)
        .select_related("org", "batch", "version")
        .order_by("pk")
    )
    read_at = clock.now()
    waiting = _due(waiting, read_at)
    if not waiting:
        return 0
    package = rollout.to_version.package
    rows = looking.installed(package, [attempt.org.key for attempt in waiting], gateway)
    Batch.objects.filter(pk__in={attempt.batch_id for attempt in waiting}).update(looked_at=read_at)
    known = {version.sf_id: version for version in package.versions.all()}
    seen = {org: known.get(row.version_id) for org, row in rows.items() if row.installed}
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


def _due(waiting: list[Attempt], now: datetime) -> list[Attempt]:
    """Choose whose versions are read now: a settled batch at once, a running one now and then.

    Pushes end one by one, and a call for each of them would cost as much as all the rest. A
    version that did not show at once takes Salesforce minutes to show, so asking again waits too.
    """
    return [attempt for attempt in waiting if _is_due(attempt.batch, now)]


def _is_due(batch: Batch, now: datetime) -> bool:
    looked, settled = batch.looked_at, batch.settled_at
    if looked is None or (settled is not None and looked <= settled):
        return True
    return now - looked >= (WHILE_RUNNING if settled is None else AFTERWARDS)


@writing()
def _store(
    rollout: Rollout,
    proved: list[tuple[Attempt, PackageVersion]],
    missed: list[Attempt],
    read_at: datetime,
) -> None:
    _prove(rollout, proved, read_at)
    Attempt.objects.filter(
        pk__in=[a.pk for a in missed], state=AttemptState.SUCCEEDED.value
    ).update(
        state=AttemptState.UNCONFIRMED.value,
        failure_kind=FailureKind.UNKNOWN.value,
        signature=NOT_SEEN,
        reason=NOT_SEEN,
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


def _prove(
    rollout: Rollout, proved: list[tuple[Attempt, PackageVersion]], read_at: datetime
) -> None:
    """Confirm those that nobody else has confirmed meanwhile, all at once."""
    waiting = Attempt.objects.filter(
        pk__in=[attempt.pk for attempt, _ in proved], state=AttemptState.SUCCEEDED.value
    )
    ours = set(waiting.select_for_update().values_list("pk", flat=True))
    won = [(attempt, has) for attempt, has in proved if attempt.pk in ours]
    Attempt.objects.filter(pk__in=ours).update(
        state=AttemptState.CONFIRMED.value, confirmed_at=read_at, moved_at=read_at, reason=""
    )
    for attempt, has in won:
        if has.pk != attempt.version_id:
            reason = f"seen on {has.label}, which is newer"
            Attempt.objects.filter(pk=attempt.pk).update(reason=reason)
    set_targets([attempt.target_id for attempt, _ in won], TargetState.DONE)
    # How an org got further is not our doing: the next sync writes that change with its proof.
    pushed = {a.org_id: a for a, has in won if has.pk == a.version_id}
    rows = list(
        Installation.objects.select_for_update()
        .filter(org__in=pushed, package=rollout.to_version.package)
        .order_by("pk")
    )
    history.write(
        [
            _change(row, pushed[row.org_id], read_at)
            for row in rows
            if row.version_id != pushed[row.org_id].version_id
        ]
    )
    Installation.objects.filter(pk__in=[row.pk for row in rows]).update(
        version=rollout.to_version,
        read_at=read_at,
        since_after=None,
        since_proof=Since.PUSH,
        gone_at=None,
    )
    for row in rows:
        row.since_before = pushed[row.org_id].ended_at or read_at
    Installation.objects.bulk_update(rows, ["since_before"], batch_size=200)


def _change(row: Installation, attempt: Attempt, read_at: datetime) -> VersionChange:
    return VersionChange(
        installation=row,
        from_version_id=row.version_id,
        to_version_id=attempt.version_id,
        after=row.read_at,
        before=attempt.ended_at or read_at,
        proof=Since.PUSH,
        attempt=attempt,
    )
