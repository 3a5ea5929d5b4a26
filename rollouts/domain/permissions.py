"""Who may do what: roles, permissions and the table between them.

The table is the one of the design: stopping is open to many, starting is narrow and needs two
people. Being a superuser grants nothing, for nothing here asks.
"""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a person is allowed to do; roles combine, but never on both sides of one wave."""

    VIEWER = "viewer"
    SUPPORT = "support"
    PLANNER = "planner"
    APPROVER = "approver"
    ADMIN = "admin"
    AUDITOR = "auditor"


class Permission(StrEnum):
    """One thing that a page or an act may ask for."""

    LOOK = "look"
    PLAN = "plan"
    FREEZE = "freeze"
    SYNC = "sync"
    LET_SYNC_THROUGH = "let_sync_through"
    APPROVE = "approve"
    SEND_BACK = "send_back"
    RESUME = "resume"
    CLOSE_WAVE = "close_wave"
    PAUSE = "pause"
    LIFT_PAUSE = "lift_pause"
    HALT = "halt"
    ABORT = "abort"
    STOP_EVERYTHING = "stop_everything"
    ASK_LIFT_STOP = "ask_lift_stop"
    CONFIRM_LIFT_STOP = "confirm_lift_stop"
    WITHDRAW = "withdraw"
    RECALL = "recall"
    RESOLVE_DOUBT = "resolve_doubt"
    CLOSE_CALENDAR = "close_calendar"
    KEEP_CALENDAR = "keep_calendar"
    ASK_OVERRIDE = "ask_override"
    CONFIRM_OVERRIDE = "confirm_override"
    EXCLUDE = "exclude"
    ASK_END_EXCLUSION = "ask_end_exclusion"
    CONFIRM_END_EXCLUSION = "confirm_end_exclusion"
    READ_AUDIT = "read_audit"
    CONNECT = "connect"
    CHECK_OFF = "check_off"
    TRIAGE = "triage"
    REHEARSE = "rehearse"
    CHANGE_POLICY = "change_policy"
    CONFIRM_POLICY = "confirm_policy"
    REVIEW_EMERGENCY = "review_emergency"
    LINK_DOMAIN = "link_domain"


_EVERYBODY = frozenset(Role)
_STOPPERS = frozenset({Role.PLANNER, Role.APPROVER, Role.ADMIN})

GRANTS: dict[Permission, frozenset[Role]] = {
    Permission.LOOK: _EVERYBODY,
    Permission.PLAN: frozenset({Role.PLANNER}),
    Permission.FREEZE: frozenset({Role.PLANNER}),
    Permission.SYNC: frozenset({Role.PLANNER}),
    Permission.LET_SYNC_THROUGH: frozenset({Role.APPROVER}),
    Permission.APPROVE: frozenset({Role.APPROVER}),
    Permission.SEND_BACK: frozenset({Role.APPROVER}),
    Permission.RESUME: frozenset({Role.APPROVER}),
    Permission.CLOSE_WAVE: frozenset({Role.APPROVER}),
    Permission.PAUSE: _STOPPERS,
    Permission.LIFT_PAUSE: frozenset({Role.PLANNER, Role.APPROVER}),
    Permission.HALT: _STOPPERS,
    Permission.ABORT: _STOPPERS,
    Permission.STOP_EVERYTHING: _STOPPERS,
    Permission.ASK_LIFT_STOP: frozenset({Role.PLANNER, Role.APPROVER, Role.ADMIN}),
    Permission.CONFIRM_LIFT_STOP: frozenset({Role.APPROVER}),
    Permission.WITHDRAW: _STOPPERS,
    Permission.RECALL: _STOPPERS,
    Permission.RESOLVE_DOUBT: frozenset({Role.APPROVER}),
    # Adding a freeze stops; ending or overriding one starts again, which takes two people.
    Permission.CLOSE_CALENDAR: _STOPPERS,
    Permission.KEEP_CALENDAR: frozenset({Role.PLANNER, Role.ADMIN}),
    Permission.ASK_OVERRIDE: _STOPPERS,
    Permission.CONFIRM_OVERRIDE: frozenset({Role.APPROVER}),
    Permission.EXCLUDE: _STOPPERS,
    Permission.ASK_END_EXCLUSION: _STOPPERS,
    Permission.CONFIRM_END_EXCLUSION: frozenset({Role.APPROVER}),
    Permission.READ_AUDIT: frozenset({Role.AUDITOR, Role.ADMIN}),
    Permission.CONNECT: frozenset({Role.ADMIN}),
    Permission.CHECK_OFF: _STOPPERS,
    Permission.TRIAGE: _STOPPERS | {Role.SUPPORT},
    Permission.REHEARSE: frozenset({Role.PLANNER, Role.APPROVER}),
    Permission.CHANGE_POLICY: frozenset({Role.PLANNER, Role.ADMIN}),
    Permission.CONFIRM_POLICY: frozenset({Role.APPROVER}),
    Permission.REVIEW_EMERGENCY: frozenset({Role.APPROVER, Role.PLANNER}),
    Permission.LINK_DOMAIN: _STOPPERS | {Role.SUPPORT},
}


def may(roles: frozenset[Role], permission: Permission) -> bool:
    """Say whether any of the roles carries the permission; an unknown one is a no."""
    return bool(GRANTS.get(permission, frozenset()) & roles)


def roles_with(permission: Permission) -> frozenset[Role]:
    """Name the roles that carry the permission, for the sentence "who can"."""
    return GRANTS.get(permission, frozenset())


def approval_refusal(
    approver_id: int, *, author_id: int, editor_ids: frozenset[int], granted_ids: frozenset[int]
) -> str:
    """Say why this person can't approve this list, or "" if nothing speaks against it.

    ``author_id`` planned the rollout, ``editor_ids`` froze or edited this very list,
    ``granted_ids`` have already approved it: two approvals mean two people.
    """
    if approver_id == author_id:
        return "You planned this rollout, so somebody else approves it."
    if approver_id in editor_ids:
        return "You froze or changed this list, so somebody else approves it."
    if approver_id in granted_ids:
        return "You have approved this list already; the second approval is another person's."
    return ""
