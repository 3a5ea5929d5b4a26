"""The play: invented people freeze and approve at once, the engine does the rest, time jumps."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from rollouts.domain.lifecycle import (
    ROLLOUT_ENDS,
    WAVE_ENDS,
    BatchState,
    RolloutState,
    TargetState,
    WaveState,
)
from rollouts.management.rehearsal.stage import Stage
from rollouts.models import Attempt, Batch, Rollout, Wave
from rollouts.pipeline import approve, control, openings, tick, timing
from rollouts.pipeline.transitions import Refusal

_ENDS = {state.value for state in ROLLOUT_ENDS}
_OVER = [state.value for state in WAVE_ENDS]
STEP, QUIET = timedelta(minutes=2), timedelta(minutes=20)
SYNC_EVERY = timedelta(hours=12)
# Nothing moves for so long: what it waits for is a person, and none of ours would know better.
STANDS_STILL = timedelta(days=16)
LONGEST = timedelta(days=400)
_LEAP = timedelta(hours=6)
# A canary's first failure holds for a look; who looks more often than this would not go on.
LOOKS = 3


class Play:
    """One run of a stage; ``outcome`` and ``because`` say how it ended."""

    def __init__(self, stage: Stage, seconds: float) -> None:
        self.stage = stage
        self.outcome, self.because = "", ""
        self.looks = 0
        self.ticks = 0
        self._until = time.monotonic() + seconds
        self._synced = stage.clock.at
        self._moved = (stage.clock.at, "")

    @property
    def rollout(self) -> Rollout:
        """The rollout as it is now."""
        self.stage.rollout.refresh_from_db()
        return self.stage.rollout

    def run(self) -> None:
        """Play until the rollout ends, a guardrail halts it, it stands still or time is up."""
        while not self.outcome:
            rollout = self.rollout
            if rollout.state in _ENDS:
                self.outcome, self.because = rollout.state, "every wave has ended"
            elif rollout.state == RolloutState.HALTED.value:
                self.outcome, self.because = "halted", rollout.reason
            elif time.monotonic() > self._until:
                self.outcome, self.because = "cut short", "it took too long to play to its end"
            else:
                self._act(rollout)
                self._pass_time()

    def _act(self, rollout: Rollout) -> None:
        """Do what people do, at once: freeze, approve, look over a first failure."""
        wave = rollout.waves.exclude(state__in=_OVER).order_by("number").first()
        if wave is None:
            return
        try:
            if wave.review:
                self._look_over(wave)
            elif wave.state == WaveState.PLANNED.value or _void(wave):
                approve.freeze(wave, by=self.stage.people["planner"], now=self.stage.clock())
            elif wave.state == WaveState.FROZEN.value:
                self._approve(wave)
        except Refusal as refusal:
            self._see(str(refusal))

    def _look_over(self, wave: Wave) -> None:
        if self.looks >= LOOKS:
            self.outcome, self.because = "held", wave.review
            return
        self.looks += 1
        control.look_over(
            wave,
            by=self.stage.people["approver"],
            reason="rehearsed: looked at",
            now=self.stage.clock(),
        )

    def _approve(self, wave: Wave) -> None:
        for name in ("approver", "second")[: wave.approvals_needed]:
            wave.refresh_from_db()
            if wave.state != WaveState.FROZEN.value or wave.frozen_list is None:
                return
            approve.approve(
                wave,
                seen_digest=wave.frozen_list.digest,
                by=self.stage.people[name],
                reason="rehearsed",
                now=self.stage.clock(),
            )

    def _pass_time(self) -> None:
        clock = self.stage.clock
        clock.at = max(clock.at + STEP, self._next())
        if clock.at - self._synced > SYNC_EVERY:
            tick.sync_all(full=True)
            self._synced = clock.at
        tick.watch_all()
        tick.tick()
        self.ticks += 1
        self._see(self._shape())

    def _see(self, shape: str) -> None:
        """End the play when what there is has not changed for very long."""
        now = self.stage.clock.at
        if shape != self._moved[1]:
            self._moved = (now, shape)
        if now - self._moved[0] > STANDS_STILL or now - self.stage.begin > LONGEST:
            wave = self.rollout.waves.exclude(state__in=_OVER).order_by("number").first()
            said = (wave.review or wave.reason) if wave else ""
            self.outcome, self.because = "stands still", said or "nothing moves any more"

    def _shape(self) -> str:
        waves = ",".join(self.stage.rollout.waves.values_list("state", flat=True))
        return f"{waves} {Batch.objects.count()} {Attempt.objects.exclude(ended_at=None).count()}"

    def _next(self) -> datetime:
        """Return the next moment at which anything can happen, as far as the rows tell."""
        now = self.stage.clock.at
        open_ones = list(Batch.objects.open().select_related("wave__rollout"))
        if not open_ones:
            baking = self.stage.rollout.waves.filter(
                state=WaveState.BAKING.value, baked_until__gt=now
            ).first()
            if baking and baking.baked_until:
                return baking.baked_until
            return max(now + QUIET, self._opens(now))
        return min(self._due(batch, now) for batch in open_ones)

    def _opens(self, now: datetime) -> datetime:
        """Return shortly before the wave at work may start its next batch; now if nobody knows."""
        wave = (
            self.stage.rollout.waves.filter(state=WaveState.DISPATCHING.value)
            .select_related("rollout", "frozen_list__to_version__package__connection")
            .first()
        )
        if wave is None or wave.frozen_list is None or wave.frozen_list.voided_at is not None:
            return now
        waiting = wave.targets.filter(state=TargetState.PLANNED.value).order_by("place")
        rows = list(waiting.values_list("pk", "org_id"))
        policy = wave.rollout.policy
        if not rows:
            return now
        batch = openings.next_opening(wave.frozen_list, rows, policy.batch_strict, now).batch
        lead = timing.fuse(policy) + timing.arm_slack() + timing.prepare_slack() + QUIET
        return batch.start - lead if batch else now

    def _due(self, batch: Batch, now: datetime) -> datetime:
        if batch.start_at is None:
            return now
        due = now
        if batch.state == BatchState.ARMED.value:
            due = batch.start_at
        elif batch.state == BatchState.VERIFIED.value:
            due = timing.arm_from(batch, batch.wave.rollout.policy)
        return min(due, now + _LEAP)


def _void(wave: Wave) -> bool:
    return wave.state == WaveState.FROZEN.value and (
        wave.frozen_list is None or wave.frozen_list.voided_at is not None
    )
