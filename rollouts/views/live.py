"""What a live part says of itself beyond what is read on it: to screen readers, and by its tab."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rollouts.domain.lifecycle import RolloutState, WaveState
from rollouts.models import Rollout, Wave
from rollouts.pipeline import report
from rollouts.templatetags.words import face, wave_face

_MOODS = {"run": "moving", "queue": "moving", "need": "need", "fail": "held"}


@dataclass(frozen=True, slots=True)
class Said:
    """Words for the two regions that screen readers hear, and the mood of the tab's icon.

    ``announce`` changes when a wave or the rollout changes its state and not with numbers, so
    that it is worth hearing. ``alarm`` interrupts: something was halted.
    """

    announce: str
    alarm: str = ""
    mood: str = ""


def of_rollout(
    rollout: Rollout, waves: Sequence[Wave], counts: report.Counts, verdict: report.Verdict
) -> Said:
    """Say the state of the rollout, and of the last wave that anything has happened to."""
    begun = [wave for wave in waves if wave.state != WaveState.PLANNED.value]
    words = [f"Rollout: {face('rollout', rollout.state).word}"]
    words += [f"Wave {wave.number}, {wave.name}: {wave_face(wave).word}" for wave in begun[-1:]]
    halted = rollout.state == RolloutState.HALTED.value
    mood = _MOODS.get(verdict.tone, "")
    return Said(
        announce=". ".join(words),
        alarm=f"{rollout.to_version}. {verdict.headline}" if halted else "",
        mood="failed" if counts["failed"] and mood == "moving" else mood,
    )


def of_wave(wave: Wave, counts: report.Counts) -> Said:
    """Say the state of one wave; a halt of its rollout interrupts."""
    shown = wave_face(wave)
    halted = wave.rollout.state == RolloutState.HALTED.value
    mood = _MOODS.get(shown.tone, "")
    return Said(
        announce=f"Wave {wave.number}, {wave.name}: {shown.word}",
        alarm=f"{wave.rollout.to_version} is halted" if halted else "",
        mood="failed" if counts["failed"] and mood == "moving" else mood,
    )
