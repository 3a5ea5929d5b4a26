"""What must hold before a process may start, as one list of refusals.

Kept apart from settings.py so that each refusal can be tested without a process of its own.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from pushboard.env import Misconfigured
from pushboard.keys import MAKE_A_KEY

SHORTEST_SECRET_KEY = 50
# The demo's well-known credentials; in earnest they would mean that somebody copied its settings.
SIMULATED_CLIENT_IDS = frozenset({"pushboard-demo"})
SIMULATED_CLIENT_SECRETS = frozenset({"simulated-secret"})


@dataclass(frozen=True, slots=True)
class Plan:
    """The values whose combination decides whether a start is safe."""

    simulation: bool
    secret_key: str
    has_encryption_key: bool
    allowed_hosts: Sequence[str]
    base_url: str
    clock_factor: float
    clock_anchored: bool
    dev_allowed_hosts: Sequence[str]
    salesforce_login_url: str
    salesforce_client_id: str
    salesforce_client_secret: str


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only mean this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def host_of(entry: str) -> str:
    """The host of `host`, `host:port`, `[v6]` or `[v6]:port`."""
    return urlsplit(f"//{entry}").hostname or ""


def refuse_unsafe_start(plan: Plan) -> None:
    """Stop the start when the values don't fit the mode.

    Raises:
        Misconfigured: with the first reason found.
    """
    if plan.simulation:
        _refuse_unsafe_simulation(plan)
    else:
        _refuse_unsafe_production(plan)
    base = urlsplit(plan.base_url)
    if base.scheme not in {"http", "https"} or not base.hostname:
        raise Misconfigured(
            f"PUSHBOARD_BASE_URL is {plan.base_url!r}; write the address people use, "
            "such as https://pushboard.example.com."
        )


def _refuse_unsafe_simulation(plan: Plan) -> None:
    """In simulation mode nothing may reach beyond this machine."""
    for entry in plan.dev_allowed_hosts:
        if not is_loopback(host_of(entry)):
            raise Misconfigured(
                f"PUSHBOARD_DEV_ALLOWED_HOSTS names {entry}, which is not this machine; "
                "simulation mode talks to loopback only, such as 127.0.0.1:8701."
            )
    if plan.salesforce_login_url:
        login = urlsplit(plan.salesforce_login_url)
        if not is_loopback(login.hostname or ""):
            raise Misconfigured(
                f"PUSHBOARD_SF_LOGIN_URL is {plan.salesforce_login_url}, which is not this "
                "machine; simulation mode talks to the simulator on loopback only. "
                "Set PUSHBOARD_MODE=production to reach a real org."
            )
        if not {login.hostname, login.netloc} & set(plan.dev_allowed_hosts):
            raise Misconfigured(
                f"PUSHBOARD_SF_LOGIN_URL is {plan.salesforce_login_url}, but {login.netloc} is "
                f"not in PUSHBOARD_DEV_ALLOWED_HOSTS; add {login.netloc} to that list."
            )
    if plan.clock_factor != 1 and not plan.clock_anchored:
        raise Misconfigured(
            f"PUSHBOARD_CLOCK_FACTOR is {plan.clock_factor:g} without an anchor, so each process "
            "would have a time of its own; set PUSHBOARD_CLOCK_ANCHOR_WALL and "
            "PUSHBOARD_CLOCK_ANCHOR_SIM, as `make demo` does."
        )


def _refuse_missing_keys(plan: Plan) -> None:
    """Both keys must be there: one signs sessions, one seals secrets."""
    if len(plan.secret_key) < SHORTEST_SECRET_KEY:
        raise Misconfigured(
            f"PUSHBOARD_SECRET_KEY is missing or shorter than {SHORTEST_SECRET_KEY} characters; "
            "put a long random text in it, or in a file that PUSHBOARD_SECRET_KEY_FILE names "
            "(for a look around on this machine, use `make demo`)."
        )
    if not plan.has_encryption_key:
        raise Misconfigured(
            "PUSHBOARD_ENCRYPTION_KEYS is missing, so no secret of a connection could be stored or "
            f"read; {MAKE_A_KEY}"
        )


def _refuse_unsafe_production(plan: Plan) -> None:
    """In production nothing may be a default, a wildcard, in the clear, or simulated."""
    _refuse_missing_keys(plan)
    if not plan.allowed_hosts:
        raise Misconfigured(
            "PUSHBOARD_ALLOWED_HOSTS is empty; name the host people use, "
            "such as pushboard.example.com."
        )
    for host in plan.allowed_hosts:
        if "*" in host or host.startswith("."):
            raise Misconfigured(
                f"PUSHBOARD_ALLOWED_HOSTS holds the wildcard {host}; name each host in full."
            )
    base = urlsplit(plan.base_url)
    if base.scheme == "http" and not is_loopback(base.hostname or ""):
        raise Misconfigured(
            f"PUSHBOARD_BASE_URL is {plan.base_url}, so passwords would travel in the clear; "
            "write the https address (http is allowed for 127.0.0.1 only)."
        )
    if plan.clock_factor != 1:
        raise Misconfigured(
            f"PUSHBOARD_CLOCK_FACTOR is {plan.clock_factor:g}; real orgs live in real time. "
            "Remove it, or set PUSHBOARD_MODE=simulation."
        )
    if plan.dev_allowed_hosts:
        raise Misconfigured(
            "PUSHBOARD_DEV_ALLOWED_HOSTS is set, which is for simulation only; remove it, "
            "or set PUSHBOARD_MODE=simulation."
        )
    if (
        plan.salesforce_client_id in SIMULATED_CLIENT_IDS
        or plan.salesforce_client_secret in SIMULATED_CLIENT_SECRETS
    ):
        raise Misconfigured(
            "PUSHBOARD_SF_CLIENT_ID or PUSHBOARD_SF_CLIENT_SECRET holds the simulator's "
            "credentials; write those of your own connected app."
        )
    login = urlsplit(plan.salesforce_login_url)
    if plan.salesforce_login_url and login.scheme != "https":
        raise Misconfigured(
            f"PUSHBOARD_SF_LOGIN_URL is {plan.salesforce_login_url}; write the https address of "
            "the packaging org, such as https://example.my.salesforce.com."
        )
