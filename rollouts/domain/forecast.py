"""What a plan is likely to come to: failures, pace, finish, calls and tickets, as ranges.

Nothing here promises. Each figure comes with what it rests on: the past of this package, or an
assumption that is said as one. Formulas:

- failures: with x of n finished orgs failed, the rate is Beta(x + 1/2, n - x + 1/2) (Jeffreys'
  prior; Brown, Cai and DasGupta 2001, Statistical Science 16, 101-133), so the failures among m
  more orgs are beta-binomial (Skellam 1948). The range is its middle 90 %.
- pace: batches go one after another through the open hours of the orgs, each cycle as long as a
  batch took to settle in the past (median; the slow end takes the 90th percentile).
- tickets: one for each failed org, as in `capacity`.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo

from rollouts.domain.business_days import business_day_over
from rollouts.domain.capacity import orgs_a_day
from rollouts.domain.policy import STRICT_KINDS, Policy, WaveKind, dispatch_calls
from rollouts.domain.spans import Span, Spans, overlap, union

# Two to five orgs of a hundred fail as a rule, say maintainers of widely pushed packages.
AMBIENT_LOW, AMBIENT_HIGH = 0.02, 0.05
# Beta with mean 3.5 % whose middle 90 % is about 2 to 5 %.
_AMBIENT = (14.2, 391.0)
ENOUGH_ORGS, ENOUGH_BATCHES = 30, 5
_TAIL = 0.05
_DAY = timedelta(days=1)
# What is said when too few batches have settled: half an hour as a rule, two when slow.
ASSUMED_SETTLE = (1800.0, 7200.0)
APPROVAL_TAKES = timedelta(days=1)
_ENDS = (
    "The early end has every wave approved at once; the late one has each approval take a day, "
    "batches that settle as slowly as the slowest tenth"
)


@dataclass(frozen=True, slots=True)
class Past:
    """Outcomes of this package so far: customers' orgs by their last word, and settle times.

    ``settled`` holds, for each past batch, the seconds from its start until its last org ended.
    """

    finished: int = 0
    failed: int = 0
    settled: tuple[float, ...] = ()

    @property
    def tells(self) -> bool:
        """Whether enough orgs have finished to speak of a rate."""
        return self.finished >= ENOUGH_ORGS

    def beta(self) -> tuple[float, float]:
        """The two parameters of the rate's distribution."""
        if not self.tells:
            return _AMBIENT
        return self.failed + 0.5, self.finished - self.failed + 0.5

    @property
    def rate(self) -> float:
        """The likely share of orgs that fail, 0 to 1."""
        a, b = self.beta()
        return a / (a + b)

    @property
    def rate_basis(self) -> str:
        """What the rate rests on, as a sentence."""
        if self.tells:
            return f"{self.failed:,} of {self.finished:,} orgs of this package failed so far."
        low, high = f"{100 * AMBIENT_LOW:g}", f"{100 * AMBIENT_HIGH:g}"
        so_far = f"only {self.finished}" if self.finished else "no"
        return (
            f"An assumption: {low} to {high} % fail as a rule; {so_far} orgs of this package have "
            f"finished, {ENOUGH_ORGS} are needed to speak of its own rate."
        )

    def settle(self) -> tuple[timedelta, timedelta]:
        """How long a batch takes to settle: as a rule, and when slow."""
        if len(self.settled) < ENOUGH_BATCHES:
            usual, slow = ASSUMED_SETTLE
        else:
            ranked = sorted(self.settled)
            usual = ranked[len(ranked) // 2]
            slow = ranked[min(len(ranked) - 1, math.ceil(0.9 * len(ranked)) - 1)]
        return timedelta(seconds=usual), timedelta(seconds=max(usual, slow))

    @property
    def settle_basis(self) -> str:
        """What the settle times rest on, as a sentence."""
        if len(self.settled) >= ENOUGH_BATCHES:
            return f"Settle times are those of the last {len(self.settled)} batches."
        usual, slow = (seconds / 60 for seconds in ASSUMED_SETTLE)
        return f"An assumption: a batch settles in {usual:g} minutes, a slow one in {slow:g}."


@dataclass(frozen=True, slots=True)
class Range:
    """A count with the ends of its middle 90 %."""

    low: int
    likely: int
    high: int

    def __str__(self) -> str:
        return f"{self.low:,} to {self.high:,}"


def failures(orgs: int, past: Past) -> Range:
    """Return how many of so many orgs are likely to fail (beta-binomial, middle 90 %)."""
    if orgs <= 0:
        return Range(0, 0, 0)
    a, b = past.beta()
    # ln P(0) = ln B(a, b + m) - ln B(a, b); each next term follows from the one before.
    log = math.lgamma(b + orgs) + math.lgamma(a + b) - math.lgamma(a + b + orgs) - math.lgamma(b)
    low, summed = -1, 0.0
    for count in range(orgs + 1):
        summed += math.exp(log)
        if low < 0 and summed > _TAIL:
            low = count
        if summed >= 1 - _TAIL:
            return Range(max(low, 0), round(orgs * past.rate), count)
        log += math.log((orgs - count) / (count + 1)) + math.log(
            (a + count) / (b + orgs - count - 1)
        )
    return Range(max(low, 0), round(orgs * past.rate), orgs)


@dataclass(frozen=True, slots=True)
class Group:
    """Orgs that may be started at the same hours; ``open`` reaches as far as one looks ahead."""

    orgs: int
    open: Spans


@dataclass(frozen=True, slots=True)
class Step:
    """One wave as the forecast sees it; ``bake`` in seconds, ``zones`` those of its orgs.

    ``not_before`` is the date that its planner gave it, if any.
    """

    number: int
    name: str
    kind: WaveKind
    groups: tuple[Group, ...]
    bake: int = 0
    zones: tuple[tzinfo, ...] = ()
    not_before: datetime | None = None

    @property
    def orgs(self) -> int:
        """How many orgs are in it."""
        return sum(group.orgs for group in self.groups)


@dataclass(frozen=True, slots=True)
class Walk:
    """One wave at a pace: (start, orgs) of each batch, when it passes, and what did not fit.

    ``nights`` counts the days on which something could have started until the wave's end date.
    """

    step: Step
    batches: tuple[tuple[datetime, int], ...]
    passes: datetime
    unplaced: int
    nights: int

    @property
    def first_start(self) -> datetime | None:
        """When its first batch starts; None when none can."""
        return self.batches[0][0] if self.batches else None

    @property
    def last_start(self) -> datetime | None:
        """When its last batch starts; None when none can."""
        return self.batches[-1][0] if self.batches else None


@dataclass(slots=True)
class _Support:
    """What support can bear: orgs pushed within 24 hours, rising with what is known."""

    policy: Policy
    rate: float
    done: int = 0
    lately: deque[tuple[datetime, int]] = field(default_factory=deque)

    def opens(self, at: datetime, orgs: int) -> datetime:
        """Return when a batch may go; with nobody pushed in 24 hours any may, as in `decide`."""
        cap = orgs_a_day(self.policy.tickets_a_day, round(self.done * self.rate), self.done)
        while self.lately and self.lately[0][0] + _DAY <= at:
            self.lately.popleft()
        pushed = sum(count for _, count in self.lately)
        for start, count in self.lately:
            if pushed + orgs <= cap:
                break
            at, pushed = start + _DAY, pushed - count
        return at

    def take(self, at: datetime, orgs: int) -> None:
        self.lately.append((at, orgs))
        self.done += orgs


@dataclass(frozen=True, slots=True)
class Tempo:
    """One way the plan may go: seconds a batch takes, rounds of retries, and each approval."""

    cycle: timedelta
    retries: timedelta = timedelta()
    approval: timedelta = timedelta()


def walk(step: Step, policy: Policy, begin: datetime, tempo: Tempo, support: _Support) -> Walk:
    """Send a wave's orgs through their open hours, batch after batch, until its end date.

    The orgs whose hours end first go first.
    """
    left = [group.orgs for group in step.groups]
    until = begin + timedelta(seconds=policy.end_by_after)
    starts: list[tuple[datetime, int]] = []
    at = begin
    while sum(left) and at < until:
        now_open = sorted(
            (span.end, index)
            for index, group in enumerate(step.groups)
            if left[index] and (span := _at(group.open, at)) is not None
        )
        if not now_open:
            at = min((_opens(group.open, at, until) for group, orgs in
                      zip(step.groups, left, strict=True) if orgs), default=until)  # fmt: skip
            continue
        size = min(_size(step.kind, len(starts), policy), sum(left[index] for _, index in now_open))
        if step.kind is not WaveKind.OWN and (later := support.opens(at, size)) > at:
            at = later
            continue
        room = size
        for _, index in now_open:
            taken = min(left[index], room)
            left[index] -= taken
            room -= taken
        starts.append((at, size))
        if step.kind is not WaveKind.OWN:
            support.take(at, size)
        at += tempo.cycle
    settled = starts[-1][0] + tempo.cycle + tempo.retries if starts else begin
    passes = settled + timedelta(seconds=step.bake)
    if step.kind is WaveKind.CANARY and policy.canary_business_day:
        passes = max(passes, business_day_over(settled, step.zones))
    return Walk(step, tuple(starts), passes, sum(left), _nights(step, begin, until))


def _at(spans: Spans, moment: datetime) -> Span | None:
    place = bisect_right(spans, moment, key=lambda span: span.end)
    return spans[place] if place < len(spans) and spans[place].start <= moment else None


def _opens(spans: Spans, moment: datetime, until: datetime) -> datetime:
    place = bisect_right(spans, moment, key=lambda span: span.start)
    return spans[place].start if place < len(spans) else until


def _nights(step: Step, begin: datetime, until: datetime) -> int:
    """Count the separate stretches in which somebody of the wave may be started."""
    every = union(span for group in step.groups for span in group.open)
    return len(overlap(every, (Span(begin, until),)))


def _size(kind: WaveKind, rank: int, policy: Policy) -> int:
    if kind in STRICT_KINDS:
        return policy.batch_strict
    return policy.batch_ramp[min(rank, len(policy.batch_ramp) - 1)]


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a plan is likely to come to. ``waves`` is the quick end, ``finish`` (quick, slow).

    ``calls_a_day`` and ``tickets_a_day`` are those of the busiest 24 hours (UTC days); ``by_wave``
    holds the failures to expect per wave number; ``assumptions`` are sentences.
    """

    waves: tuple[Walk, ...]
    finish: tuple[datetime, datetime]
    failures: Range
    by_wave: dict[int, Range]
    calls: int
    calls_a_day: int
    tickets_a_day: Range
    busiest: date | None
    reach: int
    assumptions: tuple[str, ...]

    @property
    def unplaced(self) -> tuple[Walk, ...]:
        """Waves of which some orgs find no place before the end date."""
        return tuple(walked for walked in self.waves if walked.unplaced)

    @property
    def begins(self) -> datetime | None:
        """When the first batch may start."""
        return next((walked.first_start for walked in self.waves if walked.first_start), None)


def forecast(
    steps: Sequence[Step], policy: Policy, past: Past, begin: datetime, *, poll: float
) -> Forecast:
    """Look ahead over all waves.

    Args:
        steps: the waves in order.
        policy: sizes, bakes, caps and end dates.
        past: what this package's pushes came to so far.
        begin: when the first wave could be frozen and approved.
        poll: seconds of business time between two looks at a running batch.
    """
    usual, slow = past.settle()
    lead = timedelta(seconds=policy.fuse)
    again = (timedelta(seconds=policy.retry_delay) + slow) * policy.retries
    quick = _all(steps, policy, past, begin, Tempo(usual + lead))
    late = _all(steps, policy, past, begin, Tempo(slow + lead, again, APPROVAL_TAKES))
    pushed: Counter[date] = Counter()
    dispatch: Counter[date] = Counter()
    for walked in quick:
        for start, orgs in walked.batches:
            follow = math.ceil((usual + lead).total_seconds() / poll)
            dispatch[start.date()] += dispatch_calls(orgs) + follow
            if walked.step.kind is not WaveKind.OWN:
                pushed[start.date()] += orgs
    busiest = max(pushed, key=lambda day: pushed[day], default=None)
    return Forecast(
        waves=quick,
        finish=(_end(quick, begin), _end(late, begin)),
        failures=failures(sum(step.orgs for step in steps), past),
        by_wave={step.number: failures(step.orgs, past) for step in steps},
        calls=sum(dispatch.values()),
        calls_a_day=max(dispatch.values(), default=0),
        tickets_a_day=failures(pushed[busiest], past) if busiest else Range(0, 0, 0),
        busiest=busiest,
        reach=max((orgs for walked in quick for _, orgs in walked.batches), default=0),
        assumptions=(
            past.rate_basis,
            past.settle_basis,
            f"{_ENDS} and {policy.retries} rounds of retries.",
        ),
    )


def _all(
    steps: Iterable[Step], policy: Policy, past: Past, begin: datetime, tempo: Tempo
) -> tuple[Walk, ...]:
    support, walks, at = _Support(policy, past.rate), [], begin
    for step in steps:
        first = max(at + tempo.approval, step.not_before or begin)
        walks.append(walk(step, policy, first, tempo, support))
        at = walks[-1].passes
    return tuple(walks)


def _end(walks: tuple[Walk, ...], begin: datetime) -> datetime:
    return walks[-1].passes if walks else begin
