"""The policies that people keep: which rules they may change, how far, and what loosens a guard.

Bounds: the table of the rollout-control research, section 3, and the design, section 8. What is not
in `RULES` is no matter of taste and stands fixed in `policy.Policy`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from rollouts.domain.policy import Policy, policy_for
from rollouts.domain.versions import Jump

HOUR, DAY = 3600, 86400
MOST_STEPS = 9


class Profile(StrEnum):
    """Which policy a rollout goes by: the size of the jump decides, a person may say emergency."""

    PATCH = "patch"
    MINOR = "minor"
    MAJOR = "major"
    EMERGENCY = "emergency"


class Unit(StrEnum):
    """What a rule's number counts; hours are stored as seconds."""

    COUNT = "orgs"
    TIMES = "times"
    PERCENT = "%"
    HOURS = "hours"
    YES_NO = ""
    PERCENTS = "% of production"
    ALL_HOURS = "hours each"


class Looser(StrEnum):
    """In which direction a rule guards less."""

    HIGHER = "higher"
    LOWER = "lower"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule that people may change, with inclusive bounds in the unit that is shown."""

    name: str
    label: str
    unit: Unit
    least: float
    most: float
    looser: Looser


def _rule(name: str, label: str, unit: Unit, least: float, most: float, looser: Looser) -> Rule:
    return Rule(name, label, unit, least, most, looser)


_UP, _DOWN = Looser.HIGHER, Looser.LOWER
GROUPS: tuple[tuple[str, tuple[Rule, ...]], ...] = (
    (
        "Waves",
        (
            _rule("own_limit", "Own orgs and volunteers, at most", Unit.COUNT, 1, 10, _UP),
            _rule("canary_floor", "Canary, at least", Unit.COUNT, 10, 100, _DOWN),
            _rule("canary_percent", "Canary, share of production", Unit.PERCENT, 0.5, 5, _DOWN),
            _rule("canary_ceiling", "Canary, at most", Unit.COUNT, 10, 100, _UP),
            _rule("growth", "A wave grows at most", Unit.TIMES, 2, 5, _UP),
            _rule("ladder_percent", "Steps after the canary", Unit.PERCENTS, 1, 100, _UP),
        ),
    ),
    (
        "Waiting",
        (
            _rule("bake_own", "After own orgs", Unit.HOURS, 1, 336, _DOWN),
            _rule("bake_sandbox", "After sandboxes", Unit.HOURS, 24, 672, _DOWN),
            _rule("bake_canary", "After the canary", Unit.HOURS, 4, 336, _DOWN),
            _rule("canary_business_day", "And one full working day in each canary org's zone",
                  Unit.YES_NO, 0, 1, Looser.OFF),
            _rule("bake_production", "After each later step", Unit.ALL_HOURS, 1, 336, _DOWN),
        ),
    ),
    (
        "Approval",
        (
            _rule("two_approvals_from_percent", "Two people from", Unit.PERCENT, 0, 20, _UP),
            _rule("two_approvals_above", "Two people above", Unit.COUNT, 0, 500, _UP),
            _rule("two_approvals_always", "Two people always", Unit.YES_NO, 0, 1, Looser.OFF),
            _rule("approval_lasts", "An approval lapses unused after", Unit.HOURS, 1, 72, _UP),
        ),
    ),
    (
        "Guardrails",
        (
            _rule("rate_percent", "Halt above a failure rate of", Unit.PERCENT, 1, 20, _UP),
            _rule("rate_sample", "That rate is judged from", Unit.COUNT, 10, 100, _UP),
            _rule("failure_cap", "Halt at failed orgs in a wave", Unit.COUNT, 1, 100, _UP),
            _rule("signature_limit", "Halt at the same failure in", Unit.COUNT, 2, 10, _UP),
            _rule("signature_limit_canary", "In the canary already in", Unit.COUNT, 1, 3, _UP),
            _rule("stuck_after", "A push without progress is stuck after", Unit.HOURS, 1, 24, _UP),
            _rule("stuck_counts_after", "A stuck push counts as failed after",
                  Unit.HOURS, 1, 48, _UP),
            _rule("pass_percent", "A wave passes at", Unit.PERCENT, 90, 100, _DOWN),
            _rule("evidence_settled_percent", "A wave passes only with settled",
                  Unit.PERCENT, 50, 100, _DOWN),
            _rule("drop_percent", "Hold when drop out more than", Unit.PERCENT, 0, 10, _UP),
            _rule("retries", "Retries of transient failures", Unit.TIMES, 0, 3, _UP),
            _rule("retry_delay", "A retry waits", Unit.HOURS, 0.25, 48, _DOWN),
            _rule("tickets_a_day", "Support can take a day", Unit.COUNT, 1, 100_000, _UP),
        ),
    ),
    (
        "Sending",
        (
            _rule("batch_strict", "Own and canary orgs in flight", Unit.COUNT, 1, 10, _UP),
            _rule("next_batch_settled_percent", "Next batch when settled", Unit.PERCENT, 50, 100,
                  _DOWN),
            _rule("fuse", "Armed before the start by", Unit.HOURS, 0.25, 1, _DOWN),
            _rule("not_after", "Called back if not started after", Unit.HOURS, 1, 12, _UP),
        ),
    ),
)  # fmt: skip
RULES = {rule.name: rule for _, rules in GROUPS for rule in rules}
_EMERGENCY_LEAST = {"bake_sandbox": 1.0, "bake_canary": 1.0}
_MUST_BE_ON = {
    Profile.PATCH: ("canary_business_day",),
    Profile.MINOR: ("canary_business_day",),
    Profile.MAJOR: ("canary_business_day", "two_approvals_always"),
    Profile.EMERGENCY: ("two_approvals_always",),
}


def default(profile: Profile) -> Policy:
    """Return the profile as it is before anybody has changed it.

    The emergency one waits an hour where others wait days, but keeps the canary and the growth.
    """
    if profile is not Profile.EMERGENCY:
        return policy_for(Jump(profile.value))
    return Policy(
        profile=profile.value,
        two_approvals_always=True,
        ladder_percent=(5.0, 50.0, 100.0),
        bake_own=HOUR,
        bake_sandbox=HOUR,
        bake_canary=HOUR,
        bake_production=(HOUR, HOUR, HOUR),
        canary_business_day=False,
    )


def shown(rule: Rule, policy: Policy) -> object:
    """Return a rule's value in the unit that is shown: hours instead of seconds."""
    value = getattr(policy, rule.name)
    if rule.unit is Unit.HOURS:
        return value / HOUR
    if rule.unit is Unit.ALL_HOURS:
        return tuple(one / HOUR for one in value)
    return value


