"""The jobs and their uploads in the store, as all the bulk resources find them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rollouts.simulator import usage
from rollouts.simulator.ids import BadId, long_id
from rollouts.simulator.refusals import Refusal, not_found
from rollouts.simulator.store import Work
from rollouts.simulator.times import DAY
from rollouts.simulator.witness import note

_KEPT_FOR: Final = 7 * DAY
_COLUMNS: Final = (
    "id, kind, api, object, operation, state, line_ending, delimiter, created, modstamp, error"
)


@dataclass(frozen=True, slots=True)
class Job:
    """One bulk job; `kind` is ingest, query or v1. Times are simulated milliseconds."""

    id: str
    kind: str
    api: str
    object: str
    operation: str
    state: str
    line_ending: str
    delimiter: str
    created: int
    modstamp: int
    error: str | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job or a batch has come; `milliseconds` of simulated time went into it."""

    processed: int = 0
    failed: int = 0
    milliseconds: int = 0


def create(
    work: Work,
    *,
    kind: str,
    api: str,
    sobject: str,
    operation: str,
    line_ending: str = "LF",
    delimiter: str = "COMMA",
) -> Job:
    """A new job in its first state; jobs that are a week old are forgotten."""
    for (old,) in work.db.execute(
        "SELECT id FROM bulk_job WHERE created < ?", (work.now - _KEPT_FOR,)
    ).fetchall():
        remove(work, old)
    job = Job(
        work.new_id("750"),
        kind,
        api,
        sobject,
        operation,
        "UploadComplete" if kind == "query" else "Open",
        line_ending,
        delimiter,
        work.second,
        work.second,
        None,
    )
    work.db.execute(
        f"INSERT INTO bulk_job (tenant, {_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",  # noqa: S608 - our own names
        (
            work.options.role.tenant,
            job.id,
            job.kind,
            job.api,
            job.object,
            job.operation,
            job.state,
            job.line_ending,
            job.delimiter,
            job.created,
            job.modstamp,
            job.error,
        ),
    )
    detail = {"job": job.id, "object": sobject, "operation": operation, "kind": kind}
    note(work, "bulk_created", detail=detail)
    return job


def find(work: Work, job_id: str, kind: str) -> Job:
    """The job of that id and kind. Raises Refusal."""
    try:
        full = long_id(job_id)
    except BadId:
        raise not_found() from None
    row = work.db.execute(
        f"SELECT {_COLUMNS} FROM bulk_job WHERE id = ? AND kind = ? AND tenant = ?",  # noqa: S608 - our own names
        (full, kind, work.options.role.tenant),
    ).fetchone()
    if row is None:
        raise not_found()
    return Job(*row)


def listed(work: Work, kind: str, start: int, most: int) -> list[Job]:
    """Jobs of a kind, oldest first."""
    rows = work.db.execute(
        f"SELECT {_COLUMNS} FROM bulk_job WHERE kind = ? AND tenant = ?"  # noqa: S608 - our own names
        " ORDER BY created, rowid LIMIT ? OFFSET ?",
        (kind, work.options.role.tenant, most, start),
    )
    return [Job(*row) for row in rows]


def set_state(work: Work, job: Job, state: str) -> None:
    """The client moves a job; an aborted job's batches go no further."""
    work.db.execute(
        "UPDATE bulk_job SET state = ?, modstamp = ? WHERE id = ?", (state, work.second, job.id)
    )
    if state == "Aborted":
        work.db.execute(
            "UPDATE bulk_batch SET state = 'NotProcessed', ended = ?, modstamp = ?, due_wall = NULL"
            " WHERE job_id = ? AND state IN ('Queued', 'InProgress')",
            (work.now, work.second, job.id),
        )
    note(work, "bulk_state", detail={"job": job.id, "state": state})


def add_batch(
    work: Work,
    job: Job,
    *,
    header: Sequence[str] = (),
    rows: Sequence[Sequence[str]] = (),
    soql: str = "",
) -> str:
    """Keep an upload or a query; gives the batch's id. Raises Refusal without allowance."""
    usage.check_batches(work)
    batch_id = work.new_id("751")
    work.db.execute(
        "INSERT INTO bulk_batch (id, job_id, state, header, soql, created, modstamp, next_row)"
        " VALUES (?,?,'Queued',?,?,?,?,1)",
        (batch_id, job.id, json.dumps(list(header)), soql, work.second, work.second),
    )
    work.db.executemany(
        "INSERT INTO bulk_row (batch_id, number, body) VALUES (?,?,?)",
        (
            (batch_id, number, json.dumps(row, ensure_ascii=False))
            for number, row in enumerate(rows, start=1)
        ),
    )
    note(work, "bulk_uploaded", detail={"job": job.id, "batch": batch_id, "rows": len(rows)})
    return batch_id


def batches(work: Work, job: Job) -> list[str]:
    """The ids of a job's batches in their order."""
    rows = work.db.execute("SELECT id FROM bulk_batch WHERE job_id = ? ORDER BY rowid", (job.id,))
    return [row[0] for row in rows]


def progress(work: Work, job: Job, batch_id: str | None = None) -> Progress:
    """How far a job, or one of its batches, has come."""
    processed, failed, milliseconds = 0, 0, 0
    for one in batches(work, job) if batch_id is None else [batch_id]:
        started, ended, next_row = work.db.execute(
            "SELECT started, ended, next_row FROM bulk_batch WHERE id = ?", (one,)
        ).fetchone()
        processed += next_row - 1
        failed += work.db.execute(
            "SELECT COUNT(*) FROM bulk_row WHERE batch_id = ? AND error IS NOT NULL", (one,)
        ).fetchone()[0]
        if started is not None:
            milliseconds += (ended or work.now) - started
    return Progress(processed, failed, milliseconds)


def remove(work: Work, job_id: str) -> None:
    """Forget a job, with its uploads and results. What it wrote stays."""
    work.db.execute(
        "DELETE FROM bulk_row WHERE batch_id IN (SELECT id FROM bulk_batch WHERE job_id = ?)",
        (job_id,),
    )
    work.db.execute("DELETE FROM bulk_batch WHERE job_id = ?", (job_id,))
    work.db.execute("DELETE FROM bulk_job WHERE id = ?", (job_id,))
    note(work, "bulk_removed", detail={"job": job_id})


def bad_state(message: str) -> Refusal:
    """The step is out of order."""
    return Refusal(400, "INVALIDJOBSTATE", message)
