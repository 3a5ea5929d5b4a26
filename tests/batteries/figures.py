"""Every figure of a page with its "as of", held against what was so at that moment.

What a figure may be, and why:

* A page's read of Salesforce begins at its "as of" and takes a while, so a figure may be true at
  any instant between the two: here 1.5 s of real time, and for each call that the simulator held
  back in that span (a fault of the battery's own making) as much longer as it was held.
* Figures that stand together (one rollout, wave or batch, one "as of") must be true at *one*
  instant of that span, not each at its own.
* ``upgraded`` and ``confirmed`` together are Salesforce's Succeeded, ``failed`` its Failed,
  ``running`` InProgress, ``queued`` Pending, of the newest attempt of each org. ``planned``,
  ``prepared``, ``skipped`` and ``canceled`` are Pushboard's own decisions: they must agree with its
  database, and all parts must add up to the orgs.
"""

from __future__ import annotations

import html
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.batteries.books import AttemptRow, Snapshot
from tests.batteries.demo import at
from tests.batteries.truth import Timeline

READ_SECONDS = 1.5
OLDEST_SECONDS = 60.0
FIRST_READ_SECONDS = 10.0
WORDS = (
    "planned", "prepared", "queued", "running", "upgraded",
    "confirmed", "failed", "canceled", "skipped",
)  # fmt: skip
_OWN = ("planned", "prepared", "canceled", "skipped")
_WORD = {
    "": "prepared",
    "Created": "prepared",
    "Pending": "queued",
    "InProgress": "running",
    "Succeeded": "succeeded",
    "Failed": "failed",
    "Canceled": "canceled",
}
_LEFT = ("excluded", "already_current", "gone", "left_over")
_FIGURE = re.compile(r'<span data-figure="([^"]*)" data-as-of="([^"]*)" data-value="([^"]*)">')


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a page; ``as_of`` in milliseconds, None when it was never read."""

    key: str
    as_of: int | None
    value: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page as somebody saw it, with Pushboard's rows just before and just after.

    ``seen_at`` is the simulated moment just after it came.
    """

    path: str
    figures: tuple[Figure, ...]
    before: Snapshot
    after: Snapshot
    seen_at: int


@dataclass(frozen=True, slots=True)
class World:
    """What the check knows beside the log: names of versions, ids of packages, the clock's pace."""

    labels: Mapping[str, str]
    packages: Mapping[str, str]
    speed: float
    hang_seconds: float


@dataclass(slots=True)
class Checked:
    """What came of one page."""

    figures: int = 0
    oldest: float = 0.0  # seconds of real time, of what was open at Salesforce
    violations: list[str] = field(default_factory=list)


def figures_of(page: str) -> tuple[Figure, ...]:
    """Read every marked figure from a page's HTML."""
    return tuple(
        Figure(html.unescape(key), at(as_of) if as_of else None, html.unescape(value))
        for key, as_of, value in _FIGURE.findall(page)
    )


def check(page: Page, timeline: Timeline, world: World) -> Checked:
    """Hold every figure of a page against the log."""
    found = Checked(figures=len(page.figures))
    if not page.figures:
        found.violations.append(f"{page.path}: no figure is marked")
    groups: defaultdict[tuple[str, int | None], dict[str, str]] = defaultdict(dict)
    for figure in page.figures:
        prefix, _, word = figure.key.rpartition(".")
        group = groups[prefix, figure.as_of]
        if group.setdefault(word, figure.value) != figure.value:
            found.violations.append(
                f"{page.path}: {figure.key} is {group[word]} and {figure.value} on one page"
            )
    for (prefix, as_of), group in groups.items():
        for wrong in _Group(page, timeline, world, prefix, as_of, group).violations(found):
            found.violations.append(f"{page.path}: {prefix} as of {_when(as_of)}: {wrong}")
    return found


