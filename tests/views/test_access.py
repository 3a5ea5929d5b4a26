"""No page opens by accident: every address says who may, and none acts on GET."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from rollouts.domain.permissions import Permission
from tests.views.conftest import FRAGMENT, Browser
from tests.views.world import World

OPEN = {"sign-in", "sign-out", "livez", "readyz"}
ACTS: dict[str, dict[str, Any]] = {
    "sign-out": {}, "sync": {}, "stop-ask-lift": {}, "stop-confirm-lift": {},
    "rollout-pause": {"slug": "x"}, "rollout-lift-pause": {"slug": "x"},
    "wave-freeze": {"slug": "x", "number": 1}, "wave-send-back": {"slug": "x", "number": 1},
    "connection-check": {"pk": 1}, "connection-make-key": {"pk": 1},
    "connection-switch-key": {"pk": 1}, "connection-push-off": {"pk": 1},
    "connection-sign-in": {"pk": 1},
    "org-domain": {"key": "x"}, "view-update": {"pk": 1}, "view-delete": {"pk": 1},
    "org-refresh": {"key": "x"}, "org-marks": {"key": "x"}, "audience-drop": {"pk": 1},
    "exclusion-confirm-end": {"pk": 1}, "exclusion-keep": {"pk": 1},
    "exclusion-decide": {"pk": 1},
    "rollout-rehearse": {"slug": "x"}, "package-need": {"key": "x"},
    "package-need-end": {"key": "x", "pk": 1},
    "package-check-off": {"key": "x", "code": "x"}, "rollout-finish-close": {"slug": "x"},
    "rollout-check-off": {"slug": "x", "code": "x"}, "draft-drop": {"pk": 1},
    "failure-triage": {"key": "x"}, "rollout-failure-triage": {"slug": "x", "key": "x"},
    "batch-recall": {"slug": "x", "pk": 1}, "batch-look-again": {"slug": "x", "pk": 1},
}  # fmt: skip


def routes(patterns: list[Any]) -> Iterator[URLPattern]:
    """Walk the whole table of addresses."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns)
        else:
            yield pattern


ROUTES = {str(route.name): route for route in routes(get_resolver().url_patterns)}


@pytest.mark.parametrize("name", sorted(ROUTES.keys() - {"livez", "readyz"}))
def test_every_view_declares_who_may_open_it(name: str) -> None:
    view = ROUTES[name].callback

    assert hasattr(view, "permission"), f"{name} has neither may() nor anybody()"
    permission = view.permission
    assert isinstance(permission, Permission) if name not in OPEN else permission is None


@pytest.mark.parametrize("name", sorted(ACTS))
def test_an_act_is_refused_on_get(name: str, sign_in: Browser) -> None:
    answer = sign_in("pia").get(reverse(name, kwargs=ACTS[name]))

    assert answer.status_code == 405


def test_somebody_not_signed_in_is_led_to_the_sign_in_page(world: World) -> None:
    answer = Client().get("/rollouts/?show=active")

    assert answer.status_code == 302
    assert answer["Location"] == "/sign-in/?next=/rollouts/%3Fshow%3Dactive"


def test_a_fragment_asked_for_after_signing_out_is_never_a_sign_in_form(world: World) -> None:
    answer = Client().get("/", headers=FRAGMENT)

    assert answer.status_code == 401
    assert answer.content == b""


def test_a_refused_page_names_the_role_and_keeps_the_shell(sign_in: Browser) -> None:
    answer = sign_in("vic").get("/rollouts/new/")

    assert answer.status_code == 403
    assert b"This needs the role planner." in answer.content
    assert b'href="/rollouts/"' in answer.content


def test_a_person_who_lost_the_role_is_refused_at_once(world: World, sign_in: Browser) -> None:
    pia = sign_in("pia")
    assert pia.get("/rollouts/new/").status_code == 200

    world.people["pia"].grants.update(ended_at=world.now)

    assert pia.get("/rollouts/new/").status_code == 403


def test_pages_are_kept_by_no_cache_and_vary_with_htmx(sign_in: Browser) -> None:
    answer = sign_in("vic").get("/")

    assert "HX-Request" in answer["Vary"]
    assert "no-store" in answer["Cache-Control"]


def test_a_restored_history_entry_gets_the_whole_page(sign_in: Browser) -> None:
    headers = FRAGMENT | {"HX-History-Restore-Request": "true"}

    assert b"<!doctype html>" in sign_in("vic").get("/", headers=headers).content
