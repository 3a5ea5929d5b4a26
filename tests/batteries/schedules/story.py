"""One schedule: a seed chooses where it begins, what Salesforce is like and what goes wrong."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from django.db import connection

from rollouts.models import Batch, Wave
from rollouts.pipeline import control, tick
from rollouts.pipeline.transitions import Refusal
from rollouts.simulator.options import Unknowns
from tests.batteries.books import BATCH_ENDS, Books, Effect, Line
from tests.batteries.demo import at
from tests.batteries.oracle import Evidence, judge
from tests.batteries.schedules.stage import Scene, Stage
from tests.support.schedules import DIES_AT, Hands, trouble
from tests.support.trouble import Death, Told, stride, tell
from tests.support.world import World

STEPS = (1, 2, 3)
CALM = 24  # strides within which a schedule must have ended once the trouble is over
CALMING = timedelta(minutes=12)  # longer than the longest call: what is late has landed
SKEWS = (-600, -90, -20, 20, 90, 600)  # seconds by which the clocks differ
MAY_DIFFER = 60  # seconds


@dataclass(frozen=True, slots=True)
class Ending:
    """How a schedule ended: ``word`` is done, canceled or in doubt, without problems if good."""

    seed: int
    word: str
    problems: tuple[str, ...]
    pushed: int
    scene: str


class Story:
    """One seed on a stage."""

    def __init__(self, stage: Stage, seed: int, errors: list[str]) -> None:
        chance = random.Random(seed)
        self.seed, self.chance, self.errors = seed, chance, errors
        weights = [1 if "_by_1_" in scene.name else 4 for scene in stage.scenes]
        self.scene: Scene = chance.choices(stage.scenes, weights)[0]
        self.skew = chance.choice(SKEWS) if chance.random() < 0.08 else 0
        errors.clear()
        self.wave: Wave = stage.set(self.scene, timedelta(seconds=self.skew))
        self.world: World = stage.world
        self.world.sim.options = replace(self.world.sim.options, unknowns=_answers(chance))
        self._seen = len(self.world.sim.effects())
        self.told: Told = tell(self.world)
        self.death = Death()
        self.hands = Hands(self.world, self.wave, chance)
        self.watched = chance.random() < 0.7
        self._frozen = False

    def play(self) -> Ending:
        """Trouble first, then calm, then the judgement."""
        chance, world = self.chance, self.world
        for org in self.wave.targets.values_list("org__key", flat=True):
            if chance.random() < 0.1:
                error = chance.choice(("LockingFailure", "PACError", "UnexpectedFailure"))
                world.fail([org], error, times=chance.choice((1, None)))
        for _ in range(chance.choice(STEPS)):
            if chance.random() < 0.45:
                trouble(world, chance)
            self.wave.refresh_from_db()
            self.told.before = self._maybe(self._die, 0.25)
            self.told.after = self._maybe(chance.choice((self._die, self._freeze)), 0.45)
            if chance.random() < 0.25:
                self._survived(self.hands.act)
            self._survived(lambda: stride(world, chance.choice((1, 3, 6)), watched=self.watched))
            self.told.before = self.told.after = _nothing
        self._calm_down()
        return self._judged()

    def _survived(self, work: Callable[[], object]) -> None:
        self.death.survived(work)

    def _maybe(self, what: Callable[[str], None], share: float) -> Callable[[str], None]:
        return what if self.chance.random() < share else _nothing

    def _die(self, name: str) -> None:
        if name in DIES_AT and self.chance.random() < 0.15:
            self.death.die()

    def _freeze(self, _name: str) -> None:
        """The worker stands still between two lines; meanwhile the others work."""
        if self._frozen or self.chance.random() > 0.15 or connection.in_atomic_block:
            return
        self._frozen = True
        try:
            for _ in range(self.chance.choice((1, 1, 2))):
                self.world.clock.forward(seconds=self.chance.choice((0, 5, 70, 200, 400)))
                self.chance.choice((tick.tick, tick.tick, tick.watch_all, self.hands.act))()
        finally:
            self._frozen = False

    def _calm_down(self) -> None:
        """No more trouble; people do what they can, and end the rollout if it goes on for long."""
        give_up = self.chance.choice((0, 0, 1, 2, 6))
        for turn in range(CALM):
            if turn == give_up and self._goes_on():
                with suppress(Refusal):
                    control.abort(
                        self.hands.rollout,
                        by=self.world.pia,
                        reason="enough",
                        now=self.world.clock(),
                    )
            if not self._goes_on():
                break
            if turn % 3 == 2:
                self.hands.go_on()
            # One round of the watcher at each step: nobody makes trouble between them any more.
            stride(self.world)
        if self._loose_ends():
            self.world.clock.at += CALMING
            tick.watch_all()
            tick.tick()
            tick.watch_all()

    def _goes_on(self) -> bool:
        return Batch.objects.open().exists() or bool(
            self.hands.rollout.state in ("active", "aborting")
            and self.wave.targets.filter(state__in=("planned", "in_flight")).exists()
        )

    def _loose_ends(self) -> bool:
        """Whether Salesforce may still be about to do something that was sent to it."""
        last = {
            effect.request_id: effect.kind
            for effect in self.world.sim.effects()
            if effect.request_id and not effect.job_id and effect.kind.startswith("request_")
        }
        left = ("request_created", "request_pending", "request_started")
        late = any(effect.kind == "fault" for effect in self.world.sim.effects())
        return late or any(kind in left for kind in last.values())

    def _judged(self) -> Ending:
        found = evidence(self.world, self.wave)
        # The log bears Salesforce's time, which may be wrong; the judge compares it with ours.
        found = replace(
            found,
            effects=[
                replace(line, at=line.at - self.skew * 1000) if line.seq > self._seen else line
                for line in found.effects
            ],
        )
        problems = [*judge(found).violations, *self.errors]
        if self.world.sim.options.unknowns.start_kept_to_minute:
            # A start moved by Salesforce hides a lost request from us: it is reported as foreign,
            # and without a job it can't do anything.
            problems = [one for one in problems if not self._is_inert(one, found)]
        if self.scene.unarmed and abs(self.skew) > MAY_DIFFER and self._pending():
            problems.append(f"armed though the clocks differ by {self.skew} s")
        states = {row.state for row in found.books.batches}
        open_states = states - set(BATCH_ENDS)
        word = "in doubt" if "in_doubt" in open_states else "canceled"
        if not open_states and all(row.state == "done" for row in found.books.targets):
            word = "done"
        pushed = sum(line.kind == "job_succeeded" for line in found.effects)
        return Ending(self.seed, word, tuple(problems), pushed, self.scene.name)

    @staticmethod
    def _is_inert(problem: str, evidence: Evidence) -> bool:
        request, _, rest = problem.partition(" ")
        jobs = any(line.job and line.request == request for line in evidence.effects)
        return rest == "is left created at Salesforce" and not jobs

    def _pending(self) -> int:
        return sum(effect.kind == "request_pending" for effect in self.world.sim.effects())


class _Here(Books):
    """Pushboard's books through the connection that is open anyway."""

    def __init__(self, line: object) -> None:
        self._line = line

    def open(self) -> Line:
        return _Open(self._line)  # type: ignore[arg-type]