@dataclass(frozen=True, slots=True)
class _Group:
    page: Page
    timeline: Timeline
    world: World
    prefix: str
    as_of: int | None
    values: Mapping[str, str]

    def violations(self, found: Checked) -> list[str]:
        kind, *where = self.prefix.split(".")
        if kind == "org":
            return self._org(where[0], found)
        if kind == "batch":
            found_here = self._status(int(where[1])) if "sf_status" in self.values else []
            attempts = self._attempts_of_batch(int(where[1]))
            return [*found_here, *self._age(self._requests(int(where[1])), found), *attempts]
        wave = int(where[1]) if kind == "wave" else None
        return [
            *self._age(self._open_of(where[0], wave), found),
            *self._counts(
                [self._orgs(books, where[0], wave) for books in (self.page.before, self.page.after)]
            ),
        ]

    # --- which instants -------------------------------------------------------------------

    def _instants(self) -> list[int]:
        if self.as_of is None:
            return []
        speed, end, held = self.world.speed, self.as_of, -1
        while held != self.timeline.held_back(self.as_of, end):
            held = self.timeline.held_back(self.as_of, end)
            seconds = READ_SECONDS + held * self.world.hang_seconds
            end = self.as_of + round(seconds * 1000 * speed)
        # A page can't show what happens after it was read.
        return self.timeline.instants(self.as_of, min(end, self.page.seen_at))

    # --- one group ------------------------------------------------------------------------

    def _org(self, org: str, found: Checked) -> list[str]:
        name, label = next(iter(self.values.items()))
        package = self.world.packages[name]
        moments = self._instants()
        had = [self.timeline.version(org[:15], package, moment) for moment in moments]
        wrong = self._too_old(found)
        if label not in [self.world.labels.get(version or "") for version in had]:
            told = ", ".join(dict.fromkeys(self.world.labels.get(v or "", "none") for v in had))
            wrong.append(f"shows {label}, the log says {told or 'nothing'}")
        return wrong

    def _status(self, pk: int) -> list[str]:
        requests = self._requests(pk)
        shown = self.values["sf_status"]
        were = [self.timeline.request(one, t) for one in requests for t in self._instants()]
        if shown in were:
            return []
        return [f"shows the request as {shown}, the log says {', '.join(dict.fromkeys(were))}"]

    def _requests(self, pk: int) -> set[str]:
        return {
            row.sf_id
            for books in (self.page.before, self.page.after)
            for row in books.batches
            if row.pk == pk and row.sf_id
        }

    def _open_of(self, slug: str, wave: int | None) -> set[str]:
        books = self.page.before
        rollout = books.rollout(slug)
        waves = {row.pk for row in books.waves_of(rollout) if wave is None or row.number == wave}
        return {row.sf_id for row in books.batches if row.wave in waves and row.sf_id}

    def _age(self, requests: set[str], found: Checked) -> list[str]:
        """At most a minute old while anything of it is open at Salesforce."""
        # One that was made a moment ago may wait for its first read.
        settled = self.page.seen_at - round(FIRST_READ_SECONDS * 1000 * self.world.speed)
        still_open = (
            requests
            & self.timeline.open_requests(self.page.seen_at)
            & self.timeline.open_requests(settled)
        )
        return self._too_old(found) if still_open else []

    def _too_old(self, found: Checked) -> list[str]:
        if self.as_of is None:
            return []
        seconds = (self.page.seen_at - self.as_of) / 1000 / self.world.speed
        found.oldest = max(found.oldest, seconds)
        return [f"is {seconds:.0f} s old"] if seconds > OLDEST_SECONDS else []

    # --- counts ---------------------------------------------------------------------------

    def _orgs(self, books: Snapshot, slug: str, wave: int | None) -> list[_Org]:
        rollout = books.rollout(slug)
        numbers = {row.pk: row.number for row in books.waves_of(rollout)}
        newest: dict[int, AttemptRow] = {}
        for attempt in sorted(books.attempts, key=lambda row: row.number):
            if attempt.state != "canceled":
                newest[attempt.target] = attempt
        return [
            _of_target(target.state, newest.get(target.pk))
            for target in books.targets
            if target.rollout == rollout.pk and (wave is None or numbers[target.wave] == wave)
        ]

    def _attempts_of_batch(self, pk: int) -> list[str]:
        if not set(self.values) & set(WORDS):
            return []
        return self._counts(
            [
                [_of_attempt(attempt) for attempt in books.attempts if attempt.batch == pk]
                for books in (self.page.before, self.page.after)
            ]
        )

    def _counts(self, either: Sequence[Sequence[_Org]]) -> list[str]:
        shown = {word: int(value) for word, value in self.values.items() if word in WORDS}
        wrong = []
        if len(shown) == len(WORDS):
            wrong += self._adds_up(shown, either)
        wanted = _of_salesforce(shown)
        moments = self._instants()
        if not moments:
            never = [f"{count} {word} before any read" for word, count in wanted.items() if count]
            return [*wrong, *never]
        told = [self._at(orgs, moment) for orgs in either for moment in moments]
        if not any(_agrees(shown, wanted, counted) for counted in told):
            wrong.append(f"shows {_words(wanted)}; the log says {_words(told[0])} then, "
                         f"{_words(told[-1])} at the end of the read")  # fmt: skip
        return wrong

    def _at(self, orgs: Iterable[_Org], moment: int) -> Counter[str]:
        return Counter(org.own or _WORD[self.timeline.job(org.job, moment)] for org in orgs)

    def _adds_up(self, shown: Mapping[str, int], either: Sequence[Sequence[_Org]]) -> list[str]:
        wrong = []
        if sum(shown.values()) not in [len(orgs) for orgs in either]:
            wrong.append(f"its parts make {sum(shown.values())} of {len(either[0])} orgs")
        decided = [Counter(org.decided for org in orgs) for orgs in either]
        for word in _OWN:
            counts = [counted[word] for counted in decided]
            if not min(counts) <= shown[word] <= max(counts):
                wrong.append(f"shows {shown[word]} {word}, its own books say {counts[0]}")
        return wrong


