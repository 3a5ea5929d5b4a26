"""The last step says what stands in the way, what to expect, and takes reasons for warnings."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client

from rollouts.domain.findings import Level
from rollouts.models import Connection, Draft, Event, Org, PackageVersion, Rollout, SyncRun
from rollouts.pipeline import drafts, preflight
from tests.views.conftest import Browser
from tests.views.world import World


@pytest.fixture
def draft(world: World) -> Draft:
    """A draft of everybody to the newest version."""
    return drafts.begin(world.versions["4.3.0"], by=world.people["pia"], now=world.now)


def page_of(draft: Draft) -> str:
    return f"/rollouts/drafts/{draft.pk}/review/"


def send(client: Client, draft: Draft, **more: str) -> tuple[int, str]:
    draft.refresh_from_db()
    answer = client.post(page_of(draft), {"rev": draft.rev, **more})
    return answer.status_code, answer.content.decode()


def test_a_sound_plan_has_nothing_in_its_way(world: World, draft: Draft, sign_in: Browser) -> None:
    looked = preflight.of_draft(draft, world.now)

    assert [one.sentence for one in looked.findings if one.level is not Level.OK] == []
    page = sign_in("pia").get(page_of(draft)).content.decode()
    assert "Preflight" in page
    assert "“Packaging org” can push" in page
    assert re.search(r"<dt>Failures</dt><dd>about \d orgs?, \d to \d in nine of ten cases", page)
    assert "An assumption: 2 to 5 % fail as a rule" in page


def test_a_block_is_mended_before_the_button_works(
    world: World, draft: Draft, sign_in: Browser
) -> None:
    Org.objects.update(is_own=False)
    pia = sign_in("pia")

    page = pia.get(page_of(draft)).content.decode()
    status, refused = send(pia, draft)

    assert 'disabled aria-disabled="true" aria-describedby="blocked"' in page
    assert status == 422
    assert "No own or volunteer org is in the plan, and none has this version." in refused
    assert not Rollout.objects.exists()


def test_a_warning_wants_a_reason_that_stays_in_history(
    world: World, draft: Draft, sign_in: Browser
) -> None:
    PackageVersion.objects.filter(pk=draft.to_version_id).update(
        changed=world.now - timedelta(hours=3)
    )
    pia = sign_in("pia")

    status, refused = send(pia, draft)
    assert status == 422
    assert "Say why you go on although this is so: Harbor 4.3.0 was changed" in refused

    status, _ = send(pia, draft, **{"reason-released": "starts on Friday only"})
    assert status == 303
    told = Event.objects.get(action="preflight")
    assert told.rollout == Rollout.objects.get()
    assert told.detail["warnings"][0]["code"] == "released"
    assert told.detail["warnings"][0]["reason"] == "starts on Friday only"


def test_what_was_typed_is_kept_when_something_else_is_refused(
    world: World, draft: Draft, sign_in: Browser
) -> None:
    PackageVersion.objects.filter(pk=draft.to_version_id).update(changed=None)
    Connection.objects.update(mode="observe")
    pia = sign_in("pia")

    send(pia, draft, **{"reason-released": "known from the release call"})

    page = sign_in("ari").get(page_of(draft)).content.decode()
    assert "“<bdi>known from the release call</bdi>”" in page


def test_looking_again_keeps_reasons_and_makes_nothing(draft: Draft, sign_in: Browser) -> None:
    status, _ = send(sign_in("pia"), draft, look="1", **{"reason-x": "so"})

    draft.refresh_from_db()
    assert status == 303
    assert draft.reasons == {"x": "so"}
    assert not Rollout.objects.exists()


def test_a_reason_taken_back_is_gone(draft: Draft, sign_in: Browser) -> None:
    pia = sign_in("pia")
    send(pia, draft, look="1", **{"reason-x": "so"})
    send(pia, draft, look="1", **{"reason-x": "  "})

    draft.refresh_from_db()
    assert draft.reasons == {}


def test_somebody_who_may_not_plan_reads_and_cannot_create(draft: Draft, sign_in: Browser) -> None:
    sue = sign_in("sue")

    page = sue.get(page_of(draft)).content.decode()

    assert "Preflight" in page
    assert "Create the rollout" not in page
    assert send(sue, draft)[0] == 403


def test_old_data_is_told_with_where_to_read_it_again(
    world: World, draft: Draft, sign_in: Browser
) -> None:
    SyncRun.objects.update(read_at=world.now - timedelta(hours=40))

    page = sign_in("pia").get(page_of(draft)).content.decode()

    assert "The org data is 40 hours old." in page
    assert 'href="/status/"' in page


def test_orgs_that_are_in_another_rollout_are_named_with_it(world: World, draft: Draft) -> None:
    other = world.rollout("4.2.1")

    told = {one.code: one for one in preflight.of_draft(draft, world.now).findings}

    assert told["overlap"].level is Level.WARN
    assert other.slug in told["overlap"].sentence


def test_a_stored_rollout_and_its_first_wave_are_looked_at_too(world: World) -> None:
    rollout = world.rollout()

    whole = preflight.of_rollout(rollout, world.now)
    first = preflight.of_wave(rollout.waves.get(number=1), world.now)

    assert [walked.step.number for walked in whole.forecast.waves] == [1, 2, 3, 4][
        : rollout.waves.count()
    ]
    assert whole.forecast.failures.high >= first.forecast.failures.high
    assert len(first.forecast.waves) == 1
    assert preflight.preflight(rollout, world.now) == list(whole.findings)


def test_a_wave_is_not_frozen_while_the_connection_is_gone(world: World, sign_in: Browser) -> None:
    rollout = world.rollout()
    Connection.objects.update(disconnected_at=world.now)

    answer = sign_in("pia").post(f"/rollouts/{rollout.slug}/waves/1/freeze/")

    assert answer.status_code == 422
    assert "“Packaging org” is disconnected." in answer.content.decode()
    assert rollout.waves.get(number=1).state == "planned"


def test_the_approver_reads_how_many_are_likely_to_fail(world: World, sign_in: Browser) -> None:
    rollout = world.rollout()
    world.freeze(rollout)

    page = sign_in("ari").get(f"/rollouts/{rollout.slug}/waves/1/approve/").content.decode()

    assert "For these 6 orgs expect about 0 failed, 0 to 1 in nine of ten cases." in page
    assert "An assumption: 2 to 5 % fail as a rule" in page
