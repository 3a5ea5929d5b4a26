"""Adding many orgs at once: Bulk API 2.0 ingest jobs for PackagePushJob.

A bulk job may go on adding rows long after whoever began it is gone, so its id is known and stored
before it holds any data, and only what is known is ever closed: open, (store), upload, close.
No bulk job that nobody has stored can hold an org. (Salesforce, "Bulk API 2.0", ingest jobs.)
"""

from __future__ import annotations

from collections.abc import Sequence

from rollouts.domain.ids import ORG, REQUEST, SHORT, long_id
from rollouts.salesforce import adding, rows
from rollouts.salesforce.client import Client
from rollouts.salesforce.errors import Refused, SalesforceError, Unknown
from rollouts.salesforce.gateway import Added
from rollouts.salesforce.outcomes import Kind, of_nonsense, tidy
from rollouts.salesforce.values import SfBulk, SfBulkState

BULK = "750"
_WRONG_STATE = "INVALIDJOBSTATE"
_PATH = "jobs/ingest"
_OBJECT = "PackagePushJob"
_CLOSED = frozenset(
    {
        SfBulkState.UPLOAD_COMPLETE,
        SfBulkState.IN_PROGRESS,
        SfBulkState.JOB_COMPLETE,
        SfBulkState.FAILED,
    }
)


class BulkCalls(Client):
    """The bulk part of `gateway.Gateway`."""

    def bulk_open(self) -> str:
        """Open an ingest job for push jobs and return its id; it holds nothing yet."""
        body = {
            "object": _OBJECT,
            "operation": "insert",
            "contentType": "CSV",
            "columnDelimiter": "COMMA",
            "lineEnding": "LF",
        }
        what = "open a bulk job"
        answer = self._write(what, lambda sf: sf.restful(_PATH, method="POST", json=body))
        try:
            return rows.an_id(_object(answer), "id", BULK)
        except (rows.Unreadable, SalesforceError):
            raise of_nonsense(Kind.WRITE, what) from None

    def bulk_upload(self, bulk_id: str, request_id: str, orgs: Sequence[str]) -> None:
        """Give an open ingest job its orgs, any number; nothing is added before it is closed."""
        bulk, request = long_id(bulk_id, prefix=BULK), long_id(request_id, prefix=REQUEST)
        distinct = list(dict.fromkeys(long_id(org, prefix=ORG)[:SHORT] for org in orgs))
        if not distinct:
            raise ValueError("a bulk job without orgs; open none")
        self._send(
            "upload the orgs",
            f"{_PATH}/{bulk}/batches",
            method="PUT",
            data=adding.upload(request, distinct),
            takes="application/json",
        )

    def bulk_close(self, bulk_id: str) -> None:
        """Let Salesforce add the uploaded orgs. Safe to say twice for the same id."""
        try:
            self._move("close the bulk job", bulk_id, SfBulkState.UPLOAD_COMPLETE)
        except Refused as refused:
            if refused.code != _WRONG_STATE or self.bulk_state(bulk_id).state not in _CLOSED:
                raise

    def bulk_abort(self, bulk_id: str) -> None:
        """End an ingest job; no error when it has ended. What was added until then stays."""
        try:
            self._move("abort the bulk job", bulk_id, SfBulkState.ABORTED)
        except Refused as refused:
            if refused.code != _WRONG_STATE or not self.bulk_state(bulk_id).ended:
                raise

    def bulk_state(self, bulk_id: str) -> SfBulk:
        """Read an ingest job's state and figures."""
        path = f"{_PATH}/{long_id(bulk_id, prefix=BULK)}"
        what = "read the bulk job"
        answer = self._ask(Kind.READ, what, lambda sf: sf.restful(path))
        try:
            return _bulk(_object(answer))
        except rows.Unreadable:
            raise of_nonsense(Kind.READ, what) from None

    def bulk_rows(self, bulk: SfBulk) -> Added:
        """Read what became of each row of an ended job (three calls)."""
        if not bulk.ended:
            raise ValueError(f"bulk job {bulk.id} is {bulk.state}; its results are not complete")
        path = f"{_PATH}/{long_id(bulk.id, prefix=BULK)}"
        what = "read what became of the bulk job's rows"
        lists = [
            self._send(what, f"{path}/{name}")
            for name in ("successfulResults", "failedResults", "unprocessedrecords")
        ]
        try:
            successful, failed = (len(adding.result_rows(text)) for text in lists[:2])
            added = adding.of_bulk(*lists)
        except rows.Unreadable:
            raise of_nonsense(Kind.READ, what) from None
        # A list that was cut off between two rows looks like a shorter one.
        if (successful, failed) != (bulk.processed - bulk.failed, bulk.failed):
            raise Unknown(
                f"Could not {what}: Salesforce counts {bulk.processed} rows, {bulk.failed} of them "
                f"failed, and lists {successful} and {failed}.",
                code="ROWS_MISSING",
            )
        return added

    def bulk_jobs(self) -> list[SfBulk]:
        """Read the ingest jobs for push jobs that have not ended, whoever opened them."""
        what = "read the bulk jobs"
        found: list[SfBulk] = []
        path, visited = f"{_PATH}?jobType=V2Ingest", set[str]()
        while path:
            if path in visited:
                raise of_nonsense(Kind.READ, what)
            visited.add(path)
            try:
                records, path = self._listed(what, path)
                found += [_bulk(row) for row in records if row.get("object") == _OBJECT]
            except rows.Unreadable:
                raise of_nonsense(Kind.READ, what) from None
        return [one for one in found if not one.ended]

    def _listed(self, what: str, path: str) -> tuple[list[rows.Row], str]:
        answer = _object(self._ask(Kind.READ, what, lambda sf: sf.restful(path)))
        records, following = answer.get("records"), answer.get("nextRecordsUrl") or ""
        if not isinstance(records, list) or not isinstance(following, str):
            raise rows.Unreadable("no list")
        base = f"/services/data/v{self.api}.0/"
        if following and not following.startswith(base):
            raise rows.Unreadable("no next page")
        return [_object(row) for row in records], following.removeprefix(base)

    def _move(self, what: str, bulk_id: str, state: SfBulkState) -> None:
        path = f"{_PATH}/{long_id(bulk_id, prefix=BULK)}"
        body = {"state": state.value}
        self._write(
            what,
            lambda sf: sf.restful(path, method="PATCH", json=body),
            stops=state is SfBulkState.ABORTED,
        )


def _object(answer: object) -> rows.Row:
    if not isinstance(answer, dict):
        raise rows.Unreadable("not an object")
    return answer


def _bulk(row: rows.Row) -> SfBulk:
    raw = rows.text(row, "state")
    try:
        state = SfBulkState(raw)
    except ValueError:
        raise Unknown(
            f"Salesforce answered the bulk job state “{raw[:80]}”, which Pushboard does not know.",
            code="UNKNOWN_VALUE",
        ) from None
    return SfBulk(
        id=rows.an_id(row, "id", BULK),
        state=state,
        processed=rows.number(row, "numberRecordsProcessed"),
        failed=rows.number(row, "numberRecordsFailed"),
        problem=tidy(rows.text(row, "errorMessage")),
    )
