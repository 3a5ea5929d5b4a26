"""The searches that are run: the whole protocol, and the protocol with guards removed."""

from __future__ import annotations

from dataclasses import dataclass

from tests.batteries.dispatch.state import MEEK, WILD, Rules, Setting


@dataclass(frozen=True, slots=True)
class Row:
    """One search. ``breaks`` is the property that must be found broken, "" for none.

    ``live`` also asks that from every state a good end can be reached without further faults.
    ``long`` searches are many states more of faults that the others have one by one.
    """

    name: str
    setting: Setting
    breaks: str = ""
    live: bool = False
    quick: bool = False
    long: bool = False


WHOLE = (
    Row("no fault", Setting(lost=0), live=True, quick=True),
    Row("1 lost call", Setting(), live=True, quick=True),
    Row("1 lost call, 1 kill, 1 frozen worker", Setting(kills=1, freezes=1), live=True),
    Row("2 lost calls, 1 halt", Setting(lost=2, revokes=1)),
    Row("1 lost call, 1 act of a stranger", Setting(strangers=1), live=True),
    Row("bulk fill, 1 lost call, 1 kill", Setting(kills=1, bulk=True), live=True),
    Row(
        "the better platform: 1 lost call, 1 kill, 1 halt",
        Setting(kills=1, revokes=1, platform=MEEK),
    ),
    Row("1 lost call, 1 frozen worker, 1 halt", Setting(freezes=1, revokes=1), long=True),
    Row("bulk fill, 1 lost call, 1 halt", Setting(revokes=1, bulk=True), long=True),
    Row(
        "the better platform: 2 lost calls, 1 kill, 1 halt",
        Setting(lost=2, kills=1, revokes=1, platform=MEEK),
        long=True,
    ),
)

_TASK = Rules(
    fence=False, bind_once=False, deadline=False, intent=False, lookup=False, sets=False,
    settle_wait=False, approval_at_arm=False, live_index=False, foreign_look=False, fuse=False,
    watcher=False,
)  # fmt: skip
_HALT = Setting(revokes=1, platform=MEEK)
_STRANGER = Setting(strangers=1, platform=MEEK)


def _without(setting: Setting, **off: bool) -> Setting:
    return Setting(
        lost=setting.lost,
        kills=setting.kills,
        freezes=setting.freezes,
        revokes=setting.revokes,
        strangers=setting.strangers,
        bulk=setting.bulk,
        platform=setting.platform,
        rules=Rules(**off),
    )


_MEEK, _CALM = Setting(platform=MEEK), Setting(lost=0, platform=MEEK)
_FROZEN = Setting(lost=0, freezes=1, platform=WILD)

REMOVED = (
    Row(
        "an ordinary task: create, add, arm, start over",
        Setting(lost=0, platform=MEEK, rules=_TASK),
        "S",
        quick=True,
    ),
    Row(
        "bind once, lookup and fence: the last writer wins",
        _without(_MEEK, bind_once=False, fence=False, lookup=False),
        "S3",
    ),
    Row(
        "the loser of the bind stops; self-deadline",
        _without(Setting(lost=0, freezes=1, platform=MEEK), loser_stops=False, deadline=False),
        "S3",
        quick=True,
    ),
    Row(
        "arm once: a time-out is a failure; look for other requests; hunt",
        _without(_MEEK, arm_once=False, looks_before_new=False, foreign_look=False, hunt=False),
        "S6",
        quick=True,
    ),
    Row(
        "the same, after one look",
        _without(_MEEK, arm_once=False, foreign_look=False, hunt=False),
        "S6",
        quick=True,
    ),
    Row(
        "nonce and comparing sets: adopt by version",
        _without(_STRANGER, nonce=False, sets=False),
        "S2",
    ),
    Row("comparing sets", _without(_STRANGER, sets=False), "S2"),
    Row("fuse and watcher", _without(_HALT, fuse=False, watcher=False), "S5", quick=True),
    Row("watcher", _without(_HALT, watcher=False), "S5", quick=True),
    Row("fuse longer than the longest call", _without(Setting(), fuse=False), "S6", quick=True),
    Row("self-deadline", _without(_FROZEN, deadline=False), "S1", quick=True),
    Row(
        "the watcher's hunt for what was read back as canceled",
        _without(Setting(revokes=1), hunt=False),
        "S6",
    ),
    Row("reading a cancel back", _without(_HALT, read_back=False), "S6", quick=True),
    Row(
        "waiting after an unanswered add; watcher",
        _without(Setting(), settle_wait=False, watcher=False),
        "S1",
        quick=True,
    ),
    Row(
        "approval and recall in the last look; watcher",
        _without(Setting(lost=0, revokes=1, platform=MEEK), approval_at_arm=False, watcher=False),
        "S5",
        quick=True,
    ),
    Row(
        "one live attempt per org; look for other requests",
        _without(_CALM, live_index=False, foreign_look=False),
        "S1",
        quick=True,
    ),
    Row(
        "committing ARM before the call; watcher",
        _without(_MEEK, intent=False, watcher=False),
        "S3",
        quick=True,
    ),
    Row(
        "waiting for the end of a bulk job",
        _without(Setting(lost=0, bulk=True), bulk_end=False),
        "S1",
        quick=True,
    ),
)

# One of two layers removed: the other one must still hold.
LAYERS = (
    Row("fence alone", _without(Setting(), fence=False)),
    Row("nonce alone", _without(_STRANGER, nonce=False)),
    Row("waiting after an unanswered add alone", _without(Setting(), settle_wait=False)),
    Row(
        "approval and recall in the last look alone",
        _without(Setting(lost=0, revokes=1), approval_at_arm=False),
    ),
    Row("one live attempt per org alone", _without(_CALM, live_index=False)),
    Row("committing ARM before the call alone", _without(_MEEK, intent=False)),
    Row("arm once alone", _without(_MEEK, arm_once=False, looks_before_new=False)),
)