def refusals(policy: Policy, profile: Profile) -> dict[str, str]:
    """Name the rules that are out of bounds, each with a sentence that says which bounds."""
    said: dict[str, str] = {}
    for rule in RULES.values():
        least = rule.least
        if profile is Profile.EMERGENCY:
            least = _EMERGENCY_LEAST.get(rule.name, least)
        value = shown(rule, policy)
        values = value if isinstance(value, tuple) else (value,)
        if not values or not all(least <= one <= rule.most for one in values):
            said[rule.name] = f"{rule.label}: from {least:g} to {rule.most:g} {rule.unit.value}"
    for name in _MUST_BE_ON[profile]:
        if not getattr(policy, name):
            said[name] = f"{RULES[name].label}: can't be turned off for {profile.value} rollouts"
    for name, wrong, sentence in _together(policy):
        if wrong:
            said.setdefault(name, sentence)
    return {name: f"{sentence.strip()}." for name, sentence in said.items()}


def _together(policy: Policy) -> tuple[tuple[str, bool, str], ...]:
    steps = policy.ladder_percent
    rising = all(a < b for a, b in pairwise(steps))
    return (
        ("canary_ceiling", policy.canary_ceiling < policy.canary_floor,
         "The canary's largest size can't be below its smallest"),
        ("ladder_percent", not rising or steps[-1:] != (100.0,),
         "The steps rise and the last is 100, such as 5, 20, 50, 100"),
        ("ladder_percent", len(steps) > MOST_STEPS, f"At most {MOST_STEPS} steps"),
        ("bake_production", len(policy.bake_production) != len(steps),
         f"Give one waiting time for each of the {len(steps)} steps"),
        ("stuck_counts_after", policy.stuck_counts_after < policy.stuck_after,
         "A push can't count as failed before it is stuck"),
    )  # fmt: skip


def loosened(old: Policy, new: Policy) -> tuple[str, ...]:
    """Say which guards the new policy loosens; a second person must agree to those."""
    return tuple(
        f"{rule.label}: {words(rule, old)} becomes {words(rule, new)}"
        for rule in RULES.values()
        if _guards_less(rule, getattr(old, rule.name), getattr(new, rule.name), old, new)
    )


def changed(old: Policy, new: Policy) -> tuple[str, ...]:
    """Say what differs between two policies, rule by rule."""
    return tuple(
        f"{rule.label}: {words(rule, old)} becomes {words(rule, new)}"
        for rule in RULES.values()
        if getattr(old, rule.name) != getattr(new, rule.name)
    )


def _guards_less(rule: Rule, before: object, after: object, old: Policy, new: Policy) -> bool:
    if before == after:
        return False
    special: dict[str, Callable[[], bool]] = {
        "ladder_percent": lambda: not set(old.ladder_percent) <= set(new.ladder_percent),
        "bake_production": lambda: _waits_less(old, new),
    }
    if rule.name in special:
        return special[rule.name]()
    if rule.looser is Looser.OFF:
        return bool(before) and not after
    higher = after > before  # type: ignore[operator]
    return higher if rule.looser is Looser.HIGHER else not higher


def _waits_less(old: Policy, new: Policy) -> bool:
    """Say whether any step that stays is followed by a shorter wait, or a new one by the least."""
    after = dict(zip(new.ladder_percent, new.bake_production, strict=False))
    for percent, bake in zip(old.ladder_percent, old.bake_production, strict=False):
        if after.get(percent, bake) < bake:
            return True
    # What came before a new step waits as long as before; the new step itself adds a wait.
    return False


def words(rule: Rule, policy: Policy) -> str:
    """Say a rule's value, such as ``24 hours`` or ``5, 20, 50, 100 % of production``."""
    value = shown(rule, policy)
    if rule.unit is Unit.YES_NO:
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return f"{', '.join(f'{one:g}' for one in value)} {rule.unit.value}"
    unit = "hour" if rule.unit is Unit.HOURS and value == 1 else rule.unit.value
    return f"{value:g} {unit}"
