"""Failed pushes and what has become of their orgs since: read once, for the pages and for retries.

A hit is one failed attempt. What is said of its org is of now: it may have been upgraded by a
retry, by another rollout or by the customer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db.models import Count, QuerySet
from django.db.models.functions import Coalesce

from rollouts.domain.failure_knowledge import SILENT
from rollouts.domain.failures import FailureKind, is_customers_block
from rollouts.domain.lifecycle import AttemptState, TargetState
from rollouts.domain.versions import Number
from rollouts.models import Attempt, Batch, Installation, Rollout, Target


class Now(StrEnum):
    """What is the case with an org whose push has failed."""

    OPEN = "open"
    RETRYING = "retrying"
    UPGRADED = "upgraded"
    BLOCKED = "blocked"
    OTHERWISE = "otherwise"
    OVER = "over"


_UP = (AttemptState.CONFIRMED.value, AttemptState.SUCCEEDED.value)
_DONE = (TargetState.DONE.value, TargetState.ALREADY_CURRENT.value)
_AGAIN = (TargetState.PLANNED.value, TargetState.IN_FLIGHT.value)


@dataclass(frozen=True, slots=True)
class Hit:
    """One failed attempt; ``tries`` counts all attempts at its target that were not called back.

    ``package``, ``org``, ``target``, ``attempt`` are rows; ``at`` is Salesforce's end of the push.
    """

    attempt: int
    target: int
    org: int
    key: str
    package: int
    signature: str
    kind: FailureKind
    at: datetime
    tries: int
    slug: str
    wave: int
    now: Now
    from_version: Number
    production: bool
    own: bool
    instance: str


_COLUMNS = (
    "pk", "target_id", "org_id", "org__key", "version__package_id", "signature", "failure_kind",
    "at", "target__rollout__slug", "target__wave__number", "target__state",
    "org__is_production", "org__is_own", "org__instance",
    "target__from_version__major", "target__from_version__minor", "target__from_version__patch",
    "version__major", "version__minor", "version__patch", "version__build",
)  # fmt: skip


def failed(*, rollout: Rollout | None = None, signature: str = "") -> QuerySet[Attempt]:
    """Return the attempts that failed, of one rollout or of one signature, or all."""
    rows = Attempt.objects.all()
    rows = rows.filter(signature=signature) if signature else rows.filter(signature__gt="")
    return rows if rollout is None else rows.filter(target__rollout=rollout)


def hits(rows: QuerySet[Attempt]) -> list[Hit]:
    """Return failed attempts in order of their time, with their orgs as they are: three queries."""
    timed = rows.annotate(at=Coalesce("ended_at", "moved_at")).order_by("at", "pk")
    found = list(timed.values_list(*_COLUMNS))
    if not found:
        return []
    newest: dict[int, tuple[int, str, str]] = {}
    tries: Counter[int] = Counter()
    for target, pk, state, signed in (
        Attempt.objects.filter(target__in=rows.order_by().values("target"))
        .exclude(state=AttemptState.CANCELED.value)
        .order_by("number", "pk")
        .values_list("target_id", "pk", "state", "signature")
    ):
        newest[target] = pk, state, signed
        tries[target] += 1
    installed = _installed(rows)
    made = []
    for (
        pk, target, org, key, package, signed, kind, at, slug, wave, state, production, own,
        instance, major, minor, patch, *to,
    ) in found:  # fmt: skip
        has = installed.get((org, package))
        made.append(
            Hit(
                attempt=pk, target=target, org=org, key=key, package=package, signature=signed,
                kind=FailureKind(kind or FailureKind.UNKNOWN.value), at=at, tries=tries[target],
                slug=slug, wave=wave,
                now=_now(state, newest.get(target), signed, has, Number(*to)),
                from_version=Number(major, minor, patch),
                production=production, own=own, instance=instance,
            )
        )  # fmt: skip
    return made


@dataclass(frozen=True, slots=True)
class _Has:
    """What an org has of a package, as last read."""

    number: Number
    blocked: bool | None
    gone: bool


def _installed(rows: QuerySet[Attempt]) -> dict[tuple[int, int], _Has]:
    plain = rows.order_by()
    found = Installation.objects.filter(
        org__in=plain.values("org"), package__in=plain.values("version__package")
    )
    return {
        (org, package): _Has(Number(*number), blocked, gone is not None)
        for org, package, blocked, gone, *number in found.values_list(
            "org_id", "package_id", "blocked", "gone_at",
            "version__major", "version__minor", "version__patch", "version__build",
        )
    }  # fmt: skip


def _now(
    target: str, newest: tuple[int, str, str] | None, signed: str, has: _Has | None, to: Number
) -> Now:
    """Conclude what is the case with an org, the better news first."""
    if target in _DONE or (newest and newest[1] in _UP) or (has and has.number >= to):
        return Now.UPGRADED
    if has and has.gone:
        return Now.OVER
    if target in _AGAIN:
        return Now.RETRYING
    if target != TargetState.FAILED.value:
        return Now.OVER
    if (has and has.blocked) or (is_customers_block(signed) and newest and newest[2] == signed):
        return Now.BLOCKED
    return Now.OPEN if newest and newest[2] == signed else Now.OTHERWISE


def latest(found: Iterable[Hit]) -> list[Hit]:
    """Return the last hit of each org, the newest first: a retry that failed alike is one org."""
    newest = {one.org: one for one in sorted(found, key=lambda one: (one.at, one.attempt))}
    return sorted(newest.values(), key=lambda one: (one.at, one.attempt), reverse=True)


def unread(rollout: Rollout | None = None) -> int:
    """Count failures without a word from Salesforce whose batch is still being read.

    Error rows may follow the job's end; each look at a running batch brings what has come.
    """
    rows = Attempt.objects.filter(
        signature__startswith=SILENT, errors=None, batch__in=Batch.objects.open()
    )
    return (rows if rollout is None else rows.filter(target__rollout=rollout)).count()


def standing_of(rollouts: Collection[str]) -> dict[str, Counter[str]]:
    """Count the targets of rollouts by state, by slug: what failures are a share of."""
    counted: dict[str, Counter[str]] = {slug: Counter() for slug in rollouts}
    rows = Target.objects.filter(rollout__slug__in=rollouts).order_by()
    for _, slug, state, count in rows.values_list("rollout_id", "rollout__slug", "state").annotate(
        n=Count("pk")
    ):
        counted[slug][state] = count
    return counted
