from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollouts.domain import ids

SHORTS = st.from_regex(r"\A00D[A-Za-z0-9]{12}\Z")


def test_a_known_pair_of_15_and_18_characters_is_one_org() -> None:
    assert ids.org_id("00D5g000004XyZ9") == ids.org_id("00D5g000004XyZ9EAK")


@given(SHORTS)
def test_every_short_id_has_one_long_form_that_is_stable(short: str) -> None:
    long = ids.org_id(short)
    assert len(long) == 18
    assert ids.org_id(long) == long


@given(SHORTS)
def test_a_lost_case_is_repaired_from_the_last_three_characters(short: str) -> None:
    long = ids.org_id(short)
    assert ids.org_id(long.lower()) == long
    assert ids.org_id(long.upper()) == long


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("00D5g000004XyZ", "14 characters"),
        ("00D5g000004XyZ9EAX", "mistyped"),
        ("04t5g000004XyZ9", "begins with 04t"),
        ("00D5g000004Xy<9", "only letters and digits"),
        ("", "only letters and digits"),
        ("00D5g000004XyZ9E", "16 characters"),
    ],
)
def test_what_is_no_org_id_is_refused_with_the_reason(text: str, says: str) -> None:
    with pytest.raises(ids.BadId, match=says):
        ids.org_id(text)


def test_a_swapped_letter_within_a_right_checksum_case_is_another_org_not_a_repair() -> None:
    assert ids.org_id("00D5g000004XyZ8EAK") != ids.org_id("00D5g000004XyZ9EAK")


def test_a_session_id_is_cut_before_it_is_used() -> None:
    assert ids.find_org_id("00D5g000004XyZ9!AQ4AQsecret") == "00D5g000004XyZ9"


def test_an_id_is_found_inside_an_address() -> None:
    url = "https://acme.my.salesforce.com/lightning/r/00D5g000004XyZ9EAK/view"
    assert ids.find_org_id(url) == "00D5g000004XyZ9EAK"
    assert ids.find_org_id("nothing to see") == ""
