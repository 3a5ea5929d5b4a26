"""What pages say of a connection: how it is, how old its data are, what was done to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max

from rollouts.models import Connection, Event, PlatformAnswer, SelfTestRequest, SyncRun
from rollouts.pipeline import connections, proof, questions
from rollouts.pipeline.proof import Check, Verdict

EVENTS_SHOWN = 8


@dataclass(frozen=True, slots=True)
class LinkState:
    """How a connection is: ``tone`` is ok, need, fail or idle; ``why`` may be ""."""

    tone: str
    icon: str
    word: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class LinkLine:
    """A connection with its state and the age of each package's data (None: never read)."""

    link: Connection
    state: LinkState
    read_at: dict[str, datetime | None]

    @property
    def oldest(self) -> datetime | None:
        """When the oldest of its data was read, or None when some was never read."""
        moments = list(self.read_at.values())
        known = [moment for moment in moments if moment is not None]
        return min(known) if known and len(known) == len(moments) else None


def link_state(link: Connection) -> LinkState:
    """Judge a connection by what is stored; nothing is asked."""
    if link.disconnected_at is not None:
        return LinkState("idle", "offline", "Disconnected")
    if link.failure and (link.answered_at is None or _newer(link.failed_at, link.answered_at)):
        return LinkState("fail", "failed", "Does not work", link.failure)
    wrong = [check for check in proof.stored(link) if check.verdict is Verdict.BAD]
    if wrong:
        return LinkState("need", "warn", "Needs a hand", f"{wrong[0].says} {wrong[0].do}")
    if not link.org_id:
        return LinkState("need", "decide", "Not signed in yet")
    return LinkState("ok", "ok", "Works")


def _newer(one: datetime | None, other: datetime) -> bool:
    return one is not None and one > other


def link_lines() -> list[LinkLine]:
    """List every connection, live ones first: two queries and one per connection."""
    links = list(Connection.objects.order_by("name"))
    links.sort(key=lambda link: link.disconnected_at is not None)
    return [link_line(link) for link in links]


def link_line(link: Connection) -> LinkLine:
    """Return one connection with what was read through it."""
    read: dict[str, datetime | None] = dict.fromkeys(
        link.packages.order_by("name").values_list("name", flat=True)
    )
    rows = SyncRun.objects.filter(package__connection=link, ok=True).values_list("package__name")
    read |= dict(rows.annotate(latest=Max("read_at")))
    return LinkLine(link, link_state(link), read)


def link_events(link: Connection) -> list[Event]:
    """Return the latest lines of history about a connection, newest first."""
    about = Event.objects.filter(subject__startswith=f"connection {link.pk} ")
    return list(about.order_by("-sequence")[:EVENTS_SHOWN])


def link_checks(link: Connection) -> list[Check]:
    """Return what the last proof said."""
    return proof.stored(link)


@dataclass(frozen=True, slots=True)
class Question:
    """An open question about the platform with what this org answered, and when."""

    number: int
    title: str
    words: str
    means: str
    asked_at: datetime | None


def link_questions(link: Connection) -> list[Question]:
    """List every open question, answered or not."""
    answers = {row.question: row for row in link.answers.all()}
    return [_question(number, answers.get(number)) for number in questions.TITLES]


def _question(number: int, row: PlatformAnswer | None) -> Question:
    if row is None:
        words = questions.NEVER if number == questions.LIMITS else "Not asked yet."
        return Question(number, questions.TITLES[number], words, "", None)
    means = questions.MEANS.get((number, row.answer), "")
    return Question(number, questions.TITLES[number], row.words, means, row.asked_at)


def unswept(link: Connection) -> int:
    """Count requests of the self-test that were not read back as ended yet."""
    return SelfTestRequest.objects.filter(connection=link, ended_at=None).count()


def push_refusal(link: Connection) -> str:
    """Say why push mode can't be turned on, or ""."""
    return connections.push_refusal(link)
