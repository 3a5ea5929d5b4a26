"""`manage.py connect` and `sync`: for deployments without clicking."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from rollouts.domain.connecting import Secret
from rollouts.models import Connection, Event
from rollouts.salesforce.certificates import make_pair
from rollouts.salesforce.connect import forget_gateways
from rollouts.simulator import Options
from tests.support.org import URL, USER, change, simulated_org, wall

pytestmark = pytest.mark.django_db
SECRET = Options().client_secret


def connect(*, out: StringIO | None = None, **changes: Any) -> None:
    chosen = {
        "name": "Dev Hub", "role": "devhub", "auth": "client-credentials", "login_url": URL,
        "client_id": Options().client_id,
    }  # fmt: skip
    call_command("connect", stdout=out or StringIO(), **{**chosen, **changes})


@pytest.fixture
def secret(tmp_path: Path) -> str:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    return str(tmp_path / "secret")


def test_it_stores_signs_in_and_says_what_works(secret: str) -> None:
    out = StringIO()
    with simulated_org():
        connect(secret_file=secret, out=out)

    link = Connection.objects.get()
    assert (link.mode, link.role, bool(link.org_id)) == ("observe", "devhub", True)
    assert "ok       Sign-in" in out.getvalue()
    assert SECRET not in out.getvalue()


def test_run_again_it_changes_nothing(secret: str) -> None:
    with simulated_org():
        connect(secret_file=secret)
        before = Connection.objects.get().revision, Event.objects.count()
        connect(secret_file=secret)

    assert (Connection.objects.get().revision, Event.objects.count()) == before


def test_as_json_it_holds_everything_but_secrets(secret: str) -> None:
    out = StringIO()
    with simulated_org():
        connect(secret_file=secret, json=True, out=out)

    told = json.loads(out.getvalue())
    assert told["mode"] == "observe"
    assert {check["verdict"] for check in told["checks"]} == {"ok", "unknown"}
    assert SECRET not in out.getvalue()


def test_the_secret_may_come_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", StringIO(SECRET))
    with simulated_org():
        connect(secret_file="-")

    assert Connection.objects.get().secret(Secret.CLIENT_SECRET) == SECRET


def test_a_refused_sign_in_fails_with_its_sentence_and_can_be_mended(
    secret: str, tmp_path: Path
) -> None:
    (tmp_path / "wrong").write_text("wrong")
    out = StringIO()
    with simulated_org():
        with pytest.raises(CommandError, match="can't sign in"):
            connect(secret_file=str(tmp_path / "wrong"), out=out)
        assert "does not accept the client secret" in out.getvalue()
        connect(secret_file=secret)

    assert Connection.objects.get().org_id


def test_for_jwt_a_key_is_made_and_the_certificate_shown() -> None:
    out = StringIO()
    with simulated_org() as sim:
        connect(auth="jwt", username=USER, out=out)
        link = Connection.objects.get()
        assert link.certificate in out.getvalue()
        assert "PRIVATE" not in out.getvalue()
        change(sim, jwt_public_key=link.certificate.encode())
        call_command("doctor", stdout=StringIO())

    link.refresh_from_db()
    assert link.org_id


def test_for_jwt_a_key_of_one_s_own_is_taken(tmp_path: Path) -> None:
    pair = make_pair("mine", wall())
    (tmp_path / "key.pem").write_text(pair.private_key)
    with simulated_org() as sim:
        change(sim, jwt_public_key=pair.certificate.encode())
        connect(auth="jwt", username=USER, key_file=str(tmp_path / "key.pem"))

    assert Connection.objects.get().org_id


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"auth": "jwt"}, "--username"),
        ({}, "--secret-file"),
        ({"secret_file": "/nowhere"}, "No such file"),
        ({"login_url": "https://evil.example", "secret_file": "-"}, "was not asked"),
    ],
)
def test_what_can_t_be_right_leaves_nothing_behind(
    wrong: dict[str, Any], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", StringIO("s"))
    with simulated_org(), pytest.raises(CommandError, match=says):
        connect(**wrong)
    assert not Connection.objects.exists()


def test_without_a_key_to_seal_the_secret_nothing_is_left_behind(
    secret: str, settings: Any
) -> None:
    settings.ENCRYPTION_KEYS = {}
    events = Event.objects.count()
    with simulated_org(), pytest.raises(CommandError, match="PUSHBOARD_ENCRYPTION_KEYS"):
        connect(secret_file=secret)

    assert not Connection.objects.exists()
    assert Event.objects.count() == events


def test_a_bound_connection_never_changes_its_address(secret: str) -> None:
    with simulated_org():
        connect(secret_file=secret)
        other = override_settings(DEV_ALLOWED_HOSTS=["127.0.0.1:1"])
        with other, pytest.raises(CommandError, match="another name"):
            connect(secret_file=secret, login_url="http://127.0.0.1:1")


def test_sync_gives_the_figures_of_each_run(secret: str) -> None:
    out = StringIO()
    with simulated_org():
        connect(secret_file=secret)
        call_command("sync", json=True, stdout=out)

    told = json.loads(out.getvalue())
    assert told["problems"] == {}
    assert all(run["ok"] and run["listed"] == run["new"] for run in told["runs"])
    assert sum(run["listed"] for run in told["runs"]) > 0


def test_sync_says_what_could_not_be_read_and_leaves_alone_what_is_being_set_up(
    secret: str,
) -> None:
    out = StringIO()
    with simulated_org() as sim:
        connect(secret_file=secret)
        connect(name="Waits for its certificate", auth="jwt", username=USER)
        call_command("sync", stdout=out)
        change(sim, client_secret="another")
        forget_gateways()
        with pytest.raises(CommandError, match="Dev Hub: Salesforce does not accept the client"):
            call_command("sync", stdout=StringIO())

    assert "installations" in out.getvalue()
    assert Connection.objects.get(name="Waits for its certificate").failure == ""
