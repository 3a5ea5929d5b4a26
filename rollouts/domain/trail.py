"""What each line of history tells: whose business it is, what was done in words, what it overrode.

An action is a word in the trail for ever, so this table only grows. `told` is what stands after
the name of whoever did it; ``{it}`` becomes the thing that it was done to.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple


class Group(StrEnum):
    """What kind of business a line of history is, for whoever looks for it."""

    DECIDE = "decide"
    STOP = "stop"
    PLAN = "plan"
    ORG = "org"
    CALENDAR = "calendar"
    SETTINGS = "settings"
    SIGN_IN = "sign-in"
    STEP = "step"


GROUP_WORDS: dict[Group, str] = {
    Group.DECIDE: "Decisions",
    Group.STOP: "Stops, holds and what lifts them",
    Group.PLAN: "Plans and lists",
    Group.ORG: "Orgs and customers",
    Group.CALENDAR: "Freezes, windows and maintenance",
    Group.SETTINGS: "Connections, policies, people and settings",
    Group.SIGN_IN: "Signing in and out",
    Group.STEP: "Steps of the engine",
}


class Told(NamedTuple):
    """One action: its group, its words, and whether a person set a guard aside by it."""

    group: Group
    words: str
    overrides: bool = False


_D, _S, _P, _O = Group.DECIDE, Group.STOP, Group.PLAN, Group.ORG
_C, _T, _I, _E = Group.CALENDAR, Group.SETTINGS, Group.SIGN_IN, Group.STEP

ACTIONS: dict[str, Told] = {
    # decisions
    "approve_wave": Told(_D, "approved {it}"),
    "lapse_wave": Told(_D, "ended the approval of {it}"),
    "resume": Told(_D, "resumed {it}", overrides=True),
    "look_over_wave": Told(_D, "looked over {it} and cleared its hold", overrides=True),
    "close_wave": Told(_D, "closed {it} with its failures", overrides=True),
    "ask_gone": Told(_D, "asked to end {it}, whose request is gone", overrides=True),
    "let_sync_through": Told(_D, "let a refused sync of {it} through", overrides=True),
    "review_emergency": Told(_D, "reviewed the emergency {it}"),
    "triage": Told(_D, "said what becomes of the {it}"),
    "decide_drift": Told(_D, "decided about orgs that joined or changed in {it}"),
    "decide_exclusion": Told(_D, "decided about the new sandbox {it}"),
    # stops and what lifts them
    "halt": Told(_S, "halted {it}"),
    "abort": Told(_S, "aborted {it}"),
    "drained": Told(_S, "saw that nothing of {it} can start any more"),
    "paused": Told(_S, "paused {it}"),
    "lift_pause": Told(_S, "lifted the pause of {it}"),
    "stop_everything": Told(_S, "stopped everything"),
    "ask_lift_stop": Told(_S, "asked to lift the stop of everything", overrides=True),
    "lift_stop": Told(_S, "lifted the stop; every rollout stays paused", overrides=True),
    "reason": Told(_S, "gave the reason for stopping {it}"),
    "recall_batch": Told(_S, "asked Salesforce to recall {it}"),
    "recall_too_late": Told(_S, "came too late to recall {it}"),
    "canceled_batch": Told(_S, "read {it} back as Canceled"),
    "call_back_wave": Told(_S, "called {it} back; what is left needs a new approval"),
    "review_wave": Told(_S, "held {it} for a look"),
    "doubt_batch": Told(_S, "put {it} in doubt"),
    "late_patch": Told(_S, "saw {it} run though it was read back as Canceled"),
    "orphan_request": Told(_S, "cancelled a request of ours that nobody needs: {it}"),
    "cancel_forgotten": Told(_S, "cancelled what the database had forgotten: {it}"),
    "foreign_request": Told(_S, "saw a push that is not ours: {it}"),
    "restored": Told(_S, "noticed that the database was put back to an older state"),
    "after_restore": Told(_S, "matched the database with Salesforce again"),
    "sync_refused": Told(_S, "refused a sync of {it}"),
    # plans and lists
    "begin_draft": Told(_P, "began the draft {it}"),
    "drop_draft": Told(_P, "dropped the draft {it}"),
    "preflight": Told(_P, "looked over the preflight of {it}"),
    "plan": Told(_P, "planned {it}"),
    "lock": Told(_P, "made {it} ready"),
    "unlock": Told(_P, "opened the plan of {it} again"),
    "take_over": Told(_P, "let {it} take over what an older rollout has left"),
    "reshape": Told(_P, "changed the waves of {it}"),
    "freeze_wave": Told(_P, "froze {it}"),
    "edit_wave": Told(_P, "opened {it} for changes; its approval is void"),
    "ask_retry_wave": Told(_P, "asked for a retry in {it}; it needs a list of its own"),
    "drop_out": Told(_P, "took orgs out of {it}"),
    "ask_rehearsal": Told(_P, "asked for a rehearsal of {it}"),
    "rehearsed": Told(_P, "brought back the report of a rehearsal of {it}"),
    "save_audience": Told(_P, "saved the {it}"),
    "drop_audience": Told(_P, "withdrew the {it}"),
    "save_view": Told(_P, "saved the shared {it}"),
    "delete_view": Told(_P, "took the shared {it} away"),
    "check_off": Told(_P, "settled an item of a checklist: {it}"),
    "finish": Told(_P, "finished {it}"),
    # orgs and customers
    "exclude": Told(_O, "excluded {it} from pushes"),
    "ask_end_exclusion": Told(_O, "asked to end the exclusion of {it} early", overrides=True),
    "end_exclusion": Told(_O, "ended the exclusion of {it} early", overrides=True),
    "keep_exclusion": Told(_O, "kept the exclusion of {it}"),
    "take_over_exclusion": Told(_O, "gave a new sandbox its parent's exclusion: {it}"),
    "mark": Told(_O, "marked {it}"),
    "unmark": Told(_O, "took a mark off {it}"),
    "mark_own": Told(_O, "marked {it} as our own"),
    "unmark_own": Told(_O, "marked {it} as no longer our own"),
    "set_customer": Told(_O, "said whose {it} is"),
    "link_domain": Told(_O, "said whose domain name it is: {it}"),
    # the calendar
    "add_freeze": Told(_C, "added the {it}"),
    "review_freeze": Told(_C, "checked the dates of the {it}"),
    "ask_override": Told(_C, "asked to set the {it} aside", overrides=True),
    "override_freeze": Told(_C, "set the {it} aside", overrides=True),
    "end_freeze": Told(_C, "ended the {it}", overrides=True),
    "take_back_override": Told(_C, "put the {it} back in force"),
    "set_zone": Told(_C, "said in which zone {it} is"),
    "set_window": Told(_C, "set the hours of {it}"),
    "set_fiscal_year": Told(_C, "said when the fiscal year of {it} begins"),
    "read_maintenance": Told(_C, "took over {it}"),
    # settings
    "add_connection": Told(_T, "added the {it}; it only observes"),
    "change_connection": Told(_T, "changed the {it}"),
    "bind_connection": Told(_T, "bound the {it} to its org"),
    "store_secret": Told(_T, "stored a client secret for the {it}"),
    "store_key": Told(_T, "stored a key and certificate for the {it}"),
    "make_next_key": Told(_T, "made the next certificate of the {it}"),
    "switch_key": Told(_T, "took the next certificate of the {it} into use"),
    "sign_in_connection": Told(_T, "signed the {it} in at Salesforce"),
    "turn_push_on": Told(_T, "turned push mode on for the {it}"),
    "turn_push_off": Told(_T, "turned push mode off for the {it}"),
    "disconnect": Told(_T, "disconnected the {it}; its secrets are forgotten"),
    "self_test": Told(_T, "ran the self-test of the {it}"),
    "rotate_keys": Told(_T, "sealed stored secrets with a new key"),
    "ask_policy": Told(_T, "asked to loosen a policy: {it}", overrides=True),
    "change_policy": Told(_T, "changed a policy: {it}"),
    "confirm_policy": Told(_T, "agreed to loosen a policy: {it}", overrides=True),
    "refuse_policy": Told(_T, "refused to loosen a policy: {it}"),
    "add_need": Told(_T, "noted what a package needs: {it}"),
    "end_need": Told(_T, "ended what a package needs: {it}"),
    "add_person": Told(_T, "made an account for {it}"),
    "verify_chain": Told(_T, "verified the chain of {it}"),
    # signing in
    "sign_in": Told(_I, "signed in"),
    "sign_out": Told(_I, "signed out"),
    # the engine's steps
    "start": Told(_E, "started {it}"),
    "complete": Told(_E, "completed {it}"),
    "complete_with_failures": Told(_E, "completed {it} with failures"),
    "start_wave": Told(_E, "started {it}"),
    "settle_wave": Told(_E, "saw {it} settled; it bakes now"),
    "retry_wave": Told(_E, "retries failed orgs of {it}"),
    "pass_wave": Told(_E, "let {it} pass"),
    "skip_wave": Told(_E, "skipped {it}"),
    "reserve_batch": Told(_E, "reserved {it}"),
    "bind_batch": Told(_E, "created {it} at Salesforce; it does nothing yet"),
    "verify_batch": Told(_E, "read {it} back and found it equal to the digest"),
    "arm_batch": Told(_E, "began to arm {it}"),
    "armed_batch": Told(_E, "read {it} back as armed"),
    "run_batch": Told(_E, "saw Salesforce start {it}"),
    "settle_batch": Told(_E, "saw {it} settled"),
    "abandon_batch": Told(_E, "gave {it} up"),
    "started_outside": Told(_E, "saw Salesforce start {it} outside its window"),
    "progress": Told(_E, "read the progress of {it}"),
    "confirm": Told(_E, "saw versions in orgs of {it}"),
}
# What has no name beside it in these was done by a command on the machine, not by the engine.
BY_COMMAND = frozenset(
    {
        "add_person", "rotate_keys", "mark_own", "unmark_own", "add_connection",
        "change_connection", "store_secret", "store_key", "make_next_key", "after_restore",
    }
)  # fmt: skip
OVERRIDES: frozenset[str] = frozenset(name for name, told in ACTIONS.items() if told.overrides)


def told_of(action: str) -> Told:
    """Return how an action is told; one of a later version is told in its own words."""
    plain = action.replace("_", " ")
    return ACTIONS.get(action) or Told(Group.SETTINGS, f"{plain}: {{it}}")


def actions_of(groups: Iterable[Group]) -> list[str]:
    """Name every action of these groups, in the order of the table."""
    wanted = set(groups)
    return [name for name, told in ACTIONS.items() if told.group in wanted]
