"""How the platform works off what was uploaded: row by row, in time, whoever looks or not.

A batch waits `Options.bulk.start` seconds, then takes `Options.bulk.row` seconds for each row, in
simulated time through the store's events or in wall time. Each row goes through the same rules as
a single call and is refused or applied by itself. A fault planned for `bulk_row` meets one row:

=============================  =============================================================
refuse                         the row fails with the fault's error
hang_before, hang_after        the batch stands still for `seconds` before or after the row
late                           the row is reported as failed, and applied `seconds` of simulated
                               time later
error_after, reset_after, ...  the row is applied, but the batch fails and doesn't tell of it
any other                      the batch fails before the row
=============================  =============================================================

A batch that fails keeps what was applied; the rows after it are unprocessed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from rollouts.simulator import faults, records
from rollouts.simulator.faces import Face
from rollouts.simulator.faults import FaultKind
from rollouts.simulator.fields import Kind, SObject
from rollouts.simulator.messages import Request
from rollouts.simulator.query import Queries
from rollouts.simulator.refusals import Refusal, something_bad
from rollouts.simulator.store import Work
from rollouts.simulator.times import SECOND
from rollouts.simulator.witness import note

STEP: Final = "bulk_step"
LATE_ROW: Final = "bulk_late_row"
EVENTS: Final = (STEP, LATE_ROW)

Faces = Mapping[str, Face]  # by tenant: a job belongs to the org that it was made in

_NULL: Final = "#N/A"
_AFTER: Final = (
    FaultKind.ERROR_AFTER,
    FaultKind.RESET_AFTER,
    FaultKind.NOT_JSON,
    FaultKind.WRONG_TYPE,
    FaultKind.TRUNCATED,
    FaultKind.DRIP,
)
_NO_ROWS: Final = ("query", "queryAll")


@dataclass(frozen=True, slots=True)
class _Batch:
    """One batch with what its job says of all its batches."""

    id: str
    job_id: str
    face: Face
    kind: str
    api: str
    object: str
    operation: str
    header: list[str]
    soql: str
    next_row: int
    error: str | None  # what was wrong with the upload itself

    @property
    def api_number(self) -> int:
        """The API version as a number."""
        return int(self.api.partition(".")[0])

    def sobject(self) -> SObject:
        """What the rows are; an org can lose its objects meanwhile. Raises Refusal."""
        found = self.face.schema.find(self.object)
        if found is None:
            raise Refusal(400, "INVALID_TYPE", f"sObject type '{self.object}' is not supported.")
        return found


# --- when -----------------------------------------------------------------------------------


def submit(work: Work, batch_id: str) -> None:
    """Let the platform come to a batch in its own time."""
    _plan(work, batch_id, work.options.bulk.start)


def happen(work: Work, faces: Faces, kind: str, body: str) -> None:
    """An event of EVENTS is due."""
    if kind == LATE_ROW:
        _apply_late(work, faces, **json.loads(body))
    else:
        _step(work, faces, body)


def advance_wall(work: Work, faces: Faces) -> None:
    """Do what is due by the wall clock."""
    while True:
        due = work.db.execute(
            "SELECT id FROM bulk_batch WHERE due_wall <= ? ORDER BY due_wall, rowid LIMIT 1",
            (work.wall,),
        ).fetchone()
        if due is None:
            return
        _step(work, faces, due[0])


def _plan(work: Work, batch_id: str, seconds: float) -> None:
    after = int(seconds * SECOND)
    if not work.options.bulk.wall:
        work.plan(work.now + after, STEP, batch_id)
        return
    # From the moment that was due and not from now, so that it doesn't matter who looks when.
    work.db.execute(
        "UPDATE bulk_batch SET due_wall = COALESCE(due_wall, ?) + ? WHERE id = ?",
        (work.wall, after, batch_id),
    )


def _unplan(work: Work, batch_id: str) -> None:
    work.db.execute("UPDATE bulk_batch SET due_wall = NULL WHERE id = ?", (batch_id,))


# --- what -----------------------------------------------------------------------------------


def _step(work: Work, faces: Faces, batch_id: str) -> None:
    """Apply the next row; without a time per row, all of them."""
    batch = _open_batch(work, faces, batch_id)
    if batch is None:
        _unplan(work, batch_id)
        return
    work = replace(work, options=batch.face.options)
    if batch.operation in _NO_ROWS:
        _run_query(work, batch)
        return
    if batch.next_row == 1 and (problem := batch.error or _wrong_header(batch)):
        _end(work, batch, "Failed", problem)
        return
    rows = work.db.execute(
        "SELECT number, body FROM bulk_row WHERE batch_id = ? AND number >= ? ORDER BY number",
        (batch.id, batch.next_row),
    )
    pace = work.options.bulk.row
    for number, body in rows.fetchmany(1) if pace else rows.fetchall():
        if not _meet(work, batch, number, body):
            return
        if pace:
            _plan(work, batch.id, pace)
            return
    _end(work, batch, "Completed")


def _meet(work: Work, batch: _Batch, number: int, body: str) -> bool:
    """Apply one row under whatever fault meets it; False when the batch goes no further now."""
    row = Request("ROW", f"/bulk/{batch.job_id}/{number}", body=body.encode())
    fault = faults.strike(work, row, f"bulk_row:{batch.object}", drawn=False)
    kind = None if fault is None else fault.kind
    if fault is None or kind in (FaultKind.HANG_AFTER, *_AFTER):
        if kind in _AFTER:
            _try(work, batch, body)
        else:
            _keep(work, batch, number, _try(work, batch, body))
    if fault is None:
        return True
    if kind in (FaultKind.HANG_BEFORE, FaultKind.HANG_AFTER):
        _plan(work, batch.id, fault.seconds)
        return False
    if kind is FaultKind.REFUSE:
        _keep(work, batch, number, faults.refusal(fault))
        return True
    if kind is FaultKind.LATE:
        _keep(work, batch, number, something_bad())
        later = json.dumps({"batch_id": batch.id, "number": number})
        work.plan(work.now + int(fault.seconds * SECOND), LATE_ROW, later)
        return True
    _end(work, batch, "Failed", "InternalServerError : An unexpected error occurred.")
    return False


def _apply_late(work: Work, faces: Faces, batch_id: str, number: int) -> None:
    batch = _batch(work, faces, batch_id)
    found = work.db.execute(
        "SELECT body FROM bulk_row WHERE batch_id = ? AND number = ?", (batch_id, number)
    ).fetchone()
    if batch is not None and found is not None:
        outcome = _try(replace(work, options=batch.face.options), batch, found[0])
        applied = isinstance(outcome, str)
        note(work, "bulk_late_row", detail={"job": batch.job_id, "row": number, "applied": applied})


def _try(work: Work, batch: _Batch, body: str) -> str | Refusal:
    """The id of the record that was written, or why it was not."""
    api = batch.api_number
    work.db.execute("SAVEPOINT bulk_row")
    try:
        sobject = batch.sobject()
        values = _values(sobject, api, batch.header, json.loads(body))
        if batch.operation == "insert":
            return records.create(work, sobject, api, values)
        record_id = str(values.pop("Id", None) or "")
        records.update(work, sobject, api, record_id, values)
    except Refusal as refusal:
        work.db.execute("ROLLBACK TO bulk_row")
        return refusal
    else:
        return record_id
    finally:
        work.db.execute("RELEASE bulk_row")


def _values(sobject: SObject, api: int, header: list[str], row: list[str]) -> dict[str, object]:
    """A row as a JSON call would bring it: an empty cell is no value, #N/A is null."""
    values: dict[str, object] = {}
    for name, text in zip(header, row, strict=True):
        field = sobject.field(name, api)
        if field is None or not text:
            continue
        value: object = None if text == _NULL else text
        if field.kind is Kind.BOOLEAN and text.lower() in ("true", "false", "1", "0"):
            value = text.lower() in ("true", "1")
        elif field.kind is Kind.INT and text.isascii() and text.lstrip("-").isdecimal():
            value = int(text)
        values[field.name] = value
    return values


