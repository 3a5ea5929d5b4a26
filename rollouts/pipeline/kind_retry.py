"""Retrying exactly the orgs of one kind of failure: who goes, who does not, and why.

It chooses; `second_try` does it, with its rules: the wave is planned again, and its new list needs
its own approval. Nothing here pushes.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from rollouts.domain.lifecycle import WAVE_ENDS, RolloutState, WaveState
from rollouts.models import Package, Person, Rollout, Target, Wave
from rollouts.pipeline import failing, second_try
from rollouts.pipeline.failing import Hit, Now
from rollouts.pipeline.transitions import Overtaken, Refusal, writing


@dataclass(frozen=True, slots=True)
class Going:
    """Orgs of one wave that can be put on a new list; ``tries`` are those that ran before."""

    wave: Wave
    targets: tuple[Target, ...]
    tries: tuple[int, ...]

    @property
    def keys(self) -> list[str]:
        """Their 18-character ids."""
        return [target.org.key for target in self.targets]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a retry of a kind would do now.

    ``most`` is how many attempts at an org there are at most. ``waits`` says for other waves how
    many orgs must wait, and for what. ``past`` orgs have had all their attempts; ``unseen`` ones
    are reported as upgraded and were not seen.
    """

    going: tuple[Going, ...]
    most: int
    upgraded: int
    blocked: int
    again: int
    past: tuple[Hit, ...]
    unseen: int
    waits: tuple[tuple[Wave, int, str], ...]

    @property
    def orgs(self) -> int:
        """How many orgs go."""
        return sum(len(one.targets) for one in self.going)

    @property
    def attempts(self) -> list[tuple[int, int]]:
        """Number of the next attempt, with how many orgs it is that for."""
        return sorted(Counter(n + 1 for one in self.going for n in one.tries).items())

    @property
    def digest(self) -> str:
        """Changes when the orgs that go change: what a person says yes to is what happens."""
        keys = sorted(key for one in self.going for key in one.keys)
        return hashlib.sha256("\n".join(keys).encode()).hexdigest()[:16]

    @property
    def skipped(self) -> list[str]:
        """Sentences on those that do not go, each with its count."""
        said = (
            (self.upgraded, "already on the new version or a newer one"),
            (self.again, "on a new list or being pushed already"),
            (self.blocked, "blocked by the customer"),
            (self.unseen, "reported as upgraded and never seen: look at the org first"),
            (len(self.past), f"tried {self.most} times: needs a person"),
        )
        return [f"{orgs_in_words(count)} {words}" for count, words in said if count]


def orgs_in_words(count: int) -> str:
    """Write a count of orgs."""
    return f"{count:,} org" if count == 1 else f"{count:,} orgs"


def plan_of(rollout: Rollout, found: Iterable[Hit]) -> Plan:
    """Say what a retry of these hits of one rollout would do: three queries, and two per wave."""
    mine = failing.latest(one for one in found if one.slug == rollout.slug)
    now = Counter(one.now for one in mine)
    most = rollout.policy.retries + 1
    opened = {one.target: one for one in mine if one.now is Now.OPEN}
    past = tuple(one for one in opened.values() if one.tries >= most)
    fresh = {pk: one for pk, one in opened.items() if one.tries < most}
    going: list[Going] = []
    waits: list[tuple[Wave, int, str]] = []
    unseen = 0
    waves = rollout.waves.select_related("rollout", "frozen_list")
    for wave in waves.filter(number__in={one.wave for one in fresh.values()}):
        here = {pk: one for pk, one in fresh.items() if one.wave == wave.number}
        targets = [target for target in second_try.candidates(wave) if target.pk in here]
        unseen += len(here) - len(targets)
        if not targets:
            continue
        if second_try.may_ask(wave):
            going.append(
                Going(wave, tuple(targets), tuple(here[target.pk].tries for target in targets))
            )
        else:
            waits.append((wave, len(targets), _why_not(wave)))
    return Plan(
        going=tuple(going),
        most=most,
        upgraded=now[Now.UPGRADED],
        blocked=now[Now.BLOCKED],
        again=now[Now.RETRYING],
        past=past,
        unseen=unseen,
        waits=tuple(waits),
    )


def _why_not(wave: Wave) -> str:
    """Say what a retry in this wave waits for."""
    if wave.rollout.state == RolloutState.HALTED.value:
        return "the rollout is halted; an approver resumes it first"
    if wave.rollout.state != RolloutState.ACTIVE.value:
        return f"the rollout is {wave.rollout.state.replace('_', ' ')}; they belong in a later one"
    if WaveState(wave.state) in WAVE_ENDS:
        return f"wave {wave.number} is {wave.state}; they belong in a later rollout"
    if wave.state == WaveState.PLANNED.value:
        return f"a list of wave {wave.number} is being made already; it is frozen and pushed first"
    return f"wave {wave.number} is {wave.state}; a retry waits until all its orgs are settled"


@writing()
def ask(
    rollout: Rollout,
    package: Package,
    signature: str,
    *,
    seen: str,
    by: Person,
    reason: str,
    now: datetime,
) -> Plan:
    """Put exactly these orgs on their waves' next lists; ``seen`` is the digest on the page.

    Each wave is planned again under the rules of `second_try.ask`, with its own demand for the
    permission. Raises Overtaken when other orgs would go than the person saw, Refusal when none.
    """
    rows = failing.failed(rollout=rollout, signature=signature).filter(version__package=package)
    plan = plan_of(rollout, failing.hits(rows))
    if plan.digest != seen:
        raise Overtaken("Other orgs would go now than you saw. Look again.")
    if not plan.orgs:
        raise Refusal("No org of this kind can be retried just now.")
    for one in plan.going:
        second_try.ask(one.wave, one.keys, by=by, reason=reason, now=now)
    return plan
