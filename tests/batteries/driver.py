"""The people of a rollout: they plan, freeze, approve, look over and go on, all by real forms."""

from __future__ import annotations

import re
from collections.abc import Sequence

import requests

from tests.batteries.books import ROLLOUT_ENDS, WAVE_ENDS, Books, RolloutRow, Snapshot, WaveRow
from tests.batteries.demo import Demo
from tests.batteries.visitor import Turned, Visitor

# Kinds of wave that nobody may close by hand.
_STRICT = ("own", "canary")


class Driver:
    """One planner and two approvers who do what waits for them, one act at a time."""

    def __init__(self, demo: Demo) -> None:
        self.demo = demo
        self.books = Books(demo.where)
        self.slug = ""
        self.trouble: list[str] = []
        self._planner = Visitor(demo.address, "pia")
        self._approvers = [Visitor(demo.address, "ari"), Visitor(demo.address, "ann")]

    def sign_in(self) -> None:
        """Sign everybody in; the sessions outlive restarts."""
        for person in (self._planner, *self._approvers):
            person.sign_in()

    def plan(self, version: str, orgs: Sequence[str], *, emergency: str = "") -> str:
        """Plan a rollout of a version (its id) to these orgs through the pages of a draft.

        With the reason of an ``emergency`` its waves bake for hours and not for days.
        """
        pia = self._planner
        audience = pia.send("/rollouts/new/", version=version)
        pia.send(audience, rev=1, org_ids="\n".join(orgs), next="1")
        rev = 2
        if emergency:
            waves = audience.replace("/audience/", "/waves/")
            pia.send(waves, rev=rev, profile="emergency", emergency=emergency)
            rev += 1
        # A battery does not wait for the nights of its orgs.
        pia.send(audience.replace("/audience/", "/schedule/"), rev=rev, hours="any")
        review = audience.replace("/audience/", "/review/")
        # Whatever the last step warns of wants a reason.
        asked = set(re.findall(r'name="(reason-[^"]+)"', pia.read(review)))
        reasons = dict.fromkeys(sorted(asked), "It is a simulated org.")
        where = pia.send(review, rev=rev + 1, **reasons)
        self.slug = where.strip("/").rpartition("/")[2]
        return self.slug

    def step(self, books: Snapshot) -> str:
        """Do the one thing that waits for a person, if any; returns what was done.

        A form that is lost with a killed process is no trouble: what waits is looked up anew.
        """
        rollout = books.rollout(self.slug)
        try:
            return self._step(rollout, books)
        except requests.RequestException:
            return ""
        except Turned as turned:
            self.trouble.append(str(turned))
            return f"turned away: {turned}"

    def _step(self, rollout: RolloutRow, books: Snapshot) -> str:
        if rollout.state in ROLLOUT_ENDS:
            return ""
        if rollout.state == "halted":
            return self._resume()
        doubtful = [batch for batch in books.batches if batch.state == "in_doubt"]
        if doubtful:
            # The safe one of the two buttons.
            self._planner.send(self._batch(doubtful[0].pk) + "recall/")
            return f"recalled batch {doubtful[0].pk}, which was in doubt"
        wave = current(books, rollout)
        return self._wave(wave) if wave else ""

    def _wave(self, wave: WaveRow) -> str:
        where = f"/rollouts/{self.slug}/waves/{wave.number}/"
        ari = self._approvers[0]
        if wave.review:
            ari.send(where + "look-over/", reason="Looked at it: a simulated failure.")
            return f"wave {wave.number} looked over: {wave.review}"
        void = wave.list_pk is None or bool(
            self.books.rows(
                "SELECT 1 FROM rollouts_frozenlist WHERE id = ? AND voided_at IS NOT NULL",
                wave.list_pk,
            )
        )
        if wave.state == "planned" or (wave.state == "frozen" and void):
            self._planner.send(where + "freeze/")
            return f"wave {wave.number} frozen by pia"
        if wave.state == "frozen":
            return self._approve(wave, where)
        if wave.state == "baking" and wave.kind not in _STRICT and self._overdue(wave):
            ari.send(where + "close/", reason="Its failures are simulated ones.")
            return f"wave {wave.number} closed with failures"
        return ""

    def _approve(self, wave: WaveRow, where: str) -> str:
        granted = self.books.rows(
            "SELECT COUNT(*) FROM rollouts_approval WHERE list_id = ? AND voided_at IS NULL",
            wave.list_pk,
        )[0][0]
        person = self._approvers[granted % len(self._approvers)]
        page = person.read(where + "approve/")
        digest = re.search(r'name="digest"[^>]*value="([0-9a-f]{64})"', page)
        if digest is None:
            raise Turned(f"the approval page of wave {wave.number} shows no digest")
        orgs = self.books.rows(
            "SELECT COUNT(*) FROM rollouts_frozenorg WHERE list_id = ?", wave.list_pk
        )[0][0]
        person.send(
            where + "approve/",
            digest=digest[1],
            reason="The list is as planned.",
            seen="on",
            count=orgs,
        )
        return f"wave {wave.number} approved by {person.name}"

    def _resume(self) -> str:
        ari = self._approvers[0]
        page = ari.read(f"/rollouts/{self.slug}/resume/")
        shown = re.search(r"The page shows (\d+)", page)
        if shown is None:
            raise Turned("the page that resumes shows no number of failures")
        ari.send(
            f"/rollouts/{self.slug}/resume/",
            acknowledged=shown[1],
            reason="The failures are simulated ones.",
        )
        return f"resumed after a halt, {shown[1]} failures acknowledged"

    def _overdue(self, wave: WaveRow) -> bool:
        """Whether the bake is over and five ticks have not let the wave pass."""
        over = self.demo.now() - (wave.baked_until or 0)
        return wave.baked_until is not None and over > 5_000 * self.demo.speed

    def _batch(self, pk: int) -> str:
        return f"/rollouts/{self.slug}/batches/{pk}/"


def current(books: Snapshot, rollout: RolloutRow) -> WaveRow | None:
    """The first wave that has not ended."""
    return next((wave for wave in books.waves_of(rollout) if wave.state not in WAVE_ENDS), None)


def choose(
    books: Books, version: str, package: str, *, sandboxes: int, production: int
) -> list[str]:
    """Own orgs, some sandboxes and some production orgs that a push of a version could reach.

    ``version`` is the target's number such as 4.2.2; only orgs a patch behind are chosen, so that
    the rollout is planned as a patch. Ids have 18 characters.
    """
    major, minor, patch = (int(part) for part in version.split("."))
    found = books.rows(
        "SELECT o.key, o.is_own, o.is_production FROM rollouts_installation i"
        " JOIN rollouts_org o ON o.id = i.org_id"
        " JOIN rollouts_packageversion v ON v.id = i.version_id"
        " JOIN rollouts_package p ON p.id = i.package_id"
        " WHERE p.name = ? AND v.major = ? AND v.minor = ? AND v.patch < ? AND v.released"
        " AND o.status <> 'Inactive' AND NOT i.blocked AND i.gone_at IS NULL ORDER BY o.key",
        package,
        major,
        minor,
        patch,
    )
    own = [key for key, is_own, _ in found if is_own]
    some = [key for key, is_own, is_production in found if not is_own and not is_production]
    real = [key for key, is_own, is_production in found if not is_own and is_production]
    if len(some) < sandboxes or len(real) < production:
        raise ValueError(f"the world has {len(some)} sandboxes and {len(real)} production orgs")
    return [*own, *some[:sandboxes], *real[:production]]
