"""The ground of the stories: one real demo, one real Chromium, people who come and go.

The demo is the one of `make demo`, every process of it, with a clock 360 times as fast: a rollout
that takes hours passes in a minute. Nothing is doubled or stubbed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, Protocol

import pytest
from playwright.sync_api import Browser, StorageState, expect

from tests.batteries.demo import Demo
from tests.browser import acts
from tests.browser.fleet import Fleet
from tests.browser.visitor import Visitor

SPEED = 360
ORGS = 400
# Alone on a slow machine a page needs a second; nothing here waits for a time, only up to it.
PATIENCE_MS = 15_000
CHROMIUM = os.environ.get("PUSHBOARD_TEST_CHROMIUM", "/usr/bin/chromium")
# The second line keeps Chromium from calling its maker.
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
Scheme = Literal["light", "dark"]


class Come(Protocol):
    """Let a person of the demo open a browser; each call is a browser context of its own."""

    def __call__(
        self,
        name: str,
        *,
        javascript: bool = True,
        scheme: Scheme = "light",
        width: int = 1440,
        height: int = 1000,
    ) -> Visitor: ...


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder, so that `make test` leaves it out."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """The machine's own Chromium; Playwright's is never fetched."""
    expect.set_options(timeout=PATIENCE_MS)
    return {"executable_path": CHROMIUM, "args": list(FLAGS)}


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo without its first rollout, in a folder and on ports of its own."""
    running = Demo(tmp_path_factory.mktemp("browser"), speed=SPEED, orgs=ORGS)
    with pytest.MonkeyPatch.context() as outside:
        # What the tests' own settings need, a broker that refuses for one, is nothing for a demo.
        for name in [name for name in os.environ if name.startswith("PUSHBOARD_")]:
            outside.delenv(name)
        running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def fleet(demo: Demo) -> Fleet:
    """The orgs to plan with."""
    return Fleet(demo.world)


@pytest.fixture(scope="session")
def keys() -> dict[str, StorageState]:
    """The session cookie of each person who has signed in once, by name."""
    return {}


@pytest.fixture(scope="session")
def let_in(browser: Browser, demo: Demo, keys: dict[str, StorageState]) -> Callable[..., Visitor]:
    """Open a browser context for a person, who signs in the first time only."""

    def open_browser(
        name: str,
        *,
        javascript: bool = True,
        scheme: Scheme = "light",
        width: int = 1440,
        height: int = 1000,
    ) -> Visitor:
        context = browser.new_context(
            storage_state=keys.get(name),
            java_script_enabled=javascript,
            color_scheme=scheme,
            viewport={"width": width, "height": height},
            locale="en-GB",
            timezone_id="Europe/Berlin",
        )
        context.set_default_timeout(PATIENCE_MS)
        visitor = Visitor(context, demo.address, name)
        if name not in keys:
            visitor.sign_in()
            keys[name] = context.storage_state()
        return visitor

    return open_browser


@pytest.fixture(scope="session")
def tracker(let_in: Come, fleet: Fleet) -> str:
    """A second rollout, of the other package: its first wave is frozen and waits for approval."""
    planner = let_in("pia")
    orgs = fleet.customers(6, sandboxes=True, package="Tracker", on=("2.1.0", "2.1.1"))
    slug = acts.plan(planner, "Tracker 2.2.0", orgs)
    acts.freeze(planner, slug, 1)
    planner.leave()
    return slug


@pytest.fixture
def come(let_in: Come, request: pytest.FixtureRequest) -> Iterator[Come]:
    """People come for one story; when they leave, their browsers must have nothing to say."""
    present: list[Visitor] = []

    def enter(name: str, **how: Any) -> Visitor:
        present.append(let_in(name, **how))
        return present[-1]

    yield enter
    for visitor in present:
        visitor.leave()
    assert [line for visitor in present for line in visitor.trouble] == []
