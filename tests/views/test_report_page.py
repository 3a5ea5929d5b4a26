"""The report of a rollout: whole for those inside, and with nothing but figures for customers."""

from __future__ import annotations

import csv
import io
import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from rollouts.domain.lifecycle import AttemptState, BatchState
from rollouts.models import Batch, Rollout
from rollouts.pipeline import control
from tests.views.conftest import Browser
from tests.views.world import FAILURE, HOSTILE, World


@pytest.fixture
def halfway(world: World) -> Rollout:
    """The own orgs' wave: three upgraded and seen, one only reported, two failed; then a pause."""
    rollout = world.rollout()
    wave = world.dispatching(rollout)
    done = {AttemptState.CONFIRMED: 3, AttemptState.SUCCEEDED: 1, AttemptState.FAILED: 2}
    batch = world.batch(wave, 1, done, BatchState.SETTLED, "Succeeded")
    batch.attempts.update(started_at=world.now, ended_at=world.now)
    Batch.objects.update(began_outside="2 of 6 orgs started outside the window")
    control.pause(rollout, by=world.people["pia"], reason="support is thin", now=world.now)
    return rollout


def test_it_tells_the_whole_story_with_the_age_of_its_data(
    halfway: Rollout, sign_in: Browser
) -> None:
    page = sign_in("vic").get(f"/rollouts/{halfway.slug}/report/").content.decode()
    frozen = halfway.waves.get(number=1).frozen_list
    assert frozen

    for said in (
        'Data as of <time datetime="2026-11-21T03:14:07.000Z">21 Nov 2026, 03:14 UTC</time>',
        "4 orgs have it as Salesforce reports: 3 seen with it afterwards, 1 not seen with",
        "2 orgs failed and stayed so; all failures are of 1 kind, and the most frequent hit 2",
        "Halts: 0; pauses: 1; guards that people asked or agreed to set aside: 0;",
        f"list {frozen.short_digest}",
        "Ari Approver</bdi></b> approved wave 1 of hbr 4.3.0",
        "support is thin",
        "2 of 6 orgs started outside the window",
        escape(FAILURE.message),
        escape(HOSTILE),
        "Deprecate 4.2.",
    ):
        assert said in page, said
    assert "<script>alert" not in page


def test_for_customers_it_holds_no_name_no_seat_no_message_and_only_what_is_confirmed(
    halfway: Rollout, world: World, sign_in: Browser
) -> None:
    vic = sign_in("vic")
    answers = [
        vic.get(f"/rollouts/{halfway.slug}/report/?for=customer&appendix=1{kind}").content.decode()
        for kind in ("", "&as=csv", "&as=json")
    ]
    page = answers[0].split("<main")[1].split("</main>")[0]
    names = {person.name for person in world.people.values()}
    names |= {escape(org.name) for org in world.orgs} | {org.key for org in world.orgs}
    secrets = names | {
        FAILURE.title,
        escape(FAILURE.message),
        "support is thin",
        "Own orgs are clean",
        "Seats",
    }

    for answer in (page, *answers[1:]):
        assert [secret for secret in secrets if secret in answer] == []
    assert "It reports success for 4 orgs; 3 of them were read back with the new version." in page
    assert "not pushed" not in page
    assert "paused the rollout" in page
    rows = list(csv.DictReader(io.StringIO(answers[1].removeprefix("\ufeff"))))
    assert list(rows[0].values()) == ["all", "all", "6", "3", "1", "2"]
    assert json.loads(answers[2])["failures"] == [{"cause": "something in the package", "orgs": 2}]


def test_50_every_state_is_a_pattern_and_a_word_and_prints_without_colour(
    halfway: Rollout, sign_in: Browser
) -> None:
    page = sign_in("vic").get(f"/rollouts/{halfway.slug}/report/").content.decode()

    drawn = {
        name
        for name in ("seen", "reported", "failed", "left")
        if f'fill="url(#rep-{name})"' in page
    }
    assert drawn == {"seen", "reported", "failed", "left"}
    assert all(f'<pattern id="rep-{name}"' in page for name in (*drawn, "under_way"))
    assert 'aria-label="all: 3 upgraded, seen, 1 upgraded, reported, 2 failed' in page


def test_the_table_has_every_org_of_the_plan_and_the_cost_does_not_grow(
    halfway: Rollout, world: World, sign_in: Browser
) -> None:
    vic, page = sign_in("vic"), f"/rollouts/{halfway.slug}/report/"
    rows = list(
        csv.DictReader(
            io.StringIO(vic.get(f"{page}?as=csv").content.decode().removeprefix("\ufeff"))
        )
    )
    assert len(rows) == halfway.targets.count()
    assert [row["outcome"] for row in rows].count("failed") == 2
    data = json.loads(vic.get(f"{page}?as=json").content)
    assert len(data["orgs"]) == len(rows)
    assert data["waves"][0]["seen"] == 3

    for _ in range(3):
        control.lift_pause(halfway, by=world.people["pia"], now=world.now)
        control.pause(halfway, by=world.people["pia"], now=world.now)
    with CaptureQueriesContext(connection) as shell:
        vic.get("/calendar/fiscal-years/")
    with CaptureQueriesContext(connection) as seen:
        vic.get(page)
    assert len(seen) <= len(shell) + 12
