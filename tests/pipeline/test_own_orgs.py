from __future__ import annotations

import pytest

from rollouts.domain.ids import long_id
from rollouts.models import Event, Org
from rollouts.pipeline import clock, own_orgs
from rollouts.pipeline.transitions import Refusal

pytestmark = pytest.mark.django_db
KEY = long_id("00D5g000004XyZ9")


@pytest.fixture(autouse=True)
def an_org() -> None:
    now = clock.now()
    Org.objects.create(key=KEY, name="QA", folded="qa", is_production=True, first_seen_at=now)


def test_only_people_say_which_orgs_are_own_and_it_is_in_the_history() -> None:
    assert own_orgs.mark([KEY[:15]], now=clock.now()) == 1
    assert Org.objects.get().is_own
    assert Event.objects.get().detail == {"orgs": [KEY]}
    assert own_orgs.mark([KEY], now=clock.now()) == 0
    assert own_orgs.mark([KEY], own=False, now=clock.now()) == 1


@pytest.mark.parametrize(
    ("other", "says"), [("00D5g000004XyZ8", "No org"), ("00D5g000004XyZ9AAA", "mistyped")]
)
def test_one_bad_id_and_none_is_marked(other: str, says: str) -> None:
    with pytest.raises(Refusal, match=says):
        own_orgs.mark([KEY, other], now=clock.now())
    assert not Org.objects.filter(is_own=True).exists()
