"""Lines of history as sentences. The trail itself keeps the plain words; this only shows them."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from django import template

from rollouts.domain.failure_knowledge import title_of
from rollouts.domain.failures import FailureKind
from rollouts.domain.trail import Group, told_of
from rollouts.models import Event
from rollouts.pipeline.report import Cluster

register = template.Library()


class Story(NamedTuple):
    """An event as a line: icon, tone and the sentence without who and why."""

    icon: str
    tone: str
    text: str


# action: (icon, tone, sentence); {0} is the subject with a capital.
_TOLD: dict[str, tuple[str, str, str]] = {
    "plan": ("plus", "idle", "Planned"),
    "lock": ("decide", "idle", "Plan is ready"),
    "unlock": ("planned", "idle", "Plan opened again"),
    "start": ("running", "run", "Rollout started"),
    "halt": ("halted", "fail", "Rollout halted"),
    "resume": ("running", "run", "Rollout resumed"),
    "abort": ("canceled", "need", "Abort asked"),
    "drained": ("canceled", "idle", "Rollout aborted, nothing of it can start"),
    "complete": ("ok", "ok", "Rollout completed"),
    "complete_with_failures": ("warn", "need", "Rollout completed with failures"),
    "paused": ("paused", "need", "Paused"),
    "lift_pause": ("running", "run", "Pause lifted"),
    "stop_everything": ("stop", "fail", "Everything stopped"),
    "ask_lift_stop": ("decide", "need", "Asked to lift the stop"),
    "lift_stop": ("ok", "ok", "Stop lifted; every rollout is paused"),
    "look_over_wave": ("observed", "ok", "{0} looked over, its hold is cleared"),
    "freeze_wave": ("locked", "idle", "{0} frozen"),
    "edit_wave": ("planned", "need", "{0} opened for changes, its approval is void"),
    "approve_wave": ("ok", "ok", "{0} approved"),
    "lapse_wave": ("clock", "need", "Approval of {1} ended"),
    "start_wave": ("running", "run", "{0} started"),
    "settle_wave": ("baking", "run", "{0} settled, bakes now"),
    "retry_wave": ("retry", "run", "{0} retries failed orgs"),
    "pass_wave": ("ok", "ok", "{0} passed"),
    "call_back_wave": ("canceled", "need", "{0} stopped, what is left needs a new approval"),
    "skip_wave": ("skipped", "idle", "{0} skipped"),
    "close_wave": ("warn", "need", "{0} closed with failures"),
    "reserve_batch": ("prepared", "queue", "{0} reserved"),
    "bind_batch": ("prepared", "queue", "{0} created at Salesforce, does nothing yet"),
    "verify_batch": ("verified", "ok", "{0} read back, equal to the digest"),
    "arm_batch": ("queued", "queue", "{0} being armed"),
    "armed_batch": ("queued", "queue", "{0} armed"),
    "run_batch": ("running", "run", "{0} started by Salesforce"),
    "settle_batch": ("ok", "ok", "{0} settled"),
    "doubt_batch": ("unknown", "need", "{0} is in doubt"),
    "canceled_batch": ("canceled", "idle", "{0} recalled, read back as Canceled"),
    "abandon_batch": ("canceled", "idle", "{0} given up"),
    "reason": ("info", "idle", "The reason for it was given: {1}"),
    "recall_batch": ("canceled", "need", "{0}: recall asked"),
    "started_outside": ("warn", "need", "{0}: Salesforce started it outside its window"),
    "recall_too_late": ("warn", "need", "{0}: too late to recall, Salesforce had started it"),
    "late_patch": ("warn", "need", "{0} runs though it was read back as Canceled"),
    "take_over": ("running", "need", "{0} takes over an older one"),
    "ask_retry_wave": ("retry", "need", "{0}: a retry was asked for, it needs a list of its own"),
    "ask_gone": ("unknown", "need", "{0}: asked to end it, its request is gone"),
    "orphan_request": ("canceled", "need", "A request of ours that nobody needs: {1}"),
    "restored": ("warn", "fail", "The database was put back to an older state"),
    "after_restore": ("ok", "ok", "The database was matched with Salesforce again"),
    "cancel_forgotten": ("canceled", "need", "Cancelled what the database has forgotten: {1}"),
    "foreign_request": ("warn", "fail", "A push that is not ours was seen: {1}"),
    "review_wave": ("decide", "need", "{0} holds for a look"),
    "drop_out": ("skipped", "idle", "{0}: orgs dropped out"),
    "mark_own": ("users", "idle", "{0} marked as our own"),
    "unmark_own": ("users", "idle", "{0} no longer marked as our own"),
    "mark": ("info", "idle", "{0} marked"),
    "unmark": ("info", "idle", "A mark taken off {1}"),
    "set_customer": ("users", "idle", "Whose {1} is was said"),
    "exclude": ("hand", "need", "{0} must not be pushed"),
    "ask_end_exclusion": ("decide", "need", "{0}: asked to end the exclusion early"),
    "end_exclusion": ("ok", "ok", "{0}: exclusion ended early"),
    "keep_exclusion": ("hand", "need", "{0}: the exclusion stays"),
    "take_over_exclusion": ("hand", "need", "{0}: a new sandbox took its parent's exclusion over"),
    "decide_exclusion": ("decide", "idle", "{0}: decided for the new sandbox"),
    "save_audience": ("users", "idle", "{0} saved"),
    "drop_audience": ("users", "idle", "{0} no longer offered"),
    "add_person": ("users", "idle", "{0} added"),
    "add_connection": ("cloud", "idle", "Connection added, it only observes"),
    "change_connection": ("planned", "idle", "Connection changed"),
    "bind_connection": ("locked", "idle", "Bound to its org"),
    "store_secret": ("key", "idle", "Client secret stored"),
    "store_key": ("key", "idle", "Key and certificate stored"),
    "make_next_key": ("key", "idle", "Next certificate made"),
    "switch_key": ("key", "ok", "Next certificate in use"),
    "sign_in_connection": ("key", "ok", "Signed in at Salesforce"),
    "turn_push_on": ("running", "need", "Push mode turned on"),
    "turn_push_off": ("observed", "ok", "Push mode turned off"),
    "disconnect": ("offline", "need", "Disconnected, its secrets are forgotten"),
    "rotate_keys": ("key", "ok", "Stored secrets sealed with a new key"),
    "self_test": ("info", "idle", "Self-test run"),
    "triage": ("note", "idle", "Word on {1}"),
    "sync_refused": ("warn", "need", "A sync was refused"),
}


# The shape of an action that has no sentence of its own here.
_MARKS = {
    Group.DECIDE: "decide",
    Group.PLAN: "planned",
    Group.ORG: "users",
    Group.CALENDAR: "frozen",
    Group.SIGN_IN: "key",
}


def story(event: Event) -> Story:
    """Tell an event; an action that has no sentence here is shown in its own words."""
    subject = event.subject[:1].upper() + event.subject[1:]
    known = _TOLD.get(event.action)
    if known is None:
        mark = _MARKS.get(told_of(event.action).group, "info")
        return Story(mark, "idle", f"{subject}: {event.action.replace('_', ' ')}")
    mark, tone, sentence = known
    return Story(mark, tone, sentence.format(subject, event.subject))


@register.inclusion_tag("components/_event.html")
def told(event: Event, with_rollout: bool = False) -> dict[str, object]:  # noqa: FBT001, FBT002
    """Show one line of a timeline."""
    return {
        "event": event,
        "story": story(event),
        "rollout": event.rollout if with_rollout else None,
    }


@register.filter
def need_icon(tone: str) -> str:
    """Return the shape that goes with how urgent a need is."""
    return {"fail": "halted", "need": "decide", "ok": "ok"}.get(tone, "planned")


@register.filter
def verdict_icon(tone: str) -> str:
    """Return the shape that goes with a verdict's tone."""
    shapes = {"ok": "ok", "run": "running", "need": "decide", "fail": "halted", "idle": "planned"}
    return shapes.get(tone, "info")


