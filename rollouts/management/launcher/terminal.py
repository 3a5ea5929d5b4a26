"""What the demo says to the person at the terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rollouts.management.launcher.places import Places
from rollouts.management.launcher.world import World

# Written down here and not asked of the database: the launcher stays free of Django. A test
# compares them with the people that `prepare_demo` makes.
PASSWORD = "pushboard"  # noqa: S105 - printed for everyone, and refused outside simulation
PEOPLE = (
    ("pia@pushboard.example", "Pia Planner", "plans rollouts and freezes waves"),
    ("ari@pushboard.example", "Ari Approver", "approves them"),
    ("ann@pushboard.example", "Ann Approver", "gives the second approval"),
    ("sue@pushboard.example", "Sue Support", "looks up which version an org has"),
    ("vic@pushboard.example", "Vic Viewer", "reads"),
    ("omar@pushboard.example", "Omar Auditor", "reads the log of every decision"),
    ("ada@pushboard.example", "Ada Admin", "keeps people and connections"),
)


def say(text: str = "") -> None:
    """One line, at once also where the output is a file."""
    print(text, flush=True)


def event(text: str) -> None:
    """Something that happened while running."""
    say(f"  {time.strftime('%H:%M:%S')}  {text}")


@contextmanager
def step(words: str) -> Iterator[None]:
    """Say how long a step of the start took, once it is done."""
    began = time.monotonic()
    yield
    say(f"  {words:<46} {time.monotonic() - began:5.1f} s")


def welcome(address: str, world: World, speed: float, places: Places, seconds: float) -> None:
    """Where to go, as whom, and what to click."""
    say()
    say(f"  Pushboard is ready after {seconds:.1f} s:  {address}")
    say()
    say(f"  Sign in with the password {PASSWORD!r} as")
    for address_of, name, what in PEOPLE:
        say(f"    {address_of:<24} {name}, {what}")
    say()
    say("  First: as Pia, watch wave 1 of the rollout on the home page; when it has passed, freeze")
    say("  wave 2. As Ari, in another window, look at its list and approve it. README.md has more.")
    say()
    say(f"  Salesforce is simulated with {world.orgs} orgs; {speed:g} seconds pass there")
    say(f"  in each of yours. Logs: {places.logs}. Ctrl-C ends everything and keeps the data;")
    say("  `make demo RESET=1` begins anew.")
    say()
