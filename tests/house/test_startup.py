"""What a start refuses, by mode."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from pushboard.env import Misconfigured
from pushboard.startup import Plan, is_loopback, refuse_unsafe_start
from tests.conventions.sources import ROOT

PRODUCTION = Plan(
    simulation=False,
    secret_key="k" * 64,
    has_encryption_key=True,
    allowed_hosts=("pushboard.example.com",),
    base_url="https://pushboard.example.com",
    clock_factor=1,
    clock_anchored=False,
    dev_allowed_hosts=(),
    salesforce_login_url="https://example.my.salesforce.com",
    salesforce_client_id="3MVG9",
    salesforce_client_secret="of our own app",
)
SIMULATION = Plan(
    simulation=True,
    secret_key="",
    has_encryption_key=False,
    allowed_hosts=(),
    base_url="http://127.0.0.1:8000",
    clock_factor=120,
    clock_anchored=True,
    dev_allowed_hosts=("127.0.0.1:8701",),
    salesforce_login_url="http://127.0.0.1:8701",
    salesforce_client_id="pushboard-demo",
    salesforce_client_secret="simulated-secret",
)


def what_is_refused(plan: Plan) -> str:
    """Return why a plan does not start, or "" when it does."""
    try:
        refuse_unsafe_start(plan)
    except Misconfigured as problem:
        return str(problem)
    return ""


@pytest.mark.parametrize("plan", [PRODUCTION, SIMULATION], ids=["production", "simulation"])
def test_a_right_plan_starts(plan: Plan) -> None:
    assert what_is_refused(plan) == ""


def test_production_without_a_connection_starts() -> None:
    assert what_is_refused(replace(PRODUCTION, salesforce_login_url="")) == ""


def test_production_on_this_machine_may_go_without_https() -> None:
    assert what_is_refused(replace(PRODUCTION, base_url="http://127.0.0.1:8000")) == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"secret_key": ""}, "PUSHBOARD_SECRET_KEY is missing"),
        ({"secret_key": "k" * 49}, "shorter than 50"),
        ({"has_encryption_key": False}, "PUSHBOARD_ENCRYPTION_KEYS is missing"),
        ({"allowed_hosts": ()}, "PUSHBOARD_ALLOWED_HOSTS is empty"),
        ({"allowed_hosts": ("a.example", "*")}, r"wildcard \*"),
        ({"allowed_hosts": (".example.com",)}, r"wildcard \.example\.com"),
        ({"base_url": ""}, "PUSHBOARD_BASE_URL is ''"),
        ({"base_url": "pushboard.example.com"}, "write the address people use"),
        ({"base_url": "http://pushboard.example.com"}, "in the clear"),
        ({"base_url": "http://127.0.0.1.example.com"}, "in the clear"),
        ({"clock_factor": 120}, "real orgs live in real time"),
        ({"dev_allowed_hosts": ("127.0.0.1",)}, "PUSHBOARD_DEV_ALLOWED_HOSTS is set"),
        ({"salesforce_client_id": "pushboard-demo"}, "the simulator's credentials"),
        ({"salesforce_client_secret": "simulated-secret"}, "the simulator's credentials"),
        ({"salesforce_login_url": "http://127.0.0.1:8701"}, "write the https address"),
    ],
)
def test_production_refuses(change: dict[str, Any], said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        refuse_unsafe_start(replace(PRODUCTION, **change))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dev_allowed_hosts": ("sandbox.example.com",)}, "which is not this machine"),
        ({"dev_allowed_hosts": ("127.0.0.1.example.com:80",)}, "which is not this machine"),
        ({"dev_allowed_hosts": ("10.0.0.7:8701",)}, "which is not this machine"),
        ({"salesforce_login_url": "https://example.my.salesforce.com"}, "not this machine"),
        ({"salesforce_login_url": "http://127.0.0.1@evil.example"}, "not this machine"),
        ({"salesforce_login_url": "http://127.0.0.1:9999"}, "not in PUSHBOARD_DEV_ALLOWED_HOSTS"),
        ({"dev_allowed_hosts": ()}, "not in PUSHBOARD_DEV_ALLOWED_HOSTS"),
        ({"clock_anchored": False}, "without an anchor"),
    ],
)
def test_simulation_refuses(change: dict[str, Any], said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        refuse_unsafe_start(replace(SIMULATION, **change))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "::1", "[::1]"])
def test_these_hosts_are_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "localhost.example", "127.1.example", "::2"])
def test_these_hosts_are_not(host: str) -> None:
    assert not is_loopback(host)


def test_a_refused_start_prints_one_sentence_and_ends_with_an_error() -> None:
    clean = {name: value for name, value in os.environ.items() if "PUSHBOARD" not in name}
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env=clean,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("Pushboard does not start: PUSHBOARD_SECRET_KEY is missing")
    assert done.stderr.count("\n") == 1
