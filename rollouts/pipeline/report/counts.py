"""What pages show of a rollout: counts that add up, failures by kind, and who did what."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Max

from rollouts.domain.failures import FailureKind, is_customers_block, kind_among
from rollouts.domain.lifecycle import AttemptState, TargetState
from rollouts.domain.triage import key_of
from rollouts.models import Attempt, Batch, ChainHead, Event, PushError, Rollout, Wave

WORDS = (
    "planned", "prepared", "queued", "running", "upgraded",
    "confirmed", "failed", "canceled", "skipped",
)  # fmt: skip
# Looks that a page takes anew when a read was stored meanwhile; they come a second or more apart.
RECOUNTS = 2
_OF_ATTEMPT = {
    AttemptState.RESERVED.value: "prepared",
    AttemptState.SUBMITTED.value: "prepared",
    AttemptState.QUEUED.value: "queued",
    AttemptState.IN_PROGRESS.value: "running",
    AttemptState.STUCK.value: "running",
    AttemptState.SUCCEEDED.value: "upgraded",
    AttemptState.UNCONFIRMED.value: "upgraded",
    AttemptState.CONFIRMED.value: "confirmed",
    AttemptState.FAILED.value: "failed",
    AttemptState.CANCELED.value: "canceled",
}
_OF_TARGET = {
    TargetState.PLANNED.value: "planned",
    TargetState.EXCLUDED.value: "skipped",
    TargetState.ALREADY_CURRENT.value: "skipped",
    TargetState.GONE.value: "skipped",
    TargetState.LEFT_OVER.value: "skipped",
    TargetState.DONE.value: "confirmed",
}


@dataclass(slots=True)
class Counts:
    """Orgs by word, a partition: every org is in exactly one, so the parts add up.

    ``as_of`` is just before the read at Salesforce that the figures rest on; None before any.
    """

    as_of: datetime | None = None
    by_word: Counter[str] = field(default_factory=Counter)

    def __getitem__(self, word: str) -> int:
        # Templates try a key before an attribute: without this `counts.as_of` would be 0 there.
        if word not in WORDS:
            raise KeyError(word)
        return self.by_word[word]

    @property
    def total(self) -> int:
        """All orgs."""
        return sum(self.by_word.values())

    @property
    def items(self) -> list[tuple[str, int]]:
        """Every word with its number, in the order of pages."""
        return [(word, self.by_word[word]) for word in WORDS]

    @property
    def succeeded(self) -> int:
        """Orgs that Salesforce reports as upgraded, seen or not yet seen."""
        return self.by_word["upgraded"] + self.by_word["confirmed"]


def word_of(target_state: str, attempt_state: str | None) -> str:
    """Return the word that an org is counted under, by its target and its newest attempt."""
    if target_state in (TargetState.IN_FLIGHT.value, TargetState.FAILED.value) and attempt_state:
        word = _OF_ATTEMPT[attempt_state]
        # A retry that was called back leaves the failure that it was to mend.
        return "failed" if word == "canceled" else word
    return _OF_TARGET.get(target_state, "planned")


def wave_counts(rollout: Rollout) -> dict[int, Counts]:
    """Count each wave's orgs, with the moment of the read that exactly these figures rest on.

    A page takes two looks at the rows; when the conductor has stored a new read between them, both
    are taken again, so that new figures never stand beside an old moment.
    """
    found, as_of = _count_waves(rollout)
    for _ in range(RECOUNTS):
        now = Rollout.objects.filter(pk=rollout.pk).values_list("sf_as_of", flat=True).first()
        if now == as_of:
            break
        found, as_of = _count_waves(rollout)
    return found


def _count_waves(rollout: Rollout) -> tuple[dict[int, Counts], datetime | None]:
    waves = list(rollout.waves.values_list("number", "rollout__sf_as_of"))
    as_of = waves[0][1] if waves else rollout.sf_as_of
    newest = dict(
        Attempt.objects.filter(target__rollout=rollout)
        .exclude(state=AttemptState.CANCELED.value)
        .order_by("number")
        .values_list("target_id", "state")
    )
    found = {number: Counts(as_of=as_of) for number, _ in waves}
    for pk, number, state in rollout.targets.values_list("pk", "wave__number", "state"):
        found[number].by_word[word_of(state, newest.get(pk))] += 1
    return found, as_of


def counts(rollout: Rollout, waves: dict[int, Counts] | None = None) -> Counts:
    """Count a rollout's orgs: the sum of its waves, so that the two can't disagree."""
    parts = list((waves if waves is not None else wave_counts(rollout)).values())
    total = Counts(as_of=parts[0].as_of if parts else rollout.sf_as_of)
    for part in parts:
        total.by_word.update(part.by_word)
    return total


def batch_counts(wave: Wave) -> dict[int, Counts]:
    """Count each batch's attempts, dated by the oldest last read of any of them.

    Not by the batch's own read: arming reads the request alone, and its jobs are then as old as
    they were. Figures and moments come from one statement, so that they belong together.
    """
    found = {pk: Counts(as_of=as_of) for pk, as_of in wave.batches.values_list("pk", "sf_as_of")}
    oldest: dict[int, datetime] = {}
    for pk, state, as_of in Attempt.objects.filter(batch__wave=wave).values_list(
        "batch_id", "state", "sf_as_of"
    ):
        part = found.setdefault(pk, Counts())
        part.by_word[_OF_ATTEMPT[state]] += 1
        if as_of is not None:
            oldest[pk] = min(as_of, oldest.get(pk, as_of))
    for pk, as_of in oldest.items():
        found[pk].as_of = as_of
    return found


@dataclass(slots=True)
class Cluster:
    """Failures that look the same: one signature, the orgs it hit, one example in full."""

    signature: str
    kind: str
    orgs: list[tuple[str, str]]
    first_at: datetime | None
    example: PushError | None
    waves: list[int]
    key: str

    @property
    def is_block(self) -> bool:
        """Whether nothing has failed: the customer does not accept push upgrades."""
        return is_customers_block(self.signature)

    @property
    def count(self) -> int:
        """How many orgs."""
        return len(self.orgs)


def failures(rollout: Rollout, wave: Wave | None = None) -> list[Cluster]:
    """Group failed attempts by signature, the biggest first."""
    rows = Attempt.objects.filter(target__rollout=rollout).exclude(signature="")
    if wave is not None:
        rows = rows.filter(target__wave=wave)
    groups: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in rows.select_related("org", "target__wave").order_by("pk"):
        groups[attempt.signature].append(attempt)
    examples = {
        error.attempt_id: error
        for error in PushError.objects.filter(
            attempt__in=[members[0].pk for members in groups.values()]
        ).order_by("-pk")
    }
    clusters = [
        Cluster(
            signature=signature,
            kind=_kind(signature, members),
            orgs=sorted({(a.org.key, a.org.name) for a in members}),
            first_at=min((a.ended_at or a.moved_at for a in members), default=None),
            example=examples.get(members[0].pk),
            waves=sorted({a.target.wave.number for a in members}),
            key=key_of(rollout.to_version.package.sf_id, signature),
        )
        for signature, members in groups.items()
    ]
    return sorted(clusters, key=lambda cluster: -cluster.count)


def _kind(signature: str, members: list[Attempt]) -> str:
    kind = FailureKind(members[0].failure_kind or FailureKind.UNKNOWN.value)
    return kind_among(kind, signature, len({attempt.org_id for attempt in members})).value


def timeline(rollout: Rollout, limit: int = 40) -> list[Event]:
    """Return the newest lines of history, without the many lines of mere progress."""
    return list(
        rollout.events.exclude(action__in=["progress", "confirm"])
        .select_related("wave", "person")
        .order_by("-sequence")[:limit]
    )


def stamp(rollout: Rollout) -> str:
    """Return what changes whenever a page of this rollout would look different."""
    batches = Batch.objects.filter(wave__rollout=rollout).aggregate(at=Max("sf_as_of"))
    return _stamp(rollout.version, rollout.sf_as_of, batches["at"])


def stamp_of(slug: str) -> str:
    """Return the stamp of the rollout with this slug by one query; "" if there is none."""
    rows = Rollout.objects.filter(slug=slug).annotate(read=Max("waves__batches__sf_as_of"))
    found = rows.values_list("version", "sf_as_of", "read").first()
    return _stamp(*found) if found else ""


def stamp_of_all() -> str:
    """Return what changes with each line of history and each read of a running rollout."""
    sequence = ChainHead.objects.values_list("sequence", flat=True).first() or 0
    read = Rollout.objects.running().aggregate(
        rollout=Max("sf_as_of"), batch=Max("waves__batches__sf_as_of")
    )
    return _stamp(sequence, read["rollout"], read["batch"])


def _stamp(number: int, *reads: datetime | None) -> str:
    newest = max((at for at in reads if at), default=None)
    return f"{number}.{int(newest.timestamp() * 1000) if newest else 0}"