def _keep(work: Work, batch: _Batch, number: int, outcome: str | Refusal) -> None:
    record_id = outcome if isinstance(outcome, str) else None
    error = None if isinstance(outcome, str) else error_text(outcome)
    work.db.execute(
        "UPDATE bulk_row SET record_id = ?, error = ? WHERE batch_id = ? AND number = ?",
        (record_id, error, batch.id, number),
    )
    work.db.execute(
        "UPDATE bulk_batch SET next_row = ?, modstamp = ? WHERE id = ?",
        (number + 1, work.second, batch.id),
    )


def error_text(refusal: Refusal) -> str:
    """An error as the result files tell it: CODE:message:fields --."""
    # What is malformed JSON to a REST call is a bad value to a CSV.
    malformed = refusal.code == "JSON_PARSER_ERROR"
    code = "INVALID_TYPE_ON_FIELD_IN_RECORD" if malformed else refusal.code
    fields = f"{','.join(refusal.fields)} " if refusal.fields else ""
    return f"{code}:{refusal.message}:{fields}--"


def _run_query(work: Work, batch: _Batch) -> None:
    try:
        header, rows = Queries(work, batch.face.schema, batch.api).table(batch.soql)
    except Refusal as no:
        _end(work, batch, "Failed", f"InvalidBatch : Failed to process query: {no.message}")
        return
    work.db.execute(
        "UPDATE bulk_batch SET header = ?, found = ?, next_row = ? WHERE id = ?",
        (json.dumps(header), json.dumps(rows), len(rows) + 1, batch.id),
    )
    _end(work, batch, "Completed")


