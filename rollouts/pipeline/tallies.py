"""What a wave has come to, counted from its attempts each time, and what of it was accepted."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from rollouts.domain.failures import FailureKind
from rollouts.domain.judging import Tally
from rollouts.domain.lifecycle import ATTEMPT_LIVE, AttemptState
from rollouts.domain.policy import Policy, WaveKind
from rollouts.models import Attempt, Wave

_LIVE = [state.value for state in ATTEMPT_LIVE]
_FAILED = (AttemptState.FAILED.value, AttemptState.UNCONFIRMED.value)
_SUCCESS = (AttemptState.SUCCEEDED.value, AttemptState.CONFIRMED.value)


def tally(wave: Wave, policy: Policy, now: datetime, *, orgs: int | None = None) -> Tally:
    """Count what the wave's targets have come to; the newest attempt of each org speaks.

    ``orgs`` is how many targets it has, where the caller has just counted them.
    """
    rows = list(
        Attempt.objects.filter(target__wave=wave)
        .exclude(state=AttemptState.CANCELED.value)
        .order_by("number", "pk")
        .only("target_id", "state", "failure_kind", "signature", "moved_at", "acknowledged_at")
    )
    latest = {row.target_id: row for row in rows}
    stuck_since = now - timedelta(seconds=policy.stuck_counts_after)
    tries = Counter(row.target_id for row in rows)
    failed: Counter[FailureKind] = Counter()
    stuck = settled = accepted = accepted_stuck = again = 0
    for row in latest.values():
        is_failed = row.state in _FAILED
        is_stuck = row.state == AttemptState.STUCK.value and row.moved_at < stuck_since
        if row.acknowledged_at is not None:
            accepted += is_failed
            accepted_stuck += is_stuck
        else:
            stuck += is_stuck
            if is_failed:
                failed[FailureKind(row.failure_kind or FailureKind.UNKNOWN.value)] += 1
                again += _is_passing(row) and tries[row.target_id] <= policy.retries
        settled += row.state not in _LIVE
    signatures: dict[str, set[int]] = {}
    kinds: dict[str, FailureKind] = {}
    for row in rows:
        if row.signature and row.acknowledged_at is None:
            signatures.setdefault(row.signature, set()).add(row.target_id)
            kinds[row.signature] = FailureKind(row.failure_kind or FailureKind.UNKNOWN.value)
    states = Counter(row.state for row in latest.values())
    return Tally(
        kind=WaveKind(wave.kind),
        orgs=wave.targets.count() if orgs is None else orgs,
        attempted=len(latest),
        settled=settled,
        succeeded=sum(states[state] for state in _SUCCESS),
        confirmed=states[AttemptState.CONFIRMED.value],
        failed=dict(failed),
        stuck=stuck,
        retryable=again,
        signatures={text: len(targets) for text, targets in signatures.items()},
        signature_kinds=kinds,
        unheard=_unheard(wave, frozenset(signatures)),
        accepted=accepted,
        accepted_stuck=accepted_stuck,
    )


def _is_passing(row: Attempt) -> bool:
    """Whether the approved retry rule is for such a failure."""
    return (
        row.state == AttemptState.FAILED.value and row.failure_kind == FailureKind.TRANSIENT.value
    )


def _unheard(wave: Wave, signatures: frozenset[str]) -> frozenset[str]:
    """Signatures that no earlier wave or rollout of this package has shown."""
    if not signatures:
        return frozenset()
    heard = (
        Attempt.objects.filter(
            signature__in=signatures, version__package=wave.rollout.to_version.package
        )
        .exclude(target__wave=wave)
        .values_list("signature", flat=True)
    )
    return signatures - frozenset(heard)


def accept(attempts: QuerySet[Attempt], policy: Policy, now: datetime) -> None:
    """Accept exactly the failures that are there now; later ones count anew.

    First tries that a retry has mended are among them: the signature rule has counted those too.
    """
    stuck_since = now - timedelta(seconds=policy.stuck_counts_after)
    attempts.filter(
        Q(state__in=_FAILED) | Q(state=AttemptState.STUCK.value, moved_at__lt=stuck_since),
        acknowledged_at=None,
    ).update(acknowledged_at=now)
