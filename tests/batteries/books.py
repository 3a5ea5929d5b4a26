"""What both sides wrote down, read from their databases without touching them.

Pushboard's rows come as plain SQL and not through the product's own code, which is what is being
judged. Moments are milliseconds since 1970, org ids have 15 characters as Salesforce speaks them.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg

from tests.batteries.demo import at

ROLLOUT_ENDS = ("completed", "completed_with_failures", "aborted")
WAVE_ENDS = ("passed", "skipped", "closed")
BATCH_ENDS = ("settled", "canceled", "abandoned")


@dataclass(frozen=True, slots=True)
class Effect:
    """A line of the simulator's own log."""

    seq: int
    at: int
    kind: str
    request: str | None
    job: str | None
    org: str | None
    version: str | None
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RolloutRow:
    pk: int
    slug: str
    state: str
    reason: str
    version: str
    author: int
    sf_as_of: int | None


@dataclass(frozen=True, slots=True)
class WaveRow:
    pk: int
    rollout: int
    number: int
    kind: str
    state: str
    review: str
    needed: int
    list_pk: int | None
    baked_until: int | None


@dataclass(frozen=True, slots=True)
class ListRow:
    """A frozen list: what people approved, down to each org."""

    pk: int
    wave: int
    digest: str
    version: str
    end_by: int
    voided_at: int | None
    frozen_by: int
    editors: frozenset[int]
    orgs: frozenset[str]
    # Window and zones of each org as frozen; empty for a list from before windows were kept.
    hours: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ApprovalRow:
    list_pk: int
    person: int
    digest: str
    granted_at: int
    expires_at: int
    voided_at: int | None


@dataclass(frozen=True, slots=True)
class BatchRow:
    pk: int
    wave: int
    list_pk: int
    state: str
    sf_id: str | None
    armed_at: int | None
    not_after: int | None = None
    began_outside: str = ""


@dataclass(frozen=True, slots=True)
class AttemptRow:
    pk: int
    batch: int
    target: int
    org: str
    number: int
    state: str
    sf_id: str | None


@dataclass(frozen=True, slots=True)
class TargetRow:
    pk: int
    rollout: int
    wave: int
    org: str
    state: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Pushboard's rows at one moment, read in one transaction."""

    rollouts: tuple[RolloutRow, ...]
    waves: tuple[WaveRow, ...]
    batches: tuple[BatchRow, ...]
    attempts: tuple[AttemptRow, ...]
    targets: tuple[TargetRow, ...]
    beats: dict[str, int]

    def rollout(self, slug: str) -> RolloutRow:
        """The rollout with this name."""
        return next(row for row in self.rollouts if row.slug == slug)

    def waves_of(self, rollout: RolloutRow) -> list[WaveRow]:
        """Its waves in order."""
        return [wave for wave in self.waves if wave.rollout == rollout.pk]


class Line:
    """An open line to either engine, asked in SQL that both understand."""

    def __init__(self, db: sqlite3.Connection | psycopg.Connection) -> None:
        self._db = db

    def execute(self, sql: str, given: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Run one query, with ``?`` for what is given; its rows, if it has any."""
        if isinstance(self._db, sqlite3.Connection):
            return self._db.execute(sql, given).fetchall()
        done = self._db.execute(sql.replace("?", "%s"), given or None)
        return list(done.fetchall()) if done.description else []

    def begin(self) -> None:
        """From now on see one moment only."""
        postgres = not isinstance(self._db, sqlite3.Connection)
        self.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" if postgres else "BEGIN")

    def close(self) -> None:
        """Hang up; what was begun is over."""
        self._db.close()


class Books:
    """Read-only access to Pushboard's database: SQLite's file, or PostgreSQL's address."""

    def __init__(self, where: Path | str) -> None:
        self._where = where

    def open(self) -> Line:
        """A line of its own for each question, since the server may be killed at any time."""
        if isinstance(self._where, Path):
            return _open(self._where)
        return Line(psycopg.connect(self._where, autocommit=True, connect_timeout=5))

    def rows(self, sql: str, *given: object) -> list[tuple[Any, ...]]:
        """Run one query."""
        with closing(self.open()) as db:
            return db.execute(sql, given)

    def snapshot(self) -> Snapshot:
        """Read everything that a running rollout consists of."""
        with closing(self.open()) as db:
            db.begin()
            return Snapshot(
                rollouts=tuple(_rollouts(db)),
                waves=tuple(_waves(db)),
                batches=tuple(_batches(db)),
                attempts=tuple(_attempts(db)),
                targets=tuple(_targets(db)),
                beats={
                    part: at(moment)
                    for part, moment in db.execute("SELECT part, beat_at FROM rollouts_heartbeat")
                },
            )

    def lists(self) -> list[ListRow]:
        """Every list that was ever frozen."""
        with closing(self.open()) as db:
            return list(_lists(db))

    def approvals(self) -> list[ApprovalRow]:
        """Every approval that was ever given."""
        found = self.rows(
            "SELECT list_id, person_id, digest, granted_at, expires_at, voided_at"
            " FROM rollouts_approval ORDER BY id"
        )
        return [
            ApprovalRow(row[0], row[1], row[2], at(row[3]), at(row[4]), _maybe(row[5]))
            for row in found
        ]


def effects(world: Path, after: int = 0) -> list[Effect]:
    """The simulator's log after a line of it, oldest first."""
    with closing(_open(world)) as db:
        found = db.execute(
            "SELECT seq, at, kind, request_id, job_id, org, version_id, detail FROM effect"
            " WHERE seq > ? ORDER BY seq",
            (after,),
        )
    return [Effect(*(*row[:7], json.loads(row[7]))) for row in found]


def installed(world: Path) -> dict[tuple[str, str], str]:
    """The version id by org and package id, as the simulator has them now."""
    with closing(_open(world)) as db:
        found = db.execute("SELECT org_key, package_id, version_id FROM subscriber")
    return {(org, package): version for org, package, version in found}


def version_labels(world: Path) -> dict[str, str]:
    """How people say each version, by its id: 4.2.2, or 4.5.0 beta 1."""
    with closing(_open(world)) as db:
        found = db.execute("SELECT id, major, minor, patch, build, release_state FROM version")
    return {
        one: f"{major}.{minor}.{patch}" + ("" if state == "Released" else f" beta {build}")
        for one, major, minor, patch, build, state in found
    }


def _open(path: Path) -> Line:
    return Line(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20))


