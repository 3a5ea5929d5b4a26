"""The people of the stories, each at a browser of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import pytest
from django.http import HttpResponse
from django.test import Client

from tests.views import world as worlds
from tests.views.world import World

FRAGMENT = {"HX-Request": "true"}


class Browser(Protocol):
    """Opens pages as one person."""

    def __call__(self, name: str) -> Client: ...


@pytest.fixture
def world(db: None) -> World:
    """Sixty orgs, a package with a newer version, seven people."""
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
