"""A connection proves itself: every thing that can be wrong has its own line and sentence."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import requests
from django.core.management import CommandError, call_command

from rollouts.domain.connecting import AuthKind, OrgRole
from rollouts.models import Connection, SelfTestRequest
from rollouts.pipeline import clock, credentials, proof, troubles
from rollouts.pipeline.proof import Check, Verdict
from rollouts.pipeline.troubles import Kind
from rollouts.salesforce import connect
from rollouts.salesforce.errors import LoginLost, Refused, TryAgain
from rollouts.simulator import Options, Simulator, Unknowns
from rollouts.simulator import Role as SimulatedRole
from tests.support.org import USER, change, connected, simulated_org

pytestmark = pytest.mark.django_db
JWT: dict[str, Any] = {"auth": AuthKind.JWT, "username": USER}


def proved(link: Connection) -> dict[str, Check]:
    return {check.key: check for check in proof.prove(link)}


def test_a_right_connection_says_so_line_by_line() -> None:
    with simulated_org() as sim:
        link = connected()
        checks = proved(link)
        made = [effect for effect in sim.effects() if effect.kind == "request_created"]

    assert {check.verdict for check in checks.values()} == {Verdict.OK, Verdict.UNKNOWN}
    assert [key for key, one in checks.items() if one.verdict is Verdict.UNKNOWN] == ["review"]
    assert link.org_id in checks["org"].says
    assert USER in checks["user"].says
    assert "of 1,000,000 API calls" in checks["calls"].says
    assert "Harbor" in checks["packages"].says
    assert (link.failure, proof.stored(link)) == ("", list(checks.values()))
    assert made == []


def _wrong_certificate(sim: Simulator) -> Connection:
    link = connected(**JWT)
    other = connected(name="Another installation", **JWT)
    change(sim, jwt_public_key=other.certificate.encode())
    return link


def _wrong_org(_sim: Simulator) -> Connection:
    link = connected()
    Connection.objects.filter(pk=link.pk).update(org_id="00D000000000001EAA")
    link.refresh_from_db()
    return link


def _push_not_enabled(sim: Simulator) -> Connection:
    return connected()


def _quota_gone(sim: Simulator) -> Connection:
    change(sim, daily_calls=0)
    return connected()


def _quota_nearly_gone(sim: Simulator) -> Connection:
    change(sim, daily_calls=40)
    return connected()


def _revoked(sim: Simulator) -> Connection:
    """A consent that ended: the refresh token is not known any more."""
    link = connected(auth=AuthKind.WEB_SERVER)
    change(sim, secret_needed=False)
    credentials.keep_consent(link, "5Aep861.revoked", by=None, now=clock.now())
    link.refresh_from_db()
    return link


def _never_signed_in(_sim: Simulator) -> Connection:
    return connected(auth=AuthKind.WEB_SERVER)


def _user_inactive(sim: Simulator) -> Connection:
    change(sim, user_active=False)
    return connected()


def _ip_restricted(sim: Simulator) -> Connection:
    change(sim, ip_allowed=False)
    return connected()


def _no_run_as_user(sim: Simulator) -> Connection:
    change(sim, run_as_user=False)
    return connected()


def _org_closed(sim: Simulator) -> Connection:
    change(sim, org_open=False)
    return connected()


def _not_approved(sim: Simulator) -> Connection:
    link = connected(**JWT)
    change(sim, jwt_public_key=link.certificate.encode(), user_approved=False)
    return link


def _missing_permission(_sim: Simulator) -> Connection:
    return connected()


def _not_reviewed(sim: Simulator) -> Connection:
    link = connected()
    SelfTestRequest.objects.create(
        connection=link, version_id="04t", start_at=clock.now(), made_at=clock.now(),
        note="Specify a package that has passed the AppExchange security review.",
    )  # fmt: skip
    return link


def _wrong_secret(_sim: Simulator) -> Connection:
    return connected("another app's secret")


def _wrong_client_id(_sim: Simulator) -> Connection:
    return connected(client_id="nobody")


def _wrong_user(sim: Simulator) -> Connection:
    link = connected(auth=AuthKind.JWT, username="somebody@else.example")
    change(sim, jwt_public_key=link.certificate.encode())
    return link


def _host_not_on_the_list(_sim: Simulator) -> Connection:
    link = connected()
    Connection.objects.filter(pk=link.pk).update(login_url="https://login.salesforce.com")
    link.refresh_from_db()
    return link


def _no_secret(_sim: Simulator) -> Connection:
    link = connected()
    Connection.objects.filter(pk=link.pk).update(client_secret_sealed="")
    link.refresh_from_db()
    return link


def _sealed_by_a_lost_key(_sim: Simulator) -> Connection:
    link = connected()
    sealed = link.client_secret_sealed.replace("v1:", "v9:")
    Connection.objects.filter(pk=link.pk).update(client_secret_sealed=sealed)
    link.refresh_from_db()
    return link


def _clock_off(_sim: Simulator) -> Connection:
    return connected()


@contextmanager
def failing(given: Callable[[Simulator], Connection]) -> Iterator[Connection]:
    """A connection with one thing wrong."""
    options = Options(
        push_enabled=given is not _push_not_enabled,
        push_permission=given is not _missing_permission,
        unknowns=Unknowns(missing_permission_shows_objects=True),
    )
    late = timedelta(minutes=10 if given is _clock_off else 0)
    with simulated_org(options, ahead=late) as sim:
        yield given(sim)


CASES: list[tuple[Callable[[Simulator], Connection], str, Kind, str]] = [
    (_wrong_certificate, "sign_in", Kind.WRONG_CERTIFICATE, "upload it to the app"),
    (_wrong_org, "org", Kind.WRONG_ORG, "00D000000000001EAA"),
    (_push_not_enabled, "objects", Kind.PUSH_NOT_ENABLED, "Partner Support"),
    (_clock_off, "clock", Kind.CLOCK_OFF, "NTP"),
    (_quota_gone, "calls", Kind.QUOTA_GONE, "used up"),
    (_quota_nearly_gone, "calls", Kind.QUOTA_GONE, "of 40 API calls"),
    (_not_reviewed, "review", Kind.NOT_REVIEWED, "security review"),
    (_missing_permission, "permission", Kind.MISSING_PERMISSION, "Second-Generation Packages"),
    (_revoked, "sign_in", Kind.REVOKED, "sign in again"),
    (_never_signed_in, "sign_in", Kind.NOT_SIGNED_IN, "Sign in at Salesforce"),
    (_user_inactive, "sign_in", Kind.USER_INACTIVE, "Activate or unlock"),
    (_ip_restricted, "sign_in", Kind.IP_RESTRICTED, "IP ranges"),
    (_no_run_as_user, "sign_in", Kind.NO_RUN_AS_USER, "“Run As”"),
    (_org_closed, "sign_in", Kind.ORG_INACTIVE, "not active"),
    (_not_approved, "sign_in", Kind.NOT_APPROVED, "pre-authorized"),
    (_wrong_secret, "sign_in", Kind.WRONG_SECRET, "consumer secret"),
    (_wrong_client_id, "sign_in", Kind.WRONG_CLIENT_ID, "consumer key"),
    (_wrong_user, "sign_in", Kind.NOT_APPROVED, "pre-authorized"),
    (_host_not_on_the_list, "address", Kind.HOST_REFUSED, "My Domain"),
    (_no_secret, "sign_in", Kind.NO_CREDENTIALS, "no client secret"),
    (_sealed_by_a_lost_key, "sign_in", Kind.SEALED, "PUSHBOARD_ENCRYPTION_KEYS"),
]


@pytest.mark.parametrize(("fit", "key", "kind", "says"), CASES, ids=[c[0].__name__ for c in CASES])
def test_each_failure_has_its_own_sentence_here_and_in_doctor(
    fit: Callable[[Simulator], Connection], key: str, kind: Kind, says: str
) -> None:
    with failing(fit) as link:
        checks = proved(link)
        out = StringIO()
        with pytest.raises(CommandError, match="not ok"):
            call_command("doctor", name=link.name, stdout=out)

    wrong = {name: one for name, one in checks.items() if one.verdict is Verdict.BAD}
    assert list(wrong) == [key]
    assert wrong[key].kind == kind
    assert says in f"{wrong[key].says} {wrong[key].do}"
    assert wrong[key].do
    assert says in out.getvalue()
    assert wrong[key].do in out.getvalue()


def test_an_api_version_that_the_org_does_not_answer_is_said(settings: Any) -> None:
    settings.SALESFORCE = {**settings.SALESFORCE, "api_version": "99.0"}
    with simulated_org():
        checks = proved(connected())

    assert {key for key, one in checks.items() if one.verdict is Verdict.BAD} == {"api"}
    assert checks["api"].kind == Kind.OLD_API


def test_an_api_version_that_cant_tell_who_blocks_pushes_is_said(settings: Any) -> None:
    settings.SALESFORCE = {**settings.SALESFORCE, "api_version": "59.0"}
    with simulated_org():
        checks = proved(connected())

    assert checks["api"].verdict is Verdict.UNKNOWN
    assert "whether the customer blocks pushes" in checks["api"].says
    assert "PUSHBOARD_SF_API_VERSION" in checks["api"].do


@pytest.mark.parametrize(("late", "side"), [(600, "behind"), (-600, "ahead of")])
def test_a_clock_that_is_off_is_said_with_its_side(late: int, side: str) -> None:
    with simulated_org(ahead=timedelta(seconds=late)):
        checks = proved(connected())

    assert checks["clock"].kind == Kind.CLOCK_OFF
    assert side in checks["clock"].says
    assert "NTP" in checks["clock"].do


def test_a_clock_that_is_off_spoils_a_sign_in_by_certificate_and_says_so() -> None:
    with simulated_org(ahead=timedelta(minutes=20)) as sim:
        link = connected(**JWT)
        change(sim, jwt_public_key=link.certificate.encode())
        checks = proved(link)

    assert checks["sign_in"].kind == Kind.CLOCK_OFF
    assert "sign-in by certificate" in checks["sign_in"].do


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        (requests.exceptions.SSLError("self-signed"), Kind.TLS_REFUSED),
        (requests.ConnectionError("no route"), Kind.UNREACHABLE),
        (requests.ReadTimeout("slow"), Kind.UNREACHABLE),
    ],
)
def test_the_network_has_sentences_of_its_own(
    problem: Exception, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(requests.adapters.BaseAdapter):
        def send(self, *args: Any, **options: Any) -> requests.Response:
            raise problem

        def close(self) -> None:
            """Nothing is open."""

    with simulated_org():
        link = connected()
        monkeypatch.setattr(connect, "Wire", Broken)
        checks = proved(link)

    assert checks["sign_in"].kind == kind
    assert link.failure.startswith(checks["sign_in"].says)


# What the token endpoint and the API are known to say, by the notes on Salesforce's clients.
SAID = [
    (LoginLost("x", code="invalid_grant", told="expired authorization code"), Kind.CLOCK_OFF),
    (LoginLost("x", code="invalid_grant", told="invalid assertion"), Kind.WRONG_CERTIFICATE),
    (LoginLost("x", code="invalid_grant", told="Audience validation failed"), Kind.WRONG_ADDRESS),
    (LoginLost("x", code="invalid_grant", told="user hasn't approved this"), Kind.NOT_APPROVED),
    (LoginLost("x", code="invalid_app_access", told="not admin approved"), Kind.NOT_APPROVED),
    (LoginLost("x", code="invalid_grant", told="ip restricted"), Kind.IP_RESTRICTED),
    (LoginLost("x", code="invalid_grant", told="inactive user"), Kind.USER_INACTIVE),
    (LoginLost("x", code="inactive_user", told="user is inactive"), Kind.USER_INACTIVE),
    (LoginLost("x", code="inactive_org", told="organization is locked"), Kind.ORG_INACTIVE),
    (LoginLost("x", code="invalid_grant", told="expired access/refresh token"), Kind.REVOKED),
    (
        LoginLost("x", code="invalid_grant", told="no client credentials user enabled"),
        Kind.NO_RUN_AS_USER,
    ),
    (LoginLost("x", code="unsupported_grant_type", told=""), Kind.FLOW_OFF),
    (LoginLost("x", code="INVALID_SESSION_ID"), Kind.SESSION_REFUSED),
    (Refused("x", code="INSUFFICIENT_ACCESS_OR_READONLY"), Kind.MISSING_PERMISSION),
    (Refused("x", code="API_DISABLED_FOR_ORG"), Kind.API_OFF),
    (Refused("x", code="INVALID_TYPE"), Kind.PUSH_NOT_ENABLED),
    (Refused("has not passed the Security Review", code="ANY"), Kind.NOT_REVIEWED),
    (TryAgain("x", code="HTTP_503"), Kind.BUSY),
    (Refused("Salesforce says something new", code="NEVER_SEEN"), Kind.OTHER),
]


@pytest.mark.parametrize(("error", "kind"), SAID, ids=lambda one: getattr(one, "value", ""))
def test_what_salesforce_is_known_to_say_is_recognised(error: LoginLost, kind: Kind) -> None:
    link = Connection(name="Org", role="packaging", auth="client-credentials")
    told = troubles.explain(error, link)

    assert told.kind is kind
    assert told.what.endswith(".") or kind is Kind.OTHER
    assert told.do.endswith(".")


def test_every_kind_has_two_sentences_and_no_two_are_the_same() -> None:
    link = Connection(name="Org", role="devhub", auth="jwt")
    told = [troubles.trouble(kind, link) for kind in Kind]

    assert len({one.what for one in told}) == len(told)
    assert len({one.do for one in told}) == len(told)
    assert not any("{" in one.text for one in told)


def test_the_permission_that_is_missing_has_the_name_of_its_generation() -> None:
    for role, name in troubles.PUSH_PERMISSION.items():
        told = troubles.trouble(Kind.MISSING_PERMISSION, Connection(role=role.value))
        assert name in told.do


def test_a_license_org_is_asked_for_licences_and_not_for_pushes() -> None:
    with simulated_org(Options(role=SimulatedRole.PACKAGING)):
        without = proved(connected(role=OrgRole.LMO))
    with simulated_org(Options(role=SimulatedRole.LMO)):
        checks = proved(connected(name="License org", role=OrgRole.LMO))

    assert "objects" not in without | checks
    assert without["licences"].kind == Kind.NO_LMA
    assert {check.verdict for check in checks.values()} == {Verdict.OK}


def test_a_license_org_connected_as_a_dev_hub_shows_that_it_can_t_push() -> None:
    with simulated_org(Options(role=SimulatedRole.LMO)):
        checks = proved(connected(role=OrgRole.DEVHUB))

    assert checks["objects"].kind == Kind.PUSH_NOT_ENABLED


def test_what_could_not_be_asked_is_unknown_and_never_good() -> None:
    with simulated_org():
        checks = proved(connected("wrong"))

    assert {checks[key].verdict for key in ("org", "clock", "calls", "packages")} == {
        Verdict.UNKNOWN
    }
    assert not proof.signed_in(list(checks.values()))
    assert not proof.all_good([])


def test_somebody_who_has_mended_it_need_not_wait() -> None:
    with simulated_org() as sim:
        link = connected()
        change(sim, client_secret="set at last")
        assert not proof.signed_in(proof.prove(link))
        change(sim, client_secret=Options().client_secret)
        assert proof.signed_in(proof.prove(link))


def test_doctor_answers_for_machines_and_is_content_when_all_is_right() -> None:
    out = StringIO()
    with simulated_org():
        connected()
        call_command("doctor", json=True, stdout=out)

    told = json.loads(out.getvalue())
    assert told["ok"] is True
    assert {check["key"] for check in told["installation"]} >= {"keys", "database", "dev_hosts"}
    assert [check["verdict"] for check in told["connections"][0]["checks"]].count("ok") == 10


def test_doctor_without_a_connection_is_not_content() -> None:
    with pytest.raises(CommandError, match="1 of 3"):
        call_command("doctor", stdout=StringIO())
    with pytest.raises(CommandError, match="no connection “x”"):
        call_command("doctor", name="x", stdout=StringIO())
