"""Late joiners and orgs that changed wait in an inbox; nothing enters a rollout silently."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils.html import escape

from rollouts.domain import lanes as by_hand
from rollouts.models import (
    DriftItem,
    Event,
    Installation,
    Org,
    Package,
    Rollout,
    Target,
)
from rollouts.pipeline import approve, drift, exclusions, org_facts, reshape, transitions
from tests.views.conftest import Browser
from tests.views.world import World, key_of


@pytest.fixture
def rollout(world: World) -> Rollout:
    return world.rollout()


def newcomer(world: World, number: int, *, production: bool = True) -> Org:
    """An org that installed the package after the plan."""
    like = world.orgs[20].installations.get()
    made = Org.objects.get(pk=world.orgs[20].pk)
    made.pk, made.key, made.name = None, key_of(number), f"Newcomer {number}"
    made.is_production, made.is_own = production, False
    made.save()
    like.pk, like.org = None, made
    like.save()
    return made


def inbox(rollout: Rollout) -> list[tuple[str, str]]:
    rows = DriftItem.objects.open().filter(rollout=rollout).select_related("org")
    return [(item.org.name, item.what) for item in rows]


def post(client: Client, rollout: Rollout, decision: str, *items: DriftItem) -> Any:
    form = {"decision": decision, "items": [item.pk for item in items]}
    return client.post(f"/rollouts/{rollout.slug}/inbox/", form)


def planned(rollout: Rollout) -> Target:
    """An org of the last wave."""
    return rollout.targets.select_related("org").order_by("-wave__number", "place")[0]


def test_nothing_changed_is_an_empty_inbox(world: World, rollout: Rollout) -> None:
    drift.collect_all(world.now)

    assert inbox(rollout) == []


def test_a_new_org_is_shown_and_is_in_no_wave_until_somebody_decides(
    world: World, rollout: Rollout, sign_in: Browser
) -> None:
    before = rollout.targets.count()
    newcomer(world, 900)
    drift.collect_all(world.now)
    drift.collect_all(world.now)

    assert inbox(rollout) == [("Newcomer 900", "joined")]
    assert rollout.targets.count() == before
    page = sign_in("vic").get(f"/rollouts/{rollout.slug}/").content.decode()
    assert "1 org joined or changed since the plan." in page
    shown = sign_in("vic").get(f"/rollouts/{rollout.slug}/inbox/").content.decode()
    assert "Newcomer 900" in shown
    assert "Add to the next wave" not in shown
    assert post(sign_in("vic"), rollout, "add", DriftItem.objects.get()).status_code == 403


def test_a_late_joiner_goes_into_the_first_planned_wave_that_may_take_it(
    world: World, rollout: Rollout, sign_in: Browser
) -> None:
    org = newcomer(world, 900)
    drift.collect(rollout, world.now)

    assert post(sign_in("pia"), rollout, "add", DriftItem.objects.get()).status_code == 303

    target = rollout.targets.get(org=org)
    assert target.wave.kind in {"canary", "production"}
    assert target.wave.state == "planned"
    said = Event.objects.get(action="decide_drift")
    assert said.detail == {"orgs": [org.key]}
    drift.collect(rollout, world.now)
    assert inbox(rollout) == []


def test_a_frozen_list_never_gains_a_late_joiner(
    world: World, rollout: Rollout, sign_in: Browser
) -> None:
    for wave in rollout.waves.all():
        world.freeze(rollout, wave.number)
    newcomer(world, 900)
    drift.collect(rollout, world.now)

    refused = post(sign_in("pia"), rollout, "add", DriftItem.objects.get())

    assert refused.status_code == 422
    assert "All waves are frozen or have begun. Leave it for the next rollout." in (
        refused.content.decode()
    )
    assert inbox(rollout) == [("Newcomer 900", "joined")]
    assert post(sign_in("pia"), rollout, "later", DriftItem.objects.get()).status_code == 303
    assert inbox(rollout) == []


def test_orgs_that_left_upgraded_themselves_or_block_pushes_are_named_each_with_its_reason(
    world: World, rollout: Rollout
) -> None:
    gone, ahead, shut = rollout.targets.select_related("org").order_by("-wave__number", "place")[:3]
    Installation.objects.filter(org=gone.org).update(gone_at=world.now)
    Installation.objects.filter(org=ahead.org).update(version=world.versions["4.3.0"])
    Installation.objects.filter(org=shut.org).update(blocked=True)

    drift.collect(rollout, world.now)

    assert sorted(inbox(rollout)) == sorted(
        [
            (gone.org.name, "uninstalled"),
            (ahead.org.name, "already_current"),
            (shut.org.name, "blocked"),
        ]
    )
    assert set(rollout.targets.values_list("state", flat=True)) == {"planned"}


def test_what_is_no_longer_so_goes_by_itself_and_what_was_decided_stays_decided(
    world: World, rollout: Rollout, sign_in: Browser
) -> None:
    shut = planned(rollout)
    row = Installation.objects.filter(org=shut.org)
    row.update(blocked=True)
    drift.collect(rollout, world.now)
    row.update(blocked=False)
    drift.collect(rollout, world.now)
    assert inbox(rollout) == []
    assert DriftItem.objects.get().decision == "passed"

    row.update(blocked=True)
    drift.collect(rollout, world.now)
    (item,) = DriftItem.objects.open()
    assert post(sign_in("pia"), rollout, "keep", item).status_code == 303
    drift.collect(rollout, world.now)
    assert inbox(rollout) == []
    shut.refresh_from_db()
    assert shut.state == "planned"


def test_leaving_out_takes_the_org_from_a_planned_wave_and_never_from_a_frozen_list(
    world: World, rollout: Rollout, sign_in: Browser
) -> None:
    shut, pia = planned(rollout), sign_in("pia")
    Installation.objects.filter(org=shut.org).update(blocked=True)
    drift.collect(rollout, world.now)
    wave = world.freeze(rollout, shut.wave.number)
    refused = post(pia, rollout, "leave_out", DriftItem.objects.get())
    assert refused.status_code == 422
    assert "Open that for changes first" in refused.content.decode()

    approve.edit(wave, by=world.people["pia"], reason="to take it out", now=world.now)
    assert post(pia, rollout, "leave_out", DriftItem.objects.get()).status_code == 303
    shut.refresh_from_db()
    assert (shut.state, shut.reason) == (
        "excluded", "the customer blocks pushes; left out by Pia Planner",
    )  # fmt: skip


def test_two_who_decide_at_once_do_not_both_win(
    world: World, rollout: Rollout, sign_in: Browser
) -> None:
    newcomer(world, 900)
    drift.collect(rollout, world.now)
    item = DriftItem.objects.get()
    post(sign_in("pia"), rollout, "later", item)

    late = post(sign_in("pia"), rollout, "add", item)

    assert late.status_code == 409
    assert "were decided meanwhile" in late.content.decode()


@pytest.mark.parametrize("became", ["done", "failed", "in_flight"])
def test_what_became_of_an_org_is_never_overwritten_by_leaving_it_out(
    world: World, rollout: Rollout, sign_in: Browser, became: str
) -> None:
    shut = planned(rollout)
    Installation.objects.filter(org=shut.org).update(blocked=True)
    drift.collect(rollout, world.now)
    Target.objects.filter(pk=shut.pk).update(state=became)

    late = post(sign_in("pia"), rollout, "leave_out", DriftItem.objects.get())

    assert late.status_code == 409
    assert f"is {became.replace('_', ' ')} by now, and what became of it stays" in (
        late.content.decode()
    )
    shut.refresh_from_db()
    assert (shut.state, shut.reason) == (became, "")
    assert DriftItem.objects.open().exists()


def test_an_org_of_a_wave_that_has_begun_is_not_left_out_though_it_is_planned_again(
    world: World, rollout: Rollout, sign_in: Browser
) -> None:
    shut = planned(rollout)
    Installation.objects.filter(org=shut.org).update(blocked=True)
    drift.collect(rollout, world.now)
    rollout.waves.filter(pk=shut.wave_id).update(started_at=world.now)

    late = post(sign_in("pia"), rollout, "leave_out", DriftItem.objects.get())

    assert late.status_code == 409
    assert f"Wave {shut.wave.number} has begun" in late.content.decode()
    shut.refresh_from_db()
    assert shut.state == "planned"
    assert post(sign_in("pia"), rollout, "keep", DriftItem.objects.get()).status_code == 303


@pytest.mark.parametrize(
    ("meanwhile", "said"),
    [
        ({"blocked": True}, "the customer blocks pushes"),
        ({"blocked": None}, "nobody can read"),
        ({"gone_at": "now"}, "no longer has the package"),
    ],
)
def test_an_org_that_can_no_longer_be_pushed_is_not_added(
    world: World, rollout: Rollout, sign_in: Browser, meanwhile: dict[str, object], said: str
) -> None:
    org = newcomer(world, 900)
    drift.collect(rollout, world.now)
    changes = {name: world.now if to == "now" else to for name, to in meanwhile.items()}
    Installation.objects.filter(org=org).update(**changes)

    late = post(sign_in("pia"), rollout, "add", DriftItem.objects.get())

    assert late.status_code == 409
    assert said in late.content.decode()
    assert not rollout.targets.filter(org=org).exists()


def test_an_org_that_was_excluded_meanwhile_is_not_added(
    world: World, rollout: Rollout, sign_in: Browser
) -> None:
    org = newcomer(world, 900)
    drift.collect(rollout, world.now)
    exclusions.exclude(org, reason="x", until=None, by=world.people["ari"], now=world.now)

    late = post(sign_in("pia"), rollout, "add", DriftItem.objects.get())

    assert late.status_code == 409
    assert "added any more: on the exclusion list" in late.content.decode()
    assert not rollout.targets.filter(org=org).exists()


def test_while_a_stop_would_wait_only_the_orgs_concerned_are_read(
    world: World, rollout: Rollout, sign_in: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    org = newcomer(world, 900)
    drift.collect(rollout, world.now)
    read = org_facts.of_package
    within_the_lock: list[set[str] | None] = []

    def watched(package: Package, **asked: Any) -> Any:
        if transitions._held.head is not None:
            within_the_lock.append(None if asked["among"] is None else set(asked["among"]))
        return read(package, **asked)

    monkeypatch.setattr(org_facts, "of_package", watched)
    assert post(sign_in("pia"), rollout, "add", DriftItem.objects.get()).status_code == 303
    shape = reshape.read(rollout)
    reshape.change(
        rollout,
        lambda lanes: by_hand.split(lanes, len(lanes) - 1, len(lanes[-1].orgs) - 1),
        seen=shape.seen, said="split", by=world.people["pia"], now=world.now,
    )  # fmt: skip

    assert within_the_lock == [{org.key}, {shape.lanes[-1].orgs[-1]}]


def test_the_approval_page_says_what_changed_since_the_last_approval(
    world: World, rollout: Rollout, sign_in: Browser
) -> None:
    last = rollout.waves.count()
    wave = world.approved(rollout, last)
    shut = planned(rollout)
    approve.withdraw(wave, by=world.people["pia"], reason="a new org", now=world.now)
    approve.edit(wave, by=world.people["pia"], reason="a new org", now=world.now)
    Installation.objects.filter(org=shut.org).update(blocked=True)
    drift.collect(rollout, world.now)
    post(sign_in("pia"), rollout, "leave_out", DriftItem.objects.get())
    Rollout.objects.update(policy_json=rollout.policy_json | {"failure_cap": 7})
    world.freeze(rollout, last)

    page = sign_in("ari").get(f"/rollouts/{rollout.slug}/waves/{last}/approve/").content.decode()

    assert "approved this wave on" in page
    assert f"<bdi>{escape(shut.org.name)}</bdi></a> went out" in page
    assert "Halt at failed orgs in a wave: 25 orgs becomes 7 orgs." in page


def test_a_first_approval_says_so(world: World, rollout: Rollout, sign_in: Browser) -> None:
    world.freeze(rollout, 1)

    page = sign_in("ari").get(f"/rollouts/{rollout.slug}/waves/1/approve/").content.decode()

    assert "Nothing of this rollout was approved before." in page
