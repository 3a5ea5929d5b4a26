"""Before the approval: what stands in the way, what to expect, and what a rehearsal said."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db.models import Model

from rollouts import tasks
from rollouts.management.rehearsal import runner
from rollouts.models import Event, Rehearsal, Rollout
from rollouts.pipeline import rehearsing
from rollouts.pipeline.deployment import demand_mode
from tests.views.conftest import Browser
from tests.views.world import World

REPORT: dict[str, Any] = {
    "rehearsal": True, "outcome": "halted", "because": "the same failure in 3 orgs",
    "begin": "2026-11-21T03:14:07+00:00", "ended": "2026-11-29T03:14:07+00:00", "orgs": 58,
    "states": {"done": 40, "failed": 3, "planned": 15},
    "waves": [
        {"number": 1, "name": "Own orgs", "state": "passed", "orgs": 6, "done": 6, "failed": 0,
         "batches": 1, "first_start": "2026-11-21T04:00:05+00:00",
         "passed": "2026-11-21T06:00:00+00:00"},
        {"number": 2, "name": "Sandboxes", "state": "frozen", "orgs": 18, "done": 5, "failed": 3,
         "batches": 1, "first_start": "2026-11-22T04:00:05+00:00", "passed": ""},
    ],
    "failed_tries": 3, "kinds": {"package": 3}, "signatures": [["DeployError | x", 3]],
    "guardrails": [{"at": "2026-11-22T05:00:00+00:00", "what": "halted the rollout",
                    "because": "the same failure in 3 orgs, the limit is 3"}],
    "rate": 0.5, "rate_basis": "An assumption.", "ticks": 9,
}  # fmt: skip


@pytest.fixture
def rollout(world: World) -> Rollout:
    return world.rollout()


def page_of(rollout: Rollout) -> str:
    return f"/rollouts/{rollout.slug}/outlook/"


def rows_of_all_tables() -> dict[str, list[tuple[object, ...]]]:
    """Everything in the database but what a rehearsal may write: itself, and history."""
    # Any command writes the mode down at its first start; that is no rehearsal's doing.
    demand_mode()
    spared = {"rehearsal", "event", "chainhead", "session"}
    found: dict[str, list[tuple[object, ...]]] = {}
    model: type[Model]
    for model in apps.get_models():
        name = model._meta.model_name or ""
        if name in spared:
            continue
        fields = [field.name for field in model._meta.concrete_fields if field.name != "version"
                  or name != "rollout"]  # fmt: skip
        found[name] = list(model._default_manager.order_by("pk").values_list(*fields))
    return found


def test_the_page_shows_preflight_and_forecast_before_approval(
    rollout: Rollout, sign_in: Browser
) -> None:
    page = sign_in("ari").get(page_of(rollout)).content.decode()

    assert "Preflight" in page
    assert "in nine of ten cases" in page
    assert "An assumption: a batch settles in 30 minutes" in page
    assert "None yet. A rehearsal plays this plan" in page
    assert page_of(rollout) in sign_in("ari").get(f"/rollouts/{rollout.slug}/").content.decode()


def test_a_rehearsal_is_asked_for_with_a_button_and_rings_its_bell(
    rollout: Rollout,
    sign_in: Browser,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    rung: list[str] = []
    monkeypatch.setattr(tasks.rehearse, "delay", lambda: rung.append("rehearse"))
    monkeypatch.setattr(tasks.tick, "delay", lambda: rung.append("tick"))

    with django_capture_on_commit_callbacks(execute=True):
        answer = sign_in("pia").post(f"/rollouts/{rollout.slug}/rehearse/")
    again = sign_in("pia").post(f"/rollouts/{rollout.slug}/rehearse/")

    assert answer.status_code == 303
    assert "rehearse" in rung
    assert again.status_code == 409
    assert "A rehearsal of this plan is under way." in again.content.decode()
    assert Rehearsal.objects.get().asked_by is not None
    assert Event.objects.filter(action="ask_rehearsal", rollout=rollout).count() == 1


def test_support_reads_rehearsals_and_asks_for_none(rollout: Rollout, sign_in: Browser) -> None:
    sue = sign_in("sue")

    assert "Rehearse this plan" not in sue.get(page_of(rollout)).content.decode()
    assert sue.post(f"/rollouts/{rollout.slug}/rehearse/").status_code == 403


def test_one_that_never_came_back_makes_room_for_another(rollout: Rollout, world: World) -> None:
    pia = world.people["pia"]
    lost = rehearsing.ask(rollout, by=pia, now=world.now)

    rehearsing.ask(rollout, by=pia, now=world.now + timedelta(hours=2))

    lost.refresh_from_db()
    assert lost.problem == "It never came back."


def test_its_report_is_marked_as_a_rehearsal_and_says_what_guardrails_did(
    rollout: Rollout, world: World, sign_in: Browser
) -> None:
    made = rehearsing.ask(rollout, by=world.people["pia"], now=world.now)
    rehearsing.keep(made, report=REPORT, problem="", now=world.now)

    page = sign_in("ari").get(page_of(rollout)).content.decode()

    assert "Rehearsal: halted" in page
    assert "40 orgs of 58 had the version after 8 d" in page
    assert "halted the rollout. the same failure in 3 orgs, the limit is 3" in page
    assert "The plan or its orgs have changed" not in page


def test_a_changed_plan_says_that_its_rehearsal_is_old(
    rollout: Rollout, world: World, sign_in: Browser
) -> None:
    made = rehearsing.ask(rollout, by=world.people["pia"], now=world.now)
    rehearsing.keep(made, report=REPORT, problem="", now=world.now)
    rollout.targets.filter(wave__number=2).first().delete()  # type: ignore[union-attr]

    page = sign_in("ari").get(page_of(rollout)).content.decode()

    assert "The plan or its orgs have changed since this rehearsal." in page


def test_the_process_is_given_nothing_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = {
        "PUSHBOARD_SF_CLIENT_SECRET": "very-secret", "PUSHBOARD_DATABASE_URL": "postgresql://x/y",
        "PUSHBOARD_REDIS_URL": "redis://z", "PUSHBOARD_ENCRYPTION_KEYS": "1:abc",
        "AWS_SECRET_ACCESS_KEY": "other", "PATH": "/bin",
    }  # fmt: skip

    given = runner.environment(tmp_path, ours)

    assert given["PUSHBOARD_MODE"] == "simulation"
    assert given["PUSHBOARD_DATABASE_URL"] == f"sqlite:///{tmp_path}/rehearsal.sqlite3"
    assert not {"very-secret", "1:abc", "other", "redis://z"} & set(given.values())
    assert given["PATH"] == "/bin"


def test_the_plan_that_leaves_names_no_customer(rollout: Rollout, world: World) -> None:
    told = json.dumps(rehearsing.plan_of(rollout, world.now), ensure_ascii=False)

    assert all(org.name not in told for org in world.orgs)
    assert "@" not in told


def test_a_process_that_fails_leaves_why_and_nothing_else(
    rollout: Rollout, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows_of_all_tables()
    monkeypatch.setattr(runner, "played", lambda _plan, plays: (None, "The rehearsal failed: no"))

    call_command("rehearse", rollout.slug)

    assert Rehearsal.objects.get().problem == "The rehearsal failed: no"
    assert rows_of_all_tables() == before


def test_customers_are_told_in_time_by_wave_with_those_left_out(
    rollout: Rollout, world: World, sign_in: Browser
) -> None:
    page = sign_in("sue").get(page_of(rollout)).content.decode()
    answer = sign_in("sue").get(f"/rollouts/{rollout.slug}/notice.csv")
    lines = list(csv.DictReader(io.StringIO(answer.content.decode().lstrip("\ufeff"))))

    assert "We will upgrade Harbor in your orgs to 4.3.0 between 21 November 2026" in page
    assert len(lines) == 60
    assert lines[0]["wave"] == "1 Own orgs"
    assert lines[0]["earliest_start_utc"] >= "2026-11-21 03:14"
    blocked = next(line for line in lines if line["org_id"] == world.orgs[57].key)
    assert blocked["not_in_it"] == "the customer blocks pushes"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rate", "outcomes"),
    [(0.0, {"completed"}), (0.6, {"halted"})],
)
def test_a_whole_rehearsal_changes_nothing_here_but_its_report(
    rollout: Rollout,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    rate: float,
    outcomes: set[str],
) -> None:
    before, planned = rows_of_all_tables(), rehearsing.plan_of

    def with_rate(*given: Any) -> dict[str, Any]:
        return planned(*given) | {"rate": rate}

    monkeypatch.setattr(rehearsing, "plan_of", with_rate)
    call_command("rehearse", rollout.slug)

    kept = Rehearsal.objects.get()
    assert kept.problem == ""
    assert kept.report["outcome"] in outcomes
    assert kept.report["rehearsal"] is True
    assert rows_of_all_tables() == before
    if rate:
        assert kept.report["guardrails"][-1]["what"] == "halted the rollout"
    else:
        assert kept.report["states"] == {"done": 58}
