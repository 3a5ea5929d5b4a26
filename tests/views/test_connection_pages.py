"""The pages of connections: what they say, who may do what, and that no secret comes back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse

from rollouts.domain.connecting import AuthKind, OrgRole, Secret
from rollouts.models import Connection, Event, SelfTestRequest
from rollouts.pipeline import clock, connections, sync
from rollouts.pipeline.report import links
from rollouts.salesforce.connect import gateway_for
from rollouts.simulator import Options, Simulator
from tests.support.org import URL, USER, change, connected, simulated_org
from tests.views.conftest import Browser
from tests.views.world import HOSTILE, World

SECRET = Options().client_secret
NEW = "/connections/new/?role=devhub&auth="
WHY = {"reason": "the pilot is over"}
TYPED = {"name": "Harbor hub", "login_url": URL, "client_id": Options().client_id, **WHY}


@pytest.fixture
def org(world: World) -> Iterator[Simulator]:
    with simulated_org() as sim:
        yield sim


@pytest.fixture
def link(org: Simulator) -> Connection:
    return connected()


def at(link: Connection, act: str = "") -> str:
    return f"/connections/{link.pk}/{act}"


# What only an admin does; stopping pushes is for whoever may stop everything.
OF_ADMIN = [
    "check",
    "change",
    "rotate",
    "make-key",
    "switch-key",
    "push-on",
    "disconnect",
    "self-test",
    "sign-in",
]


@pytest.mark.parametrize("act", OF_ADMIN)
@pytest.mark.parametrize("who", ["vic", "sue", "pia", "ari", "omar"])
def test_only_an_admin_changes_a_connection(
    who: str, act: str, link: Connection, sign_in: Browser
) -> None:
    answer = sign_in(who).post(at(link, f"{act}/"), {"typed": link.name, "secret": "x"})

    assert answer.status_code == 403
    assert "This needs the role admin." in answer.content.decode()


@pytest.mark.parametrize("who", ["vic", "sue", "pia", "ari", "omar", "ada"])
def test_everybody_reads_them(who: str, link: Connection, sign_in: Browser) -> None:
    browser = sign_in(who)

    for address in ("/connections/", at(link)):
        page = browser.get(address)
        assert page.status_code == 200
        assert ("Add a connection" in page.content.decode()) == (
            who == "ada" and address == "/connections/"
        )
    may_add = 200 if who == "ada" else 403
    assert browser.get("/connections/new/").status_code == may_add
    assert browser.get("/connections/signed-in/").status_code == (422 if who == "ada" else 403)


@pytest.mark.parametrize(
    ("who", "status"), [("vic", 403), ("sue", 403), ("omar", 403), ("pia", 303), ("ari", 303)]
)
def test_whoever_may_stop_turns_push_mode_off_with_one_click(
    who: str, status: int, link: Connection, sign_in: Browser
) -> None:
    Connection.objects.filter(pk=link.pk).update(mode="push", pushed_since=clock.now())

    assert sign_in(who).post(at(link, "push-off/")).status_code == status
    link.refresh_from_db()
    assert link.pushes is (status == 403)


def test_the_list_says_state_mode_and_age_of_data(world: World, sign_in: Browser) -> None:
    page = sign_in("vic").get("/connections/").content.decode()

    assert "Packaging org" in page
    assert "Push mode" in page
    assert "Works, last answered" in page
    assert "120 of 15,000 API calls used" in page
    assert "Data: <bdi>Harbor</bdi>" in page


def test_without_any_it_says_what_to_do(
    sign_in: Browser, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "link_lines", list)

    assert "it is only read at first" in sign_in("ada").get("/connections/").content.decode()
    assert "An admin connects the org" in sign_in("vic").get("/connections/").content.decode()


def test_a_hostile_name_stays_text(link: Connection, sign_in: Browser) -> None:
    Connection.objects.filter(pk=link.pk).update(name=HOSTILE[:80], org_name=HOSTILE)

    for address in ("/connections/", at(link), at(link, "push-on/"), at(link, "disconnect/")):
        assert "<script>alert" not in sign_in("ada").get(address).content.decode()


@pytest.mark.parametrize("role", list(OrgRole))
@pytest.mark.parametrize("auth", ["jwt", "client-credentials", "web-server"])
def test_the_guide_is_for_exactly_this_org_and_this_way(
    role: OrgRole, auth: str, org: Simulator, sign_in: Browser
) -> None:
    ada = sign_in("ada")
    page = ada.get(f"/connections/new/?role={role}&auth={auth}").content.decode()

    assert ("Create and Update Second-Generation Packages" in page) == (role == OrgRole.DEVHUB)
    assert ("Upload AppExchange Packages" in page) == (role == OrgRole.PACKAGING)
    assert ("License Management App" in page) == (role == OrgRole.LMO)
    assert ("Enable JWT Bearer Flow" in page) == (auth == "jwt")
    assert ("“Run As”" in page) == (auth == "client-credentials")
    assert ("(refresh_token)" in page) == (auth == "web-server")
    assert "http://testserver/connections/signed-in/" in page
    assert ('name="username"' in page) == (auth == "jwt")
    assert ('name="secret"' in page) == (auth != "jwt")


def test_adding_one_by_secret_signs_in_at_once_and_never_shows_the_secret(
    org: Simulator, sign_in: Browser
) -> None:
    ada = sign_in("ada")
    answer = ada.post(NEW + "client-credentials", TYPED | {"secret": SECRET}, follow=True)
    page = answer.content.decode()

    link = Connection.objects.get(name="Harbor hub")
    assert answer.redirect_chain == [(at(link), 303)]
    assert "Stored. It only observes" in page
    assert (link.mode, bool(link.org_id)) == ("observe", True)
    assert "Harborline Releases" in page
    for address in (at(link), at(link, "change/"), at(link, "rotate/"), "/connections/"):
        assert SECRET not in ada.get(address).content.decode()


def test_adding_one_by_certificate_gives_the_certificate_and_no_key(
    org: Simulator, sign_in: Browser
) -> None:
    ada = sign_in("ada")
    page = ada.post(NEW + "jwt", TYPED | {"username": USER}, follow=True).content.decode()
    link = Connection.objects.get(name="Harbor hub")
    assert "Download the certificate" in page

    file = sign_in("vic").get(at(link, "certificate/"))

    assert file.content.decode() == link.certificate
    assert "attachment" in file["Content-Disposition"]
    assert b"PRIVATE" not in file.content
    change(org, jwt_public_key=file.content)
    page = ada.post(at(link, "check/"), follow=True).content.decode()
    assert "Checked. Nothing is wrong." in page


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"login_url": "https://evil.example"}, "was not asked"),
        ({"name": ""}, "Give it a name."),
        ({"secret": ""}, "Paste the app&#x27;s consumer secret."),
        ({"name": "Packaging org"}, "already; choose another name"),
    ],
)
def test_a_mistake_keeps_what_was_typed_but_never_a_secret(
    changed: dict[str, str], says: str, org: Simulator, sign_in: Browser
) -> None:
    answer = sign_in("ada").post(NEW + "client-credentials", TYPED | {"secret": SECRET} | changed)
    page = answer.content.decode()

    assert answer.status_code == 422
    assert says in page
    assert Options().client_id in page
    assert SECRET not in page
    assert Connection.objects.count() == 1


def test_the_page_shows_each_check_with_its_word_and_what_to_do(
    link: Connection, org: Simulator, sign_in: Browser
) -> None:
    change(org, client_secret="changed at Salesforce")
    page = sign_in("ada").post(at(link, "check/"), follow=True).content.decode()

    assert "Salesforce does not accept the client secret." in page
    assert "Copy the consumer secret again from the app" in page
    assert ">not ok<" in page
    assert ">unknown<" in page
    assert "Does not work" in page


def test_a_rotated_secret_is_tried_first(link: Connection, sign_in: Browser) -> None:
    ada = sign_in("ada")

    refused = ada.post(at(link, "rotate/"), {"secret": "a wrong one"})
    assert refused.status_code == 422
    assert "stays in use" in refused.content.decode()
    assert "a wrong one" not in refused.content.decode()
    assert ada.post(at(link, "rotate/"), {"secret": ""}).status_code == 422

    done = ada.post(at(link, "rotate/"), {"secret": SECRET}, follow=True)
    assert "The new secret is in use" in done.content.decode()


def test_a_new_certificate_is_made_uploaded_and_switched_to(
    org: Simulator, sign_in: Browser
) -> None:
    link = connected(auth=AuthKind.JWT, username=USER)
    change(org, jwt_public_key=link.certificate.encode())
    ada = sign_in("ada")

    page = ada.post(at(link, "make-key/"), follow=True).content.decode()
    assert "A new certificate waits." in page
    refused = ada.post(at(link, "switch-key/"))
    assert refused.status_code == 422
    assert "another certificate than this one" in refused.content.decode()
    change(org, jwt_public_key=ada.get(at(link, "certificate/?next=1")).content)
    page = ada.post(at(link, "switch-key/"), follow=True).content.decode()

    assert "Salesforce accepts the new certificate" in page
    assert ada.get(at(link, "certificate/?next=1")).status_code == 404


def test_the_consumer_key_can_be_mended_and_a_bound_address_can_not(
    org: Simulator, sign_in: Browser
) -> None:
    link = connected(client_id="mistyped")
    ada = sign_in("ada")
    ada.post(at(link, "check/"))
    assert "does not know this consumer key" in ada.get(at(link)).content.decode()

    ada.post(at(link, "change/"), TYPED)
    page = ada.post(at(link, "check/"), follow=True).content.decode()
    assert "Checked. Nothing is wrong." in page

    ada.post(at(link, "change/"), TYPED | {"login_url": "http://127.0.0.1:1"})
    link.refresh_from_db()
    assert link.login_url == URL


def test_push_mode_asks_for_the_org_s_name_and_is_on_every_page_s_mind(
    link: Connection, sign_in: Browser
) -> None:
    ada = sign_in("ada")
    page = ada.get(at(link, "push-on/")).content.decode()
    assert "It has never signed in" in page
    assert 'name="typed"' not in page
    ada.post(at(link, "check/"))
    assert "Observe mode." in ada.get("/").content.decode()
    link.refresh_from_db()

    wrong = ada.post(at(link, "push-on/"), {"typed": "another", **WHY})
    assert wrong.status_code == 422
    assert "Type the org&#x27;s name exactly" in wrong.content.decode()
    done = ada.post(
        at(link, "push-on/"), {"typed": link.org_name, **WHY}, follow=True
    ).content.decode()

    assert "Push mode is on." in done
    assert "Turn push mode off" in done
    assert "Observe mode." not in ada.get("/").content.decode()
    again = ada.post(at(link, "push-on/"), {"typed": link.org_name, **WHY})
    assert again.status_code == 409
    told = Event.objects.get(action="turn_push_on")
    assert (told.person, told.reason) == (Event.objects.latest("pk").person, WHY["reason"])


def test_disconnecting_asks_for_the_name_and_says_what_is_left(
    link: Connection, sign_in: Browser
) -> None:
    ada = sign_in("ada")
    assert ada.post(at(link, "disconnect/"), {"typed": "no"}).status_code == 422

    page = ada.post(
        at(link, "disconnect/"), {"typed": link.name, **WHY}, follow=True
    ).content.decode()

    assert "Its secrets are forgotten; what was read stays." in page
    link.refresh_from_db()
    assert not link.has(Secret.CLIENT_SECRET)
    assert "Disconnected" in ada.get("/connections/").content.decode()
    assert Event.objects.get(action="disconnect").reason.startswith(WHY["reason"])


def test_a_connection_with_open_batches_is_not_disconnected(world: World, sign_in: Browser) -> None:
    rollout = world.rollout()
    world.batch(world.dispatching(rollout), 1, {})
    ours = Connection.objects.get()

    answer = sign_in("ada").post(at(ours, "disconnect/"), {"typed": ours.org_name, **WHY})

    assert answer.status_code == 422
    assert "Halt or abort their rollouts first" in answer.content.decode()
    ours.refresh_from_db()
    assert ours.disconnected_at is None


def test_the_connection_of_the_settings_is_changed_there(world: World, sign_in: Browser) -> None:
    ours = Connection.objects.get()
    ada = sign_in("ada")

    assert "PUSHBOARD_SF_" in ada.get(at(ours)).content.decode()
    assert ada.post(at(ours, "change/"), TYPED).status_code == 422
    assert ada.post(at(ours, "sign-in/")).status_code == 422


def test_overrides_in_use_are_on_every_page(
    org: Simulator, sign_in: Browser, settings: Any
) -> None:
    page = sign_in("vic").get("/").content.decode()
    assert "Hosts for development (PUSHBOARD_DEV_ALLOWED_HOSTS): 127.0.0.1:8999" in page
    assert "PUSHBOARD_CA_BUNDLE" not in page

    settings.SALESFORCE = {**settings.SALESFORCE, "ca_bundle": "/etc/ssl/proxy.pem"}
    page = sign_in("vic").get("/stop/").content.decode()
    assert "Certificates to trust (PUSHBOARD_CA_BUNDLE): /etc/ssl/proxy.pem" in page


def test_a_connection_that_is_not_there_is_a_404(world: World, sign_in: Browser) -> None:
    ada = sign_in("ada")

    assert ada.get(reverse("connection", args=[999])).status_code == 404
    assert (
        ada.get(reverse("connection-certificate", args=[Connection.objects.get().pk])).status_code
        == 404
    )


def test_a_held_rollout_names_the_connection_that_only_observes(
    world: World, sign_in: Browser
) -> None:
    rollout = world.rollout()
    world.dispatching(rollout)
    Connection.objects.update(mode="observe")

    page = sign_in("pia").get("/rollouts/hbr-4-3-0/").content.decode()

    assert "only observes; an admin turns push mode on" in page
    assert connections.push_refusal(Connection.objects.get()) == ""


def test_the_self_test_is_asked_for_by_name_and_its_answers_stay_with_their_date(
    link: Connection, org: Simulator, sign_in: Browser
) -> None:
    ada = sign_in("ada")
    ada.post(at(link, "check/"))
    link.refresh_from_db()
    sync.sync(link, gateway_for(link))
    assert "Not asked yet." in ada.get(at(link)).content.decode()
    assert "a month ahead" in ada.get(at(link, "self-test/")).content.decode()

    wrong = ada.post(at(link, "self-test/"), {"typed": "no", "org": ""})
    assert wrong.status_code == 422
    page = ada.post(
        at(link, "self-test/"), {"typed": link.org_name, "org": ""}, follow=True
    ).content.decode()

    assert "4 questions are answered below." in page
    assert "was read back as it was sent" in page
    assert "tells its requests apart by their start second" in page
    assert page.count("Asked <time") == 4
    assert "no way is known that would do no harm" in page


def test_what_the_self_test_left_is_said_until_it_is_read_back(
    link: Connection, sign_in: Browser
) -> None:
    now = clock.now()
    SelfTestRequest.objects.create(
        connection=link, version_id="04t", start_at=now, made_at=now, sf_id="0DV"
    )

    assert "is not read back as canceled yet" in sign_in("vic").get(at(link)).content.decode()
