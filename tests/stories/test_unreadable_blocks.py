"""Below API version 60.0 nobody can read which customers block pushes: unknown means hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from rollouts.domain.planner import BLOCKING_UNKNOWN, Because, reason_out
from rollouts.models import Installation, VersionChange
from rollouts.pipeline import audiences, lookup, timing
from rollouts.salesforce.gateway import SfSubscriber
from tests.support.trouble import Told, nothing_swallowed, own_rollout, tell, until_batch, wrongs
from tests.support.world import World

__all__ = ["nothing_swallowed"]


def unread(rows: Sequence[SfSubscriber]) -> list[SfSubscriber]:
    """The rows as an API version before 60.0 answers them."""
    return [replace(row, blocked=False, blocking_known=False) for row in rows]


def speak_an_old_version(told: Told) -> None:
    inner = told._inner

    def subscribers(*args: object, **kwargs: object) -> Iterator[Sequence[SfSubscriber]]:
        return (unread(page) for page in inner.subscribers(*args, **kwargs))

    told.instead["subscribers"] = subscribers
    told.instead["installed"] = lambda *args: unread(inner.installed(*args))


def test_no_org_is_planned_while_it_is_unknown_and_all_are_again_when_it_is_read(
    world: World,
) -> None:
    version = world.version("4.2.2")
    everyone = audiences.AudienceChoice()
    rows = Installation.objects.present().filter(package=version.package)
    known, lines = dict(rows.values_list("pk", "blocked")), VersionChange.objects.count()
    told = tell(world)
    speak_an_old_version(told)
    world.clock.forward(minutes=15)
    world.sync()

    assert set(rows.values_list("blocked", flat=True)) == {None}
    found = [
        reason_out(one, version.number)
        for one in audiences.candidates(version, everyone, world.clock())
    ]
    assert None not in found
    assert Because.BLOCKING_UNKNOWN in found
    behind = rows.filter(org__status="Active", version=world.version("4.2.0"))[0]
    (answer,) = [
        one
        for one in lookup.org_answer(behind.org, world.clock())
        if one.version.package == version.package
    ]
    assert BLOCKING_UNKNOWN in answer.why_not

    told.instead.clear()
    world.clock.forward(minutes=15)
    world.sync()
    assert dict(rows.values_list("pk", "blocked")) == known
    # Nothing was installed meanwhile, so nothing of it is history.
    assert VersionChange.objects.count() == lines


def test_an_approved_batch_is_not_armed_while_it_is_unknown(world: World) -> None:
    batch = until_batch(world, own_rollout(world), "verified")
    speak_an_old_version(told := tell(world))
    world.clock.at = timing.arm_from(batch, batch.wave.rollout.policy) + timedelta(minutes=1)
    world.ticks(minutes=0)
    batch.refresh_from_db()
    assert (batch.state, batch.armed_at) == ("verified", None)
    assert BLOCKING_UNKNOWN in batch.reason
    assert world.effects("request_pending") == []

    told.instead.clear()
    world.ticks(minutes=1)
    assert len(world.effects("request_pending")) == 1
    assert wrongs(world) == []
