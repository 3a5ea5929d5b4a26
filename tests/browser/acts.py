"""What people do in the pages, step by step, as the stories tell it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from playwright.sync_api import Locator, Page, expect

from tests.browser.fleet import Subscriber
from tests.browser.visitor import Visitor


def plan(planner: Visitor, version: str, orgs: Iterable[Subscriber]) -> str:
    """Plan a rollout for exactly these orgs through the five steps; returns its slug.

    ``version`` is a label as the page shows it, such as "Harbor 4.4.0".
    """
    choose_version(planner, version)
    choose_orgs(planner, orgs)
    return create(planner)


def choose_version(planner: Visitor, version: str) -> None:
    """Step 1."""
    package, number = version.split()
    page = planner.open("/rollouts/new/")
    offers = page.get_by_role("group", name=package)
    offers.get_by_role("radio", name=number).check()
    page.get_by_role("button", name="Continue to audience").click()
    expect(page.get_by_role("heading", name=f"Who gets {version}?")).to_be_visible()


def choose_orgs(planner: Visitor, orgs: Iterable[Subscriber]) -> None:
    """Step 2: paste the ids."""
    page = planner.page
    page.get_by_label("Only these orgs").fill("\n".join(org.key for org in orgs))
    page.get_by_role("button", name="Continue to waves").click()
    expect(page.get_by_role("table", name="Proposed waves")).to_be_visible()


def create(planner: Visitor) -> str:
    """Steps 3 to 5: take the waves as the policy proposes them, at any hour."""
    page = planner.page
    page.get_by_role("button", name="Continue to schedule").click()
    page.get_by_role("radio", name="Any hour").check()
    page.get_by_role("button", name="Continue to review").click()
    for number in range(page.get_by_label("Why do you go on?").count()):
        page.get_by_label("Why do you go on?").nth(number).fill("It is part of the story.")
    page.get_by_role("button", name="Create the rollout").click()
    page.wait_for_url(re.compile(r"/rollouts/(?!new|drafts)[^/]+/$"))
    return planner.path.strip("/").rpartition("/")[2]


def freeze(planner: Visitor, slug: str, wave: int) -> None:
    """Freeze a wave on its page."""
    page = planner.open(f"/rollouts/{slug}/waves/{wave}/")
    page.get_by_role("button", name="Freeze").click()
    expect(said(page, f"Wave {wave} is frozen.")).to_be_visible()


def approve(approver: Visitor, slug: str, wave: int, reason: str) -> None:
    """Read the approval page of a wave and say yes."""
    page = approver.open(f"/rollouts/{slug}/waves/{wave}/approve/")
    fill_in_approval(page, reason)
    page.get_by_role("button", name=re.compile(r"^Approve \d")).click()
    expect(said(page, f"You approved wave {wave}")).to_be_visible()


def fill_in_approval(page: Page, reason: str) -> None:
    """Type the reason and tick that all of it was looked at."""
    page.get_by_label("Why are you comfortable?").fill(reason)
    page.get_by_label("I have looked at the list").check()


def reload_until(page: Page, sign: Locator, seconds: float = 60) -> None:
    """Reload as a person does who has no other way, once a second, until the sign shows."""
    for _ in range(round(seconds)):
        if sign.is_visible():
            return
        page.wait_for_timeout(1000)
        page.reload()
    expect(sign).to_be_visible()


def said(page: Page, text: str) -> Locator:
    """What the page itself says: a screen reader hears some of it from a second place."""
    return page.locator("#main").get_by_text(text)


def figure(page: Page, *parts: object) -> Locator:
    """A number on a page by its name, such as ("wave", slug, 1, "confirmed")."""
    key = ".".join(str(part) for part in parts)
    return page.locator(f'[data-figure="{key}"]').first


def open_for_changes(planner: Visitor, slug: str, wave: int, reason: str) -> None:
    """Open a frozen wave for changes on its page: the list and its approvals are void."""
    page = planner.open(f"/rollouts/{slug}/waves/{wave}/")
    page.get_by_role("link", name="Open for changes").click()
    page.get_by_label("Why?").fill(reason)
    page.get_by_role("button", name="Open for changes").click()
    expect(said(page, f"Wave {wave} is open for changes")).to_be_visible()
