"""Which orgs of a wave can start first, and what the wave waits for when none can just now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rollouts.domain.freezes import closing
from rollouts.domain.hours import OUTSIDE, Hours
from rollouts.domain.policy import Policy
from rollouts.domain.schedule import in_utc
from rollouts.domain.spans import Span, Spans, span_at
from rollouts.domain.starts import Pace, PlannedStart, next_start
from rollouts.domain.walls import UnknownZone
from rollouts.domain.windows import BadWindow
from rollouts.models import FrozenList, Target, Wave
from rollouts.pipeline import clock, memory, timing
from rollouts.pipeline.keeping import hours_of
from rollouts.pipeline.transitions import touch

# A wait is computed anew this often, since windows and freezes may have changed meanwhile.
LOOK_AGAIN = timedelta(minutes=5)
# Batches are cut so much before they must be, so that a tick that comes late costs no opening.
AHEAD = timedelta(minutes=5)
# So many orgs are looked at first.
ENOUGH = 2000
UNKNOWN = "its hours are not known"


@dataclass(frozen=True, slots=True)
class Opening:
    """The batch that can start first, if any, and why the orgs that wait can't start before."""

    batch: PlannedStart[int] | None
    because: str = ""


def next_opening(
    frozen: FrozenList,
    targets: Sequence[tuple[int, int]],
    size: int,
    now: datetime,
    *,
    ran: dict[int, datetime] | None = None,
) -> Opening:
    """Return which of these targets can start first, as (target, org) rows in push order.

    The orgs of the batch are rows of targets. ``ran`` says of single ones, by the target's row,
    when they were tried last: they wait for the window after that.
    """
    policy = frozen.wave.rollout.policy
    link = frozen.to_version.package.connection
    asked = timing.earliest_start(frozen, policy, now, min(size, len(targets)))
    earliest = in_utc(memory.marked_second(asked, link))
    horizon = in_utc(frozen.end_by)
    if earliest >= horizon:
        return Opening(None, "its approved end date is too near")
    # From the whole hour on, so that what is computed serves the looks of that hour.
    within = Span(earliest.replace(minute=0, second=0, microsecond=0), horizon)
    known = hours_of(frozen, [org for _, org in targets], now, within)
    spans: dict[int, Spans] = {}
    rows: list[tuple[int, Spans]] = []
    waiting: Counter[str] = Counter()
    tried = ran or {}
    for target, org in targets:
        hours = known.get(org)
        if hours is None:
            waiting[UNKNOWN] += 1
            continue
        if id(hours) not in spans:
            spans[id(hours)] = _spans(hours, within)
        mine = spans[id(hours)]
        if target in tried:
            mine = _after(mine, _window_over(hours, in_utc(tried[target]), horizon))
        rows.append((target, mine))
    batch = next_start(
        rows,
        size,
        pace_of(policy, [size]),
        not_before=earliest,
        horizon=horizon,
        seed=frozen.digest,
    )
    if batch is None or batch.start > earliest:
        for _, org in targets:
            if org in known:
                waiting[why_closed(known[org], earliest, within)] += 1
    return Opening(batch, _said(waiting))


def first_due(
    frozen: FrozenList, targets: Sequence[tuple[int, int]], size: int, now: datetime
) -> Opening:
    """Return the batch that can start first; the first orgs do when they fill one that is due.

    In a wave of many thousands nearly every batch is found so, without asking for all hours.
    """
    some = targets[: max(ENOUGH, 2 * size)]
    opening = next_opening(frozen, some, size, now)
    batch = opening.batch
    full = batch is not None and len(batch.orgs) == size
    due = batch is not None and is_due(batch, frozen.wave.rollout.policy, now)
    if len(some) == len(targets) or (full and due):
        return opening
    return next_opening(frozen, targets, size, now)


def pace_of(policy: Policy, sizes: Sequence[int]) -> Pace:
    """Return how fast batches of these sizes follow one another under a policy."""
    return Pace(sizes=tuple(sizes), latest=timedelta(seconds=policy.not_after))


def _spans(hours: Hours, within: Span) -> Spans:
    try:
        return hours.spans(within)
    except (UnknownZone, BadWindow):
        return ()


def _window_over(hours: Hours, moment: datetime, horizon: datetime) -> datetime:
    """Return the end of the window that an org was in at a moment; who is always open has none."""
    if moment >= horizon or all(rule.window.always for rule in hours.rules):
        return moment
    was_in = span_at(hours.window(Span(moment, horizon)), moment)
    return was_in.end if was_in else moment


def _after(spans: Spans, moment: datetime) -> Spans:
    return tuple(Span(max(span.start, moment), span.end) for span in spans if span.end > moment)


def why_closed(hours: Hours, moment: datetime, within: Span) -> str:
    """Say what keeps an org from starting at a moment: its window, or a freeze by its name."""
    try:
        if span_at(hours.window(within), moment) is None:
            return OUTSIDE
    except (UnknownZone, BadWindow) as unreadable:
        return str(unreadable)
    stop = closing(hours.closed, moment)
    return f"frozen by “{stop.because}”" if stop else "too near the end of its hours"


def _said(waiting: Counter[str]) -> str:
    """Say why orgs wait, the most common reason first."""
    return "; ".join(
        f"{orgs:,} {'org' if orgs == 1 else 'orgs'}: {why}" for why, orgs in waiting.most_common(3)
    )


def is_due(batch: PlannedStart[int], policy: Policy, now: datetime) -> bool:
    """Say whether a batch is cut now: early enough to be prepared, and no earlier."""
    return now >= batch.start - timing.lead(policy, len(batch.orgs)) - AHEAD


def note_wait(wave: Wave, opening: Opening, now: datetime) -> None:
    """Write down that nothing of a wave can start just now, why, and when the next start is."""
    batch, because = opening.batch, opening.because or OUTSIDE
    start, orgs = (batch.start, len(batch.orgs)) if batch else (None, None)
    Wave.objects.filter(pk=wave.pk).update(
        next_start_at=start, next_start_orgs=orgs, hours_because=because, hours_read_at=now
    )
    if (start, because) != (wave.next_start_at, wave.hours_because):
        touch(wave.rollout)


def clear_wait(wave: Wave) -> None:
    """Forget a wait that is over."""
    Wave.objects.filter(pk=wave.pk).exclude(hours_read_at=None).update(
        next_start_at=None, next_start_orgs=None, hours_because=None, hours_read_at=None
    )


def wait_of(wave: Wave, policy: Policy, now: datetime) -> str:
    """Say what a wave waits for by the clock, or "" when it is time to look again."""
    if wave.hours_read_at is None or wave.hours_because is None:
        return ""
    if now - wave.hours_read_at >= max(LOOK_AGAIN, clock.wire(15)):
        return ""
    if wave.next_start_at is None:
        return f"{wave.hours_because}; no start fits before its approved end date"
    if now >= wave.next_start_at - timing.lead(policy, wave.next_start_orgs or 0) - AHEAD:
        return ""
    return wave.hours_because


def pending(wave: Wave) -> list[tuple[int, int]]:
    """List a wave's targets that wait for their first try, in push order, as (target, org)."""
    rows = Target.objects.filter(wave=wave, state="planned").order_by("place", "pk")
    return list(rows.values_list("pk", "org_id"))
