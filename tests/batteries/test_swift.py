"""The batteries' memory of statements: what is remembered is what Django would have written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.test.utils import CaptureQueriesContext

from rollouts.models import Batch, ChainHead, Heartbeat, Lease, Org, Rollout, Wave
from tests.batteries import swift

NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> dict[object, Any]:
    """A memory of this test's own."""
    known: dict[object, Any] = {}
    monkeypatch.setattr(swift, "_known", known)
    swift.remember(monkeypatch.setattr)
    return known


# The same question twice, about something else each time: ``n`` is what differs.
QUESTIONS: tuple[Callable[[int], QuerySet[Any]], ...] = (
    lambda n: Batch.objects.open().filter(wave__rollout__slug=f"r{n}").order_by("-pk"),
    lambda n: Batch.objects.select_related("wave__rollout", "list").filter(pk=n),
    lambda n: Batch.objects.only("state").filter(leased_until__lt=NOW + timedelta(hours=n)),
    lambda n: Batch.objects.filter(Q(leased_until=None) | Q(epoch__gt=n), connection=n),
    lambda n: Batch.objects.filter(pk__in=[n, n + 1]).exclude(sf_id=None),
    lambda n: Batch.objects.filter(wave__in=Wave.objects.filter(number=n).exclude(state="passed")),
    lambda n: Rollout.objects.values("slug").filter(epoch=n).order_by(F("pk").desc())[: n + 1],
    lambda n: Rollout.objects.filter(Exists(Wave.objects.filter(rollout=OuterRef("pk"), number=n))),
    lambda n: Wave.objects.filter(number__lte=n).values("state").annotate(n=Count("pk")),
    lambda n: Wave.objects.annotate(
        newest=Subquery(Batch.objects.filter(wave=OuterRef("pk"), epoch=n).values("pk")[:1])
    ).filter(number=n),
    lambda n: Org.objects.filter(is_own=bool(n), key=f"k{n}"),
    lambda n: Wave.objects.filter(rollout=n).annotate(most=Sum("number")),
)


@pytest.mark.django_db
@pytest.mark.parametrize("number", range(len(QUESTIONS)))
def test_what_is_remembered_is_what_would_have_been_written(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = QUESTIONS[number]
    plain = [ask(n).query.sql_with_params() for n in range(4)]
    monkeypatch.setattr(swift, "_known", {})
    swift.remember(monkeypatch.setattr)
    for _ in range(2):
        told = [ask(n).query.sql_with_params() for n in range(4)]
        assert told == plain
        assert [[*map(type, of)] for _, of in told] == [[*map(type, of)] for _, of in plain]
    assert [list(ask(n)) for n in range(4)] == [[], [], [], []]


@pytest.mark.django_db
def test_a_statement_is_written_once_for_all_its_values(memory: dict[object, Any]) -> None:
    for n in range(5):
        assert not Batch.objects.select_related("wave").filter(pk=n, state="armed").exists()
    assert len(memory) == 1


@pytest.mark.django_db
def test_answers_and_updates_are_those_of_the_values_given(memory: dict[object, Any]) -> None:
    for n in range(3):
        Lease.objects.create(name=f"lease {n}", until=NOW + timedelta(hours=n))
    for n in range(3):
        until = NOW + timedelta(days=n)
        changed = Lease.objects.filter(name=f"lease {n}").update(epoch=F("epoch") + n, until=until)
        assert changed == 1
        lease = Lease.objects.get(name=f"lease {n}")
        assert (lease.name, lease.epoch, lease.until) == (f"lease {n}", n, until)
    assert Lease.objects.filter(epoch__gte=1).count() == 2
    assert list(Lease.objects.filter(name__in=[]).values_list("pk")) == []
    assert Lease.objects.filter(name__in=["lease 0", "lease 2"], epoch=2).get().name == "lease 2"
    assert any(known is not None for known in memory.values())


@pytest.mark.django_db
def test_an_empty_value_is_no_value(memory: dict[object, Any]) -> None:
    for note in ("", "a"):
        Heartbeat.objects.create(part=f"p{note}", beat_at=NOW, note=note)
    for part, moment in (("p", NOW + timedelta(hours=1)), ("pa", NOW + timedelta(hours=2))):
        assert Heartbeat.objects.filter(part=part).update(beat_at=moment)
        assert Heartbeat.objects.get(part=part).beat_at == moment
    assert memory


@pytest.mark.django_db
def test_nobody_is_asked_what_nothing_can_fit(memory: dict[object, Any]) -> None:
    with CaptureQueriesContext(
        connection,
    ) as asked:
        for _ in range(3):
            assert list(ChainHead.objects.filter(sequence__in=[])) == []
            assert not ChainHead.objects.filter(sequence__in=[]).exists()
    assert not asked.captured_queries
    assert len(memory) == 2
