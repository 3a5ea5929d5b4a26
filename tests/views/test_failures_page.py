"""Failures by kind: what they mean, whose they are, what can be copied, and their retry."""

from __future__ import annotations

import csv
import io
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rollouts.domain.failures import Failure
from rollouts.domain.lifecycle import AttemptState, BatchState, TargetState, WaveState
from rollouts.domain.triage import TriageState, key_of
from rollouts.models import Attempt, Event, FailureTriage, Installation, Rollout, Target, Wave
from rollouts.pipeline.transitions import move_wave
from tests.views.conftest import Browser
from tests.views.world import FAILURE, World

ALL, HERE = "/failures/", "/rollouts/hbr-4-3-0/failures/"
GACK = Failure(
    "UnclassifiedError",
    "Unexpected Error",
    "Contact Support, error number: 731858695-80805 (-151184096).",
    "=cmd|' /C calc'!A0",
)
BLOCKED = Failure(
    "IneligibleUpgrade",
    "Push Upgrade Blocked",
    "The subscriber has restricted push upgrades for this package.",
)


@pytest.fixture
def wave(world: World) -> Wave:
    """Sandboxes, settled: two kinds of failure, three orgs each, and six that went well."""
    wave = world.dispatching(world.rollout(), 2)
    ends = {AttemptState.FAILED: 6, AttemptState.CONFIRMED: 6}
    world.batch(wave, 1, ends, BatchState.SETTLED, "Failed", says=(FAILURE, GACK))
    left = wave.targets.filter(state=TargetState.PLANNED.value)
    left.update(state=TargetState.EXCLUDED.value, reason="not part of the story")
    move_wave(wave, WaveState.BAKING, now=world.now, because="settled")
    return wave


def of(says: str) -> str:
    """The short name of the kind whose signature says this."""
    found = Attempt.objects.filter(signature__contains=says).select_related("version__package")
    one = found[0]
    return key_of(one.version.package.sf_id, one.signature)


def opened(sign_in: Browser, address: str, name: str = "vic") -> str:
    answer = sign_in(name).get(address)
    assert answer.status_code == 200, address
    page: str = answer.content.decode()
    return page


def rows(page: str) -> int:
    return page.count('<th scope="row"') + page.count('<th class="kinds__cell" scope="row"')


def test_kinds_are_listed_with_advice_and_their_picture_says_the_same(
    wave: Wave, sign_in: Browser
) -> None:
    for address in (ALL, HERE):
        page = opened(sign_in, address)
        assert "6 orgs open in 2 kinds" in page
        assert rows(page) == 2
        assert "no, needs a fix" in page
        assert "once, then a case" in page
        assert page.count('aria-label="3 orgs: 3 failed, 0 upgraded since"') == 2
        assert "of 12 tried" in page
    assert "Apex test failed" not in opened(sign_in, HERE + "?type=UnclassifiedError")
    assert "No kind matches" in opened(sign_in, HERE + "?q=nonsense")
    ordered = opened(sign_in, HERE + "?sort=-type").split("<tbody")[1]
    assert ordered.index("Unexpected Error") < ordered.index("Apex test failed")
    assert 'aria-sort="descending"' in opened(sign_in, HERE + "?sort=-type")
    assert f'href="{HERE}"' in opened(sign_in, "/rollouts/hbr-4-3-0/")


def test_each_count_leads_to_exactly_its_rows(wave: Wave, sign_in: Browser) -> None:
    one = wave.targets.filter(attempts__signature__contains="Unexpected").first()
    assert one
    to = wave.rollout.to_version
    Installation.objects.filter(org=one.org, package=to.package).update(version=to)

    page = opened(sign_in, HERE)
    assert "5 orgs open in 2 kinds" in page
    assert "1 upgraded since they failed" in page
    for label, count in re.findall(r'<a href="\?show=\w+"[^>]*>([\w ]+) (\d+)</a>', page):
        assert label
        name = {"To do": "open", "New": "new", "All": "all"}.get(label)
        if name:
            assert rows(opened(sign_in, f"{HERE}?show={name}")) == int(count), label
    kind = f"{HERE}{of('Unexpected')}/"
    assert rows(opened(sign_in, f"{kind}?show=open")) == 2
    assert rows(opened(sign_in, f"{kind}?show=upgraded")) == 1
    assert rows(opened(sign_in, kind)) == 3


