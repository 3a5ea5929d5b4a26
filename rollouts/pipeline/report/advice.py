"""Which buttons a person sees, and why one can't be pressed: from the tables, never in a page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from rollouts.domain.lifecycle import (
    ROLLOUT_MOVES,
    Move,
    RolloutState,
    WaveState,
    moves_from,
)
from rollouts.domain.permissions import Permission, Role, may, roles_with
from rollouts.domain.policy import STRICT_KINDS, WaveKind
from rollouts.models import Attempt, HoldKind, Person, Rollout, Wave
from rollouts.pipeline import approve, second_try


@dataclass(frozen=True, slots=True)
class Button:
    """One act that the state allows; ``why_not`` says in words why this person can't do it."""

    name: str
    label: str
    enabled: bool
    why_not: str = ""


_PERMISSION = {
    "halt": Permission.HALT,
    "resume": Permission.RESUME,
    "abort": Permission.ABORT,
    "freeze": Permission.FREEZE,
    "edit": Permission.FREEZE,
    "approve": Permission.APPROVE,
    "lapse": Permission.WITHDRAW,
    "close": Permission.CLOSE_WAVE,
}
_LABEL = {"halt": "Halt rollout", "resume": "Resume", "abort": "Abort"}


def moves(rollout: Rollout, person: Person, now: datetime) -> list[Button]:
    """List what may be done with a rollout in its state; stopping comes first."""
    roles = person.roles_at(now)
    state = RolloutState(rollout.state)
    buttons = []
    if state in (RolloutState.READY, RolloutState.ACTIVE):
        if rollout.holds.in_force().filter(kind=HoldKind.PAUSED).exists():
            buttons.append(_button("lift_pause", "Lift pause", roles, Permission.LIFT_PAUSE))
        else:
            buttons.append(_button("pause", "Pause", roles, Permission.PAUSE))
    named = [
        move.name for move in _for_people(moves_from(ROLLOUT_MOVES, state)) if move.name in _LABEL
    ]
    return buttons + [_button(name, _LABEL[name], roles, _PERMISSION[name]) for name in named]


def _for_people(table: tuple[Move[RolloutState], ...]) -> list[Move[RolloutState]]:
    return [move for move in table if move.by]


def _button(
    name: str, label: str, roles: frozenset[Role], permission: Permission, why_not: str = ""
) -> Button:
    if not may(roles, permission):
        holders = " or ".join(sorted(role.value for role in roles_with(permission)))
        why_not = f"{label} is for: {holders}."
    return Button(name, label, enabled=not why_not, why_not=why_not)


def wave_moves(wave: Wave, person: Person, now: datetime) -> list[Button]:
    """List what may be done with a wave in its state."""
    roles = person.roles_at(now)
    over = wave.rollout.state not in (RolloutState.READY.value, RolloutState.ACTIVE.value)
    buttons = []
    if wave.review:
        buttons.append(_button("look_over", "Look over and go on", roles, Permission.RESUME))
    match WaveState(wave.state):
        case WaveState.PLANNED:
            buttons.append(_freeze(wave, roles, "Freeze wave", over=over))
        case WaveState.FROZEN if approve.nothing_left(wave):
            pass
        case WaveState.FROZEN if wave.frozen_list and wave.frozen_list.voided_at:
            buttons.append(_freeze(wave, roles, "Freeze what is left", over=over))
        case WaveState.FROZEN:
            buttons.append(_approve(wave, person, roles, now))
            buttons.append(_button("edit", "Open for changes", roles, Permission.FREEZE))
        case WaveState.APPROVED:
            buttons.append(_button("withdraw", "Withdraw approval", roles, Permission.WITHDRAW))
        case WaveState.BAKING if WaveKind(wave.kind) not in STRICT_KINDS:
            buttons.append(_button("close", "Close wave", roles, Permission.CLOSE_WAVE))
        case _:
            pass
    if second_try.may_ask(wave):
        buttons.append(_button("ask_retry", "Retry failed", roles, Permission.FREEZE))
    return buttons


def _freeze(wave: Wave, roles: frozenset[Role], label: str, *, over: bool) -> Button:
    why = f"The rollout is {wave.rollout.state}." if over else ""
    if not why and Attempt.objects.live().filter(target__wave=wave).exists():
        why = "Some pushes of this wave are not settled yet."
    return _button("freeze", label, roles, Permission.FREEZE, why)


def _approve(wave: Wave, person: Person, roles: frozenset[Role], now: datetime) -> Button:
    assert wave.frozen_list is not None  # noqa: S101 - frozen waves have a list
    if not may(roles, Permission.APPROVE):
        names = [str(able) for able in approve.who_can(wave.frozen_list, now)]
        who = " or ".join(names) or "Nobody yet: a second approver is needed, and"
        return Button("approve", "Approve", enabled=False, why_not=f"{who} can approve it.")
    why = approve.approval_refusal(wave.frozen_list, person, now)
    return Button("approve", "Review and approve", enabled=not why, why_not=why)
