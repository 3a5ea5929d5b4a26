"""Why is this org not on the newest version? A rollout of an older one does not answer that."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rollouts.models import Org, Package
from rollouts.pipeline import lookup
from tests.support.world import World


def answer(world: World, org: Org) -> lookup.Answer:
    found = lookup.org_answer(org, world.clock())
    return next(one for one in found if one.version.package.namespace == "hbr")


def test_a_rollout_of_an_older_version_does_not_speak_for_the_newest(world: World) -> None:
    newest = Package.objects.get(namespace="hbr").versions.pushable().newest_first()[0]
    assert newest.label != "4.2.2"
    rollout = world.rollout("4.2.2")
    org = rollout.targets.order_by("pk")[0].org
    why = answer(world, org).why_not
    assert why.startswith(f"No rollout of {newest.label} has this org in its plan yet.")
    assert "4.2.2 is planned" in why


@pytest.mark.parametrize("many", [1, 8])
def test_answers_about_many_orgs_cost_as_much_as_about_one(world: World, many: int) -> None:
    world.rollout("4.2.2")
    orgs = list(Org.objects.order_by("key")[:many])
    with CaptureQueriesContext(
        connection,
    ) as asked:
        found = lookup.answers(orgs, world.clock())
    assert len(asked) == 6
    assert set(found) == {org.pk for org in orgs}
