"""The report of a rollout, made to be printed: what was planned, what happened, who decided."""

from __future__ import annotations

from datetime import UTC

from django.http import HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from rollouts.access import Request, may
from rollouts.domain.permissions import Permission
from rollouts.pipeline.report import whole_out
from rollouts.pipeline.report.whole import Whole, whole
from rollouts.views.downloads import csv_answer
from rollouts.views.rollouts import find
from rollouts.views.show import show

# More is for the CSV, which has every org; nobody reads forty printed pages of ids.
REMAINDER_SHOWN = 500
APPENDIX_SHOWN = 5_000
STOPS_SHOWN = 200


@require_safe
@may(Permission.LOOK)
def report(request: Request, slug: str) -> HttpResponse:
    """Show the report, whole or fit for customers, as a page, a table or data."""
    found = find(slug)
    safe = request.GET.get("for") == "customer"
    told = whole(found, request.now)
    wanted = request.GET.get("as")
    name = f"{slug}-report{'-for-customers' if safe else ''}"
    if told.as_of:
        name += f"-{told.as_of.astimezone(UTC):%Y-%m-%dT%H%MZ}"
    if wanted == "csv":
        if safe:
            return csv_answer(name, whole_out.FIGURES_HEADER, whole_out.figure_rows(told))
        return csv_answer(name, whole_out.ORG_HEADER, whole_out.org_rows(told))
    if wanted == "json":
        answer = JsonResponse(whole_out.as_data(told, safe=safe))
        answer["Content-Disposition"] = f'attachment; filename="{name}.json"'
        answer["Cache-Control"] = "private, no-store"
        return answer
    return show(request, "rollouts/report.html", _context(request, told, safe=safe))


def _context(request: Request, told: Whole, *, safe: bool) -> dict[str, object]:
    appendix = not safe and request.GET.get("appendix") == "1"
    left = told.remainder
    return {
        "rollout": told.rollout,
        "told": told,
        "safe": safe,
        "appendix": told.orgs[:APPENDIX_SHOWN] if appendix else [],
        "appendix_more": max(0, len(told.orgs) - APPENDIX_SHOWN),
        "summary": whole_out.safe_summary(told) if safe else whole_out.summary(told),
        "columns": list(whole_out.CONFIRMED if safe else whole_out.COLUMN_WORDS),
        "tables": [
            ("By type of org", "Type", told.by_kind),
            ("By region, as the instances are named", "Region", told.by_region),
            *([] if safe else [("By status of the org", "Status", told.by_status)]),
        ],
        "safe_kinds": whole_out.safe_kinds(told) if safe else [],
        "remainder": [] if safe else left[:REMAINDER_SHOWN],
        "remainder_more": max(0, len(left) - REMAINDER_SHOWN),
        "left": len(left),
        "stops": told.stops[-STOPS_SHOWN:],
        "stops_more": max(0, len(told.stops) - STOPS_SHOWN),
    }
