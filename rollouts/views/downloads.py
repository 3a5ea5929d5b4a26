"""Tables as files to save."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.http import HttpResponse

from rollouts.pipeline import csv_out


def csv_answer(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> HttpResponse:
    """Answer with a CSV file of this name, formula-safe, to be saved and not shown."""
    answer = HttpResponse(
        "".join(csv_out.lines(header, rows)), content_type="text/csv; charset=utf-8"
    )
    answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "private, no-store"
    return answer
