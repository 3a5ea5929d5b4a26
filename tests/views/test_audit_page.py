"""The history as pages: who did what and why, found again, taken along, and never changed.

Statements 48 (every decision and change is in the log with who, when and why) and 49 (no edit, no
delete, and the chain check says intact); of 51 that the CSV is what was filtered, in UTC and local.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from rollouts.models import ChainHead, Event, Exclusion, FreezeRow, Rollout, Wave
from rollouts.pipeline import calendar, control, exclusions, trail
from rollouts.pipeline.transitions import record
from tests.views import recorded
from tests.views.conftest import FRAGMENT, Browser
from tests.views.test_access import ROUTES
from tests.views.world import HOSTILE, World

Text = Callable[[Any], str]


@pytest.fixture
def busy(world: World) -> Rollout:
    """A wave approved by two, a pause, an excluded org with a hostile name, a freeze set aside."""
    rollout = world.rollout()
    world.approved(rollout)
    pia, ari = world.people["pia"], world.people["ari"]
    control.pause(rollout, by=pia, reason=f"asked by {HOSTILE}", now=world.now)
    exclusions.exclude(world.orgs[20], reason="in a merger", until=None, by=pia, now=world.now)
    freeze = FreezeRow.objects.get()
    until = world.now + timedelta(days=1)
    asked = calendar.ask_override(freeze, until=until, by=pia, reason="ours only", now=world.now)
    calendar.confirm_override(asked, by=ari, now=world.now)
    return rollout


def test_48_the_log_says_who_did_what_when_and_why_in_sentences(
    busy: Rollout, world: World, sign_in: Browser, text: Text
) -> None:
    page = text(sign_in("omar").get("/audit/"))
    frozen, org = busy.waves.get(number=1).frozen_list, world.orgs[20].key
    assert frozen

    assert f'<h2 id="entries">{Event.objects.count()} entries</h2>' in page
    for said in (
        '<b><bdi>Ari Approver</bdi></b> <span class="muted">(approver)</span> approved <a href=',
        f"<bdi>wave 1 of hbr 4.3.0</bdi></a>: 6 orgs, list {frozen.short_digest}",
        "Own orgs are clean.",
        '<bdi>Pia Planner</bdi></b> <span class="muted">(planner)</span> paused',
        "(planner)</span> planned <a href=",
        "21 Nov 2026, 03:14 UTC",
        f"asked by {escape(HOSTILE)}",
        f'<a href="/orgs/{org}/"><bdi>org {org}</bdi></a> from pushes',
    ):
        assert said in page, said
    assert "<script>alert" not in page
    first = Event.objects.get(sequence=1)
    entry = text(sign_in("omar").get("/audit/1/"))
    assert first.hash in entry
    assert "Its hash is that of its fields." in entry


@pytest.mark.parametrize(
    ("query", "actions"),
    [
        ("overrides=on", {"ask_override", "override_freeze"}),
        ("action=org", {"exclude"}),
        ("action=stop&actor={pia}", {"paused"}),
        ("actor={ari}&object=hbr-4-3-0", {"approve_wave"}),
        ("object={org}", {"exclude"}),
        ("q=own+orgs+clean", {"approve_wave"}),
        ("q={digest}&action=decide", {"approve_wave"}),
        ("from=2026-11-22", set()),
        ("actor=people&action=calendar&to=2026-11-21", {"ask_override", "override_freeze"}),
    ],
)
def test_it_is_found_again_by_who_what_kind_about_what_when_and_words(
    busy: Rollout, world: World, sign_in: Browser, query: str, actions: set[str]
) -> None:
    frozen = busy.waves.get(number=1).frozen_list
    assert frozen
    named = {name: person.pk for name, person in world.people.items()}
    asked = query.format(**named, org=world.orgs[20].key, digest=frozen.short_digest)

    answer = sign_in("ada").get(f"/audit/?{asked}")

    page = answer.context["page"]
    assert {line.event.action for line in page.lines} == actions
    assert page.total == len(page.lines)
    assert ("No entries match" in answer.content.decode()) is (not actions)


def test_paging_goes_by_entries_and_new_ones_wait_behind_a_pill(
    world: World, sign_in: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trail, "PER_PAGE", 2)
    for name in "abcde":
        record("exclude", f"org {name}", now=world.now, reason="theirs")
    omar = sign_in("omar")

    def shown(query: str) -> list[int]:
        found = omar.get(f"/audit/?{query}").context["page"]
        return [line.event.sequence for line in found.lines]

    assert (shown(""), shown("after=4"), shown("after=2"), shown("before=1")) == (
        [5, 4], [3, 2], [1], [3, 2],
    )  # fmt: skip
    assert (shown("sort=oldest"), shown("sort=oldest&after=2")) == ([1, 2], [3, 4])
    record("exclude", "org f", now=world.now)
    pill = omar.get("/audit/?since=5&n=0", headers=FRAGMENT).content.decode()
    assert "1 newer entry, show" in pill
    assert "<table" not in pill
    assert omar.get("/audit/?since=5&n=1", headers=FRAGMENT).status_code == 204


def test_51_files_are_what_was_filtered_and_hold_all_that_is_hashed(
    busy: Rollout, sign_in: Browser, text: Text
) -> None:
    omar = sign_in("omar")
    answer = omar.get("/audit/?action=stop&tz=Asia/Kolkata&as=csv")
    rows = list(csv.DictReader(io.StringIO(text(answer).removeprefix("\ufeff"))))
    data = json.loads(text(omar.get(f"/rollouts/{busy.slug}/audit/?as=json")))

    assert [row["Action"] for row in rows] == ["paused"]
    assert rows[0]["When (UTC)"] == "2026-11-21T03:14:07+00:00"
    assert rows[0]["When (Asia/Kolkata)"] == "2026-11-21T08:44:07+05:30"
    assert rows[0]["Why"] == f"asked by {HOSTILE}"
    exact = data["entries"]
    assert [one["rollout"] for one in exact] == [busy.pk] * busy.events.count()
    for one in exact:
        fields = [one[name] for name in one if name not in {"hash", "told"}]
        body = json.dumps(fields, sort_keys=True, separators=(",", ":"))
        assert hashlib.sha256(body.encode()).hexdigest() == one["hash"]


def test_others_read_rollouts_and_their_own_and_take_no_files(
    busy: Rollout, world: World, sign_in: Browser, text: Text
) -> None:
    vic, pia = sign_in("vic"), sign_in("pia")

    assert "in a merger" not in text(vic.get("/audit/"))
    assert "in a merger" in text(pia.get("/audit/"))
    assert "Own orgs are clean." in text(vic.get(f"/rollouts/{busy.slug}/audit/"))
    own = Event.objects.get(action="exclude").sequence
    assert [one.get(f"/audit/{own}/").status_code for one in (vic, pia)] == [404, 200]
    for refused in (vic.get("/audit/?as=csv"), pia.post("/audit/verify/")):
        assert refused.status_code == 403
        assert "This needs the role admin or auditor." in text(refused)
    assert vic.get("/audit/?from=2026-11-22&to=2026-11-21").status_code == 422


def test_49_the_chain_is_verified_by_a_press_and_that_is_an_entry_too(
    busy: Rollout, sign_in: Browser, text: Text
) -> None:
    count = Event.objects.count()
    omar = sign_in("omar")

    page = text(omar.post("/audit/verify/", follow=True))

    assert f"{count} entries, chain intact." in page
    assert Event.objects.count() == count + 1
    forms = page.split("<main")[1].split("</main>")[0]
    assert forms.count('method="post"') == 1, "verifying is the only act on the page"
    line = Event.objects.get(action="exclude")
    fake = Event(sequence=count + 2, at=line.at, actor="x", action="mark", subject="x")
    fake.previous, fake.hash = Event.objects.get(sequence=count + 1).hash, "0" * 64
    fake.save(force_insert=True)
    ChainHead.objects.update(sequence=fake.sequence, hash=fake.hash)
    page = text(omar.post("/audit/verify/", follow=True))
    assert f"Entry {count + 2} is the first that is wrong" in page


def test_a_page_of_the_log_costs_the_same_however_long_it_is(
    busy: Rollout, world: World, sign_in: Browser
) -> None:
    omar = sign_in("omar")

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            assert omar.get("/audit/?object=hbr").status_code == 200
        return len(seen)

    before = queries()
    for number in range(30):
        record("exclude", f"org {number}", now=world.now, by=world.people["ada"])
    assert queries() == before


def test_48_what_other_pages_tests_do_not_try_leaves_its_reason_too(
    busy: Rollout, world: World, sign_in: Browser
) -> None:
    pia, ari, page = sign_in("pia"), sign_in("ari"), f"/rollouts/{busy.slug}/"
    kept = f"/exclusions/{Exclusion.objects.get().pk}/"
    Wave.objects.filter(rollout=busy, number=2).update(state="frozen")

    answers = [
        pia.post(f"{kept}end/", {"reason": "the merger is through"}),
        pia.post(f"{kept}keep/"),
        ari.post(f"{page}waves/2/close/", {"reason": "they mend it themselves"}),
        pia.post(f"{page}abort/", {"reason": "a newer version is near"}),
    ]

    assert [answer.status_code for answer in answers] == [303] * 4
    told = dict(Event.objects.exclude(person=None).values_list("action", "reason"))
    assert told["abort"] == "a newer version is near"
    assert told["close_wave"] == "they mend it themselves"
    assert told["ask_end_exclusion"] == "the merger is through"


def test_48_every_acting_address_is_in_the_table_of_what_it_records(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("CRITICAL", logger="django.request")
    asked: Any = RequestFactory().post("/")
    asked.user = type("Nobody", (), {"is_authenticated": False})()
    acting = set()
    for name, route in ROUTES.items():
        if name in recorded.SIGNING or name in {"livez", "readyz"}:
            continue
        if route.callback(asked).status_code != 405:
            acting.add(name)

    assert "wave-approve" in acting
    told = recorded.WRITES.keys() | recorded.WRITES_NOTHING.keys()
    assert acting - told == set(), "say in recorded.py what these write, or why they write nothing"
