"""The pages about readings: one org now, a refused sync let through, licences with their age."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from rollouts.models import Account, Connection, Licence, Org, SyncRun
from rollouts.pipeline import refresh
from rollouts.pipeline.transitions import Refusal
from tests.views.conftest import Browser
from tests.views.world import HOSTILE, World


@pytest.fixture
def org(world: World) -> Org:
    return world.orgs[0]


def test_a_planner_reads_one_org_now_and_is_told_what_was_read(
    org: Org, sign_in: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def read(org: Org, **_: object) -> str:
        asked.append(org)
        return "Read just now: Harbor 4.2.1."

    monkeypatch.setattr(refresh, "refresh", read)
    pia = sign_in("pia")
    assert "Read now" in pia.get(f"/orgs/{org.key}/").content.decode()
    answer = pia.post(f"/orgs/{org.key}/refresh/", follow=True)
    assert asked == [org]
    assert "Read just now: Harbor 4.2.1." in answer.content.decode()


def test_a_reading_that_failed_is_said_on_the_page(
    org: Org, sign_in: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object, **__: object) -> str:
        raise Refusal("Salesforce has not answered in 5 seconds.")

    monkeypatch.setattr(refresh, "refresh", silent)
    answer = sign_in("pia").post(f"/orgs/{org.key}/refresh/")
    assert answer.status_code == 422
    assert "has not answered in 5 seconds" in answer.content.decode()


def test_support_sees_no_button_and_may_not_post(org: Org, sign_in: Browser) -> None:
    sue = sign_in("sue")
    assert "Read now" not in sue.get(f"/orgs/{org.key}/").content.decode()
    assert sue.post(f"/orgs/{org.key}/refresh/").status_code == 403


def test_the_org_page_shows_customer_and_licence_with_their_age(
    world: World, org: Org, sign_in: Browser
) -> None:
    link = Connection.objects.get()
    account = Account.objects.create(connection=link, sf_id="001A", name=HOSTILE)
    Licence.objects.create(
        connection=link, sf_id="a0A1", org_key=org.key, package_sf_id=world.package.sf_id,
        account=account, status="Active", seats=40, expires=date(2027, 1, 31),
        modified=world.now, read_at=world.now,
    )  # fmt: skip
    page = sign_in("sue").get(f"/orgs/{org.key}/").content.decode()
    assert "<script>alert" not in page
    for words in ("Customer", "Active", "40", "31 Jan 2027", "from the License org, read"):
        assert words in page


def refused(world: World) -> SyncRun:
    return SyncRun.objects.create(
        package=world.package, full=True, read_at=world.now, ended_at=world.now, ok=False,
        would_retire=40, missing=[world.orgs[1].key], problem="this sync would retire 40 orgs",
    )  # fmt: skip


def test_an_approver_lets_a_refused_sync_through_with_a_reason(
    world: World, sign_in: Browser
) -> None:
    run, ari = refused(world), sign_in("ari")
    address = f"/status/syncs/{run.pk}/"
    assert address in ari.get("/status/").content.decode()
    page = ari.get(address).content.decode()
    assert "40 orgs" in page
    assert world.orgs[1].key in page
    assert ari.post(address, {"seen": "40", "reason": ""}).status_code == 422
    assert ari.post(address, {"seen": "39", "reason": "contract ended"}).status_code == 409
    answer = ari.post(address, {"seen": "40", "reason": "contract ended"}, follow=True)
    assert "The next full sync may retire them." in answer.content.decode()
    assert run.leave.reason == "contract ended"
    assert "Somebody has let it through already." in ari.get(address).content.decode()


def test_a_planner_may_not_let_it_through(world: World, sign_in: Browser) -> None:
    run, pia = refused(world), sign_in("pia")
    assert pia.get(f"/status/syncs/{run.pk}/").status_code == 403
    assert f"/status/syncs/{run.pk}/" not in pia.get("/status/").content.decode()


def test_a_good_sync_has_nothing_to_let_through(sign_in: Browser) -> None:
    assert sign_in("ari").get(f"/status/syncs/{SyncRun.objects.get().pk}/").status_code == 404


@pytest.mark.parametrize(("address", "most"), [("/find/?q=a", 17), ("org", 25)])
def test_a_page_asks_the_database_a_fixed_number_of_questions(
    world: World, sign_in: Browser, django_assert_max_num_queries: Any, address: str, most: int
) -> None:
    world.rollout()
    sue = sign_in("sue")
    where = f"/orgs/{world.orgs[0].key}/" if address == "org" else address
    sue.get(where)
    with django_assert_max_num_queries(most):
        sue.get(where)
