"""Two people agree, and both mean the same list."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from playwright.sync_api import APIResponse, expect

from tests.batteries.demo import Demo
from tests.browser import acts
from tests.browser.conftest import Come
from tests.browser.fleet import Fleet
from tests.browser.visitor import Visitor

ALSO_A_PLANNER = """
INSERT INTO rollouts_rolegrant (person_id, role, granted_at, starts_at)
SELECT person_id, 'planner', granted_at, starts_at FROM rollouts_rolegrant
WHERE person_id = (SELECT id FROM rollouts_person WHERE email = 'ann@pushboard.example')
"""


def test_a_planner_reads_who_can_approve(come: Come, tracker: str) -> None:
    page = come("pia").open(f"/rollouts/{tracker}/waves/1/approve/")

    decision = page.get_by_role("region", name="Decision")
    expect(decision).to_contain_text("Only an approver can approve a wave.")
    expect(decision).to_contain_text("Ari Approver")
    expect(decision.get_by_role("button", name="Approve 6 orgs")).to_be_disabled()


def test_nobody_approves_their_own_plan(come: Come, fleet: Fleet, demo: Demo) -> None:
    # There is no page for roles yet; an approver who may also plan is the case to beat.
    with closing(sqlite3.connect(demo.database, timeout=20)) as database, database:
        database.execute(ALSO_A_PLANNER)
    ann = come("ann")
    slug = acts.plan(ann, "Harbor 4.2.2", fleet.customers(3, sandboxes=True))
    acts.freeze(ann, slug, 1)

    page = ann.open(f"/rollouts/{slug}/waves/1/approve/")
    reason = "You planned this rollout, so somebody else approves it."
    decision = page.get_by_role("region", name="Decision")
    expect(decision).to_contain_text(reason)
    expect(decision).to_contain_text("Ari Approver can.")
    expect(decision.get_by_role("button", name="Approve 3 orgs")).to_be_disabled()

    with_own_hands = post_approval(ann, slug)
    assert with_own_hands.status == 422
    assert reason in with_own_hands.text()
    expect(ann.open(f"/rollouts/{slug}/waves/1/").get_by_text("Needs approval")).to_be_visible()


def post_approval(approver: Visitor, slug: str) -> APIResponse:
    """Send the form that the page does not offer, as somebody with developer tools would."""
    page = approver.page
    token = page.locator("[name=csrfmiddlewaretoken]").first.input_value()
    listed = page.locator(".digest").first.inner_text()
    return page.request.post(
        f"{approver.address}/rollouts/{slug}/waves/1/approve/",
        form={
            "csrfmiddlewaretoken": token,
            "digest": listed,
            "reason": "I know what I do.",
            "seen": "on",
        },
        headers={"Referer": page.url},
    )


def test_a_list_that_has_changed_or_was_opened_for_changes_is_not_approved(
    come: Come, fleet: Fleet
) -> None:
    pia, ari = come("pia"), come("ari")
    slug = acts.plan(pia, "Harbor 4.2.2", fleet.customers(4, sandboxes=True))
    acts.freeze(pia, slug, 1)
    seen = ari.open(f"/rollouts/{slug}/waves/1/approve/")
    acts.fill_in_approval(seen, "Four sandboxes, all quiet.")
    old = seen.locator(".digest").first.inner_text()

    acts.open_for_changes(pia, slug, 1, "one more look")
    acts.freeze(pia, slug, 1)
    with ari.refused_with(409):
        seen.get_by_role("button", name="Approve 4 orgs").click()
        alert = seen.get_by_role("alert").filter(has_text="changed since you opened the page")
        expect(alert).to_contain_text("nothing was approved")
    new = seen.locator(".asked .digest").inner_text()
    assert new != old
    expect(alert).to_contain_text(f"You saw {old}; it is {new} now.")
    expect(seen.get_by_label("Why are you comfortable?")).to_have_value(
        "Four sandboxes, all quiet."
    )
    expect(seen.get_by_label("I have looked at the list")).not_to_be_checked()

    verdict = pia.open(f"/rollouts/{slug}/").get_by_role("region", name="Verdict")
    expect(verdict).to_contain_text("needs 1 approval")

    acts.fill_in_approval(seen, "Looked again.")
    acts.open_for_changes(pia, slug, 1, "wrong customers")
    with ari.refused_with(409):
        seen.get_by_role("button", name="Approve 4 orgs").click()
        expect(seen.get_by_text("is not waiting for approval any more")).to_be_visible()
    expect(pia.open(f"/rollouts/{slug}/").get_by_text("approved wave")).to_have_count(0)
