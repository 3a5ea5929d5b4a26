"""/jobs: which of the bulk resources is meant."""

from __future__ import annotations

from rollouts.simulator.messages import Response
from rollouts.simulator.refusals import not_found
from rollouts.simulator.rest_call import Call

from .ingest import ingest
from .query import query


def bulk_jobs(call: Call) -> Response:
    """Answer a call to /jobs or below. Raises Refusal."""
    match call.parts[1].lower() if len(call.parts) > 1 else "":
        case "ingest":
            return ingest(call)
        case "query":
            return query(call)
    raise not_found()
