"""The simulator's own page: it shows its state, and its two forms work without JavaScript."""

from __future__ import annotations

import ssl
from pathlib import Path
from urllib.parse import urlencode

import pytest
import requests

from rollouts.simulator.certificates import AUTHORITY, context

from .caller import FORM, Caller, Reply
from .test_server import Start, start

__all__ = ["start"]

HOST = "http://simulated.example:8081"


def send(org: Caller, origin: str = HOST, **fields: str) -> Reply:
    headers = {"Content-Type": FORM, "Origin": origin}
    return org.send("POST", "/simulator/", raw=urlencode(fields).encode(), headers=headers)


def test_the_page_shows_what_goes_on(org: Caller) -> None:
    request_id = org.push(org.orgs(2))
    org.simulator.plan_fault("quota", match="limits", contains="<b>bold</b>")
    page = org.get("/simulator/")
    for words in (request_id, "Pending", "not Salesforce", "reopens_canceled", "quota"):
        assert words in page.text
    assert "&lt;b&gt;bold" in page.text
    assert "<b>bold" not in page.text
    assert "<script" not in page.text
    assert "style=" not in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "text/css" in org.get("/simulator/page.css").headers["Content-Type"]


def test_its_forms_plan_faults_and_turn_switches(org: Caller) -> None:
    planned = send(
        org,
        act="fault",
        fault="quota",
        match="limits",
        nth="2",
        times="1",
        seconds="0",
        status="500",
    )
    assert (planned.status, planned.headers["Location"]) == (303, "/simulator/")
    assert [org.get("limits").status for _ in range(3)] == [200, 403, 200]
    assert send(org, act="switch", name="push_enabled", value="false").status == 303
    assert org.ask("SELECT Id FROM PackageSubscriber").error == (400, "INVALID_TYPE")


@pytest.mark.parametrize(
    ("origin", "fields"),
    [
        ("https://elsewhere.example", {"act": "switch", "name": "push_enabled", "value": "false"}),
        ("", {"act": "switch", "name": "push_enabled", "value": "false"}),
        (HOST, {"act": "switch", "name": "push_enabled", "value": "perhaps"}),
        (HOST, {"act": "fault", "fault": "earthquake"}),
        (HOST, {"act": "fault", "fault": "quota", "seconds": "long"}),
        (HOST, {}),
    ],
)
def test_nonsense_and_strangers_change_nothing(
    org: Caller, origin: str, fields: dict[str, str]
) -> None:
    assert send(org, origin, **fields).status == 400
    assert org.simulator.options.push_enabled
    assert org.get("limits").status == 200


def test_it_is_served_by_tls_with_an_authority_of_its_own(start: Start, tmp_path: Path) -> None:
    context(tmp_path)
    kept = (tmp_path / AUTHORITY).read_bytes()
    program = start("--data", str(tmp_path), "--orgs", "10", "--tls", "--tell")
    assert program.url.startswith("https://127.0.0.1:")
    page = program.session.get(f"{program.url}/simulator/", verify=str(tmp_path / AUTHORITY))
    assert "Simulated Salesforce" in page.text
    with pytest.raises(requests.exceptions.SSLError):
        program.session.get(f"{program.url}/simulator/")
    assert (tmp_path / AUTHORITY).read_bytes() == kept
    assert isinstance(context(tmp_path), ssl.SSLContext)
