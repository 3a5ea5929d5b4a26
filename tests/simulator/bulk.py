"""Bulk jobs in the tests' words."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

from .caller import Caller, Reply

CSV = {"Content-Type": "text/csv; charset=UTF-8"}
COLUMNS = "PackagePushRequestId,SubscriberOrganizationKey"


def create(org: Caller, **body: object) -> Reply:
    return org.post("jobs/ingest", {"operation": "insert", "object": "PackagePushJob", **body})


def job_rows(request_id: str, keys: Iterable[str]) -> bytes:
    return "\n".join([COLUMNS, *(f"{request_id},{key}" for key in keys), ""]).encode()


def upload(org: Caller, job_id: str, data: bytes, headers: Mapping[str, str] = CSV) -> Reply:
    return org.send("PUT", f"jobs/ingest/{job_id}/batches", raw=data, headers=dict(headers))


def move(org: Caller, job_id: str, state: str) -> Reply:
    return org.send("PATCH", f"jobs/ingest/{job_id}", {"state": state})


def state(org: Caller, job_id: str) -> dict[str, Any]:
    told: dict[str, Any] = org.get(f"jobs/ingest/{job_id}").ok()
    return told


def submit(org: Caller, data: bytes, **body: object) -> str:
    """Create, upload, close; gives the job's id."""
    job_id = str(create(org, **body).ok()["id"])
    assert upload(org, job_id, data).status == 201
    assert move(org, job_id, "UploadComplete").ok()["state"] == "UploadComplete"
    return job_id


def results(org: Caller, job_id: str, name: str) -> list[dict[str, str]]:
    reply = org.get(f"jobs/ingest/{job_id}/{name}")
    assert reply.status == 200, reply.text
    assert reply.headers["Content-Type"] == "text/csv"
    return list(csv.DictReader(io.StringIO(reply.text)))


def figures(org: Caller, job_id: str) -> tuple[str, int, int]:
    """State, rows worked off, rows refused."""
    told = state(org, job_id)
    return told["state"], told["numberRecordsProcessed"], told["numberRecordsFailed"]
