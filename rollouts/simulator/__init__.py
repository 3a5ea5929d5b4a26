"""A simulated Salesforce packaging org: for the demo, for rehearsals and for tests.

It imports nothing of the dashboard. Start it with `python -m rollouts.simulator`, or use
`Simulator` in process. `options` says what can be set up.
"""

from __future__ import annotations

from .faces import OrgFace
from .faults import Fault, FaultKind
from .messages import Request, Response
from .options import FAST, BulkPace, Options, Pace, Role, Unknowns
from .outcomes import Outcome
from .simulator import Simulator
from .store import WrongWorld
from .witness import Effect, Truth

__all__ = [
    "FAST",
    "BulkPace",
    "Effect",
    "Fault",
    "FaultKind",
    "Options",
    "OrgFace",
    "Outcome",
    "Pace",
    "Request",
    "Response",
    "Role",
    "Simulator",
    "Truth",
    "Unknowns",
    "WrongWorld",
]
