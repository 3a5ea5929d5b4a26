"""A stopped clock, and a client that speaks to the simulator in the tests' words."""

# ruff: noqa: S608 - these are SOQL texts, and each must arrive as it is written

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, quote_plus

from rollouts.simulator import OrgFace, Request, Response, Simulator

START = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
FORM = "application/x-www-form-urlencoded"


class StoppedClock:
    """Time passes when a test says so."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **span: float) -> None:
        self.now += timedelta(**span)

    def iso(self, **later: float) -> str:
        return (self.now + timedelta(**later)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Caller:
    """One signed-in client."""

    def __init__(self, org: Simulator | OrgFace, *, api: str = "67.0") -> None:
        self.org = org
        self.api = api
        self.token = self.sign_in().json()["access_token"]

    @property
    def simulator(self) -> Simulator:
        """The simulator itself, for what a client can't do."""
        assert isinstance(self.org, Simulator)
        return self.org

    def sign_in(self, **changes: str) -> Reply:
        form = {
            "grant_type": "client_credentials",
            "client_id": "pushboard-demo",
            "client_secret": "simulated-secret",
            **changes,
        }
        body = "&".join(f"{name}={quote(value, safe='')}" for name, value in form.items())
        return self.send(
            "POST",
            "/services/oauth2/token",
            raw=body.encode(),
            headers={"Content-Type": FORM, "Authorization": ""},
        )

    def send(
        self,
        method: str,
        target: str,
        body: object = None,
        *,
        raw: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """Send to an absolute path, or to one below /services/data/vXX.X/."""
        if not target.startswith("/"):
            target = f"/services/data/v{self.api}/{target}"
        given = {"Host": "simulated.example:8081"}
        if hasattr(self, "token"):
            given["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            raw = json.dumps(body).encode()
            given["Content-Type"] = "application/json"
        return Reply(self.org.handle(Request.of(method, target, {**given, **(headers or {})}, raw)))

    def get(self, target: str) -> Reply:
        return self.send("GET", target)

    def post(self, target: str, body: object) -> Reply:
        return self.send("POST", target, body)

    # --- queries ----------------------------------------------------------------------------

    def ask(self, soql: str, headers: dict[str, str] | None = None) -> Reply:
        return self.send("GET", f"query/?q={quote_plus(soql, safe='=')}", headers=headers)

    def rows(self, soql: str) -> list[dict[str, Any]]:
        """All records over all pages, without their attributes."""
        answer = self.ask(soql).ok()
        found = list(answer["records"])
        while not answer["done"]:
            answer = self.get(answer["nextRecordsUrl"]).ok()
            found += answer["records"]
        return [{k: v for k, v in row.items() if k != "attributes"} for row in found]

    def column(self, soql: str) -> list[Any]:
        """The first column of all records."""
        return [next(iter(row.values())) for row in self.rows(soql)]

    # --- pushes -----------------------------------------------------------------------------

    def version(self, number: str, package: str = "Harbor") -> str:
        return self.simulator.version_id(package, number)

    def orgs(
        self, count: int, *, version: str = "4.2.1", also: str = "OrgStatus = 'Active'"
    ) -> list[str]:
        """Keys of customers' orgs that have this version and block nothing."""
        return self.column(
            f"SELECT OrgKey FROM PackageSubscriber WHERE {also}"
            f" AND MetadataPackageVersionId = '{self.version(version)}'"
            f" AND HasRestrictionEnabled = false LIMIT {count}"
        )

    def request(self, version: str = "4.2.2", start: str | None = None) -> str:
        body: dict[str, object] = {"PackageVersionId": self.version(version)}
        if start:
            body["ScheduledStartTime"] = start
        reply = self.post("sobjects/PackagePushRequest/", body)
        assert reply.status == 201, reply.text
        return str(reply.json()["id"])

    def add(self, request_id: str, orgs: Iterable[str]) -> list[dict[str, Any]]:
        """Add jobs, 200 at a time; gives the results in order."""
        keys = list(orgs)
        results: list[dict[str, Any]] = []
        for start in range(0, len(keys), 200):
            records = [job(request_id, key) for key in keys[start : start + 200]]
            reply = self.post("composite/sobjects", {"allOrNone": False, "records": records})
            results += reply.ok()
        return results

    def set_status(self, request_id: str, status: str) -> Reply:
        return self.send("PATCH", f"sobjects/PackagePushRequest/{request_id}", {"Status": status})

    def push(self, orgs: Sequence[str], version: str = "4.2.2") -> str:
        """Create, fill and arm a request."""
        request_id = self.request(version)
        assert all(result["success"] for result in self.add(request_id, orgs))
        assert self.set_status(request_id, "Pending").status == 204
        return request_id

    def status(self, request_id: str) -> str:
        found = self.column(f"SELECT Status FROM PackagePushRequest WHERE Id = '{request_id}'")
        return str(found[0])

    def job_counts(self, request_id: str) -> dict[str, int]:
        rows = self.rows(
            "SELECT Status, COUNT(Id) number FROM PackagePushJob"
            f" WHERE PackagePushRequestId = '{request_id}' GROUP BY Status"
        )
        return {row["Status"]: row["number"] for row in rows}


def wait_for(caller: Caller, clock: StoppedClock, request_id: str, status: str) -> None:
    """Let time pass, a minute at a go, until the request has this status."""
    for _ in range(600):
        if caller.status(request_id) == status:
            return
        clock.pass_(minutes=1)
    raise AssertionError(f"{request_id} never became {status}.")


class Reply:
    """An answer, read."""

    def __init__(self, response: Response) -> None:
        self.response = response
        self.status = response.status
        self.headers = response.headers
        self.text = response.body.decode()

    def json(self) -> Any:
        return json.loads(self.text)

    def ok(self) -> Any:
        assert self.status in (200, 201), self.text
        return self.json()

    @property
    def error(self) -> tuple[int, str]:
        """Status and error code of a refusal."""
        return self.status, self.json()[0]["errorCode"]

    @property
    def message(self) -> str:
        return str(self.json()[0]["message"])


def job(request_id: str, org: str, **more: object) -> dict[str, object]:
    """One record of a collection of jobs."""
    return {
        "attributes": {"type": "PackagePushJob"},
        "PackagePushRequestId": request_id,
        "SubscriberOrganizationKey": org,
        **more,
    }
