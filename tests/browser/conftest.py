"""The ground of the stories: one real demo, one real Chromium, people who come and go.

The demo is the one of `make demo`, every process of it, with a clock 360 times as fast: a rollout
that takes hours passes in a minute. Nothing is doubled or stubbed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

import pytest
from playwright.sync_api import Browser, StorageState, ViewportSize, expect

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
DESK: ViewportSize = {"width": 1440, "height": 1000}


class Come(Protocol):
    """Let a person of the demo sit down at a browser of their own, 1440 pixels wide."""

    def __call__(
        self, name: str, *, javascript: bool = True, scheme: Scheme = "light"
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
    with running(tmp_path_factory.mktemp("browser"), speed=SPEED, orgs=ORGS) as demo:
        yield demo


@contextmanager
def running(home: Path, *, speed: float, orgs: int) -> Iterator[Demo]:
    """Run a demo for the length of a story or of all."""
    demo = Demo(home, speed=speed, orgs=orgs)
    with pytest.MonkeyPatch.context() as outside:
        # What the tests' own settings need, a broker that refuses for one, is nothing for a demo.
        for name in [name for name in os.environ if name.startswith("PUSHBOARD_")]:
            outside.delenv(name)
        demo.start()
    try:
        yield demo
    finally:
        demo.stop()


@pytest.fixture(scope="session")
def fleet(demo: Demo) -> Fleet:
    """The orgs to plan with."""
    return Fleet(demo.world, demo.database)


@pytest.fixture(scope="session")
def seats(browser: Browser, demo: Demo) -> Come:
    """Everybody keeps their browser for the whole session and signs in once."""
    keys: dict[str, StorageState] = {}
    seated: dict[tuple[str, bool], Visitor] = {}

    def sit(name: str, *, javascript: bool = True, scheme: Scheme = "light") -> Visitor:
        if (name, javascript) not in seated:
            context = browser.new_context(
                storage_state=keys.get(name),
                java_script_enabled=javascript,
                locale="en-GB",
                timezone_id="Europe/Berlin",
            )
            context.set_default_timeout(PATIENCE_MS)
            seated[name, javascript] = Visitor(context, demo.address, name)
        visitor = seated[name, javascript]
        if name not in keys:
            visitor.sign_in()
            keys[name] = visitor.context.storage_state()
        visitor.page.set_viewport_size(DESK)
        visitor.page.emulate_media(color_scheme=scheme)
        return visitor

    return sit


@pytest.fixture(scope="session")
def tracker(seats: Come, fleet: Fleet) -> str:
    """A second rollout, of the other package: its first wave is frozen and waits for approval."""
    planner = seats("pia")
    orgs = fleet.customers(6, sandboxes=True, package="Tracker", on=("2.1.0", "2.1.1"))
    slug = acts.plan(planner, "Tracker 2.2.0", orgs)
    acts.freeze(planner, slug, 1)
    return slug


@pytest.fixture
def come(seats: Come) -> Iterator[Come]:
    """People come for one story; when they leave, their browsers must have nothing to say."""
    present: list[Visitor] = []

    def enter(name: str, *, javascript: bool = True, scheme: Scheme = "light") -> Visitor:
        present.append(seats(name, javascript=javascript, scheme=scheme))
        return present[-1]

    yield enter
    troubles = [line for visitor in present for line in visitor.leave()]
    assert troubles == []
