"""A person's word on a kind of failure: where it stands, whose it is, what was found out.

It is kept per package and signature, so the next rollout that meets the same failure shows it.
Nothing that the engine decides depends on it: an accepted kind halts as any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from rollouts.domain.permissions import Permission
from rollouts.domain.triage import WORDS, TriageState, key_of
from rollouts.models import Attempt, FailureTriage, Package, Person, Rollout
from rollouts.pipeline.transitions import Overtaken, Refusal, demand, record, writing


@dataclass(frozen=True, slots=True)
class Word:
    """What a person says of a kind; ``link`` is an address or the number of a case."""

    state: TriageState
    owner: Person | None = None
    note: str = ""
    link: str = ""


@writing()
def say(
    package: Package,
    signature: str,
    word: Word,
    *,
    seen: int,
    by: Person,
    now: datetime,
    rollout: Rollout | None = None,
) -> FailureTriage:
    """Store a person's word, with a line of history; ``rollout`` is where it was said, if in one.

    ``seen`` is how often it had been changed when the person read it: raises Overtaken when
    somebody has said something since, so that nobody's words are written over unread.
    """
    demand(by, Permission.TRIAGE, now)
    if not Attempt.objects.filter(signature=signature, version__package=package).exists():
        raise Refusal("No push of this package has failed like this.")
    if word.state is TriageState.SOLVED and not (word.note or word.link):
        raise Refusal("Say in the note what solved it: the next one who meets it reads that.")
    known = (
        FailureTriage.objects.select_for_update(of=("self",))
        .select_related("owner", "by")
        .filter(package=package, signature=signature)
        .first()
    )
    number = known.number if known else 0
    if number != seen and known is not None:
        raise Overtaken(f"{known.by} changed this a moment ago. Look at it, then say yours again.")
    before = _in_words(known)
    kept, _ = FailureTriage.objects.update_or_create(
        package=package,
        signature=signature,
        defaults={
            "state": word.state.value,
            "owner": word.owner,
            "note": word.note.strip(),
            "link": word.link.strip(),
            "by": by,
            "at": now,
            "number": number + 1,
        },
    )
    record(
        "triage",
        f"failure {key_of(package.sf_id, signature)}",
        now=now,
        by=by,
        rollout=rollout,
        before=before["state"],
        after=word.state.value,
        reason=word.note.strip(),
        detail={
            "package": package.sf_id,
            "signature": signature,
            "before": before,
            "after": _in_words(kept),
        },
    )
    return kept


def _in_words(said: FailureTriage | None) -> dict[str, str]:
    if said is None:
        return {"state": TriageState.NEW.value, "owner": "", "note": "", "link": ""}
    owner = str(said.owner) if said.owner else ""
    return {"state": said.state, "owner": owner, "note": said.note, "link": said.link}


def word_of(said: FailureTriage | None) -> Word:
    """Return what stands, to be changed in part."""
    if said is None:
        return Word(TriageState.NEW)
    return Word(TriageState(said.state), said.owner, said.note, said.link)


def state_words(state: TriageState) -> str:
    """Return a state as pages write it."""
    return WORDS[state]
