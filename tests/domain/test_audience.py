"""An audience means what its words say, survives being stored, and guesses about nobody."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollouts.domain.audience import Audience, BadAudience, Facts, audience_of, number_of
from rollouts.domain.versions import Number

ACME = Facts(
    org="00D000000000001AAA", number=Number(4, 2, 1, 7), version="04t1", is_production=True,
    is_own=False, status="Active", instance="DEU44", customer="001A", tags=frozenset({"bank"}),
    ring="early", failures=1, licence="Active", ends=date(2027, 3, 31), seats=240,
)  # fmt: skip
NOBODY_KNOWS = Facts("00D000000000002AAA", Number(4, 2, 1), "04t1", True, False, "", "")


def test_without_conditions_it_is_everybody() -> None:
    assert Audience().matches(ACME)
    assert Audience().matches(NOBODY_KNOWS)


FITTING: tuple[dict[str, Any], ...] = (
    {"types": {"production"}},
    {"from_versions": ("04t1", "04t2")},
    {"version_from": "4.2.1"},
    {"version_to": "4.2.1"},
    {"version_from": "4.1", "version_to": "4.2.1.7"},
    {"statuses": {"Active", "Free"}},
    {"instance_prefix": "deu"},
    {"regions": {"deu"}},
    {"customers": {"001A"}},
    {"tags": {"bank", "school"}},
    {"without_tags": {"school"}},
    {"rings": {"early"}},
    {"past": "failed"},
    {"licences": {"Active"}},
    {"ends_from": date(2027, 3, 31)},
    {"ends_to": date(2027, 3, 31)},
    {"seats_from": 240, "seats_to": 240},
    {"org_ids": ("00D000000000001AAA",)},
)
OTHER: tuple[dict[str, Any], ...] = (
    {"types": {"sandbox"}},
    {"types": {"own"}},
    {"from_versions": ("04t2",)},
    {"version_from": "4.2.2"},
    {"version_to": "4.2.0"},
    {"version_to": "4.2.1.6"},
    {"statuses": {"Trial"}},
    {"instance_prefix": "USA"},
    {"regions": {"DE"}},
    {"customers": {"001B"}},
    {"tags": {"school"}},
    {"without_tags": {"bank"}},
    {"rings": {"usual"}},
    {"past": "clean"},
    {"licences": {"Suspended"}},
    {"ends_from": date(2027, 4, 1)},
    {"ends_to": date(2027, 3, 30)},
    {"seats_from": 241},
    {"seats_to": 239},
    {"org_ids": ("00D000000000009AAA",)},
)


def made(rule: dict[str, Any]) -> Audience:
    sets: dict[str, Any] = {
        name: frozenset(value) if isinstance(value, set) else value for name, value in rule.items()
    }
    return Audience(**sets)


@pytest.mark.parametrize("rule", FITTING, ids=" and ".join)
def test_an_org_that_fulfils_the_condition_is_in(rule: dict[str, Any]) -> None:
    assert made(rule).matches(ACME)


@pytest.mark.parametrize("rule", OTHER, ids=" and ".join)
def test_an_org_that_does_not_is_out(rule: dict[str, Any]) -> None:
    assert not made(rule).matches(ACME)


@pytest.mark.parametrize("condition", ["seats_from", "seats_to", "ends_from", "ends_to"])
def test_what_is_not_known_fulfils_nothing(condition: str) -> None:
    value = 0 if condition == "seats_from" else 10**9
    rule = {condition: date(2030, 1, 1) if "ends" in condition else value}

    assert not made(rule).matches(NOBODY_KNOWS)


def test_all_conditions_must_hold_together() -> None:
    assert not Audience(tags=frozenset({"bank"}), rings=frozenset({"late"})).matches(ACME)


def test_an_org_of_ours_is_of_its_kind_and_our_own() -> None:
    ours = ACME._replace(is_own=True)

    assert Audience(types=frozenset({"own"})).matches(ours)
    assert Audience(types=frozenset({"production"})).matches(ours)


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=8)
SETS = st.frozensets(WORDS, max_size=4)
RULES = st.builds(
    Audience,
    types=st.frozensets(st.sampled_from(["own", "production", "sandbox"])),
    from_versions=st.lists(WORDS, max_size=3).map(tuple),
    version_from=st.sampled_from(["", "4.0", "4.1.2"]),
    version_to=st.sampled_from(["", "4.1.2", "5.0.0.9"]),
    statuses=SETS, regions=SETS, customers=SETS, tags=SETS, without_tags=SETS, licences=SETS,
    rings=st.frozensets(st.sampled_from(["own", "early", "usual", "late"])),
    past=st.sampled_from(["", "failed", "clean"]),
    ends_from=st.none() | st.just(date(2026, 1, 1)),
    ends_to=st.none() | st.dates(min_value=date(2026, 1, 1)),
    seats_from=st.none() | st.integers(0, 5), seats_to=st.none() | st.integers(5, 9),
    org_ids=st.lists(WORDS, max_size=3, unique=True).map(tuple),
)  # fmt: skip


@settings(max_examples=25)
@given(RULES)
def test_what_is_stored_is_read_back_as_it_was(audience: Audience) -> None:
    stored = json.loads(json.dumps(audience.rule_json()))

    assert audience_of(stored) == audience


@settings(max_examples=15)
@given(RULES, st.text(min_size=1, max_size=10).filter(lambda key: not hasattr(Audience, key)))
def test_a_condition_that_nobody_knows_is_an_error_whatever_else_is_there(
    audience: Audience, key: str
) -> None:
    with pytest.raises(BadAudience, match="not known here"):
        audience_of({**audience.rule_json(), key: "anything"})


@pytest.mark.parametrize(
    "stored",
    [
        {"types": "production"}, {"types": ["prod"]}, {"tags": [1]}, {"tags": [""]},
        {"rings": ["first"]}, {"past": "never"}, {"seats_from": "12"}, {"seats_from": True},
        {"seats_to": -1}, {"ends_to": "31.3.2027"}, {"version_from": "four"},
        {"version_to": 4.2}, {"version_from": "5.0", "version_to": "4.0"},
        {"seats_from": 9, "seats_to": 8}, {"ends_from": "2027-01-02", "ends_to": "2027-01-01"},
        {"org_ids": "00D"}, {"package": None},
    ],
    ids=str,
)  # fmt: skip
def test_a_value_of_another_kind_is_an_error_and_not_a_guess(stored: dict[str, Any]) -> None:
    with pytest.raises(BadAudience):
        audience_of(stored)


def test_a_version_is_read_as_people_write_it() -> None:
    assert number_of(" 4.2 ") == Number(4, 2)
    assert number_of("4.2.1.7") == Number(4, 2, 1, 7)
    for text in ("4", "4.2.1.7.1", "v4.2", "4.-2", "4.٢"):
        with pytest.raises(BadAudience):
            number_of(text)
