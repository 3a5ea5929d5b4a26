"""Is Pushboard well, who is here, and what pages say when something went wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.test import Client, RequestFactory
from django.views import defaults

from rollouts.models import Connection, Heartbeat
from tests.views.conftest import Browser
from tests.views.world import PASSWORD, World


def test_the_status_page_says_what_was_read_and_what_follows(sign_in: Browser) -> None:
    page = sign_in("vic").get("/status/").content.decode()

    assert "All systems ok" in page
    assert "Packaging org" in page
    assert "120 of 15,000 API calls used today" in page
    assert "due batches are not armed" in page


def test_a_silent_worker_is_said_on_every_page(world: World, sign_in: Browser) -> None:
    Heartbeat.objects.update(beat_at=world.now - timedelta(hours=1))

    page = sign_in("vic").get("/find/").content.decode()

    assert "The worker is silent." in page
    assert "lamp--down" in page


def test_salesforce_that_does_not_answer_is_said_since_when(world: World, sign_in: Browser) -> None:
    Connection.objects.update(failed_at=world.now + timedelta(minutes=1), failure="timed out")

    page = sign_in("vic").get("/").content.decode()

    assert "Salesforce has not answered since" in page
    assert "ushes it already has may still run" in page


def test_a_planner_asks_for_a_sync_and_a_viewer_cannot(sign_in: Browser) -> None:
    assert sign_in("vic").post("/sync/").status_code == 403

    answer = sign_in("pia").post("/sync/", follow=True)

    assert "Asked for a sync." in answer.content.decode()


def test_people_sign_in_with_their_address_in_any_case_and_go_where_they_wanted(
    world: World,
) -> None:
    answer = Client().post(
        "/sign-in/",
        {"username": "Pia@Pushboard.Example", "password": PASSWORD, "next": "/rollouts/"},
    )

    assert (answer.status_code, answer["Location"]) == (302, "/rollouts/")


@pytest.mark.parametrize(
    ("who", "password"), [("pia@pushboard.example", "wrong"), ("nobody@x.example", PASSWORD)]
)
def test_a_refused_sign_in_does_not_say_which_part_was_wrong(
    who: str, password: str, world: World
) -> None:
    answer = Client().post("/sign-in/", {"username": who, "password": password})

    assert "That e-mail address and password do not go together." in answer.content.decode()


def test_a_foreign_address_to_go_on_to_is_not_followed(world: World) -> None:
    answer = Client().post(
        "/sign-in/",
        {"username": "pia@pushboard.example", "password": PASSWORD, "next": "//evil.example/"},
    )

    assert answer["Location"] == "/"


def test_signing_out_is_a_post_and_ends_the_session(sign_in: Browser) -> None:
    pia = sign_in("pia")
    assert pia.get("/sign-out/").status_code == 405

    pia.post("/sign-out/")

    assert pia.get("/").status_code == 302


def test_an_unknown_page_keeps_the_way_out(sign_in: Browser) -> None:
    answer = sign_in("vic").get("/nowhere/")

    assert answer.status_code == 404
    assert "No such page" in answer.content.decode()


def test_an_unknown_page_without_a_session_is_no_error(world: World) -> None:
    assert Client().get("/nowhere/").status_code == 404


def test_an_old_form_says_that_nothing_was_done(world: World) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(world.people["pia"])

    answer = strict.post("/stop/")

    assert answer.status_code == 403
    assert "Nothing was done." in answer.content.decode()


def test_the_last_resort_pages_need_neither_session_nor_database() -> None:
    request = RequestFactory().get("/")

    broken = defaults.server_error(request).content.decode()
    unread = defaults.bad_request(request, SuspiciousOperation()).content.decode()

    assert "pushes that Salesforce already has go on" in broken
    assert 'href="/stop/"' in broken
    assert "nothing was done" in unread


def test_a_real_connection_only_observes_and_every_page_says_so(
    world: World, sign_in: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "SIMULATION", False)
    Connection.objects.update(mode="observe")

    page = sign_in("vic").get("/find/").content.decode()

    assert "Observe mode." in page
    assert "no push can start" in page
    assert "Nothing here reaches a customer." not in page
