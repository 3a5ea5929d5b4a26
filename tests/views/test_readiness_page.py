"""Readiness: what is proved can't be ticked, what is ticked says who, and cases are ready."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rollouts.models import CheckMark, Event, Package, PackageDependency, PackageVersion, SyncRun
from rollouts.pipeline import approve, dependencies, readiness
from rollouts.pipeline.transitions import Refusal
from tests.views.conftest import Browser
from tests.views.world import World, key_of

PAGE = "/packages/hbr/readiness/"


def core(world: World) -> PackageVersion:
    """Give the connection a second package, Core 3.2.0, that nobody has."""
    package = Package.objects.create(
        connection=world.package.connection, sf_id=key_of(2, "033"), name="Core", namespace="core"
    )
    return PackageVersion.objects.create(
        package=package, sf_id=key_of(99, "04t"), major=3, minor=2, released=True,
        deprecated=False, seen_at=world.now,
    )  # fmt: skip


def test_the_case_is_ready_to_paste_with_the_packaging_org(world: World, sign_in: Browser) -> None:
    page = sign_in("vic").get(PAGE).content.decode()

    assert f"Packaging org ID: {key_of(1)}" in page
    assert "Please enable Push Major Upgrade for our managed package Harbor (namespace hbr)" in page
    assert "Push Patch: not proved" in page


def test_a_viewer_reads_the_list_and_a_planner_notes_on_it(world: World, sign_in: Browser) -> None:
    assert "Keep this" not in sign_in("vic").get(PAGE).content.decode()

    answer = sign_in("pia").post(
        PAGE + "partner/", {"mark": "done", "evidence": "contract 12", "note": "since 2024"}
    )
    page = sign_in("vic").get(PAGE).content.decode()

    assert answer.status_code == 303
    assert "Pia Planner" in page
    assert "evidence: <bdi>contract 12</bdi>" in page
    told = Event.objects.get(action="check_off")
    assert (told.before, told.after, told.reason) == ("open", "done", "since 2024")


def test_each_tick_is_kept_also_when_it_is_taken_back(world: World, sign_in: Browser) -> None:
    pia = sign_in("pia")
    for mark in ("done", "open", "done"):
        pia.post(PAGE + "alerts/", {"mark": mark})

    trail = Event.objects.filter(action="check_off").order_by("sequence")

    assert [line.after for line in trail] == ["done", "open", "done"]
    assert CheckMark.objects.filter(code="alerts").count() == 1


def test_what_is_proved_cannot_be_ticked_by_hand(world: World, sign_in: Browser) -> None:
    answer = sign_in("pia").post(PAGE + "subscribers/", {"mark": "done"})

    assert answer.status_code == 422
    assert not CheckMark.objects.filter(code="subscribers").exists()


def test_an_automatic_item_opens_again_when_it_breaks(world: World, sign_in: Browser) -> None:
    def subscribers() -> bool | None:
        listed = readiness.items(world.package, world.now)
        proof = next(item.proof for item in listed if item.code == "subscribers")
        assert proof is not None
        return proof.holds

    assert subscribers() is True
    SyncRun.objects.update(read_at=world.now - timedelta(days=3))
    assert subscribers() is False


def test_major_pushes_wait_while_salesforce_is_asked(world: World, sign_in: Browser) -> None:
    CheckMark.objects.all().delete()
    assert readiness.majors_enabled(world.package) is None

    sign_in("ada").post(PAGE + "push_major/", {"mark": "asked", "evidence": "case 5290"})
    assert readiness.majors_enabled(world.package) is False
    assert "Push Major: asked for" in sign_in("vic").get(PAGE).content.decode()

    sign_in("ada").post(PAGE + "push_major/", {"mark": "done", "evidence": "case 5290"})
    assert readiness.majors_enabled(world.package) is True


def test_support_may_not_tick(world: World, sign_in: Browser) -> None:
    answer = sign_in("sue").post(PAGE + "partner/", {"mark": "done"})

    assert answer.status_code == 403


def test_the_package_page_counts_versions_and_takes_needs(world: World, sign_in: Browser) -> None:
    base = core(world)
    pia = sign_in("pia")

    answer = pia.post("/packages/hbr/needs/", {"at_least": base.pk, "note": "new API"})
    page = pia.get("/packages/hbr/").content.decode()

    assert answer.status_code == 303
    assert "<b>Core 3.2.0</b> or newer" in page
    assert PackageDependency.objects.get().note == "new API"
    assert "What needs it" in pia.get("/packages/core/").content.decode()


def test_two_packages_cannot_wait_for_each_other(world: World, sign_in: Browser) -> None:
    base = core(world)
    pia = sign_in("pia")
    pia.post("/packages/hbr/needs/", {"at_least": base.pk})

    back = pia.post("/packages/core/needs/", {"at_least": world.versions["4.2.0"].pk})

    assert back.status_code == 422
    assert "can&#x27;t wait for each other" in back.content.decode()


def test_a_need_ends_with_a_reason_only(world: World, sign_in: Browser) -> None:
    base, pia = core(world), sign_in("pia")
    pia.post("/packages/hbr/needs/", {"at_least": base.pk})
    need = PackageDependency.objects.get()

    silent = pia.post(f"/packages/hbr/needs/{need.pk}/end/", {"reason": " "})
    said = pia.post(f"/packages/hbr/needs/{need.pk}/end/", {"reason": "merged into Harbor"})

    assert (silent.status_code, said.status_code) == (422, 303)
    assert not PackageDependency.objects.in_force().exists()


def test_a_wave_whose_orgs_lack_the_base_package_is_neither_frozen_nor_started(
    world: World, sign_in: Browser
) -> None:
    rollout = world.rollout()
    dependencies.add(
        world.package, core(world), since=None, note="", by=world.people["pia"], now=world.now
    )

    answer = sign_in("pia").post(f"/rollouts/{rollout.slug}/waves/1/freeze/")

    assert answer.status_code == 422
    assert "Wave 1: 6 orgs lack Core 3.2.0, 6 of them without it at all" in answer.content.decode()
    with pytest.raises(Refusal, match="6 orgs of wave 1 lack Core"):
        approve.freeze(rollout.waves.get(number=1), by=world.people["pia"], now=world.now)
    assert dependencies.holds_on(rollout) == [
        "6 orgs of wave 1 lack Core 3.2.0, which 4.3.0 needs; it lifts itself when they have it"
    ]


def test_a_need_of_later_versions_leaves_earlier_ones_alone(world: World) -> None:
    since = world.versions["4.3.0"]
    dependencies.add(
        world.package, core(world), since=since, note="", by=world.people["pia"], now=world.now
    )

    assert dependencies.needs_of(world.versions["4.2.1"]) == []
    assert len(dependencies.needs_of(since)) == 1


def test_the_list_of_packages_leads_to_their_readiness(world: World, sign_in: Browser) -> None:
    page = sign_in("vic").get("/packages/").content.decode()

    assert '<a href="/packages/hbr/"><bdi>Harbor</bdi></a>' in page
    assert "of 13 done" in page
