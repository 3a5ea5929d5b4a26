"""The public status site: which maintenance is announced. Nobody signs in there.

``GET /v1/maintenances?limit=&offset=&startTime=`` of https://api.status.salesforce.com, with the
fields that readers of it use.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from .messages import Request, Response, json_response
from .store import Work
from .times import iso, to_ms

PATH: Final = "/v1/maintenances"
_MOST: Final = 1000


def maintenances(work: Work, request: Request) -> Response:
    """List planned maintenance from a moment on, the earliest first."""
    try:
        since = to_ms(datetime.fromisoformat(request.query.get("startTime", "2000-01-01T00:00Z")))
        limit = min(int(request.query.get("limit", "100")), _MOST)
        offset = int(request.query.get("offset", "0"))
    except ValueError:
        return json_response(400, {"message": "Bad Request"})
    rows = work.db.execute(
        "SELECT id, instance, starts, ends, name, kind FROM maintenance WHERE starts >= ?"
        " ORDER BY starts, id LIMIT ? OFFSET ?",
        (since, limit, offset),
    ).fetchall()
    return json_response(
        200,
        [
            {
                "id": number,
                "name": name,
                "status": "Confirmed",
                "message": {"maintenanceType": kind, "eventStatus": "confirmed"},
                "instanceKeys": [instance],
                "plannedStartTime": iso(starts),
                "plannedEndTime": iso(ends),
            }
            for number, instance, starts, ends, name, kind in rows
        ],
    )