def test_a_kind_tells_meaning_advice_orgs_times_and_all_that_salesforce_said(
    world: World, wave: Wave, sign_in: Browser
) -> None:
    """Acceptance statement 45."""
    older = world.versions["4.1.0"]
    here = wave.targets.filter(attempts__signature__contains="Unexpected")
    wave.targets.exclude(pk__in=here).update(from_version=world.versions["4.2.1"])
    Target.objects.filter(pk__in=list(here.values_list("pk", flat=True))).update(from_version=older)

    page = opened(sign_in, f"{HERE}{of('Unexpected')}/")
    assert "3 of 3: came from <b>4.1.0</b>; of 6 upgraded orgs 0 (0 %)" in page
    assert "A difference, not a cause." in page
    assert "In common" not in opened(sign_in, f"{HERE}{of('Apex test')}/")
    assert "An error inside Salesforce" in page
    assert "once, then a case" in page.lower()
    assert 'datetime="2026-11-21T03:14:07.000Z"' in page
    assert page.count("731858695-80805 (-151184096)") >= 4
    assert "=cmd|&#x27; /C calc&#x27;!A0" in page
    case = page.split('id="case-text"')[1].split("</pre>")[0]
    for attempt in Attempt.objects.filter(signature__contains="Unexpected"):
        for part in (attempt.org.key, attempt.batch.sf_id, attempt.sf_id):
            assert part
            assert part in case
    assert "2026-11-21T03:14:07Z" in case
    assert "<script>alert" not in page
    assert sign_in("vic").get(f"{HERE}{'0' * 12}/").status_code == 404


def test_files_have_the_rows_of_the_page_and_no_formula(wave: Wave, sign_in: Browser) -> None:
    def table(address: str) -> list[dict[str, str]]:
        answer = sign_in("vic").get(address)
        return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))

    kinds, orgs = table(f"{HERE}?as=csv"), table(f"{HERE}{of('Unexpected')}/?as=csv")

    assert [(one["Orgs"], one["Open"]) for one in kinds] == [("3", "3")] * 2
    assert len(orgs) == 3
    assert all(one["Push job"].startswith("0DX") for one in orgs)
    assert all(one["Ended (local)"] for one in orgs)
    assert not any(cell.startswith(("=", "@")) for one in orgs for cell in one.values())
    barred = table(f"{HERE}?show=blocked&as=csv")
    assert "does not accept upgrades" in barred[0]["What to tell them"]


def test_a_word_is_kept_for_the_package_with_history_and_met_in_the_next_rollout(
    world: World, wave: Wave, sign_in: Browser
) -> None:
    key = of("Apex test")
    sue = world.people["sue"]
    said = {
        "state": "fixing", "owner": str(sue.pk), "note": "Their flow, not ours", "seen": "0",
        "link": "https://issues.example/7",
    }  # fmt: skip
    address = f"{HERE}{key}/triage/"

    assert sign_in("vic").post(address, said).status_code == 403
    assert sign_in("sue").post(address, said).status_code == 303
    again = sign_in("pia").post(address, said | {"note": "mine"})
    assert again.status_code == 409
    assert "Sue Support changed this a moment ago" in again.content.decode()
    assert sign_in("pia").post(address, {"mine": "1", "seen": "1"}).status_code == 303
    unsolved = sign_in("pia").post(
        address, said | {"state": "solved", "note": "", "link": "", "seen": "2"}
    )
    assert unsolved.status_code == 422

    kept = FailureTriage.objects.get()
    assert (kept.state, kept.note, str(kept.owner)) == (
        "fixing",
        "Their flow, not ours",
        "Pia Planner",
    )
    lines = list(Event.objects.filter(action="triage").order_by("sequence"))
    assert [(line.before, line.after, line.actor) for line in lines] == [
        ("new", "fixing", "Sue Support"), ("fixing", "fixing", "Pia Planner"),
    ]  # fmt: skip
    assert lines[1].detail["before"]["owner"] == "Sue Support"
    page = opened(sign_in, ALL + "?show=all")
    assert 'href="https://issues.example/7"' in page
    assert "Fixing" in page
    assert rows(opened(sign_in, ALL + "?show=new")) == 1

    Rollout.objects.filter(pk=wave.rollout_id).update(state="completed", ended_at=world.now)
    newer = world.dispatching(world.rollout("4.3.0"), 1)
    world.batch(newer, 1, {AttemptState.FAILED: 1})
    met = opened(sign_in, f"/rollouts/{newer.rollout.slug}/failures/{key}/")
    assert "Their flow, not ours" in met
    assert "Seen before" in met
    assert f'href="{HERE}{key}/">hbr-4-3-0</a></div><span>3 orgs' in met


def test_a_retry_names_the_count_skips_who_is_upgraded_and_pushes_nothing(
    world: World, wave: Wave, sign_in: Browser
) -> None:
    """Acceptance statement 46."""
    kind = f"{HERE}{of('Unexpected')}/"
    to = wave.rollout.to_version
    mine = Target.objects.filter(attempts__signature__contains="Unexpected").order_by("place")
    upgraded, *others = mine
    Installation.objects.filter(org=upgraded.org, package=to.package).update(version=to)
    assert "A planner asks for a retry" in opened(sign_in, kind, "ari")
    assert sign_in("ari").get(f"{kind}retry/").status_code == 403

    page = opened(sign_in, f"{kind}retry/", "pia")
    assert "<h1>Retry 2 orgs</h1>" in page
    assert "1 org already on the new version or a newer one" in page
    assert "2 of 3" in page
    seen = re.findall(r'name="seen" value="(\w+)"', page)[0]
    pia = sign_in("pia")
    assert pia.post(f"{kind}retry/", {"seen": seen, "reason": ""}).status_code == 422
    assert pia.post(f"{kind}retry/", {"seen": "0" * 16, "reason": "x"}).status_code == 409
    answer = pia.post(f"{kind}retry/", {"seen": seen, "reason": "once is enough"}, follow=True)

    assert "2 orgs wait for a new list in wave 2: freeze it" in answer.content.decode()
    wave.refresh_from_db()
    assert wave.state == WaveState.PLANNED.value
    planned = wave.targets.filter(state=TargetState.PLANNED.value).order_by("place")
    assert list(planned) == others
    after = opened(sign_in, kind, "pia")
    assert after.count("On a new list") == 2
    assert "No org is left to retry" in after
    waits = opened(sign_in, f"{HERE}{of('Apex test')}/retry/", "pia")
    assert "a list of wave 2 is being made already" in waits


