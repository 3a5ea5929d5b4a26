"""Tables as files to save."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from itertools import islice

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from rollouts.pipeline import csv_out

_TYPE = "text/csv; charset=utf-8"
_LINES = 200


def csv_answer(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> HttpResponse:
    """Answer with a CSV file of this name, formula-safe, to be saved and not shown."""
    answer = HttpResponse("".join(csv_out.lines(header, rows)), content_type=_TYPE)
    _dress(answer, name)
    return answer


def csv_stream(
    request: HttpRequest, name: str, header: Sequence[str], rows: Iterable[Sequence[object]]
) -> StreamingHttpResponse:
    """Answer with the same file piece by piece, for tables too long to be held at once."""
    parts = _parts(csv_out.lines(header, rows))
    # Django gathers a plain iterator before it sends any of it, when it serves asynchronously.
    is_async = isinstance(request, ASGIRequest)
    answer = StreamingHttpResponse(_sent(parts) if is_async else parts, content_type=_TYPE)
    _dress(answer, name)
    return answer


def _parts(lines: Iterator[str]) -> Iterator[str]:
    while part := "".join(islice(lines, _LINES)):
        yield part


async def _sent(parts: Iterator[str]) -> AsyncIterator[str]:
    def following() -> str:
        return next(parts, "")

    while part := await sync_to_async(following)():
        yield part


def _dress(answer: HttpResponseBase, name: str) -> None:
    answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "private, no-store"
