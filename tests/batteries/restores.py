"""The battery of restores, see `restoring`.

.venv/bin/python -m tests.batteries.restores [--quantity 20] [--seed 1] [--write]
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Sequence

from tests.batteries import product
from tests.batteries.report import Line, commit, write
from tests.batteries.servers.postgres import running

_DATABASE = "restores"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quantity", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="write docs/reliability.md")
    parser.add_argument("--bent", action="store_true", help="take the guard away: it must fail")
    given = parser.parse_args(arguments)
    print(f"restores, commit {commit()}", flush=True)
    began = time.monotonic()
    violations = played = 0
    with running() as server:
        product.load(server.create(_DATABASE))
        product.migrate()
        logging.disable(logging.ERROR)
        from tests.batteries.restoring import blind, rounds

        if given.bent:
            blind()
        for word, trouble in rounds(server, given.quantity, given.seed):
            played += 1
            violations += len(trouble)
            print(f"  {played}: {word}", flush=True)
            for one in trouble:
                print(f"VIOLATION  {one}", flush=True)
    seconds = time.monotonic() - began
    print(f"{played} restores, {violations} violations, {seconds:.0f} s")
    if given.write and not given.bent:
        write(
            Line(
                battery="restores",
                command=f"make battery-restores ARGS='--quantity {given.quantity}"
                f" --seed {given.seed}'",
                quantity=f"{played} restores by pg_restore, half of them without the note",
                seeds=str(given.seed),
                violations=violations,
                seconds=seconds,
            )
        )
    return 1 if violations else 0


if __name__ == "__main__":
    raise SystemExit(main())
