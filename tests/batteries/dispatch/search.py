"""Breadth-first through every state; the first state that breaks a property tells its story."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from tests.batteries.dispatch import others, platform, workers
from tests.batteries.dispatch.platform import Steps
from tests.batteries.dispatch.state import (
    BATCH,
    ENDS,
    FLAGS,
    IN_DOUBT,
    STATE,
    WANTED,
    Setting,
    beginning,
)


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came to. ``story`` leads to the first broken property, a line per step."""

    states: int
    broken: str
    story: tuple[str, ...]
    stuck: int
    seconds: float
    whole: bool


def successors(setting: Setting, state: bytes) -> list[tuple[str, bytes, bool, str]]:
    """Every step that may be taken from a state."""
    into = Steps(setting, state)
    workers.steps(into)
    platform.steps(into)
    others.steps(into)
    return into.found


def search(
    setting: Setting,
    *,
    limit: int = 0,
    live: bool = False,
    tell: Callable[[int], None] | None = None,
) -> Found:
    """Visit every reachable state; ``live`` also asks that each can come to a good end."""
    began = time.monotonic()
    first = beginning(setting)
    number = {first: 0}
    order = [first]
    came = array("l", [-1])
    edges_from, edges_to = array("l"), array("l")
    at = 0
    while at < len(order) and not (limit and len(order) >= limit):
        state = order[at]
        for _, after, fault, wrong in successors(setting, state):
            known = number.get(after)
            if known is None:
                known = number[after] = len(order)
                order.append(after)
                came.append(at)
            if wrong:
                story = (*_story(setting, order, came, at), _last(setting, state, after, wrong))
                return Found(len(order), wrong, story, 0, time.monotonic() - began, whole=False)
            if live and not fault and known != at:
                edges_from.append(at)
                edges_to.append(known)
        at += 1
        if tell and at % 200_000 == 0:
            tell(at)
    stuck: list[int] = _stuck(order, edges_from, edges_to) if live else []
    story = ()
    if stuck:
        story = _story(setting, order, came, stuck[0])
    whole = at == len(order)
    broken = "L: no way leads on to a good end" if stuck else ""
    return Found(len(order), broken, story, len(stuck), time.monotonic() - began, whole)


def _story(setting: Setting, order: list[bytes], came: array[int], at: int) -> tuple[str, ...]:
    """The steps from the beginning to a state, told by taking them again."""
    way = [at]
    while came[way[-1]] >= 0:
        way.append(came[way[-1]])
    way.reverse()
    return tuple(
        next(label for label, after, _, _ in successors(setting, order[one]) if after == order[two])
        for one, two in pairwise(way)
    )


def _last(setting: Setting, state: bytes, after: bytes, wrong: str) -> str:
    for label, reached, _, broken in successors(setting, state):
        if reached == after and broken == wrong:
            return f"{label} -- {wrong}"
    return wrong


def is_good(state: bytes) -> bool:
    """Whether every batch has ended, or waits for a person in doubt."""
    for row in (0, BATCH):
        if state[row + STATE] and state[row + STATE] not in ENDS:
            held = state[row + STATE] == IN_DOUBT and not state[row + FLAGS] & WANTED
            if not held:
                return False
    return True


def _stuck(order: list[bytes], edges_from: array[int], edges_to: array[int]) -> list[int]:
    """States from which no steps without a fault lead to a good end."""
    good = bytearray(len(order))
    for number, state in enumerate(order):
        good[number] = is_good(state)
    changed = True
    while changed:
        changed = False
        # Most edges lead on to later states, so backwards is nearly one pass.
        for edge in range(len(edges_from) - 1, -1, -1):
            if good[edges_to[edge]] and not good[edges_from[edge]]:
                good[edges_from[edge]] = 1
                changed = True
    return [number for number, fine in enumerate(good) if not fine]
