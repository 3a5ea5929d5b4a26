"""Every page works without a script: look up, approve, pause, read progress by reloading."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser import acts
from tests.browser.conftest import Come
from tests.browser.fleet import Fleet


def test_a_rollout_is_planned_approved_paused_and_followed(come: Come, fleet: Fleet) -> None:
    pia, ari = come("pia", javascript=False), come("ari", javascript=False)
    slug = acts.plan(pia, "Harbor 4.2.2", fleet.customers(4, sandboxes=True))
    acts.freeze(pia, slug, 1)
    page = pia.open(f"/rollouts/{slug}/")
    page.get_by_role("button", name="Pause").first.click()
    verdict = page.get_by_role("region", name="Verdict")
    expect(verdict).to_contain_text("paused by Pia Planner")

    acts.approve(ari, slug, 1, "Four sandboxes.")
    expect(ari.page.get_by_role("region", name="Verdict")).to_contain_text("paused by Pia Planner")
    page.get_by_role("button", name="Lift pause").click()
    expect(page.get_by_text("Pause lifted.")).to_be_visible()

    page = ari.open(f"/rollouts/{slug}/")
    acts.reload_until(page, acts.figure(page, "wave", slug, 1, "confirmed").filter(has_text="4"))


def test_a_viewer_signs_in_and_looks_an_org_up(come: Come, fleet: Fleet) -> None:
    org = next(org for org in fleet.all() if org.name == "Ampers & and & Sons")
    page = come("vic", javascript=False).open("/")

    page.get_by_role("searchbox", name="Find an org").fill(org.key)
    page.keyboard.press("Enter")

    answer = page.get_by_role("region", name="Answer")
    expect(answer).to_contain_text(org.name)
    expect(answer).to_contain_text(f"{org.package} {org.version}")
