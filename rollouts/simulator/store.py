"""Everything the simulated org remembers, in one SQLite file.

Each call's changes and its lines in the effect log are one transaction, so a killed process loses
nothing and tells nothing twice.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .ids import numbered_id
from .options import Options
from .times import whole_second

LAYOUT: Final = 5  # raise it when a table changes; older files are refused

_TABLES: Final = """
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE serial (prefix TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE organization (
  id TEXT PRIMARY KEY, tenant TEXT, name TEXT, division TEXT, namespace TEXT,
  instance_name TEXT, type TEXT, is_sandbox INTEGER, trial_ends INTEGER, time_zone TEXT,
  modstamp INTEGER);
CREATE TABLE person (
  id TEXT PRIMARY KEY, tenant TEXT, username TEXT, name TEXT, email TEXT, modstamp INTEGER);
CREATE TABLE scratch_org (id TEXT PRIMARY KEY, modstamp INTEGER);
CREATE TABLE package (
  id TEXT PRIMARY KEY, name TEXT, namespace TEXT, category TEXT, modstamp INTEGER);
CREATE TABLE version (
  id TEXT PRIMARY KEY, name TEXT, package_id TEXT, major INTEGER, minor INTEGER, patch INTEGER,
  build INTEGER, release_state TEXT, is_deprecated INTEGER, has_defect INTEGER, modstamp INTEGER);
CREATE TABLE subscriber (
  id TEXT PRIMARY KEY, package_id TEXT, version_id TEXT, org_key TEXT, org_name TEXT,
  org_status TEXT, org_type TEXT, instance_name TEXT, parent_org TEXT, installed_status TEXT,
  custom_upgrade_type TEXT, has_restriction INTEGER, custom_upgrade_allowed INTEGER,
  is_own INTEGER, modstamp INTEGER);
CREATE UNIQUE INDEX subscriber_org ON subscriber (org_key, package_id);
CREATE INDEX subscriber_modstamp ON subscriber (package_id, modstamp);
CREATE TABLE push_request (
  id TEXT PRIMARY KEY, version_id TEXT, scheduled INTEGER, status TEXT, started INTEGER,
  ended INTEGER, is_migration INTEGER, created INTEGER, created_by TEXT, modstamp INTEGER);
CREATE TABLE push_job (
  id TEXT PRIMARY KEY, request_id TEXT, org_key TEXT, status TEXT, started INTEGER,
  ended INTEGER, visible_from INTEGER, modstamp INTEGER);
CREATE INDEX push_job_request ON push_job (request_id, status);
CREATE INDEX push_job_org ON push_job (org_key, request_id);
CREATE TABLE push_error (
  id TEXT PRIMARY KEY, job_id TEXT, severity TEXT, type TEXT, title TEXT, message TEXT,
  details TEXT, modstamp INTEGER);
CREATE INDEX push_error_job ON push_error (job_id);
CREATE TABLE customization (
  id TEXT PRIMARY KEY, package_id TEXT, org_key TEXT, kind TEXT, days INTEGER,
  restricted INTEGER, allowed INTEGER, overridden INTEGER, initiated INTEGER, modstamp INTEGER);
CREATE UNIQUE INDEX customization_org ON customization (org_key, package_id);
CREATE TABLE maintenance (
  id INTEGER PRIMARY KEY, instance TEXT NOT NULL, starts INTEGER NOT NULL,
  ends INTEGER NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL);
CREATE INDEX maintenance_instance ON maintenance (instance, starts);
CREATE TABLE account (
  id TEXT PRIMARY KEY, name TEXT, type TEXT, city TEXT, state TEXT, country TEXT,
  country_code TEXT, time_zone TEXT, created INTEGER, modstamp INTEGER);
CREATE TABLE lead (
  id TEXT PRIMARY KEY, name TEXT, company TEXT, country TEXT, status TEXT, is_converted INTEGER,
  created INTEGER, modstamp INTEGER);
CREATE TABLE lma_package (
  id TEXT PRIMARY KEY, name TEXT, package_id TEXT UNIQUE, developer_org TEXT, developer_name TEXT,
  latest_id TEXT, released_on TEXT, status TEXT, tier REAL, created INTEGER, modstamp INTEGER);
CREATE TABLE lma_version (
  id TEXT PRIMARY KEY, name TEXT, lma_package_id TEXT, version_id TEXT UNIQUE, title TEXT,
  number TEXT, sequence REAL, is_beta INTEGER, released_on TEXT, status TEXT, created INTEGER,
  modstamp INTEGER);
CREATE TABLE licence (
  id TEXT PRIMARY KEY, name TEXT, org_key TEXT, lma_package_id TEXT, lma_version_id TEXT,
  account_id TEXT, lead_id TEXT, instance_name TEXT, is_sandbox INTEGER, status TEXT, kind TEXT,
  org_status TEXT, installed_on TEXT, expires_on TEXT, trial_ends_on TEXT, seats REAL, used REAL,
  created INTEGER, modstamp INTEGER);
CREATE INDEX licence_org ON licence (org_key, lma_package_id);
CREATE TABLE licence_history (
  id TEXT PRIMARY KEY, licence_id TEXT, field TEXT, old_value TEXT, new_value TEXT,
  created INTEGER);
CREATE INDEX licence_history_licence ON licence_history (licence_id);
CREATE TABLE event (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, kind TEXT NOT NULL,
  request_id TEXT, job_id TEXT, body TEXT);
CREATE INDEX event_at ON event (at, seq);
CREATE INDEX event_request ON event (request_id);
CREATE TABLE effect (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, wall INTEGER NOT NULL,
  kind TEXT NOT NULL, request_id TEXT, job_id TEXT, org TEXT, version_id TEXT,
  detail TEXT NOT NULL);
CREATE INDEX effect_at ON effect (at, seq);
CREATE TRIGGER effect_stays BEFORE UPDATE ON effect
  BEGIN SELECT RAISE(ABORT, 'the effect log is append-only'); END;
CREATE TRIGGER effect_remains BEFORE DELETE ON effect
  BEGIN SELECT RAISE(ABORT, 'the effect log is append-only'); END;
CREATE TABLE token (
  value TEXT PRIMARY KEY, org TEXT NOT NULL, kind TEXT NOT NULL, scope TEXT NOT NULL,
  family TEXT NOT NULL, issued INTEGER NOT NULL, ends INTEGER, spent INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX token_family ON token (family);
CREATE TABLE code (
  value TEXT PRIMARY KEY, org TEXT NOT NULL, redirect_uri TEXT NOT NULL, scope TEXT NOT NULL,
  challenge TEXT NOT NULL, ends INTEGER NOT NULL, spent INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE cursor (
  id TEXT PRIMARY KEY, soql TEXT NOT NULL, page_size INTEGER NOT NULL, row_ids TEXT NOT NULL,
  ends INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE bulk_job (
  id TEXT PRIMARY KEY, tenant TEXT NOT NULL, kind TEXT NOT NULL, api TEXT NOT NULL,
  object TEXT NOT NULL,
  operation TEXT NOT NULL, state TEXT NOT NULL, line_ending TEXT NOT NULL,
  delimiter TEXT NOT NULL, created INTEGER NOT NULL, modstamp INTEGER NOT NULL, error TEXT);
CREATE TABLE bulk_batch (
  id TEXT PRIMARY KEY, job_id TEXT NOT NULL, state TEXT NOT NULL, header TEXT NOT NULL,
  soql TEXT NOT NULL, next_row INTEGER NOT NULL, created INTEGER NOT NULL,
  modstamp INTEGER NOT NULL, started INTEGER, ended INTEGER, due_wall INTEGER, error TEXT,
  found TEXT);
CREATE INDEX bulk_batch_job ON bulk_batch (job_id);
CREATE INDEX bulk_batch_due ON bulk_batch (due_wall) WHERE due_wall IS NOT NULL;
CREATE TABLE bulk_row (
  batch_id TEXT NOT NULL, number INTEGER NOT NULL, body TEXT NOT NULL, record_id TEXT, error TEXT,
  PRIMARY KEY (batch_id, number)) WITHOUT ROWID;
CREATE TABLE switch (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE usage (
  hour INTEGER NOT NULL, tenant TEXT NOT NULL, calls INTEGER NOT NULL, PRIMARY KEY (hour, tenant));
CREATE TABLE script (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, org TEXT NOT NULL, version_id TEXT,
  outcome TEXT NOT NULL, errors TEXT NOT NULL, times INTEGER);
CREATE INDEX script_org ON script (org);
CREATE TABLE fault (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, call TEXT NOT NULL, contains TEXT NOT NULL,
  skip INTEGER NOT NULL, times INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL);
"""


class WrongWorld(Exception):
    """The file holds another world than the one asked for, or can't be read."""


@dataclass(slots=True)
class Work:
    """What one call works with: the open transaction, and the moment at which it happens.

    `now` is simulated, `wall` real time, both in milliseconds.
    """

    db: sqlite3.Connection
    options: Options
    seed: int
    now: int
    wall: int
    switched: bool = False  # set by a call that changes the options

    @property
    def second(self) -> int:
        """Now, as date-time fields keep it."""
        return whole_second(self.now)

    def plan(self, at: int, kind: str, body: str) -> None:
        """Let something happen at a simulated moment that is no push's step."""
        self.db.execute("INSERT INTO event (at, kind, body) VALUES (?,?,?)", (at, kind, body))

    def next_number(self, prefix: str) -> int:
        """The next running number under a name; numbers start at 1 and never repeat."""
        row = self.db.execute(
            "INSERT INTO serial VALUES (?, 1) ON CONFLICT (prefix)"
            " DO UPDATE SET last = last + 1 RETURNING last",
            (prefix,),
        ).fetchone()
        number: int = row[0]
        return number

    def new_id(self, prefix: str) -> str:
        """A fresh 18-character id."""
        # Leaps make neighbours look as unlike each other as real ids do.
        return numbered_id(prefix, 916_132_832 + self.next_number(prefix) * 7_919)


def fact(db: sqlite3.Connection, name: str) -> str | None:
    """A remembered fact about this world."""
    row = db.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def remember(db: sqlite3.Connection, name: str, value: object) -> None:
    """Keep a fact about this world."""
    db.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, str(value)))


def open_store(data: Path | str) -> sqlite3.Connection:
    """Open the file in a directory, or a store in memory for `:memory:`. Raises WrongWorld."""
    if str(data) == ":memory:":
        where = ":memory:"
    else:
        folder = Path(data)
        folder.mkdir(parents=True, exist_ok=True)
        where = str(folder / "simulator.sqlite3")
    try:
        db = sqlite3.connect(where, isolation_level=None, check_same_thread=False, timeout=10)
        db.execute("PRAGMA journal_mode = WAL")
        # A killed process keeps all that was committed; only a power cut could lose the last bit.
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA temp_store = MEMORY")
        db.execute("PRAGMA cache_size = -65536")
        layout = db.execute("PRAGMA user_version").fetchone()[0]
        if layout == 0:
            db.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {LAYOUT}; COMMIT;")
    except sqlite3.DatabaseError as problem:
        raise WrongWorld(
            f"{where} can't be opened as the simulator's data: {problem}."
        ) from problem
    if layout not in (0, LAYOUT):
        db.close()
        raise WrongWorld(
            f"{where} was made by another version of the simulator. "
            "Remove it or name another data directory."
        )
    return db