class _Open(Line):
    """Nothing else happens while the books are read, and the line stays open afterwards."""

    def begin(self) -> None:
        return

    def close(self) -> None:
        return


def evidence(world: World, wave: Wave) -> Evidence:
    """What the judge needs of a wave of the world in this process."""
    with connection.cursor() as cursor:
        books = _Here(cursor.connection)
        return Evidence(
            effects=effects_of(world),
            books=books.snapshot(),
            lists=books.lists(),
            approvals=books.approvals(),
            slug=wave.rollout.slug,
            may_stop=True,
        )


def _nothing(_name: str) -> None:
    return


def _answers(chance: random.Random) -> Unknowns:
    """An answer to every question that only a real org can answer."""

    def yes() -> bool:
        return chance.random() < 0.5

    return Unknowns(
        start_kept_to_minute=yes(),
        created_date_readable=yes(),
        reopens_canceled=yes(),
        jobs_after_pending=yes(),
        duplicate_jobs=yes(),
        edits_while_pending=yes(),
        org_in_one_open_request_only=yes(),
        jobs_visible_after=chance.choice((0, 0, 30)),
        max_jobs_per_request=chance.choice((None, None, None, 2)),
        spaced_in_progress=yes(),
        blocked_org_refused_at_create=yes(),
        empty_request_fails=yes(),
    )


def effects_of(world: World) -> list[Effect]:
    """The simulator's log, as the judge reads it."""
    return [
        Effect(
            seq=number,
            at=at(effect.at),
            kind=effect.kind,
            request=effect.request_id,
            job=effect.job_id,
            org=effect.org,
            version=effect.version_id,
            detail={},
        )
        for number, effect in enumerate(world.sim.effects(), start=1)
    ]
