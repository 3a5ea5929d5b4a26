"""One org: its versions and their proof, every push, every error."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rollouts.domain.lifecycle import AttemptState
from rollouts.models import Exclusion, Installation, Org, Since, VersionChange
from rollouts.pipeline import history
from tests.views.conftest import FRAGMENT, Browser
from tests.views.world import World, key_of


@pytest.fixture
def org(world: World) -> Org:
    """The first own org."""
    return world.orgs[0]


def address(org: Org) -> str:
    """The address of an org."""
    return f"/orgs/{org.key}/"


def test_it_opens_with_the_version_and_why_not_the_newest(org: Org, sign_in: Browser) -> None:
    page = sign_in("sue").get(address(org)).content.decode()

    assert f'data-figure="org.{org.key}.version.hbr"' in page
    assert "No rollout of 4.3.0 has this org in its plan yet." in page


def test_a_short_or_lower_cased_id_leads_to_the_one_address(org: Org, sign_in: Browser) -> None:
    sue = sign_in("sue")

    for other in (org.key[:15], org.key.lower()):
        answer = sue.get(f"/orgs/{other}/")
        assert (answer.status_code, answer["Location"]) == (301, address(org))


def test_each_row_of_history_names_its_proof(world: World, org: Org, sign_in: Browser) -> None:
    row = Installation.objects.get(org=org)
    seen = VersionChange(
        installation=row, from_version=world.versions["4.1.0"], to_version=world.versions["4.2.0"],
        after=world.now - timedelta(hours=2), before=world.now - timedelta(hours=1),
        proof=Since.SEEN,
    )  # fmt: skip
    pushed = VersionChange(
        installation=row, from_version=world.versions["4.2.0"], to_version=world.versions["4.2.1"],
        before=world.now, proof=Since.PUSH,
    )  # fmt: skip
    history.write([seen, pushed])

    page = sign_in("sue").get(address(org)).content.decode()

    assert "Proof: our confirmed push" in page
    assert "Proof: the change was seen between two reads; the exact moment is not known." in page
    assert "Proof: it had this version when we first saw the org." in page


def test_push_attempts_and_their_errors_are_told_in_full(world: World, sign_in: Browser) -> None:
    wave = world.dispatching(world.rollout())
    batch = world.batch(wave, 1, {AttemptState.FAILED: 1})
    failed = batch.attempts.get()

    page = sign_in("sue").get(address(failed.org)).content.decode()

    assert "1 attempt" in page
    assert "ApexTestFailure" in page
    assert "Zone is required on" in page
    assert "Copy for a Salesforce case" in page
    assert f"job {failed.sf_id}" in page
    assert "The push of 4.3.0 failed: rollout hbr-4-3-0, wave 1." in page


def test_an_exclusion_is_shown_with_who_and_until(world: World, org: Org, sign_in: Browser) -> None:
    Exclusion.objects.create(
        org=org, reason="close of books", by=world.people["pia"], since=world.now,
        until=world.now + timedelta(days=9),
    )  # fmt: skip

    page = sign_in("sue").get(address(org)).content.decode()

    assert "Must not be pushed" in page
    assert "It is on the exclusion list" in page


def test_an_uninstalled_package_is_not_shown_as_a_version(
    world: World, org: Org, sign_in: Browser
) -> None:
    Installation.objects.filter(org=org).update(gone_at=world.now)

    page = sign_in("sue").get(address(org)).content.decode()

    assert "Harbor is no longer installed; its last version was" in page
    assert "data-figure=" not in page


def test_an_unknown_org_and_a_mistyped_one_are_not_found(world: World, sign_in: Browser) -> None:
    sue = sign_in("sue")

    assert sue.get(f"/orgs/{key_of(99999)}/").status_code == 404
    assert sue.get("/orgs/not-an-id/").status_code == 404


def test_the_part_for_htmx_has_no_frame(org: Org, sign_in: Browser) -> None:
    assert b"<html" not in sign_in("sue").get(address(org), headers=FRAGMENT).content
