"""The people of the stories, each at a browser of their own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

import pytest
from django.http import HttpResponse
from django.test import Client

from rollouts.pipeline import clock
from tests.views import recorded
from tests.views import world as worlds
from tests.views.world import World

FRAGMENT = {"HX-Request": "true"}


class Browser(Protocol):
    """Opens pages as one person."""

    def __call__(self, name: str) -> Client: ...


NOW = datetime(2026, 11, 21, 3, 14, 7, tzinfo=UTC)


@pytest.fixture(autouse=True)
def every_act_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a test here does as a person must stand in the history, or say why it need not."""
    recorded.watch(monkeypatch)


@pytest.fixture
def world(db: None, monkeypatch: pytest.MonkeyPatch) -> World:
    """Sixty orgs, a package with a newer version, seven people; it is 03:14 and stays so."""
    monkeypatch.setattr(clock, "wall", lambda: NOW)
    return worlds.make(60)


@pytest.fixture
def sign_in(world: World) -> Browser:
    """Sign a person in: `sign_in("pia").get("/")`."""

    def signed_in(name: str) -> Client:
        client = Client()
        client.force_login(world.people[name])
        return client

    return signed_in


@pytest.fixture
def text() -> Callable[[HttpResponse], str]:
    """Read an answer's body."""

    def read(answer: HttpResponse) -> str:
        return answer.content.decode()

    return read
