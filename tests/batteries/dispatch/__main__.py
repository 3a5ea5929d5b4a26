"""Check the dispatch protocol in every order that things can happen in.

    make battery-model                      over 4,000,000 states, and the table of removed guards
    make battery-model ARGS=--long          three searches more, some 8,000,000 states more
    python -m tests.batteries.dispatch --quick
    python -m tests.batteries.dispatch --story watcher     one row's counterexample, step by step
    python -m tests.batteries.dispatch --write             put the tables into docs/reliability.md

Exit code 1: a property was broken that must hold, or a removed guard was not missed.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pushboard.settings")

from tests.batteries.dispatch.rows import LAYERS, REMOVED, WHOLE, Row
from tests.batteries.dispatch.search import Found, search
from tests.batteries.report import Line, commit, put, table, write

ENOUGH = 2_000_000


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="the small searches only")
    parser.add_argument("--long", action="store_true", help="the largest searches too")
    parser.add_argument(
        "--story", metavar="ROW", default="", help="tell rows with this in the name"
    )
    parser.add_argument("--write", action="store_true", help="write docs/reliability.md")
    asked = parser.parse_args()
    began, spent, of = time.monotonic(), time.process_time(), commit()
    groups = [
        [row for row in rows if _wanted(row, asked) and asked.story in row.name]
        for rows in (WHOLE, LAYERS, REMOVED)
    ]
    results = [[(row, _run(row, tell=bool(asked.story))) for row in rows] for rows in groups]
    bad = [row.name for done in results for row, found in done if not as_it_should(row, found)]
    states = sum(found.states for _, found in results[0])
    whole = not asked.quick and not asked.story
    if whole and states < ENOUGH:
        bad.append(f"only {states} states of the whole protocol")
    seconds, spent = time.monotonic() - began, time.process_time() - spent
    command = "make battery-model" + (" ARGS=--long" if asked.long else "")
    said = (
        f"`{command}`, commit {of}: {states:,} states of the whole protocol, {len(bad)} of "
        f"{sum(map(len, results))} searches not as they should be; {seconds:.0f} s, "
        f"{spent:.0f} s of processor time."
    )
    print(f"\n{said}")
    if asked.write and whole:
        put("model", f"{said}\n\n{_tables(results)}")
        quantity = f"{states:,} states; {len(results[2])} removals of guards, each noticed"
        if bad:
            quantity = f"{states:,} states; not as it should be: {'; '.join(bad)}"
        write(Line("model", command, quantity, "every order", len(bad), seconds))
    for name in bad:
        print(f"NOT AS IT SHOULD BE: {name}")
    return 1 if bad else 0


def _wanted(row: Row, asked: argparse.Namespace) -> bool:
    if row.long:
        return bool(asked.long or asked.story)
    return bool(row.quick or not asked.quick)


def _run(row: Row, *, tell: bool) -> Found:
    found = search(row.setting, live=row.live)
    came = f"{found.broken or 'holds'}"
    print(f"  {row.name:66} {found.states:>10,}  {found.seconds:6.1f} s  {came}", flush=True)
    if tell or not as_it_should(row, found):
        for number, step in enumerate(found.story, 1):
            print(f"    {number:2}. {step}")
    return found


def as_it_should(row: Row, found: Found) -> bool:
    """Whether a search came to what its row says."""
    if row.breaks:
        return found.broken.startswith(row.breaks) and not found.broken.startswith("L")
    return not found.broken and found.whole


def _tables(results: Sequence[Sequence[tuple[Row, Found]]]) -> str:
    whole, layers, removed = results
    return "\n\n".join(
        (
            table(
                ("the whole protocol with", "states", "broken", "stuck", "time"),
                [
                    (
                        row.name,
                        f"{found.states:,}",
                        found.broken or "none",
                        str(found.stuck) if row.live else "not asked",
                        f"{found.seconds:.0f} s",
                    )
                    for row, found in whole
                ],
            ),
            table(
                ("removed", "broken", "steps", "states until then"),
                [
                    (row.name, found.broken, str(len(found.story)), f"{found.states:,}")
                    for row, found in removed
                ],
            ),
            table(
                ("removed, with the other layer standing", "states", "broken"),
                [(row.name, f"{found.states:,}", found.broken or "none") for row, found in layers],
            ),
        )
    )


if __name__ == "__main__":
    raise SystemExit(main())
