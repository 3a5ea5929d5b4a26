"""The inside of a rehearsal: a plan on standard input, a report as the last line of output."""

from __future__ import annotations

import json
import sys

import django


def main() -> int:
    """Play the plan; the argument is how many real seconds it may take."""
    django.setup()
    from django.conf import settings

    from rollouts.management.rehearsal.play import Play
    from rollouts.management.rehearsal.report import report
    from rollouts.management.rehearsal.stage import Stage

    if not settings.SIMULATION:
        print("A rehearsal runs in simulation mode only.", file=sys.stderr)
        return 1
    plan = json.load(sys.stdin)
    stage = Stage(plan)
    play = Play(stage, seconds=float(sys.argv[1]))
    play.run()
    print(json.dumps(report(play)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
