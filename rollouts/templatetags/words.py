"""The shape, the word and the tone of every state, once for all pages.

A state is told by its silhouette and its word; the tone (colour) comes last and may be missing.
"""

from __future__ import annotations

from typing import NamedTuple

from rollouts.domain.lifecycle import (
    AttemptState,
    BatchState,
    RolloutState,
    TargetState,
    WaveState,
)
from rollouts.domain.triage import TriageState
from rollouts.models import Wave
from rollouts.pipeline import approve
from rollouts.pipeline.failing import Now


class Face(NamedTuple):
    """How a state looks: the icon's name in the sprite, the word, the tone's name."""

    icon: str
    word: str
    tone: str


UNKNOWN = Face("unknown", "Unknown", "need")
# Salesforce calls such a push failed; nothing has failed, the customer does not accept it.
BLOCKED = "blocked"

ROLLOUT: dict[str, Face] = {
    RolloutState.DRAFT: Face("planned", "Draft", "idle"),
    RolloutState.READY: Face("decide", "Ready", "need"),
    RolloutState.ACTIVE: Face("running", "Active", "run"),
    RolloutState.HALTED: Face("halted", "Halted", "fail"),
    RolloutState.COMPLETED: Face("ok", "Completed", "ok"),
    RolloutState.COMPLETED_WITH_FAILURES: Face("warn", "Completed with failures", "need"),
    RolloutState.ABORTING: Face("canceled", "Aborting", "need"),
    RolloutState.ABORTED: Face("canceled", "Aborted", "idle"),
}

WAVE: dict[str, Face] = {
    WaveState.PLANNED: Face("planned", "Planned", "idle"),
    WaveState.FROZEN: Face("decide", "Needs approval", "need"),
    WaveState.APPROVED: Face("ok", "Approved", "queue"),
    WaveState.DISPATCHING: Face("running", "Dispatching", "run"),
    WaveState.BAKING: Face("baking", "Baking", "run"),
    WaveState.PASSED: Face("ok", "Passed", "ok"),
    WaveState.SKIPPED: Face("skipped", "Skipped", "idle"),
    WaveState.CLOSED: Face("warn", "Closed with failures", "need"),
}

# A frozen wave whose list is void: it waits for the planner, not for an approver.
CALLED_BACK = Face("canceled", "To be frozen again", "need")
NOTHING_LEFT = Face("baking", "Nothing left to push", "idle")

BATCH: dict[str, Face] = {
    BatchState.PLANNED: Face("planned", "Planned", "idle"),
    BatchState.RESERVED: Face("prepared", "Preparing", "queue"),
    BatchState.CREATED: Face("prepared", "Prepared", "queue"),
    BatchState.VERIFIED: Face("verified", "Verified", "ok"),
    BatchState.ARMING: Face("queued", "Arming", "queue"),
    BatchState.ARMED: Face("queued", "Armed", "queue"),
    BatchState.RUNNING: Face("running", "Running", "run"),
    BatchState.SETTLED: Face("ok", "Settled", "ok"),
    BatchState.IN_DOUBT: Face("unknown", "In doubt", "need"),
    BatchState.CANCELED: Face("canceled", "Recalled", "idle"),
    BatchState.ABANDONED: Face("canceled", "Given up", "idle"),
}

ATTEMPT: dict[str, Face] = {
    AttemptState.RESERVED: Face("prepared", "Preparing", "queue"),
    AttemptState.SUBMITTED: Face("prepared", "Prepared", "queue"),
    AttemptState.QUEUED: Face("queued", "Queued", "queue"),
    AttemptState.IN_PROGRESS: Face("running", "Running", "run"),
    AttemptState.STUCK: Face("unknown", "Stuck at Salesforce", "need"),
    AttemptState.SUCCEEDED: Face("ok", "Upgraded, not seen yet", "ok"),
    AttemptState.CONFIRMED: Face("verified", "Upgraded, seen", "ok"),
    AttemptState.UNCONFIRMED: Face("warn", "Reported, never seen", "need"),
    AttemptState.FAILED: Face("failed", "Failed", "fail"),
    BLOCKED: Face("locked", "Blocked by the customer", "block"),
    AttemptState.CANCELED: Face("canceled", "Recalled", "idle"),
}

TARGET: dict[str, Face] = {
    TargetState.PLANNED: Face("planned", "Planned", "idle"),
    TargetState.EXCLUDED: Face("hand", "Left out", "block"),
    TargetState.ALREADY_CURRENT: Face("skipped", "Had the version already", "idle"),
    TargetState.GONE: Face("skipped", "Uninstalled", "idle"),
    TargetState.IN_FLIGHT: Face("running", "At Salesforce", "run"),
    TargetState.DONE: Face("verified", "Upgraded, seen", "ok"),
    TargetState.FAILED: Face("failed", "Failed", "fail"),
    TargetState.LEFT_OVER: Face("skipped", "Left over", "idle"),
}

# The nine columns in which every org of a rollout, wave or batch is counted exactly once.
COUNTED: dict[str, Face] = {
    "confirmed": Face("verified", "upgraded, seen", "ok"),
    "upgraded": Face("ok", "upgraded, not seen yet", "ok"),
    "running": Face("running", "running", "run"),
    "queued": Face("queued", "queued", "queue"),
    "failed": Face("failed", "failed", "fail"),
    "canceled": Face("canceled", "recalled", "idle"),
    "skipped": Face("skipped", "skipped", "idle"),
    "prepared": Face("prepared", "prepared", "queue"),
    "planned": Face("planned", "planned", "idle"),
}

# What people say of a kind of failure, and what has become of an org that failed.
TRIAGE: dict[str, Face] = {
    TriageState.NEW: Face("decide", "New", "need"),
    TriageState.TRIAGED: Face("observed", "Triaged", "idle"),
    TriageState.FIXING: Face("running", "Fixing", "run"),
    TriageState.CASE_OPEN: Face("cloud", "Case open", "queue"),
    TriageState.ACCEPTED: Face("hand", "Accepted", "idle"),
    TriageState.SOLVED: Face("verified", "Solved", "ok"),
}
SINCE: dict[str, Face] = {
    Now.OPEN: Face("failed", "Failed", "fail"),
    Now.RETRYING: Face("retry", "On a new list", "queue"),
    Now.UPGRADED: Face("ok", "Upgraded since", "ok"),
    Now.BLOCKED: Face("locked", "Blocked by the customer", "block"),
    Now.OTHERWISE: Face("warn", "Failed otherwise since", "need"),
    Now.OVER: Face("skipped", "Left out since", "idle"),
}

FACES: dict[str, dict[str, Face]] = {
    "rollout": ROLLOUT,
    "wave": WAVE,
    "batch": BATCH,
    "attempt": ATTEMPT,
    "target": TARGET,
    "counted": COUNTED,
    "triage": TRIAGE,
    "since": SINCE,
}


def face(thing: str, state: object) -> Face:
    """Return the face of a state; one that nobody taught us is shown as unknown, not hidden."""
    return FACES.get(thing, {}).get(str(state), UNKNOWN._replace(word=str(state) or UNKNOWN.word))


def wave_face(wave: Wave) -> Face:
    """Return the face of a wave, with the one thing that its state alone does not tell."""
    frozen = wave.frozen_list
    if approve.nothing_left(wave):
        return NOTHING_LEFT
    if wave.state == WaveState.FROZEN and (frozen is None or frozen.voided_at):
        return CALLED_BACK
    return face("wave", wave.state)
