"""CSV as the Bulk APIs read and write it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

DELIMITERS: Final = {
    "COMMA": ",",
    "TAB": "\t",
    "PIPE": "|",
    "SEMICOLON": ";",
    "CARET": "^",
    "BACKQUOTE": "`",
}
LINE_ENDINGS: Final = {"LF": "\n", "CRLF": "\r\n"}
_BOM: Final = "\ufeff"


class BadCsv(Exception):
    """The data can't be read; the text is what the job then says."""


def read(
    data: bytes, *, delimiter: str = "COMMA", line_ending: str | None = None
) -> tuple[list[str], list[list[str]]]:
    """Header and rows of an upload; no data at all is an empty header. Raises BadCsv.

    With a line ending, the header line must end as it says.
    """
    try:
        text = data.decode().removeprefix(_BOM)
    except UnicodeDecodeError:
        raise BadCsv("InvalidBatch : The data is not UTF-8") from None
    first = text.partition("\n")
    if line_ending and first[1] and first[0].endswith("\r") != (line_ending == "CRLF"):
        raise BadCsv(
            "ClientInputError : LineEnding is invalid on user data. "
            f"Current LineEnding setting is {line_ending}"
        )
    try:
        reader = csv.reader(
            io.StringIO(text, newline=""), delimiter=DELIMITERS[delimiter], strict=True
        )
        lines = [line for line in reader if line]
    except csv.Error as problem:
        raise BadCsv(f"InvalidBatch : Failed to parse CSV: {problem}") from None
    if not lines:
        return [], []
    header, rows = [name.strip() for name in lines[0]], lines[1:]
    if len({name.lower() for name in header}) < len(header):
        raise BadCsv("InvalidBatch : Duplicate field in the header")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise BadCsv(
                f"InvalidBatch : Failed to parse CSV: row {number} has {len(row)} columns, "
                f"expected {len(header)}"
            )
    return header, rows


def write(
    header: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    delimiter: str = "COMMA",
    line_ending: str = "LF",
) -> bytes:
    """Everything in quotes, as the platform writes it; None becomes nothing."""
    out = io.StringIO()
    writer = csv.writer(
        out,
        delimiter=DELIMITERS[delimiter],
        lineterminator=LINE_ENDINGS[line_ending],
        quoting=csv.QUOTE_ALL,
    )
    writer.writerow(header)
    writer.writerows(["" if value is None else value for value in row] for row in rows)
    return out.getvalue().encode()
