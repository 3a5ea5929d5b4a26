"""How one frozen plan differs from another, in what a person agrees to: who, when, how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from rollouts.domain.digest import FrozenPlan
from rollouts.domain.policy import Policy
from rollouts.domain.profiles import RULES, changed

_KNOWN = {*RULES, "profile", "batch_ramp"}


@dataclass(frozen=True, slots=True)
class PlanDiff:
    """``added`` and ``removed`` are org ids; the rest is told in sentences."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    sentences: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.sentences)


def differences(old: FrozenPlan, new: FrozenPlan, *, same_wave: bool) -> PlanDiff:
    """Compare two frozen plans; the orgs only when both are of the same wave."""
    said = [*_version(old, new), *_times(old, new), *_policy(old.policy, new.policy)]
    if not same_wave:
        return PlanDiff(sentences=tuple(said))
    both = old.orgs.keys() & new.orgs.keys()
    moved = sum(old.orgs[org] != new.orgs[org] for org in both)
    if moved:
        said.append(f"{_orgs(moved, 'stand')} on another version than then.")
    hours = sum(old.hours.get(org) != new.hours.get(org) for org in both)
    if hours:
        said.append(f"{_orgs(hours, 'have')} other hours or another time zone than then.")
    if old.batches != new.batches:
        said.append(f"Batches: {_sizes(old.batches)} became {_sizes(new.batches)}.")
    return PlanDiff(
        tuple(sorted(new.orgs.keys() - both)), tuple(sorted(old.orgs.keys() - both)), tuple(said)
    )


def _version(old: FrozenPlan, new: FrozenPlan) -> list[str]:
    return ["The version is another one."] if old.to_version != new.to_version else []


def _times(old: FrozenPlan, new: FrozenPlan) -> list[str]:
    said = []
    if old.window != new.window:
        said.append(f"The window was “{old.window}” and is “{new.window}”.")
    was, now = old.end_by - old.not_before, new.end_by - new.not_before
    if was != now:
        said.append(f"It may run for {_days(now)} instead of {_days(was)}.")
    return said


def _policy(old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    if old == new:
        return []
    try:
        said = [f"{one}." for one in changed(Policy.from_json(old), Policy.from_json(new))]
    except ValueError:
        return ["The policy was written by another version of Pushboard and can't be compared."]
    others = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    beside = [name for name in others if name not in _KNOWN]
    if old.get("batch_ramp") != new.get("batch_ramp"):
        said.append("The ramp of batch sizes is another one.")
    if beside:
        said.append(f"Other rules differ: {', '.join(beside)}.")
    return said


def _orgs(count: int, verb: str) -> str:
    if count > 1:
        return f"{count} orgs {verb}"
    return f"1 org {'has' if verb == 'have' else f'{verb}s'}"


def _sizes(batches: tuple[int, ...]) -> str:
    return f"{len(batches)} of at most {max(batches, default=0)} orgs"


def _days(span: timedelta) -> str:
    return f"{span / timedelta(days=1):g} days"
