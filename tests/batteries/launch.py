"""The demo's own launcher, with its folder and its first rollout chosen by a battery.

    python -m tests.batteries.launch --home DIR --port N --speed F [--bent NAME]

Nothing of the launcher is replaced but, with ``--bent``, the command of the worker and the web
process: those then start through `tests.batteries.bent`, which breaks one mapping on purpose. With
``--shipped`` the demo's shorter leases and ticks are left out, so that the product's own hold.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from rollouts.management.launcher import programs
from rollouts.management.launcher.main import run
from rollouts.management.launcher.options import Options
from rollouts.management.launcher.places import Places
from rollouts.management.launcher.programs import Program
from rollouts.management.launcher.trouble import Trouble

_SHORTER = ("PUSHBOARD_LEASE_SECONDS", "PUSHBOARD_TICK_SECONDS")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--speed", type=float, required=True)
    parser.add_argument("--orgs", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--bent", default="")
    parser.add_argument("--shipped", action="store_true")
    given = parser.parse_args()
    prepare = programs.prepare()
    bare = replace(prepare, command=(*prepare.command, "--no-rollout"))
    programs.prepare = lambda: bare
    if given.bent:
        _bend(given.bent)
    if given.shipped:
        _as_shipped()
    options = Options(port=given.port, speed=given.speed, orgs=given.orgs, seed=given.seed)
    try:
        run(options, Places(given.home))
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 1
    return 0


def _as_shipped() -> None:
    shortened = programs.environment

    def environment(*given: Any) -> dict[str, str]:
        return {name: text for name, text in shortened(*given).items() if name not in _SHORTER}

    vars(programs)["environment"] = environment


def _bend(name: str) -> None:
    worker, web = programs.worker, programs.web
    programs.worker = lambda: _through_bent(worker(), name)
    programs.web = lambda port: _through_bent(web(port), name)


def _through_bent(program: Program, name: str) -> Program:
    python, dash_m, *rest = program.command
    return replace(program, command=(python, dash_m, "tests.batteries.bent", name, *rest))


if __name__ == "__main__":
    raise SystemExit(main())
