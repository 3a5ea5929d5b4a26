from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rollouts.models import Connection, Deployment
from rollouts.pipeline.deployment import WrongMode, demand_mode

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_process() -> Iterator[None]:
    demand_mode.cache_clear()
    yield
    demand_mode.cache_clear()


def test_the_first_start_writes_the_mode_down() -> None:
    assert demand_mode()
    assert Deployment.objects.get().simulation is True


def test_a_simulations_data_is_not_opened_in_production(settings: Any) -> None:
    demand_mode()
    demand_mode.cache_clear()
    settings.SIMULATION = False
    with pytest.raises(WrongMode, match="PUSHBOARD_MODE=simulation"):
        demand_mode()


def test_a_real_connection_is_not_opened_in_a_simulation() -> None:
    demand_mode()
    demand_mode.cache_clear()
    Connection.objects.create(name="real", login_url="https://login.salesforce.com")
    with pytest.raises(WrongMode):
        demand_mode()
