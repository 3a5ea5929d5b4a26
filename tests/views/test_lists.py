"""A list of ids is read, shown with every refused line, and only then used, once."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from rollouts.models import Event, Exclusion, IdListRead, Mark, Org
from tests.support.bad_files import LINE_BY_LINE, REFUSED
from tests.views.conftest import Browser
from tests.views.world import World, key_of

EXCLUDE = "/lists/new/exclude/"
# Big ones are told once, by the reader's own tests.
CHEAP = sorted(REFUSED.keys() - {"a million lines", "too large", "a novel"})


def bring(browser: Client, content: bytes, address: str = EXCLUDE, **also: Any) -> HttpResponse:
    file = io.BytesIO(content)
    file.name = "orgs.csv"
    answer = browser.post(address, {"file": file, "reason": "audit", "until": "", **also})
    assert isinstance(answer, HttpResponse)
    return answer


def changed_anything() -> bool:
    kept = Exclusion.objects.exists() or Mark.objects.exists()
    return kept or Event.objects.filter(action__in=["exclude", "mark"]).exists()


def test_a_bad_file_gets_its_answer_and_changes_nothing(world: World, sign_in: Browser) -> None:
    pia = sign_in("pia")

    for name in CHEAP:
        answer = bring(pia, REFUSED[name][0]())
        page = answer.content.decode()
        assert answer.status_code == 422, name
        assert "Nothing was changed." in page, name

    assert not changed_anything()
    assert not IdListRead.objects.exists()


@pytest.mark.parametrize("name", LINE_BY_LINE)
def test_a_file_of_bad_lines_says_why_for_each_and_changes_nothing(
    world: World, sign_in: Browser, name: str
) -> None:
    pia = sign_in("pia")
    content, why = LINE_BY_LINE[name]

    page = pia.get(bring(pia, content)["Location"]).content.decode()

    assert why in page
    assert not changed_anything()


class TestAGoodList:
    """Two known orgs, one unknown, one in the wrong case, one that is no id."""

    @pytest.fixture
    def where(self, world: World, sign_in: Browser) -> str:
        wrong_case = key_of(3)[:15].replace("D5g", "D5G")
        lines = (key_of(1), key_of(99_999), wrong_case, "hello", key_of(2))
        return str(bring(sign_in("pia"), "\n".join(lines).encode())["Location"])

    def test_each_line_is_found_or_refused_with_its_number(
        self, where: str, sign_in: Browser
    ) -> None:
        page = sign_in("pia").get(where).content.decode()

        assert "2 orgs found" in page
        assert "3 lines refused" in page
        assert "no org with this ID is known here" in page
        assert f"differs from {key_of(3)} only in upper and lower case" in page
        assert "“audit”, until it is ended" in page

    def test_the_refused_lines_can_be_downloaded(self, where: str, sign_in: Browser) -> None:
        answer = sign_in("pia").get(f"{where}refused/")
        lines = answer.content.decode("utf-8-sig").splitlines()

        assert answer["Content-Disposition"].startswith("attachment")
        assert lines[0] == "Line,Text,Why"
        assert [line.split(",")[0] for line in lines[1:]] == ["2", "3", "4"]

    def test_it_is_used_only_when_the_refused_lines_are_left_out_knowingly(
        self, where: str, sign_in: Browser
    ) -> None:
        pia = sign_in("pia")

        assert pia.post(where, {}).status_code == 422
        assert not changed_anything()
        done = pia.post(where, {"accepted": "3"}, follow=True)

        assert "2 orgs changed, 0 were so already." in done.content.decode()
        assert sorted(Exclusion.objects.values_list("org__key", flat=True)) == [
            key_of(1),
            key_of(2),
        ]

    def test_it_is_used_once(self, where: str, sign_in: Browser) -> None:
        pia = sign_in("pia")
        pia.post(where, {"accepted": "3"})

        answer = pia.post(where, {"accepted": "3"})

        assert answer.status_code == 409
        assert "was used already" in answer.content.decode()
        assert Exclusion.objects.count() == 2

    def test_nobody_else_sees_or_uses_it(self, where: str, sign_in: Browser) -> None:
        assert sign_in("ari").get(where).status_code == 404
        assert sign_in("ari").post(where, {"accepted": "3"}).status_code == 404


def test_a_pasted_list_of_orgs_is_tagged(world: World, sign_in: Browser) -> None:
    pia = sign_in("pia")
    pasted = f"{key_of(1)}\n{key_of(2)}"

    where = pia.post("/lists/new/mark/", {"pasted": pasted, "kind": "tag", "tag": "Bank"})
    pia.post(where["Location"], {"accepted": "0"})

    assert list(Mark.objects.values_list("org__key", "value").order_by("org__key")) == [
        (key_of(1), "bank"),
        (key_of(2), "bank"),
    ]


def test_a_token_in_a_list_is_told_and_kept_nowhere(world: World, sign_in: Browser) -> None:
    pia = sign_in("pia")
    where = bring(pia, f"{key_of(1)}!AQEAQsecret.words\n".encode())["Location"]

    page = pia.get(where).content.decode()

    assert "1 session token came along." in page
    assert "secret" not in page
    assert not [row for row in IdListRead.objects.values_list("found", "refused", "wanted")
                if "secret" in str(row)]  # fmt: skip


def test_neither_or_both_ways_to_give_a_list_are_asked_again(
    world: World, sign_in: Browser
) -> None:
    pia = sign_in("pia")

    nothing = pia.post(EXCLUDE, {"reason": "audit"})
    both = bring(pia, b"x", pasted="y")

    assert "Paste the IDs, or choose a file." in nothing.content.decode()
    assert "not both" in both.content.decode()


def test_a_list_for_a_purpose_needs_the_right_to_it(world: World, sign_in: Browser) -> None:
    assert sign_in("sue").get(EXCLUDE).status_code == 403
    assert sign_in("ari").get(EXCLUDE).status_code == 200
    assert sign_in("ari").get("/lists/new/mark/").status_code == 403
    assert sign_in("pia").get("/lists/new/anything/").status_code == 404


def test_a_hostile_name_of_a_file_or_of_an_org_stays_text(world: World, sign_in: Browser) -> None:
    pia = sign_in("pia")
    file = io.BytesIO(f"{key_of(1)}\n<img src=x>\n".encode())
    file.name = "<script>alert(1)</script>.csv"
    answer = pia.post(EXCLUDE, {"file": file, "reason": "audit"})

    page = pia.get(answer["Location"]).content.decode()

    assert "<script>alert(1)" not in page
    assert "<img src=x>" not in page
    assert Org.objects.filter(name__contains="<script>").exists()