# --- states ---------------------------------------------------------------------------------


def _open_batch(work: Work, faces: Faces, batch_id: str) -> _Batch | None:
    """The batch, now in progress, unless it has ended or gone."""
    changed = work.db.execute(
        "UPDATE bulk_batch SET state = 'InProgress', started = COALESCE(started, ?), modstamp = ?"
        " WHERE id = ? AND state IN ('Queued', 'InProgress')",
        (work.now, work.second, batch_id),
    ).rowcount
    if not changed:
        return None
    work.db.execute(
        "UPDATE bulk_job SET state = 'InProgress', modstamp = ? WHERE state = 'UploadComplete'"
        " AND id = (SELECT job_id FROM bulk_batch WHERE id = ?)",
        (work.second, batch_id),
    )
    return _batch(work, faces, batch_id)


def _batch(work: Work, faces: Faces, batch_id: str) -> _Batch | None:
    row = work.db.execute(
        "SELECT b.job_id, j.tenant, j.kind, j.api, j.object, j.operation, b.header, b.soql,"
        " b.next_row, b.error FROM bulk_batch b JOIN bulk_job j ON j.id = b.job_id WHERE b.id = ?",
        (batch_id,),
    ).fetchone()
    if row is None:
        return None
    job_id, tenant, kind, api, name, operation, header, *rest = row
    face = faces[tenant]
    return _Batch(batch_id, job_id, face, kind, api, name, operation, json.loads(header), *rest)


def _wrong_header(batch: _Batch) -> str | None:
    try:
        sobject = batch.sobject()
    except Refusal as gone:
        return f"InvalidBatch : {gone.message}"
    for name in batch.header:
        if sobject.field(name, batch.api_number) is None:
            return f"InvalidBatch : Field name not found : {name}"
    return None


def _end(work: Work, batch: _Batch, state: str, error: str | None = None) -> None:
    work.db.execute(
        "UPDATE bulk_batch SET state = ?, error = ?, ended = ?, modstamp = ?, due_wall = NULL"
        " WHERE id = ?",
        (state, error, work.now, work.second, batch.id),
    )
    if batch.kind != "v1":  # there the client says when a job is over
        work.db.execute(
            "UPDATE bulk_job SET state = ?, error = ?, modstamp = ? WHERE id = ?",
            ("JobComplete" if state == "Completed" else state, error, work.second, batch.job_id),
        )
    note(work, "bulk_ended", detail={"job": batch.job_id, "batch": batch.id, "state": state})
