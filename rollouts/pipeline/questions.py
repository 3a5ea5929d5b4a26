"""The open questions about the platform, and how each is asked.

Numbered as in the research on reliability (section 2.8). Every answer is read back from Salesforce;
what could not be told is "unknown".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from rollouts.salesforce.errors import Refused
from rollouts.salesforce.gateway import SfRequest, SfStatus
from rollouts.salesforce.tied import TiedHands

LOOKS = 10
LOOK_EVERY = 1.0  # real seconds

TITLES = {
    1: "Is a start time kept to the second?",
    2: "Do requests tell when and by whom they were created?",
    3: "Can a canceled request be set to Pending again?",
    4: "Are orgs accepted after Pending, and twice?",
    5: "Can the start be moved while Pending?",
    6: "May one org be in two open requests?",
    7: "How long until a new job can be read?",
    8: "What are the limits of one request?",
}
# What Pushboard makes of it, by answer; "" for nothing.
MEANS = {
    (1, "minute"): "Pushboard gives each batch of this org a whole minute of its own.",
    (1, "second"): "Pushboard tells its requests apart by their start second.",
    (3, "reopens"): "A late call could revive a canceled request, so recalls are watched for "
    "eleven minutes; that is done in any case.",
    (4, "accepted"): "The set of orgs is compared until the start; that is done in any case.",
    (7, "late"): "A batch is verified only when every org can be read; that takes longer here.",
}
LIMITS = 8
NEVER = "Not asked: no way is known that would do no harm."
FINISHED = "Whether a finished request can be set to Pending again was not asked."


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: a word for programs, and a sentence."""

    question: int
    answer: str
    words: str

    @property
    def title(self) -> str:
        """The question."""
        return TITLES[self.question]

    @property
    def means(self) -> str:
        """What follows for how Pushboard works, or ""."""
        return MEANS.get((self.question, self.answer), "")


@dataclass(frozen=True, slots=True)
class Asked:
    """What asking takes: tied hands, a way to make a request, the time, and a way to wait."""

    hands: TiedHands
    create: Callable[[], SfRequest]
    now: datetime
    wait: Callable[[float], None]

    def status(self, request_id: str) -> SfStatus | None:
        """Read the status of a request."""
        seen = self.hands.reads.request(request_id)
        return seen.status if seen else None


def ask_empty(asked: Asked) -> list[Answer]:
    """Ask 1, 2, 5 and 3 with one empty request a month ahead; it ends canceled.

    Raises:
        SalesforceError: it could not be created, read, armed or canceled.
    """
    request = asked.create()
    answers = [_start_kept(asked, request), _created_told(asked, request)]
    asked.hands.arm(request.id)
    answers.append(_start_moves(asked, request))
    asked.hands.cancel(request.id)
    answers.append(_reopens(asked, request))
    return sorted(answers, key=lambda one: one.question)


def _start_kept(asked: Asked, request: SfRequest) -> Answer:
    seen = asked.hands.reads.request(request.id)
    kept = seen.start if seen else None
    wanted = request.start
    if kept is None or wanted is None:
        return Answer(1, "unknown", "The start could not be read back.")
    if kept == wanted:
        return Answer(1, "second", f"Yes: {wanted:%H:%M:%S} was read back as it was sent.")
    words = f"No: {wanted:%H:%M:%S} was read back as {kept:%H:%M:%S}."
    if kept.second == 0 and abs(kept - wanted) <= timedelta(minutes=1):
        return Answer(1, "minute", words)
    return Answer(1, "unknown", words)


def _created_told(asked: Asked, request: SfRequest) -> Answer:
    readable, filterable = asked.hands.reads.created_fields(
        request.id, (asked.now - timedelta(days=1)).replace(microsecond=0)
    )
    if not readable:
        return Answer(2, "no", "No: CreatedDate and CreatedById can't be read.")
    if not filterable:
        return Answer(2, "readable", "They can be read, but not searched by.")
    return Answer(2, "yes", "Yes: CreatedDate and CreatedById can be read and searched by.")


def _start_moves(asked: Asked, request: SfRequest) -> Answer:
    if request.start is None:
        return Answer(5, "unknown", "The request has no start.")
    later = request.start + timedelta(hours=1)
    try:
        asked.hands.move_start(request.id, later)
    except Refused as refused:
        return Answer(5, "no", f"No, it is refused ({refused.code or 'no code'}).")
    seen = asked.hands.reads.request(request.id)
    if seen and seen.start and abs(seen.start - later) <= timedelta(minutes=1):
        return Answer(5, "yes", "Yes, and it was read back.")
    return Answer(5, "unknown", "It was accepted, but the start read back is the old one.")


def _reopens(asked: Asked, request: SfRequest) -> Answer:
    if asked.status(request.id) is not SfStatus.CANCELED:
        return Answer(3, "unknown", "The cancel was not read back at once.")
    try:
        asked.hands.arm(request.id)
    except Refused as refused:
        return Answer(3, "refused", f"No, it is refused ({refused.code or 'no code'}). {FINISHED}")
    status = asked.status(request.id)
    if status is SfStatus.CANCELED:
        return Answer(3, "ignored", f"It is accepted and stays Canceled. {FINISHED}")
    asked.hands.cancel(request.id)
    return Answer(3, "reopens", f"Yes: it was {status} again, and was canceled anew. {FINISHED}")


def ask_with_org(asked: Asked, org: str) -> list[Answer]:
    """Ask 4, 6 and 7 with one own org; its requests start a month ahead and end canceled.

    Raises:
        SalesforceError: a request could not be created, filled, read, armed or canceled.
    """
    first = asked.create()
    asked.hands.add(first.id, org)
    seven = _visible(asked, first, org)
    twice = _tried(asked, first.id, org)
    second = asked.create()
    both = _tried(asked, second.id, org)
    third = asked.create()
    asked.hands.arm(third.id)
    late = _tried(asked, third.id, org)
    for request in (third, second, first):
        asked.hands.cancel(request.id)
    return [
        Answer(
            4,
            "refused" if late and twice else "accepted",
            f"After Pending: {late or 'accepted'}. The same org twice: {twice or 'accepted'}.",
        ),
        Answer(6, "no" if both else "yes", f"No: {both}." if both else "Yes, both were accepted."),
        seven,
    ]


def _tried(asked: Asked, request_id: str, org: str) -> str:
    """Add an org and say how it was refused, or "" when it was accepted."""
    try:
        asked.hands.add(request_id, org)
    except Refused as refused:
        return f"refused as {refused.code or 'no code'}"
    return ""


def _visible(asked: Asked, request: SfRequest, org: str) -> Answer:
    for look in range(LOOKS):
        if any(job.org == org for job in asked.hands.reads.jobs([request.id])):
            words = "At once." if look == 0 else f"After about {look * LOOK_EVERY:.0f} s."
            return Answer(7, "late" if look else "at_once", words)
        asked.wait(LOOK_EVERY)
    return Answer(7, "late", f"Not within {LOOKS * LOOK_EVERY:.0f} s.")