def _maybe(moment: str | datetime | None) -> int | None:
    return None if moment is None else at(moment)


def _rollouts(db: Line) -> Iterator[RolloutRow]:
    for row in db.execute(
        "SELECT r.id, r.slug, r.state, r.reason, v.sf_id, r.author_id, r.sf_as_of"
        " FROM rollouts_rollout r JOIN rollouts_packageversion v ON v.id = r.to_version_id"
        " ORDER BY r.id"
    ):
        yield RolloutRow(*(*row[:6], _maybe(row[6])))


def _waves(db: Line) -> Iterator[WaveRow]:
    for row in db.execute(
        "SELECT id, rollout_id, number, kind, state, review, approvals_needed, frozen_list_id,"
        " baked_until FROM rollouts_wave ORDER BY rollout_id, number"
    ):
        yield WaveRow(*(*row[:8], _maybe(row[8])))


def _batches(db: Line) -> Iterator[BatchRow]:
    for row in db.execute(
        "SELECT id, wave_id, list_id, state, sf_id, armed_at, not_after, began_outside"
        " FROM rollouts_batch ORDER BY id"
    ):
        yield BatchRow(*(*row[:5], _maybe(row[5]), _maybe(row[6]), row[7] or ""))


def _attempts(db: Line) -> Iterator[AttemptRow]:
    for row in db.execute(
        "SELECT a.id, a.batch_id, a.target_id, substr(o.key, 1, 15), a.number, a.state, a.sf_id"
        " FROM rollouts_attempt a JOIN rollouts_org o ON o.id = a.org_id ORDER BY a.id"
    ):
        yield AttemptRow(*row)


def _targets(db: Line) -> Iterator[TargetRow]:
    for row in db.execute(
        "SELECT t.id, t.rollout_id, t.wave_id, substr(o.key, 1, 15), t.state"
        " FROM rollouts_target t JOIN rollouts_org o ON o.id = t.org_id ORDER BY t.id"
    ):
        yield TargetRow(*row)


def _lists(db: Line) -> Iterator[ListRow]:
    orgs: dict[int, set[str]] = {}
    hours: dict[int, dict[str, tuple[str, str]]] = {}
    for one, org, window, zones in db.execute(
        "SELECT f.list_id, substr(o.key, 1, 15), f.window, f.zones FROM rollouts_frozenorg f"
        " JOIN rollouts_org o ON o.id = f.org_id"
    ):
        orgs.setdefault(one, set()).add(org)
        if window:
            hours.setdefault(one, {})[org] = window, zones or ""
    editors: dict[int, set[int]] = {}
    for one, person in db.execute(
        "SELECT frozenlist_id, person_id FROM rollouts_frozenlist_edited_by"
    ):
        editors.setdefault(one, set()).add(person)
    for row in db.execute(
        "SELECT f.id, f.wave_id, f.digest, v.sf_id, f.end_by, f.voided_at, f.frozen_by_id"
        " FROM rollouts_frozenlist f JOIN rollouts_packageversion v ON v.id = f.to_version_id"
        " ORDER BY f.id"
    ):
        people = (row[6], frozenset(editors.get(row[0], ())))
        dates = (at(row[4]), _maybe(row[5]))
        whom = (frozenset(orgs.get(row[0], ())), hours.get(row[0], {}))
        yield ListRow(*(*row[:4], *dates, *people, *whom))
