"""A planner changes waves with buttons, a list or ticked orgs; the laws of the cut hold."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from rollouts.domain import lanes
from rollouts.domain.permissions import Role
from rollouts.models import Event, FrozenList, Person, RoleGrant, Rollout, Wave
from rollouts.pipeline import approve, reshape
from tests.views.conftest import Browser
from tests.views.world import World


@pytest.fixture
def rollout(world: World) -> Rollout:
    """Own orgs, sandboxes, a canary of 25 and what is left of sixty."""
    return world.rollout()


def send(client: Client, rollout: Rollout, **fields: object) -> Any:
    seen = reshape.read(rollout).seen
    return client.post(f"/rollouts/{rollout.slug}/waves/", {"seen": seen, **fields})


def sizes(rollout: Rollout) -> list[int]:
    return [wave.targets.count() for wave in rollout.waves.order_by("number")]


def keys(rollout: Rollout, number: int) -> list[str]:
    wave = rollout.waves.get(number=number)
    return list(wave.targets.order_by("place").values_list("org__key", flat=True))


def test_everybody_may_read_the_page_and_only_planners_change(
    rollout: Rollout, sign_in: Browser
) -> None:
    vic = sign_in("vic")
    page = vic.get(f"/rollouts/{rollout.slug}/waves/").content.decode()

    assert "Split after" not in page
    assert send(vic, rollout, act="up", wave=2).status_code == 403


def test_a_wave_is_split_and_merged_again(rollout: Rollout, sign_in: Browser) -> None:
    pia, before = sign_in("pia"), sizes(rollout)
    last = len(before)

    assert send(pia, rollout, act="split", wave=last, first=3).status_code == 303
    assert sizes(rollout) == [*before[:-1], 3, before[-1] - 3]
    assert send(pia, rollout, act="merge", wave=last).status_code == 303

    assert sizes(rollout) == before
    said = Event.objects.filter(action="reshape").order_by("sequence")
    assert [event.reason for event in said] == [
        f"Split: wave {last}", f"Merge with the next: wave {last}",
    ]  # fmt: skip


def test_orgs_are_moved_by_a_list_and_by_a_selection(rollout: Rollout, sign_in: Browser) -> None:
    pia, last = sign_in("pia"), rollout.waves.count()
    one, two, three = keys(rollout, last)[:3]
    listed = f"{one}\n{two[:15]}"

    answer = send(pia, rollout, act="move", ids=listed, to=f"new-{last}", name="Asked to wait")
    assert answer.status_code == 303
    assert keys(rollout, last + 1) == [one, two]
    assert rollout.waves.get(number=last + 1).name == "Asked to wait"

    page = pia.get(f"/rollouts/{rollout.slug}/waves/{last}/orgs/").content.decode()
    assert f'name="orgs" value="{three}"' in page
    assert send(pia, rollout, act="move", orgs=[three], to=str(last + 1)).status_code == 303
    assert keys(rollout, last + 1) == [one, two, three]


def test_a_change_that_breaks_a_law_is_refused_with_what_to_do(
    rollout: Rollout, sign_in: Browser
) -> None:
    before = sizes(rollout)

    answer = send(sign_in("pia"), rollout, act="up", wave=2)

    assert answer.status_code == 422
    assert "Own orgs goes first. Move it up." in answer.content.decode()
    assert sizes(rollout) == before
    assert not Event.objects.filter(action="reshape").exists()


def test_bad_lines_of_a_list_are_named(rollout: Rollout, sign_in: Browser) -> None:
    answer = send(sign_in("pia"), rollout, act="move", ids="00D5g000000000", to="3")

    assert answer.status_code == 422
    assert "Line 1:" in answer.content.decode()
    assert "00D5g000000000" in answer.content.decode()


def test_two_who_change_the_waves_at_once_do_not_mix(rollout: Rollout, sign_in: Browser) -> None:
    pia, last = sign_in("pia"), rollout.waves.count()
    seen = reshape.read(rollout).seen
    send(pia, rollout, act="split", wave=last, first=3)

    late = pia.post(
        f"/rollouts/{rollout.slug}/waves/", {"seen": seen, "act": "split", "wave": 3, "first": 2}
    )

    assert late.status_code == 409
    assert "The waves have changed since you opened the page." in late.content.decode()


def test_a_frozen_wave_is_opened_first_and_that_voids_its_approval(
    world: World, rollout: Rollout, sign_in: Browser
) -> None:
    pia, last = sign_in("pia"), rollout.waves.count()
    wave = world.approved(rollout, last)
    shown = send(pia, rollout, act="split", wave=last, first=3)
    assert shown.status_code == 422
    assert "Withdraw that, then open it for changes; that voids its list." in (
        shown.content.decode()
    )

    approve.withdraw(wave, by=world.people["pia"], reason="to change it", now=world.now)
    shown = send(pia, rollout, act="split", wave=last, first=3)
    assert "Open it for changes first; that voids its list and approvals." in (
        shown.content.decode()
    )
    approve.edit(wave, by=world.people["pia"], reason="to change it", now=world.now)
    assert send(pia, rollout, act="split", wave=last, first=3).status_code == 303
    assert FrozenList.objects.get().voided_at is not None


def test_who_changed_a_wave_by_hand_does_not_approve_it(world: World, rollout: Rollout) -> None:
    paul = Person.objects.create_user("paul@x.example", name="Paul")
    for role in (Role.PLANNER, Role.APPROVER):
        RoleGrant.objects.create(
            person=paul, role=role.value, granted_at=world.now, starts_at=world.now
        )
    last = rollout.waves.count()
    reshape.change(
        rollout,
        lambda now: lanes.split(now, last - 1, 3),
        seen=reshape.read(rollout).seen,
        said="Split",
        by=paul,
        now=world.now,
    )
    changed, other = world.freeze(rollout, last), world.freeze(rollout, 1)
    assert changed.frozen_list
    assert other.frozen_list

    assert "You froze or changed this list" in approve.approval_refusal(
        changed.frozen_list, paul, world.now
    )
    assert approve.approval_refusal(other.frozen_list, paul, world.now) == ""


def test_a_wave_with_history_is_never_emptied(
    world: World, rollout: Rollout, sign_in: Browser
) -> None:
    last = rollout.waves.count()
    wave = world.freeze(rollout, last)
    approve.edit(wave, by=world.people["pia"], reason="to change it", now=world.now)
    send(sign_in("pia"), rollout, act="split", wave=last, first=3)

    answer = send(sign_in("pia"), rollout, act="move", orgs=keys(rollout, last), to=str(last + 1))

    assert answer.status_code == 422
    assert "its lists are history: leave an org in it" in answer.content.decode()
    assert Wave.objects.filter(pk=wave.pk).exists()
    assert len(keys(rollout, last)) == 3
