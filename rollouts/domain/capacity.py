"""How many orgs a day support can bear: what goes wrong must be answered by people.

The figure is pessimistic while little is known and grows with evidence: tickets a day over the
upper Wilson bound of the failures seen so far, one ticket for each failed org.
"""

from __future__ import annotations

import math

from rollouts.domain.judging import wilson_upper


def orgs_a_day(tickets: int, failed: int, completed: int) -> int:
    """Return how many customers' orgs may be pushed within 24 hours; at least 1."""
    worst = wilson_upper(failed, completed) if completed else 1.0
    return max(1, math.floor(tickets / max(worst, 0.01)))
