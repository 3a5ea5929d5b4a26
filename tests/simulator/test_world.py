"""The invented fleet: the same from the same seed, varied, awkward, and made only once."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from rollouts.simulator import Options, Simulator, WrongWorld
from rollouts.simulator.ids import BadId, long_id, short_id

from .caller import Caller, StoppedClock
from .conftest import Build

FLEET = "SELECT OrgKey, OrgName, OrgStatus, OrgType, InstanceName, ParentOrg FROM PackageSubscriber"


def test_ids_bear_their_checksum() -> None:
    assert long_id("001D000000IRFma") == "001D000000IRFmaIAH"
    assert short_id("001D000000IRFmaIAH") == "001D000000IRFma"
    for wrong in ("001D000000IRFmaIAA", "001D000000IRFm", "001D000000IRFm!", "", "x" * 16):
        with pytest.raises(BadId):
            long_id(wrong)


def test_the_same_seed_gives_the_same_fleet(build: Build) -> None:
    assert build(seed=3).rows(FLEET) == build(seed=3).rows(FLEET) != build(seed=4).rows(FLEET)


def test_the_fleet_is_as_ordered(build: Build) -> None:
    org = build(orgs=2_000)
    fleet = {row["OrgKey"]: row for row in org.rows(FLEET)}
    types = Counter(row["OrgType"] for row in fleet.values())
    production = {key for key, row in fleet.items() if row["OrgType"] == "Production"}
    own = [row for row in fleet.values() if row["OrgName"].startswith("Harborline QA ")]
    by_package = {
        row["Name"]: row["expr0"]
        for row in org.rows(
            "SELECT MetadataPackage.Name, COUNT(Id) FROM PackageSubscriber"
            " GROUP BY MetadataPackage.Name"
        )
    }

    assert len(fleet) == 2_000
    assert 0.65 < types["Production"] / 2_000 < 0.75
    assert all(
        row["ParentOrg"] in production for row in fleet.values() if row["OrgType"] == "Sandbox"
    )
    assert len(own) == 8
    assert {row["OrgStatus"] for row in own} == {"Demo"}
    assert by_package["Harbor"] > 1_700
    assert 400 < by_package["Tracker"] < 800
    assert {row["OrgStatus"] for row in fleet.values()} == {
        "Active",
        "Trial",
        "Inactive",
        "Free",
        "Demo",
    }
    assert {row["InstanceName"][:2] for row in fleet.values()} >= {
        "US",
        "DE",
        "JP",
        "NA",
        "EU",
        "CS",
    }
    assert org.ask(
        "SELECT COUNT() FROM PackageSubscriber WHERE CustomUpgradeType = 'BlockedBySubscriber'"
    ).ok()["totalSize"] in range(1, 50)


def test_names_are_as_a_real_list_has_them(build: Build) -> None:
    names = {row["OrgName"] for row in build(orgs=2_000).rows(FLEET)}
    assert {"<b>bold</b> GmbH", '=HYPERLINK("http://example.invalid","x")', "-", "null"} <= names
    assert max(len(name) for name in names) == 80
    assert all(name == name.strip() for name in names)
    for alphabet in ("ü", "é", "ה", "\u0627", "社", "🚢", "'", '"', "&"):
        assert any(alphabet in name for name in names), alphabet


def test_sandboxes_often_bear_their_parents_name(build: Build) -> None:
    fleet = {row["OrgKey"]: row for row in build(orgs=500).rows(FLEET)}
    same = [
        row
        for row in fleet.values()
        if row["ParentOrg"] and fleet[row["ParentOrg"]]["OrgName"] == row["OrgName"]
    ]
    assert len(same) > 40


def test_most_orgs_are_on_the_usual_version(build: Build) -> None:
    rows = build(orgs=1_000).rows(
        "SELECT MetadataPackageVersionId, COUNT(Id) n FROM PackageSubscriber"
        " WHERE MetadataPackage.Name = 'Harbor' GROUP BY MetadataPackageVersionId"
        " ORDER BY COUNT(Id) DESC"
    )
    assert 0.5 < rows[0]["n"] / sum(row["n"] for row in rows) < 0.75
    assert len(rows) >= 6


@pytest.mark.parametrize("orgs", [1, 2, 9, 40])
def test_small_fleets_work_too(build: Build, orgs: int) -> None:
    assert len({row["OrgKey"] for row in build(orgs=orgs).rows(FLEET)}) == orgs


def test_two_thousand_orgs_take_under_a_second() -> None:
    started = time.process_time()
    Simulator(orgs=2_000).close()
    assert time.process_time() - started < 1


# --- the file -------------------------------------------------------------------------------


def test_the_world_outlives_the_program(tmp_path: Path, clock: StoppedClock) -> None:
    options = Options(failure_rate=0)
    simulator = Simulator(tmp_path, orgs=60, clock=clock, options=options)
    org = Caller(simulator)
    request_id = org.push(org.orgs(5))
    token = org.token
    simulator.close()
    clock.pass_(hours=2)

    again = Simulator(tmp_path, orgs=60, clock=clock, options=options)
    org = Caller(again)
    org.token = token

    assert org.status(request_id) == "Succeeded"
    assert len([each for each in again.effects() if each.kind == "world_generated"]) == 1
    again.close()


def test_another_seed_needs_another_directory(tmp_path: Path) -> None:
    Simulator(tmp_path, seed=7, orgs=20).close()
    with pytest.raises(WrongWorld, match=r"seed 7, 20 orgs.*another data directory"):
        Simulator(tmp_path, seed=8, orgs=20)
    with pytest.raises(WrongWorld):
        Simulator(tmp_path, seed=7, orgs=21)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "simulator.sqlite3").write_text("This is a shopping list, and not a short one.")
    with pytest.raises(WrongWorld, match="can't be opened"):
        Simulator(tmp_path)


def test_time_never_runs_backwards(org: Caller, clock: StoppedClock) -> None:
    clock.pass_(hours=1)
    seen = org.simulator.now()
    clock.pass_(hours=-2)
    assert org.simulator.now() == seen


def test_options_that_change_while_it_runs_hold_for_the_next_call() -> None:
    world = Simulator(data=":memory:", seed=7, orgs=20)
    kept = replace(world.options.unknowns, start_kept_to_minute=True)
    world.options = replace(world.options, unknowns=kept)
    assert all(face.options.unknowns.start_kept_to_minute for face in world._faces.values())
