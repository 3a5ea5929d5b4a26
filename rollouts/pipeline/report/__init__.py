"""What pages show: counts that add up, and what they mean and allow, in words."""

from __future__ import annotations

from rollouts.pipeline.holds import on_rollout as holds
from rollouts.pipeline.report.advice import Button, moves, wave_moves
from rollouts.pipeline.report.counts import (
    WORDS,
    Cluster,
    Counts,
    batch_counts,
    counts,
    failures,
    stamp,
    stamp_of,
    stamp_of_all,
    timeline,
    wave_counts,
)
from rollouts.pipeline.report.health import Health, health
from rollouts.pipeline.report.stuck import Stuck, stuck
from rollouts.pipeline.report.when import Times, times
from rollouts.pipeline.report.words import Need, Verdict, needs, verdict

__all__ = [
    "WORDS",
    "Button",
    "Cluster",
    "Counts",
    "Health",
    "Need",
    "Stuck",
    "Times",
    "Verdict",
    "batch_counts",
    "counts",
    "failures",
    "health",
    "holds",
    "moves",
    "needs",
    "stamp",
    "stamp_of",
    "stamp_of_all",
    "stuck",
    "timeline",
    "times",
    "verdict",
    "wave_counts",
    "wave_moves",
]
