"""The point of no return: live reads, one transaction that re-checks everything, one PATCH.

``armed_at`` is committed before the PATCH is sent. From then on the batch may be confirmed,
canceled or put in doubt; it is never created again, and only the bound request is ever armed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rollouts.domain.digest import digest
from rollouts.domain.guards import ArmFacts, LiveReads, arm_refusals
from rollouts.domain.lifecycle import (
    ATTEMPT_LIVE,
    BatchState,
    RolloutState,
    TargetState,
    WaveState,
)
from rollouts.models import Attempt, Batch, Rollout, Wave
from rollouts.pipeline import (
    approve,
    clock,
    doubt,
    exclusions,
    holds,
    keeping,
    looking,
    memory,
    timing,
)
from rollouts.pipeline.dropouts import leave_out
from rollouts.pipeline.leases import Claim
from rollouts.pipeline.ledger import sending
from rollouts.pipeline.transitions import move_batch, writing
from rollouts.salesforce.errors import Refused, SalesforceError, TryAgain, Unknown
from rollouts.salesforce.gateway import Gateway, SfStatus

_LIVE = [state.value for state in ATTEMPT_LIVE]


def arm(claim: Claim, gateway: Gateway, now: datetime) -> None:
    """Arm a verified batch when its time has come; hold it, or call it back, when it may not be."""
    batch = claim.batch
    policy = batch.wave.rollout.policy
    if now < timing.arm_from(batch, policy):
        return
    if now > timing.arm_until(batch, policy):
        why = batch.reason if batch.reason.startswith("held") else "not armed in time"
        doubt.want_cancel(batch, f"{why}; its orgs are cut anew", now)
        return
    live = _read_live(batch, gateway)
    if live.not_pushable:
        _mark_lost(batch, live)
        doubt.want_cancel(
            batch, f"{len(live.not_pushable)} orgs dropped out; it is cut anew without them", now
        )
        return
    if not claim.may_send():
        return
    refusals = _commit(batch, live, gateway)
    if refusals:
        why = "; ".join(refusal.removeprefix("held: ") for refusal in refusals)
        Batch.objects.filter(pk=batch.pk, epoch=batch.epoch).update(reason=f"held: {why}"[:2000])
        return
    send_arm(claim, gateway)


def _read_live(batch: Batch, gateway: Gateway) -> LiveReads:
    """Read at Salesforce what the guard needs; a few calls, none of them inside a transaction."""
    assert batch.sf_id is not None  # noqa: S101 - verified batches are bound
    read_at = clock.now()
    package = batch.list.to_version.package.sf_id
    live = batch.attempts.filter(state__in=_LIVE).order_by("pk")
    from_versions = live.values_list("org__key", "approved__from_version")
    versions = {one.pk: one.number for one in batch.list.to_version.package.versions.all()}
    approved = {key: versions[version] for key, version in from_versions}
    orgs = list(approved)
    rows = live.values_list("org_id", "org__key")
    held = exclusions.barred((pk for pk, _ in rows), read_at)
    barred = {key for pk, key in rows if pk in held}
    wanted = batch.list.to_version
    version = next((v for v in gateway.versions(package) if v.id == wanted.sf_id), None)
    unpushable = "Salesforce does not list it"
    if version is not None:
        unpushable = "" if version.released and not version.deprecated else "beta or deprecated"
    known = {one.sf_id: one.number for one in wanted.package.versions.all()}
    installed = looking.installed(wanted.package, orgs, gateway)
    lost = []
    for org in orgs:
        row = installed.get(org)
        has = known.get(row.version_id) if row else None
        if row is None or not row.installed:
            lost.append((org, TargetState.GONE.value))
        elif has is not None and has >= wanted.number:
            lost.append((org, TargetState.ALREADY_CURRENT.value))
        elif row.blocked or row.status == "Inactive" or org in barred:
            lost.append((org, TargetState.EXCLUDED.value))
        elif has is None or has < approved[org]:
            # A larger jump than anybody agreed to, or one that nobody can name.
            lost.append((org, TargetState.EXCLUDED.value))
    request = gateway.request(batch.sf_id)
    jobs, foreign = looking.jobs(wanted.package, batch.sf_id, orgs, gateway)
    return LiveReads(
        read_at=read_at,
        clock_drift=gateway.clock_drift(),
        version_pushable=unpushable,
        request_status=request.status.value if request else "",
        request_version=request.version_id if request else "",
        request_start=request.start if request else None,
        job_orgs=tuple(jobs),
        not_pushable=tuple(lost),
        foreign_orgs=tuple(foreign),
        blocking_known=all(row.blocking_known for row in installed.values()),
    )


def _mark_lost(batch: Batch, live: LiveReads) -> None:
    """Mark orgs that must not be pushed now; the rebuilt batch is made without them."""
    why = {
        TargetState.GONE.value: "the package is no longer installed",
        TargetState.ALREADY_CURRENT.value: "has this version or a newer one already",
        TargetState.EXCLUDED.value: "blocked, inactive, excluded or not on the version it had",
    }
    keys = dict(live.not_pushable)
    targets = batch.attempts.filter(org__key__in=keys, state__in=_LIVE)
    leave_out(
        batch.wave,
        [
            (pk, TargetState(keys[org]), why[keys[org]])
            for pk, org in targets.values_list("target_id", "org__key")
        ],
        now=live.read_at,
    )


@writing()
def _commit(batch: Batch, live: LiveReads, gateway: Gateway) -> tuple[str, ...]:
    """Re-check every rule under locks and mark the batch arming; returns the refusals."""
    rollout = Rollout.objects.select_for_update().get(pk=batch.wave.rollout_id)
    wave = Wave.objects.select_for_update().get(pk=batch.wave_id)
    fresh = (
        Batch.objects.select_for_update(of=("self",))
        .select_related("list__to_version", "list__wave", "connection")
        .get(pk=batch.pk)
    )
    now = clock.now()
    facts = _facts(rollout, wave, fresh, batch.epoch, gateway, now)
    refusals = arm_refusals(facts, live, rollout.policy, now)
    if refusals:
        return refusals
    move_batch(
        batch,
        BatchState.ARMING,
        now=now,
        because=f"{len(facts.orgs)} orgs, start {batch.start_at:%d %b %H:%M:%S} UTC",
        armed_at=now,
        armed_sent_at=now,
        detail={"orgs": sorted(facts.orgs), "list": wave.frozen_list_id},
    )
    return ()


def _facts(
    rollout: Rollout, wave: Wave, fresh: Batch, epoch: int, gateway: Gateway, now: datetime
) -> ArmFacts:
    frozen = fresh.list
    approvals = approve.in_force(frozen, now)
    attempts = list(
        fresh.attempts.filter(state__in=_LIVE).values_list(
            "org__key", "org_id", "version_id", "approved__list_id", "approved__org_id"
        )
    )
    astray = [
        key
        for key, org, version, on_list, approved in attempts
        if (on_list, approved, version) != (frozen.pk, org, frozen.to_version_id)
    ]
    orgs = [org for _, org, *_ in attempts]
    elsewhere = (
        Attempt.objects.live()
        .filter(org__in=orgs)
        .exclude(batch=fresh)
        .values_list("org__key", flat=True)
    )
    reasons = holds.on_rollout(rollout, now)
    if wave.review:
        reasons.append(wave.review)
    if wave.frozen_list_id != frozen.pk or frozen.voided_at:
        reasons.append("the list was voided")
    if fresh.rollout_epoch != rollout.epoch:
        reasons.append("the rollout was halted since this batch was made")
    if astray:
        reasons.append("an org is not on the approved list")
    if exclusions.barred(orgs, now):
        reasons.append("an org of it was excluded a moment ago")
    if rollout.policy_json != frozen.policy_json:
        reasons.append("the rules are not those that were approved")
    if frozen.digest != _digest_now(fresh):
        reasons.append("the frozen list is not what was hashed")
    assert fresh.start_at is not None and fresh.not_after is not None  # noqa: S101, PT018
    budget = gateway.budget()
    return ArmFacts(
        rollout_state=RolloutState(rollout.state),
        wave_state=WaveState(wave.state),
        batch_state=BatchState(fresh.state),
        epoch_read=epoch,
        epoch_now=fresh.epoch,
        holds=tuple(reasons),
        writes_allowed=gateway.writes_allowed,
        list_digest=frozen.digest,
        approvals=len({a.person_id for a in approvals}),
        approvals_needed=wave.approvals_needed,
        approved_digests=tuple(a.digest for a in approvals),
        approval_until=min((a.expires_at for a in approvals), default=None),
        first_armed=wave.batches.filter(list=frozen).exclude(armed_at=None).exists(),
        end_by=frozen.end_by,
        start_at=fresh.start_at,
        not_after=fresh.not_after,
        to_version=frozen.to_version.sf_id,
        orgs=frozenset(key for key, *_ in attempts),
        live_elsewhere=tuple(elsewhere),
        cancel_wanted=fresh.cancel_wanted_at is not None,
        watcher_seen=holds.watcher_seen(fresh.connection, now),
        fuse=timing.fuse(rollout.policy),
        calls_left=budget.left if budget else holds.calls_reserve(),
        calls_reserve=holds.calls_reserve(),
        hours=keeping.of_batch(fresh, now),
    )


def _digest_now(batch: Batch) -> str:
    return digest(batch.list.plan())


def send_arm(claim: Claim, gateway: Gateway) -> None:
    """Send the PATCH for a batch whose ARM is committed; the answer is confirmed by reading."""
    batch = claim.batch
    if not claim.may_send() or batch.sf_id is None:
        return
    try:
        with sending(batch, "arm"):
            gateway.arm(batch.sf_id)
    except (TryAgain, Refused, Unknown):
        # Whatever it was, the request itself knows: confirm reads it on the next step.
        return
    confirm(claim, gateway, clock.now())


def confirm(claim: Claim, gateway: Gateway, now: datetime) -> None:
    """Find out what became of the PATCH, by reading; repeat it only for the same request."""
    batch = claim.batch
    if batch.sf_id is None:
        return
    try:
        request = gateway.request(batch.sf_id)
    except SalesforceError:
        return
    if request is None:
        doubt.raise_doubt(batch, "Salesforce does not list the request any more", now)
        return
    seen: dict[str, Any] = {"sf_status": request.status.value, "sf_as_of": now}
    match request.status:
        case SfStatus.PENDING:
            move_batch(batch, BatchState.ARMED, now=now, because="read back as Pending", **seen)
        case SfStatus.IN_PROGRESS | SfStatus.SUCCEEDED | SfStatus.FAILED:
            move_batch(
                batch,
                BatchState.RUNNING,
                now=now,
                because=f"read back as {request.status.value}",
                started_seen_at=now,
                **seen,
            )
        case SfStatus.CREATED:
            _arm_again(claim, gateway, now)
        case SfStatus.CANCELED:
            doubt.canceled_elsewhere(batch, now)


def _arm_again(claim: Claim, gateway: Gateway, now: datetime) -> None:
    """The PATCH has not arrived: say it again for the same id while every rule still holds."""
    batch = claim.batch
    policy = batch.wave.rollout.policy
    if now > timing.arm_until(batch, policy):
        doubt.want_cancel(batch, "arming was not confirmed before the fuse ran short", now)
        return
    fresh = Batch.objects.select_related("list__wave__rollout").get(pk=batch.pk)
    if fresh.epoch != claim.epoch or fresh.cancel_wanted_at:
        return
    rollout = fresh.list.wave.rollout
    standing = len(approve.in_force(fresh.list, now)) >= batch.wave.approvals_needed
    if (
        rollout.state != RolloutState.ACTIVE.value
        or rollout.epoch != batch.rollout_epoch
        or not standing
        or holds.set_by_people(rollout)
        or memory.restored()
        or keeping.wrong(fresh, now)
    ):
        doubt.want_cancel(batch, "what allowed the arming no longer holds", now)
        return
    if not claim.may_send() or batch.sf_id is None:
        return
    try:
        with sending(batch, "arm"):
            gateway.arm(batch.sf_id)
    except SalesforceError:
        return
