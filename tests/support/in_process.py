"""The simulator's own adapter, under the name that tests know it by."""

from __future__ import annotations

from rollouts.simulator.in_process import InProcess, session_for

__all__ = ["InProcess", "session_for"]