@register.filter
def failure_title(cluster: Cluster) -> str:
    """Name a kind of failure as every page does."""
    return title_of(cluster.signature)


_KINDS = {
    FailureKind.TRANSIENT: "worth a retry",
    FailureKind.SUBSCRIBER: "the customer must act",
    FailureKind.PACKAGE: "the package is at fault",
    FailureKind.REJECTED: "Salesforce refuses it; a retry won't help",
    FailureKind.UNKNOWN: "cause unknown",
}


_CALLS = {
    "create": "request created",
    "add_jobs": "orgs added",
    "arm": "set to Pending",
    "cancel": "set to Canceled",
}


@register.filter
def call_words(kind: str) -> str:
    """Say what a call to Salesforce was meant to do."""
    return _CALLS.get(kind, kind)


@register.filter
def failure_words(kind: str) -> str:
    """Say whose turn it is after a failure."""
    return _KINDS.get(FailureKind(kind), kind) if kind else _KINDS[FailureKind.UNKNOWN]


class Pressable(Protocol):
    """What `whys` needs of a button."""

    label: str
    enabled: bool
    why_not: str


@register.filter
def whys(buttons: list[Pressable]) -> list[str]:
    """Say why the disabled buttons can't be pressed, once for those with the same reason."""
    grouped: dict[str, list[str]] = {}
    for button in buttons:
        if not button.enabled:
            reason = button.why_not.removeprefix(f"{button.label} is ")
            grouped.setdefault(reason, []).append(button.label)
    return [
        f"{', '.join(labels)}: {reason.replace('for: ', 'for ', 1)}"
        if reason.startswith("for: ")
        else reason
        for reason, labels in grouped.items()
    ]
