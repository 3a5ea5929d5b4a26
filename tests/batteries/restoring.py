"""Restores from an older dump: only reads until matched with Salesforce, and nobody twice.

Each round dumps PostgreSQL with pg_dump while a wave is approved, verified or armed, lets the
rollout go on (armed, started, upgraded, sometimes halted), and then puts the dump back with
pg_restore. Half of the rounds also lose the note in the data folder, as a new machine would have
lost it, so that only Salesforce remembers. Until everything was matched, nothing may be created or
armed. In the end each org was pushed once at most.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from django.db import connection

from rollouts.models import Batch, Event
from rollouts.pipeline import after_restore, arm, batches, control, holds, memory, tick
from rollouts.pipeline.transitions import Refusal
from rollouts.salesforce.errors import SalesforceError
from tests.batteries.oracle import judge
from tests.batteries.schedules.stage import Stage, forget_history
from tests.batteries.schedules.story import evidence
from tests.batteries.servers.postgres import Postgres
from tests.support.schedules import Hands
from tests.support.trouble import settled, stride

_STRIDES = 40
_HALTED = 0.3  # share of rounds in which somebody halts what the dump knows nothing of
# What only the books of before the restore can judge.
_DECIDED = ("request_pending", "job_started")
_MAKES = ("request_created", "job_created", "request_pending")


class _Blind:
    """The product's memory of restores, which never says that there was one."""

    def restored(self) -> bool:
        return False

    def __getattr__(self, name: str) -> object:
        return getattr(memory, name)


def blind() -> None:
    """Take the read-only guard away, in the memory of this process."""
    for module in (arm, batches, holds):
        vars(module)["memory"] = _Blind()


class Round:
    """One dump, what came after it, and the restore."""

    def __init__(self, stage: Stage, server: Postgres, chance: random.Random) -> None:
        self.database = str(connection.settings_dict["NAME"])
        self.stage, self.world, self.server, self.chance = stage, stage.world, server, chance
        self.scene = chance.choice(stage.scenes)
        self.wave = stage.set(self.scene)
        self.trouble: list[str] = []
        self.lost: set[str] = set()

    def play(self, dump: Path, *, new_machine: bool) -> None:
        """Dump, go on, restore, match, and bring the rollout to its end."""
        # A note must be there to be lost: the installation has worked before the dump.
        tick.tick()
        connection.close()
        dump.unlink(missing_ok=True)
        self.server.dump(self.database, dump)
        self._go_on()
        before = evidence(self.world, self.wave)
        lines = Event.objects.count()
        connection.close()
        self.server.restore(dump, self.database)
        self.wave.refresh_from_db()
        if new_machine:
            forget_history()
        known = set(Batch.objects.exclude(sf_id=None).values_list("sf_id", flat=True))
        made = {line.request for line in before.effects if line.request}
        self.lost = {one for one in made if one not in known}
        forgotten = Event.objects.count() < lines and not new_machine
        self._is_noticed(len(before.effects), must=forgotten or bool(self.lost))
        self._match()
        self._finish()
        self._judge(len(before.effects))

    def _go_on(self) -> None:
        for _ in range(self.chance.randint(1, 6)):
            stride(self.world)
        if self.chance.random() < _HALTED:
            with suppress(Refusal):
                control.halt(self.wave.rollout, by=self.world.ann, now=self.world.clock())
        # What is decided after the last look is in no note yet: the watcher comes by once more.
        tick.watch_all()

    def _is_noticed(self, seen: int, *, must: bool) -> None:
        """Without the note the hourly sweep notices, if Salesforce knows more than the dump."""
        for minutes in (2, 2, 65):
            tick.watch_all()
            tick.tick()
            if memory.restored():
                break
            self.stage.clock.forward(minutes=minutes)
        if not memory.restored():
            if must:
                self.trouble.append("the restore went unnoticed")
            return
        made = evidence(self.world, self.wave).effects[seen:]
        early = [line.kind for line in made if line.kind in _MAKES]
        if early:
            self.trouble.append(f"{early[0]} before everything was matched")

    def _match(self) -> None:
        for _ in range(_STRIDES):
            with suppress(SalesforceError):
                after_restore.match()
            if not memory.restored():
                return
            stride(self.world)
        self.trouble.append("it never came to be matched")

    def _finish(self) -> None:
        """People do what an operator is told to: look, resume, freeze and approve what is left."""
        self.world.sync()
        hands = Hands(self.world, self.wave, self.chance)
        for _ in range(_STRIDES):
            self.wave.refresh_from_db()
            if settled(self.wave):
                return
            hands.go_on()
            stride(self.world)
        self.trouble.append(f"the rollout did not come to its end: {self.world.story()}")

    def _judge(self, seen: int) -> None:
        """Count over the whole log; judge by today's books only what today's books can know."""
        found = evidence(self.world, self.wave)
        pushed = Counter(
            (line.org, line.version) for line in found.effects if line.kind == "job_succeeded"
        )
        self.trouble += [f"{org} was pushed {n} times" for (org, _), n in pushed.items() if n > 1]
        ended = {org for org, _ in pushed if org}
        of_now = [
            line
            for line in found.effects
            if line.request not in self.lost and (line.seq > seen or line.kind not in _DECIDED)
        ]
        self.trouble += [
            one
            for one in judge(replace(found, effects=of_now)).violations
            # What a forgotten request upgraded is seen to be current, not pushed by these books.
            if not any(org in one for org in ended)
        ]


def rounds(server: Postgres, quantity: int, seed: int) -> Iterator[tuple[str, list[str]]]:
    """Play the rounds; gives what each one met and what was wrong."""
    stage = Stage()
    vars(after_restore)["gateway_for"] = lambda _link: stage.world.gateway
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="pushboard-dump-") as folder:
        for number in range(quantity):
            new_machine = number % 2 == 1
            one = Round(stage, server, chance)
            one.play(Path(folder) / "older.dump", new_machine=new_machine)
            machine = "new machine" if new_machine else "same machine"
            word = f"{one.scene.name}, {machine}, {len(one.lost)} requests forgotten"
            yield word, [f"round {number} ({word}): {said}" for said in one.trouble]
    connection.close()