def test_orgs_that_had_all_their_attempts_need_a_person(wave: Wave, sign_in: Browser) -> None:
    Rollout.objects.update(policy_json=wave.rollout.policy_json | {"retries": 0})

    page = opened(sign_in, f"{HERE}{of('Unexpected')}/")
    retry = opened(sign_in, f"{HERE}{of('Unexpected')}/retry/", "pia")

    assert page.count("needs a person") == 3
    assert "Nothing to retry just now" in retry
    assert "3 orgs tried 1 times: needs a person" in retry
    assert "Put 3 orgs" not in retry


def test_a_customers_block_is_shown_as_blocked_with_what_to_tell_them(
    world: World, sign_in: Browser
) -> None:
    """Acceptance statement 47."""
    wave = world.dispatching(world.rollout())
    world.batch(wave, 1, {AttemptState.FAILED: 1, AttemptState.IN_PROGRESS: 1}, says=(BLOCKED,))
    barred = wave.targets.get(state=TargetState.FAILED.value).org

    page = opened(sign_in, HERE + "?show=blocked")
    listed = opened(sign_in, HERE)
    assert "Blocked by customers 2" in page
    assert page.count("does not accept upgrades from us at present") == 4
    assert barred.key in page
    assert "0 orgs open in 0 kinds" in listed
    assert rows(opened(sign_in, HERE + "?show=all")) == 0
    kind = opened(sign_in, f"{HERE}{of('Blocked')}/")
    assert "blocked by the customer, not failed" in kind
    of_wave = opened(sign_in, "/rollouts/hbr-4-3-0/waves/1/")
    assert "Blocked by the customer" in of_wave
    assert ">Failed</span>" not in of_wave.split('id="orgs"')[1].split("</table>")[0]


def test_without_failures_it_says_so_and_details_to_come_are_named(
    world: World, sign_in: Browser
) -> None:
    assert "Nothing was pushed yet" in opened(sign_in, ALL)
    wave = world.dispatching(world.rollout())
    world.batch(wave, 1, {AttemptState.CONFIRMED: 2}, BatchState.SETTLED, "Succeeded")
    assert "2 orgs upgraded." in opened(sign_in, HERE)

    world.batch(wave, 2, {AttemptState.FAILED: 2, AttemptState.IN_PROGRESS: 1}, says=(None,))
    page = opened(sign_in, HERE)
    assert "Details for 2 failures are still being read from Salesforce." in page
    kind = opened(sign_in, f"{HERE}{of('No error')}/")
    assert "Salesforce gave no reason." in kind
    assert 'data-copy-from="job-id"' in kind


def test_what_was_solved_and_happened_again_is_to_do_again(
    world: World, wave: Wave, sign_in: Browser
) -> None:
    known = {"package": world.package, "by": world.people["sue"], "note": "mended in 4.3.0"}
    for attempt in Attempt.objects.exclude(signature=""):
        FailureTriage.objects.get_or_create(
            signature=attempt.signature,
            defaults=known | {"state": TriageState.SOLVED.value, "at": attempt.moved_at},
            package=world.package,
        )
    assert "Nothing to do" in opened(sign_in, HERE)

    FailureTriage.objects.update(at=world.now.replace(year=2025))
    assert "was solved, came back" in opened(sign_in, HERE)


def test_queries_do_not_grow_with_failures(world: World, wave: Wave, sign_in: Browser) -> None:
    addresses = (ALL, HERE, f"{HERE}{of('Unexpected')}/", f"/failures/{of('Unexpected')}/")
    vic = sign_in("vic")

    def asked() -> list[int]:
        counted = []
        for address in addresses:
            with CaptureQueriesContext(connection) as context:
                vic.get(address)
            counted.append(len(context))
        return counted

    before = asked()
    more = world.dispatching(wave.rollout, 3)
    world.batch(more, 1, {AttemptState.FAILED: 12}, BatchState.SETTLED, says=(FAILURE, GACK, None))
    assert asked() == before
    with CaptureQueriesContext(connection) as shell:
        vic.get("/rollouts/new/")
    assert max(before) - len(shell) <= 12, (before, len(shell))
