"""Seeded fault schedules on real PostgreSQL, judged by the simulated org's own log.

    .venv/bin/python -m tests.batteries.schedules [--quantity 20000] [--first 0] [--write]

Seeds that ever failed (regressions.txt) always run too. Exit code 1: a rule was broken, or a
schedule did not end in done, canceled or in doubt, or not all were played ``--within`` the time.
"""

from __future__ import annotations

import argparse
import json
import resource
import selectors
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.batteries.demo import ROOT
from tests.batteries.report import Line, commit, write
from tests.batteries.servers.postgres import running

PROCESSES = 2
REGRESSIONS = Path(__file__).with_name("regressions.txt")


def known() -> list[int]:
    """Seeds that failed once."""
    lines = REGRESSIONS.read_text(encoding="utf-8").splitlines()
    return [int(line.split()[0]) for line in lines if line and not line.startswith("#")]


def run(
    seeds: Sequence[int],
    *,
    bent: str = "",
    processes: int = PROCESSES,
    within: float | None = None,
) -> list[dict[str, Any]]:
    """Play the seeds in processes of their own, each on a database of its own.

    After ``within`` seconds no more answers are heard.
    """
    found: list[dict[str, Any]] = []
    with running() as server:
        parts = []
        for number in range(processes):
            url = server.create(f"schedules_{number}")
            command = [sys.executable, "-m", "tests.batteries.schedules.part", url, bent]
            parts.append(
                subprocess.Popen(
                    command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                )
            )
        try:
            until = None if within is None else time.monotonic() + within
            for ending in _heard(parts, seeds):
                found.append(ending)
                if until is not None and time.monotonic() > until:
                    break
            else:
                for part in parts:
                    part.wait(60)
        finally:
            # However it ends, nobody plays on: a part that is told to end removes its folder.
            for part in parts:
                if part.poll() is None:
                    part.terminate()
                    _await(part)
    return found


def _await(part: subprocess.Popen[str]) -> None:
    """Wait for a part that was told to end; nobody listens, so it must not wait to be heard."""
    if part.stdout is not None:
        part.stdout.close()
    try:
        part.wait(20)
    except subprocess.TimeoutExpired:
        part.kill()
        part.wait()


def _heard(
    parts: Sequence[subprocess.Popen[str]], seeds: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """Hand the seeds out and give the answers as they come."""
    began = said = time.monotonic()
    ears = selectors.DefaultSelector()
    count = 0
    for number, part in enumerate(parts):
        assert part.stdin is not None
        assert part.stdout is not None
        # A part reads all its seeds at once, so that a full pipe can't stop both of us.
        part.stdin.write("\n".join(str(seed) for seed in seeds[number :: len(parts)]))
        part.stdin.close()
        ears.register(part.stdout, selectors.EVENT_READ)
    while ears.get_map():
        for key, _ in ears.select():
            line = key.fileobj.readline()  # type: ignore[union-attr]
            if not line:
                ears.unregister(key.fileobj)
                continue
            ending = json.loads(line)
            count += 1
            yield ending
            for problem in ending["problems"]:
                print(f"VIOLATION  seed {ending['seed']}: {problem}", flush=True)
        if time.monotonic() - said > 60:
            said = time.monotonic()
            rate = count / (said - began)
            print(f"  {count} of {len(seeds)}, {rate:.1f} a second", flush=True)


def cpu() -> float:
    """Seconds of processor time that children which have ended took, the server among them."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quantity", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--processes", type=int, default=PROCESSES)
    parser.add_argument("--within", type=float, help="seconds after which no more are played")
    parser.add_argument("--bent", default="", help="break a rule on purpose, see part.py")
    parser.add_argument("--write", action="store_true", help="write docs/reliability.md")
    given = parser.parse_args(arguments)
    fresh = range(given.first, given.first + given.quantity)
    seeds = list(dict.fromkeys([*known(), *fresh]))
    print(f"schedules, commit {commit()}", flush=True)
    began, spent = time.monotonic(), cpu()
    found = run(seeds, bent=given.bent, processes=given.processes, within=given.within)
    seconds = time.monotonic() - began
    words = Counter(one["word"] for one in found)
    failed = [one for one in found if one["problems"]]
    missing = len(seeds) - len(found)
    pushed = sum(one["pushed"] for one in found)
    print(f"{len(found)} schedules in {seconds:.0f} s: {dict(words)}, {pushed} orgs pushed")
    in_time = given.within is None or seconds < given.within
    if missing and in_time:
        print(f"VIOLATION  {missing} schedules gave no answer")
    elif missing:
        print(f"{missing} schedules were not played: time was up")
    silent = missing if in_time else 0
    if failed and not given.bent:
        _remember(failed)
    print(f"{len(failed) + silent} violations, {cpu() - spent:.0f} s of processor time")
    if given.write and not given.bent:
        write(
            Line(
                battery="schedules",
                command=f"make battery-schedules ARGS='--quantity {given.quantity}"
                f" --first {given.first}'",
                quantity=f"{len(found)} of {len(seeds)} schedules, {pushed} orgs pushed; "
                + ", ".join(f"{count} {word}" for word, count in sorted(words.items())),
                seeds=f"{given.first} to {given.first + given.quantity - 1}",
                violations=len(failed) + silent,
                seconds=seconds,
            )
        )
    return 1 if failed or missing else 0


def _remember(failed: Sequence[dict[str, Any]]) -> None:
    there = set(known())
    with REGRESSIONS.open("a", encoding="utf-8") as file:
        for one in failed:
            if one["seed"] not in there:
                file.write(f"{one['seed']}  {one['problems'][0].splitlines()[0][:120]}\n")


if __name__ == "__main__":
    raise SystemExit(main())