@dataclass(frozen=True, slots=True)
class _Org:
    """An org or an attempt to count: what was decided, or the job that tells its state.

    ``decided`` is the word by Pushboard's books, only compared where the decision is its own.
    """

    own: str
    job: str | None
    decided: str


def _of_target(state: str, newest: AttemptRow | None) -> _Org:
    if state in _LEFT:
        return _Org("skipped", None, "skipped")
    if newest is None or state == "planned":
        return _Org("planned", None, "planned")
    return _of_attempt(newest)


def _of_attempt(attempt: AttemptRow) -> _Org:
    if attempt.state == "canceled":
        return _Org("canceled", None, "canceled")
    decided = "prepared" if attempt.state in ("reserved", "submitted") else ""
    if attempt.sf_id is None:
        return _Org("prepared", None, decided)
    return _Org("", attempt.sf_id, decided)


def _of_salesforce(shown: Mapping[str, int]) -> dict[str, int]:
    """Those of the figures that Salesforce's own states decide."""
    wanted = {word: shown[word] for word in ("queued", "running", "failed") if word in shown}
    if "upgraded" in shown and "confirmed" in shown:
        wanted["succeeded"] = shown["upgraded"] + shown["confirmed"]
    return wanted


def _agrees(
    shown: Mapping[str, int], wanted: Mapping[str, int], counted: Mapping[str, int]
) -> bool:
    # Seen on the new version is at most what Salesforce calls a success.
    seen = shown.get("confirmed", 0) <= counted.get("succeeded", 0)
    return seen and all(counted.get(word, 0) == count for word, count in wanted.items())


def _words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count) or "nothing"


def _when(moment: int | None) -> str:
    if moment is None:
        return "never"
    seconds, ms = divmod(moment, 1000)
    return f"{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{ms:03}"
