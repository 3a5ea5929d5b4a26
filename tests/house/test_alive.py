"""The health check of the workers' containers."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from rollouts.models import Connection, Heartbeat
from rollouts.pipeline import clock

pytestmark = pytest.mark.django_db


def alive(part: str) -> str:
    said = StringIO()
    call_command("alive", part, stdout=said)
    return said.getvalue()


def beat(part: str, seconds_ago: float) -> None:
    at = clock.now() - timedelta(seconds=seconds_ago)
    Heartbeat.objects.create(part=part, beat_at=at)


def test_work_done_lately_is_a_sign_of_life() -> None:
    beat("tick", 30)

    assert "tick did its work 3" in alive("tick")


def test_a_worker_that_is_connected_but_does_nothing_is_found() -> None:
    beat("tick", 300)

    with pytest.raises(CommandError, match=r"tick did its work 30\d s ago; 120 s are allowed"):
        alive("tick")


def test_no_sign_at_all_is_none() -> None:
    with pytest.raises(CommandError, match="has not done anything yet"):
        alive("tick")


def test_without_a_connection_there_is_nothing_to_watch() -> None:
    assert "Nothing is connected" in alive("watcher")
    Connection.objects.create(name="Packaging org", login_url="https://x.my.salesforce.com")

    with pytest.raises(CommandError, match="watcher has not done anything yet"):
        alive("watcher")
