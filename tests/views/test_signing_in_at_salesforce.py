"""The web-server flow: a person consents at Salesforce, once, in the browser that asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.test import Client

from rollouts.domain.connecting import AuthKind, Secret
from rollouts.models import Connection, Event
from rollouts.pipeline import clock, credentials, proof
from rollouts.pipeline.consent import LONGEST_SECONDS
from rollouts.salesforce import connect
from rollouts.simulator import Options, Request, Simulator
from tests.support.org import HOST, URL, change, connected, simulated_org
from tests.views.conftest import NOW, Browser
from tests.views.world import World

CALLBACK = "http://testserver/connections/signed-in/"


@pytest.fixture
def org(world: World) -> Iterator[Simulator]:
    options = Options(callback_urls=(CALLBACK,), secret_needed=False)
    with simulated_org(options) as sim:
        yield sim


@pytest.fixture
def link(org: Simulator) -> Connection:
    return connected(name="Hub by consent", auth=AuthKind.WEB_SERVER)


@dataclass
class Person:
    """An admin with a browser, between Pushboard and the simulated Salesforce."""

    browser: Client
    sim: Simulator

    def leave(self, link: Connection) -> str:
        """Press the button and return the address that the link on the page leads to."""
        page = self.browser.post(f"/connections/{link.pk}/sign-in/").content.decode()
        found = re.search(r'href="([^"]+/oauth2/authorize[^"]+)"', page)
        assert found, page
        return unescape(found[1])

    def decide(self, address: str, decision: str = "allow") -> str:
        """Answer at Salesforce; returns the address that it sends the browser back to."""
        parts = urlsplit(address)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        form = {"Host": HOST, "Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode({**asked, "decision": decision}).encode()
        answer = self.sim.handle(Request.of("POST", parts.path, form, body, scheme="http"))
        assert answer.status == 302, answer.body
        return answer.headers["Location"]

    def come_back(self, address: str) -> Any:
        """Follow the redirect back."""
        parts = urlsplit(address)
        return self.browser.get(f"{parts.path}?{parts.query}", follow=True)


@pytest.fixture
def ada(org: Simulator, sign_in: Browser) -> Person:
    return Person(sign_in("ada"), org)


def test_a_person_consents_once_and_pushboard_stays_signed_in(
    ada: Person, link: Connection
) -> None:
    address = ada.leave(link)
    page = ada.come_back(ada.decide(address)).content.decode()

    assert "Signed in at Salesforce." in page
    assert "Works" in page
    link.refresh_from_db()
    assert link.has(Secret.REFRESH_TOKEN)
    assert link.org_id
    assert Event.objects.get(action="sign_in_connection").actor == "Ada Admin"
    connect.forget_gateways()
    assert connect.gateway_for(link).packages()


def test_what_is_asked_for_is_bound_to_this_sign_in_and_holds_no_secret(
    ada: Person, link: Connection
) -> None:
    first, second = ada.leave(link), ada.leave(link)
    asked = parse_qs(urlsplit(first).query)

    assert first.startswith(f"{URL}/services/oauth2/authorize?")
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == [CALLBACK]
    assert asked["scope"] == ["api id refresh_token"]
    assert asked["prompt"] == ["login"]
    verifier = ada.browser.session["salesforce_consent"]["verifier"]
    assert verifier not in first + second
    assert asked["state"] != parse_qs(urlsplit(second).query)["state"]


def test_an_answer_counts_once(ada: Person, link: Connection) -> None:
    back = ada.decide(ada.leave(link))
    ada.come_back(back)

    again = ada.come_back(back)

    assert again.status_code == 422
    assert "is over" in again.content.decode()


def test_an_answer_to_another_browser_or_another_question_counts_for_nothing(
    ada: Person, link: Connection, sign_in: Browser
) -> None:
    back = ada.decide(ada.leave(link))
    thief = sign_in("ada")
    parts = urlsplit(back)
    assert thief.get(f"{parts.path}?{parts.query}").status_code == 422
    ada.leave(link)  # begun anew: the old state is void

    assert ada.come_back(back).status_code == 422
    link.refresh_from_db()
    assert not link.has(Secret.REFRESH_TOKEN)


@pytest.mark.parametrize("change_state", ["", "x", None])
def test_a_changed_state_ends_the_sign_in(
    change_state: str | None, ada: Person, link: Connection
) -> None:
    back = ada.decide(ada.leave(link))
    query = parse_qs(urlsplit(back).query)
    forged = {"code": query["code"][0]} | ({} if change_state is None else {"state": change_state})

    assert ada.browser.get(f"/connections/signed-in/?{urlencode(forged)}").status_code == 422
    # What was begun is spent too: an attacker gets one guess, not many.
    assert ada.come_back(back).status_code == 422


def test_a_person_other_than_the_one_who_began_can_t_finish(
    ada: Person, link: Connection, sign_in: Browser
) -> None:
    back = ada.decide(ada.leave(link))
    kept = ada.browser.session["salesforce_consent"]
    session = ada.browser.session
    session["salesforce_consent"] = {**kept, "person": kept["person"] + 1}
    session.save()

    assert ada.come_back(back).status_code == 422


def test_who_takes_too_long_begins_again(
    ada: Person, link: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    back = ada.decide(ada.leave(link))
    monkeypatch.setattr(clock, "wall", lambda: NOW + timedelta(seconds=LONGEST_SECONDS + 1))

    assert "Begin it again" in ada.come_back(back).content.decode()


def test_the_code_goes_only_to_the_address_at_which_it_was_asked_for(
    ada: Person, link: Connection
) -> None:
    back = ada.decide(ada.leave(link))
    Connection.objects.filter(pk=link.pk).update(login_url="http://localhost:8999")
    connect_to = connect.hosts_allowed

    with pytest.MonkeyPatch.context() as patch:
        hosts = type(connect_to()).simulation([HOST, "localhost:8999"])
        patch.setattr("rollouts.pipeline.connections.hosts_allowed", lambda: hosts)
        answer = ada.come_back(back)

    assert answer.status_code == 422
    link.refresh_from_db()
    assert not link.has(Secret.REFRESH_TOKEN)


def test_a_no_at_salesforce_changes_nothing_and_says_so(ada: Person, link: Connection) -> None:
    page = ada.come_back(ada.decide(ada.leave(link), "deny"))

    assert page.status_code == 422
    assert "Access was denied at Salesforce. Nothing was changed." in page.content.decode()


def test_a_sign_in_to_another_org_is_refused(ada: Person, link: Connection) -> None:
    Connection.objects.filter(pk=link.pk).update(org_id="00D000000000001EAA")

    page = ada.come_back(ada.decide(ada.leave(link))).content.decode()

    assert "00D000000000001EAA" in page
    assert "Nothing was changed." in page
    link.refresh_from_db()
    assert not link.has(Secret.REFRESH_TOKEN)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"user_active": False}, "The integration user is not active."),
        ({"ip_allowed": False}, "Add the addresses that Pushboard calls from"),
        ({"user_approved": False}, "is not approved for the app"),
        ({"org_open": False}, "The org is not active."),
    ],
)
def test_what_salesforce_refuses_has_its_sentence(
    options: dict[str, Any], says: str, ada: Person, link: Connection
) -> None:
    address = ada.leave(link)
    change(ada.sim, **options)

    page = ada.come_back(ada.decide(address)).content.decode()

    assert says in page
    assert "Nothing was changed." in page


def test_access_that_is_revoked_says_so_and_a_new_sign_in_mends_it(
    ada: Person, link: Connection
) -> None:
    ada.come_back(ada.decide(ada.leave(link)))
    change(ada.sim, refresh_token_seconds=0)
    ada.come_back(ada.decide(ada.leave(link)))
    link.refresh_from_db()

    checks = {check.key: check for check in proof.prove(link)}
    assert checks["sign_in"].kind == "revoked"
    assert "sign in again" in checks["sign_in"].do

    change(ada.sim, refresh_token_seconds=None)
    page = ada.come_back(ada.decide(ada.leave(link))).content.decode()
    assert "Works" in page


def test_a_refresh_token_that_is_replaced_at_each_use_is_kept(
    ada: Person, link: Connection
) -> None:
    change(ada.sim, rotate_refresh_tokens=True)
    ada.come_back(ada.decide(ada.leave(link)))
    link.refresh_from_db()
    tokens = {link.secret(Secret.REFRESH_TOKEN)}

    for _ in range(3):
        connect.forget_gateways()
        link.refresh_from_db()
        assert connect.gateway_for(link).packages()
        tokens.add(link.secret(Secret.REFRESH_TOKEN))

    assert len(tokens) == 4


def test_disconnecting_revokes_it_at_salesforce(ada: Person, link: Connection) -> None:
    ada.come_back(ada.decide(ada.leave(link)))
    link.refresh_from_db()
    token = link.secret(Secret.REFRESH_TOKEN)

    page = ada.browser.post(
        f"/connections/{link.pk}/disconnect/",
        {"typed": link.org_name, "reason": "it is over"},
        follow=True,
    ).content.decode()

    assert "Its secrets are forgotten" in page
    assert "was not told" not in page
    link.refresh_from_db()
    credentials.keep_consent(link, token, by=None, now=clock.now())
    checks = {check.key: check for check in proof.prove(link)}
    assert checks["sign_in"].kind == "revoked"


def test_one_who_has_not_signed_in_yet_is_led_there(ada: Person, link: Connection) -> None:
    page = ada.browser.get(f"/connections/{link.pk}/").content.decode()
    assert "Nobody has signed in yet." in page

    checks = {check.key: check for check in proof.prove(link)}
    assert checks["sign_in"].kind == "not_signed_in"
