"""What a rehearsal came to, as plain JSON: the only thing of it that returns."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.db.models import Count, Min

from rollouts.domain.lifecycle import AttemptState
from rollouts.management.rehearsal.play import Play
from rollouts.models import Attempt, Event, Wave

# What guardrails and those who look after them do, by the history's word.
GUARDRAILS = {
    "halt": "halted the rollout",
    "review_wave": "held for a look",
    "hold_wave": "held for a look",
    "look_over_wave": "somebody looked and went on",
    "lapse_wave": "an approval lapsed and was given again",
    "recall_batch": "a batch was recalled",
}
SHOWN = 5


def report(play: Play) -> dict[str, Any]:
    """Say what happened: outcome, waves, failures, guardrails and how long it took."""
    rollout = play.rollout
    waves = list(rollout.waves.order_by("number"))
    failed = Attempt.objects.filter(state=AttemptState.FAILED.value)
    kinds = Counter(failed.values_list("failure_kind", flat=True))
    signatures = Counter(failed.values_list("signature", flat=True))
    return {
        "rehearsal": True,
        "outcome": play.outcome,
        "because": play.because,
        "begin": play.stage.begin.isoformat(),
        "ended": play.stage.clock.at.isoformat(),
        "orgs": rollout.targets.count(),
        "states": _states(rollout.targets.values_list("state", flat=True)),
        "waves": [_wave(wave) for wave in waves],
        "failed_tries": sum(kinds.values()),
        "kinds": dict(kinds),
        "signatures": signatures.most_common(SHOWN),
        "guardrails": _guardrails(),
        "rate": play.stage.plan["rate"],
        "rate_basis": play.stage.plan["rate_basis"],
        "ticks": play.ticks,
    }


def _states(found: Any) -> dict[str, int]:
    return dict(Counter(found))


def _wave(wave: Wave) -> dict[str, Any]:
    first = wave.batches.exclude(armed_at=None).aggregate(at=Min("start_at"))["at"]
    states = dict(wave.targets.order_by().values_list("state").annotate(n=Count("pk")))
    return {
        "number": wave.number,
        "name": wave.name,
        "state": wave.state,
        "orgs": sum(states.values()),
        "done": states.get("done", 0),
        "failed": states.get("failed", 0),
        "batches": wave.batches.count(),
        "first_start": first.isoformat() if first else "",
        "passed": wave.passed_at.isoformat() if wave.passed_at else "",
    }


def _guardrails() -> list[dict[str, str]]:
    rows = Event.objects.filter(action__in=GUARDRAILS).order_by("sequence")
    return [
        {"at": row.at.isoformat(), "what": GUARDRAILS[row.action], "because": row.reason[:300]}
        for row in rows[:20]
    ]
