"""A database belongs to one installation, however many of its workers start at once."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db.models import QuerySet

from rollouts.models import Deployment

NOW = datetime(2026, 11, 2, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def test_two_workers_that_find_an_empty_database_make_one_installation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Deployment.objects.all().delete()
    first = Deployment.objects.here(simulation=True, now=NOW)
    # The second had looked before the first one had written.
    monkeypatch.setattr(QuerySet, "first", lambda _rows: None)

    second = Deployment.objects.here(simulation=True, now=NOW)

    assert second.installation == first.installation
    assert Deployment.objects.count() == 1
