"""Read every figure of the pages at random moments of a faulty run, and compare it with the log.

    .venv/bin/python -m tests.batteries.honesty [--moments 20] [--seed 1] [--break-mapping NAME]

Without ``--break-mapping`` it runs twice: once as the product is, where every figure must be true,
and once with one mapping bent in the demo's own processes, where the same check must fail. With it
only the bent run is made, and its violations make the exit code 1.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.batteries.bent import BENT
from tests.batteries.books import BATCH_ENDS, Books, Effect, Snapshot, installed, version_labels
from tests.batteries.demo import Demo, at
from tests.batteries.driver import Driver, choose, current
from tests.batteries.figures import Checked, Page, World, check, figures_of
from tests.batteries.report import commit, table
from tests.batteries.truth import Timeline
from tests.batteries.visitor import Visitor

SPEED = 120.0
ORGS, SANDBOXES = 160, 20
HANG = 3.0
USUAL = "running-as-upgraded"
PUSHING_SECONDS = 10.0
# Kinds of fault by weight, and the calls that they meet: any, or one that writes.
_FAULTS = {
    "error_before": 5, "error_after": 4, "reset_before": 3, "reset_after": 4, "hang_before": 2,
    "hang_after": 2, "expired_session": 3, "refuse": 2, "not_json": 2, "quota": 1,
}  # fmt: skip
# Writes are few beside the reads; so many of the faults are kept for them.
WRITES_MET = 0.15
_WRITES = ("create:PackagePushRequest", "collection:PackagePushJob", "update:PackagePushRequest")


class Battery:
    """One run over one demo."""

    def __init__(self, demo: Demo, seed: int) -> None:
        self.demo = demo
        self.driver = Driver(demo)
        self.books = Books(demo.database)
        self.pages: Counter[str] = Counter()
        self.checked = Checked()
        self.faults: Counter[str] = Counter()
        self.words: Counter[str] = Counter()
        self._chance = random.Random(seed)
        self._reader = Visitor(demo.address, "vic")

    def run(self, moments: int, *, until_wrong: bool = False) -> int:
        """Go through so many moments; returns how many there were."""
        self.demo.start()
        self._prepare()
        for number in range(1, moments + 1):
            self._plan_faults()
            if number % 2:
                self._wait(self._chance.uniform(2.0, 7.0))
            else:
                self._wait_until_pushing()
                self._wait(self._chance.uniform(0.0, 3.0))
            before = len(self.checked.violations)
            for path in self._paths(self.books.snapshot()):
                self._look(path)
            new = self.checked.violations[before:]
            verdict = f"{len(new)} violations" if new else "ok"
            self._say(f"moment {number}: {verdict}; {self._where()}")
            if new and until_wrong:
                return number
        return moments

    def _where(self) -> str:
        """What the rollout was doing, so that a run that saw nothing can't pass for a proof."""
        books = self.books.snapshot()
        wave = current(books, books.rollout(self.driver.slug))
        open_batches = [row.state for row in books.batches if row.state not in BATCH_ENDS]
        said = f"wave {wave.number} {wave.state}" if wave else "every wave has ended"
        return ", ".join([said, *open_batches])

    def _prepare(self) -> None:
        self.driver.sign_in()
        self._reader.sign_in()
        catalog = self.demo.ask("catalog")
        orgs = choose(self.books, "4.2.2", "Harbor", sandboxes=SANDBOXES, production=0)
        self._timeline = Timeline(installed(self.demo.world))
        names = self.books.rows("SELECT name, namespace FROM rollouts_package")
        self._world = World(
            labels=version_labels(self.demo.world),
            packages={namespace: catalog[name]["id"] for name, namespace in names},
            speed=SPEED,
            hang_seconds=HANG,
        )
        # One own org and two sandboxes fail at first; one sandbox for good.
        self._script([orgs[0], orgs[-1], orgs[-2]], "LockingFailure", times=1)
        self._script([orgs[-3]], "LimitExceeded")
        self.driver.plan(catalog["Harbor"]["versions"]["4.2.2"], orgs)
        self._orgs = orgs
        # Two orgs change under our feet: Salesforce refuses the one, the other needs no push.
        self.demo.tell("orgs", {"org": orgs[-4], "uninstalled": True})
        newer = catalog["Harbor"]["versions"]["4.3.0"]
        self.demo.tell("orgs", {"org": orgs[-5], "version_id": newer})

    def _script(self, orgs: Sequence[str], error: str, **more: int) -> None:
        self.demo.tell("outcomes", {"orgs": orgs, "outcome": "fail", "error": error, **more})

    def _plan_faults(self) -> None:
        chance = self._chance
        planned = []
        for _ in range(chance.randint(1, 3)):
            kind = chance.choices([*_FAULTS], weights=[*_FAULTS.values()])[0]
            match, nth = "*", chance.randint(1, 20)
            if chance.random() < WRITES_MET:
                match, nth = chance.choice(_WRITES), 1
            planned.append({"fault": kind, "match": match, "nth": nth, "seconds": HANG})
        self.demo.tell("faults", {"faults": planned})

    def _wait(self, seconds: float) -> None:
        """Let time pass; people do what waits for them meanwhile."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            done = self.driver.step(self.books.snapshot())
            if done:
                self._say(done)
            time.sleep(min(1.0, max(0.0, left)))

    def _wait_until_pushing(self) -> None:
        """Wait until Salesforce works on a request, but not for long.

        That lasts a few seconds of each half minute: chance alone would see too little of it.
        """
        until = time.monotonic() + PUSHING_SECONDS
        while time.monotonic() < until:
            told = self.demo.ask("truth")
            if any(one["status"] == "InProgress" for one in told["requests"].values()):
                return
            self._wait(1.0)

    def _paths(self, books: Snapshot) -> list[str]:
        """The pages of one moment: home, rollout, a wave, its approval, two batches, three orgs."""
        chance, slug = self._chance, self.driver.slug
        rollout = books.rollout(slug)
        where = f"/rollouts/{slug}/"
        wave = current(books, rollout) or books.waves_of(rollout)[-1]
        batches = [row.pk for row in books.batches]
        moving = [row.org for row in books.targets if row.state == "in_flight"]
        named = {org[:15]: org for org in self._orgs}
        orgs = [named[org] for org in chance.sample(moving, k=min(1, len(moving)))]
        orgs += chance.sample(self._orgs, k=3 - len(orgs))
        frozen = [f"{where}waves/{wave.number}/approve/"] if wave.list_pk else []
        return [
            "/",
            where,
            f"{where}waves/{wave.number}/",
            *(frozen if wave.number > 1 else []),
            *(f"{where}batches/{pk}/" for pk in dict.fromkeys([*batches[-1:], *batches[:1]])),
            *(f"/orgs/{org}/" for org in dict.fromkeys(orgs)),
        ]

    def _look(self, path: str) -> None:
        """Read one page and judge it."""
        before = self.books.snapshot()
        text = self._reader.read(path)
        after = self.books.snapshot()
        seen_at = at(self.demo.ask("clock")["now"])
        lines = [_effect(row) for row in self.demo.ask("effects", after=str(self._timeline.seq))[
            "effects"
        ]]  # fmt: skip
        self.faults.update(line.detail["kind"] for line in lines if line.kind == "fault")
        self._timeline.add(lines)
        page = Page(path, figures_of(text), before, after, seen_at)
        self._agree_about(page)
        found = check(page, self._timeline, self._world)
        self.pages[_kind(path)] += 1
        self.checked.figures += found.figures
        self.words.update(
            figure.key.rpartition(".")[2]
            for figure in page.figures
            if figure.value not in ("", "0")
        )
        self.checked.oldest = max(self.checked.oldest, found.oldest)
        self.checked.violations += found.violations

    def _agree_about(self, page: Page) -> None:
        """Our reading of the log must be the simulator's own at each moment that is judged."""
        for moment in {figure.as_of for figure in page.figures if figure.as_of}:
            told = self.demo.ask("truth", at=_iso(moment))
            for request, truth in told["requests"].items():
                ours = (
                    self._timeline.request(request, moment),
                    self._timeline.counts(request, moment),
                )
                if ours != (truth["status"], truth["jobs"]):
                    raise AssertionError(f"two readings of the log: {ours} and {truth}")

    def _say(self, words: str) -> None:
        print(f"  {time.strftime('%H:%M:%S')}  {words}", flush=True)


