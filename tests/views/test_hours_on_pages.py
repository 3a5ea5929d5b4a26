"""What pages say of windows: as frozen, as changed since, when the next start is, what was late."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rollouts.domain.schedule import Schedule
from rollouts.models import Batch, Org, Wave, WindowRule, ZoneWord
from rollouts.pipeline import approve, plan
from tests.views.conftest import Browser
from tests.views.world import World

WAVE = "/rollouts/hbr-4-3-0/waves/1/"


@pytest.fixture
def frozen(world: World) -> Wave:
    """The first wave, frozen at each org's own hours; of one org a person said where it is."""
    made = plan.create_rollout(
        world.versions["4.3.0"],
        plan.AudienceChoice(),
        by=world.people["pia"],
        now=world.now,
        schedule=Schedule(),
    )
    org = first_org(made.waves.get(number=1))
    ZoneWord.objects.create(org=org, zone="Europe/Rome", by=world.people["pia"], since=world.now)
    return world.freeze(made)


def first_org(wave: Wave) -> Org:
    target = wave.targets.select_related("org").order_by("place").first()
    assert target
    return target.org


def own_hours(world: World, org: Org, hours: str) -> None:
    WindowRule.objects.create(
        scope="org", org=org, hours=hours, by=world.people["pia"], since=world.now
    )


def test_the_approver_reads_windows_as_frozen_the_starts_and_how_sure_the_zones_are(
    frozen: Wave, sign_in: Browser
) -> None:
    page = sign_in("ari").get(WAVE + "approve/").content.decode()

    assert "Windows as frozen" in page
    assert "Fri 22:00-Sun 18:00" in page
    assert "the first batch starts" in page
    told = frozen.targets.count() - 1
    assert f"{told} orgs are told by their instance only" in page or "are guessed" in page
    assert frozen.frozen_list
    assert frozen.frozen_list.window == "the hours of each org"
    assert frozen.frozen_list.orgs.get(org=first_org(frozen)).zone_source == "person"


def test_hours_that_changed_since_are_a_change_and_no_new_list(
    world: World, frozen: Wave, sign_in: Browser
) -> None:
    assert frozen.frozen_list
    before = frozen.frozen_list.digest
    own_hours(world, first_org(frozen), "daily 02:00-04:00")

    page = sign_in("ari").get(WAVE + "approve/").content.decode()

    assert "1 org: hours were" in page
    assert "only what both allow is used" in page
    frozen.refresh_from_db()
    assert (frozen.frozen_list.digest, frozen.frozen_list.voided_at) == (before, None)
    assert approve.drift(frozen.frozen_list, world.now).changes


def test_the_wave_page_says_when_the_next_start_is_and_why_not_before(
    world: World, frozen: Wave, sign_in: Browser
) -> None:
    Wave.objects.filter(pk=frozen.pk).update(
        state="approved", next_start_at=datetime(2026, 11, 24, 2, 10, tzinfo=UTC),
        next_start_orgs=47,
        hours_because="47 orgs: outside the window", hours_read_at=world.now,
    )  # fmt: skip

    page = sign_in("vic").get(WAVE).content.decode()

    assert '<time datetime="2026-11-24T02:10:00.000Z">' in page
    assert "47 orgs." in page
    assert "Until then: 47 orgs: outside the window" in page
    Wave.objects.filter(pk=frozen.pk).update(state="frozen")
    assert "Until then" not in sign_in("vic").get(WAVE).content.decode()


def test_a_wave_without_a_start_says_what_can_be_done(
    world: World, frozen: Wave, sign_in: Browser
) -> None:
    Wave.objects.filter(pk=frozen.pk).update(
        state="approved",
        hours_because="6 orgs: frozen by “Quarter end”",
        hours_read_at=world.now,
    )

    page = sign_in("vic").get(WAVE).content.decode()

    assert "No start fits before the approved end date." in page
    assert "frozen by “Quarter end”" in page


def test_a_batch_that_salesforce_started_late_says_so(
    world: World, frozen: Wave, sign_in: Browser
) -> None:
    assert frozen.frozen_list
    batch = Batch.objects.create(
        wave=frozen, list=frozen.frozen_list, connection=world.package.connection, number=1,
        size=1, state="running", began_outside="1 of 1 orgs started outside the window: late",
    )  # fmt: skip

    client = sign_in("vic")
    assert "1 of 1 orgs started outside the window: late" in client.get(
        f"/rollouts/hbr-4-3-0/batches/{batch.pk}/"
    ).content.decode()  # fmt: skip
    assert "started outside its window" in client.get(WAVE).content.decode()
