"""The column beside every step of a draft: what the plan comes to, as things are now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from rollouts.domain.policy import batch_sizes, dispatch_calls
from rollouts.models import Draft
from rollouts.pipeline import drafts, plan


@dataclass(frozen=True, slots=True)
class WaveLine:
    """One wave of the plan in figures; ``running`` counts the orgs up to and with it."""

    number: int
    wave: plan.PlannedWave
    running: int
    batches: int
    largest: int


@dataclass(frozen=True, slots=True)
class PlanSoFar:
    """What the plan comes to. ``reach``: orgs for which a stop can come too late, at a time.

    ``customers`` is 0 when no customer is known; ``first_start`` and ``last_start`` are None while
    nobody can say. ``warnings`` are sentences.
    """

    proposal: plan.Proposal
    lines: tuple[WaveLine, ...]
    calls: int
    reach: int
    customers: int = 0
    seats: int = 0
    first_start: datetime | None = None
    last_start: datetime | None = None
    warnings: tuple[str, ...] = ()


def of(draft: Draft, now: datetime) -> PlanSoFar:
    """Work out what the draft comes to now: the audience is read and cut anew."""
    proposal = drafts.propose(draft, now)
    running, calls, reach, lines = 0, 0, 0, []
    for number, wave in enumerate(proposal.waves, start=1):
        running += len(wave.orgs)
        sizes = batch_sizes(len(wave.orgs), wave.kind, proposal.policy)
        calls += sum(dispatch_calls(size) for size in sizes)
        reach = max(reach, *sizes)
        lines.append(WaveLine(number, wave, running, len(sizes), max(sizes)))
    return PlanSoFar(
        proposal,
        tuple(lines),
        calls,
        reach,
        customers=proposal.customers,
        seats=proposal.seats,
        warnings=(proposal.trouble,) if proposal.trouble else (),
    )