def _effect(row: dict[str, Any]) -> Effect:
    return Effect(
        row["seq"], at(row["at"]), row["kind"], row["request_id"], row["job_id"], row["org"],
        row["version_id"], row["detail"],
    )  # fmt: skip


def _kind(path: str) -> str:
    """What kind of page an address leads to."""
    parts = path.strip("/").split("/")
    if parts[-1] == "approve":
        return "approval"
    return (parts[2] if len(parts) > 2 else parts[0]) or "home"


def _iso(moment: int) -> str:
    seconds, ms = divmod(moment, 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{ms:03}Z"


def trial(name: str, *, moments: int, seed: int, keep: bool = False) -> Battery:
    """Run once, with the mapping of that name bent ("" for none), and say what came of it."""
    began = time.monotonic()
    home = Path(tempfile.mkdtemp(prefix="pushboard-honesty-"))
    battery = Battery(Demo(home, speed=SPEED, orgs=ORGS, bent=name), seed)
    print(f"{name or 'as it is'}, seed {seed}, commit {commit()}, in {home}", flush=True)
    try:
        seen = battery.run(moments, until_wrong=bool(name))
    finally:
        battery.demo.stop()
    wrong = battery.checked.violations
    for one in wrong[:12]:
        print(f"  {'found' if name else 'VIOLATION'}  {one}")
    pages = ", ".join(f"{count} {kind}" for kind, count in battery.pages.items())
    faults = ", ".join(f"{count} {kind}" for kind, count in battery.faults.most_common())
    print(
        table(
            ("mapping", "moments", "figures", "oldest", "violations", "wall"),
            [
                (
                    name or "as it is",
                    str(seen),
                    str(battery.checked.figures),
                    f"{battery.checked.oldest:.1f} s",
                    str(len(wrong)),
                    f"{time.monotonic() - began:.0f} s",
                )
            ],
        )
    )
    print(f"  pages: {pages}\n  faults met: {sum(battery.faults.values())} ({faults})")
    shown = ", ".join(f"{count} {word}" for word, count in battery.words.most_common())
    print(f"  figures other than 0: {shown}")
    for trouble in battery.driver.trouble:
        print(f"  turned away: {trouble}")
    if not keep and (not wrong or name):
        shutil.rmtree(home)
    return battery


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep the demo's folder")
    parser.add_argument("--break-mapping", choices=sorted(BENT), default="")
    given = parser.parse_args(arguments)
    if given.break_mapping:
        bent = trial(given.break_mapping, moments=given.moments, seed=given.seed)
        return 1 if bent.checked.violations else 0
    straight = trial("", moments=given.moments, seed=given.seed, keep=given.keep)
    bent = trial(USUAL, moments=given.moments, seed=given.seed)
    good = not straight.checked.violations and bool(bent.checked.violations)
    print("honest, and the check can fail" if good else "NOT GOOD")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
