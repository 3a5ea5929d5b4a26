"""Tables for other programs: CSV that a spreadsheet shows and never calculates."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime

# A cell that begins with one of these is a formula to a spreadsheet.
_ACTIVE = ("=", "+", "-", "@", "\t", "\r", "\n")


class _Line:
    """Takes what the writer writes and hands it on."""

    def write(self, text: str) -> str:
        return text


def lines(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield the table line by line, with a header; for UTF-8, begun by a byte-order mark."""
    writer = csv.writer(_Line())
    yield "\ufeff" + writer.writerow(header)
    for row in rows:
        yield writer.writerow([safe(value) for value in row])


def safe(value: object) -> str:
    """Return a cell that is text to a spreadsheet, whatever a customer calls its org."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, int):
        return str(value)
    text = str(value).replace("\x00", "")
    return f"'{text}" if text.lstrip().startswith(_ACTIVE) or text.startswith(_ACTIVE) else text
