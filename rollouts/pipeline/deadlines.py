"""Until when an approval holds: computed from the windows of exactly the orgs on the list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from rollouts.domain.capacity import orgs_a_day
from rollouts.domain.hours import Hours, Rule
from rollouts.domain.lifecycle import ATTEMPT_LIVE, AttemptState
from rollouts.domain.org_time import OrgTime
from rollouts.domain.policy import Policy, WaveKind
from rollouts.domain.schedule import in_utc
from rollouts.domain.spans import Span, Spans, first_fit
from rollouts.domain.starts import ROOM, SECOND, Pace, PlannedStart, group_starts
from rollouts.domain.walls import UnknownZone
from rollouts.domain.windows import BadWindow
from rollouts.models import Attempt, FrozenList, FrozenOrg, Rollout, Wave
from rollouts.pipeline import timing
from rollouts.pipeline.freezes import closed_for
from rollouts.pipeline.keeping import hours_of

# Two more nights, so that a batch that had to be cut anew needs no new approval.
TWO_NIGHTS = timedelta(days=2)
# An opening with less left than this is none to reckon with: a late tick would miss it.
NEARLY_OVER = timedelta(minutes=90)
_LIVE = [state.value for state in ATTEMPT_LIVE]
_BAD = [AttemptState.FAILED.value, AttemptState.UNCONFIRMED.value]


def planned_starts(
    wave: Wave, orgs: Sequence[int], times: Mapping[int, OrgTime], sizes: Sequence[int],
    within: Span, now: datetime,
) -> tuple[tuple[PlannedStart[int], ...], dict[int, str]]:  # fmt: skip
    """Group the orgs of a wave into batches by their hours, as fast as support can bear.

    Returns the starts and, by the org's row, why others fit into none within the span.
    """
    policy = wave.rollout.policy
    closed = closed_for(orgs, wave.rollout.to_version.package, within, now)
    spans: dict[tuple[int, int], Spans] = {}
    rows: list[tuple[int, Spans]] = []
    for pk in orgs:
        if pk not in times or pk not in closed:
            rows.append((pk, ()))
            continue
        time, stops = times[pk], closed[pk]
        which = id(time), id(stops)
        if which not in spans:
            spans[which] = _open(Hours((Rule(time.window, time.zones),), stops), within)
        rows.append((pk, spans[which]))
    a_day = 0 if wave.kind == WaveKind.OWN.value else _bearable(wave.rollout, policy)
    pace = Pace(tuple(sizes), timedelta(seconds=policy.not_after), a_day=a_day)
    return group_starts(rows, pace, not_before=within.start, horizon=within.end, seed=str(wave.pk))


def _open(hours: Hours, within: Span) -> Spans:
    try:
        return hours.spans(within)
    except (UnknownZone, BadWindow):
        return ()


def _bearable(rollout: Rollout, policy: Policy) -> int:
    """Return how many orgs a day support can bear, by what is known of this rollout so far."""
    rows = Attempt.objects.filter(batch__wave__rollout=rollout)
    ended = rows.exclude(state__in=[*_LIVE, AttemptState.CANCELED.value])
    failed = ended.filter(state__in=_BAD).count()
    return orgs_a_day(policy.tickets_a_day, failed, ended.count())


def end_by(
    wave: Wave, orgs: Sequence[int], times: Mapping[int, OrgTime], sizes: Sequence[int],
    not_before: datetime, now: datetime,
) -> datetime:  # fmt: skip
    """Return the end date of a list: two nights after its last planned window, at most 14 days.

    Where every hour is open, or not every org fits, it is what the policy allows at most.
    """
    policy = wave.rollout.policy
    latest = in_utc(not_before + timedelta(seconds=policy.end_by_after))
    first = in_utc(not_before + timing.lead(policy, max(sizes, default=0)))
    if first >= latest:
        return latest
    starts, unplaced = planned_starts(wave, orgs, times, sizes, Span(first, latest), now)
    if unplaced or not starts:
        return latest
    return min(latest, max(batch.closes for batch in starts) + TWO_NIGHTS)


def lapses_at(frozen: FrozenList, now: datetime) -> datetime:
    """Return until when the first batch must be armed if somebody approves now.

    The end of the first window from now on in which any org of the list could start, and at most
    what the policy says (72 hours).
    """
    policy = frozen.wave.rollout.policy
    latest = in_utc(now + timedelta(seconds=policy.approval_lasts))
    opening = first_window(frozen, now, latest)
    return min(latest, opening.end) if opening else latest


def first_window(frozen: FrozenList, now: datetime, until: datetime) -> Span | None:
    """Return the first stretch in which an org of a list can start; its end is the last of them.

    None when there is none until then.
    """
    policy = frozen.wave.rollout.policy
    start = in_utc(timing.earliest_start(frozen, policy, now))
    horizon = in_utc(frozen.end_by)
    if start >= min(horizon, until):
        return None
    within = Span(start, horizon)
    orgs = list(FrozenOrg.objects.filter(list=frozen).values_list("org_id", flat=True))
    opened = {id(hours): hours for hours in hours_of(frozen, orgs, now, within).values()}.values()
    spans = [_open(hours, within) for hours in opened]
    fits = [fit for one in spans if (fit := _first(one, start))]
    first = min((fit.start for fit in fits), default=None)
    if first is None or first >= until:
        return None
    return Span(first, max(fit.end for fit in fits if fit.start == first))


def _first(spans: Spans, start: datetime) -> Span | None:
    """Return the first opening from a moment on; one that is nearly over doesn't count."""
    fit = first_fit(spans, start, ROOM + SECOND)
    if fit is not None and fit.start == start and fit.length < NEARLY_OVER:
        fit = first_fit(spans, fit.end, ROOM + SECOND)
    return fit
