"""A sandbox that a sync brings for the first time takes over what was promised to its parent."""

from __future__ import annotations

from rollouts.models import Event, Exclusion, Installation, Org, VersionChange
from rollouts.pipeline import exclusions
from tests.support.world import World


def forget(org: Org) -> None:
    """Let Pushboard never have seen it, so that the next sync brings it anew."""
    VersionChange.objects.filter(installation__org=org).delete()
    Installation.objects.filter(org=org).delete()
    org.delete()


def test_the_sync_that_brings_it_excludes_it(world: World) -> None:
    sandbox = Org.objects.exclude(parent_key="").filter(is_production=False).order_by("key")[0]
    key, parent = sandbox.key, Org.objects.get(key=sandbox.parent_key)
    forget(sandbox)
    # The sandboxes that are there already are not concerned.
    world.clock.forward(hours=1)
    exclusions.exclude(parent, reason="close of books", until=None, by=world.pia, now=world.clock())
    world.clock.forward(hours=1)

    world.sync()
    world.sync()

    taken = Exclusion.objects.get(org__key=key)
    assert taken.waits_for_decision
    assert exclusions.barred([taken.org_id or 0], world.clock())
    assert Event.objects.filter(action="take_over_exclusion").count() == 1
