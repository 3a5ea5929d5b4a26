"""Lists of org ids as people have them: pasted, exported, half broken; and what is wrong with each.

A list is read in full before anything is done with it. Every id ends in the result or, with its
line and the reason, among the refused; session tokens that came along are thrown away at once.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import BinaryIO

from rollouts.domain import ids
from rollouts.pipeline.file_kinds import BadFile, Text, lines_of, pasted, read_text

__all__ = ["BadFile", "IdList", "Refused", "read_file", "read_pasted", "shown"]

MAX_REFUSED = 10_000
_LONGEST_LINE = 20_000
_LONGEST_RECORD = 50  # lines that one quoted record may span
_MOST_COLUMNS = 500
_SAMPLE = 50
_SHOWN = 60
_HEADERS = frozenset({
    "id", "ids", "orgid", "orgids", "org", "organizationid", "organisationid", "orgkey",
    "subscriberorg", "subscriberorgid", "subscriberorgkey", "subscriberorganizationid",
    "sflmasubscriberorgidc", "orgid18", "orgid15", "18characterorgid",
})  # fmt: skip
_FORMULA = re.compile(r"[=+@\-\t]")
_NUMBERED = re.compile(r"\d+([.,]\d+)?E\+?\d+", re.IGNORECASE)
# What a session token comes with: after the org id in a session id, or in an address.
_TOKENS = ("!", "%21", "sid=")
_INVISIBLE = dict.fromkeys([*range(0x200B, 0x2010), 0x2060, 0xFEFF, 0x00AD, *range(0x202A, 0x202F)])


@dataclass(frozen=True, slots=True)
class Refused:
    """One id that was not taken: its line (from 1), what stood there, and why."""

    line: int
    text: str
    why: str


@dataclass(frozen=True, slots=True)
class IdList:
    """What a list came to. ``found`` has 18-character ids in the list's order, each once.

    ``at`` gives the line of each found id; ``tokens`` counts the session tokens thrown away,
    ``repaired`` the ids whose lost capitals were put back from their checksum.
    """

    encoding: str
    found: tuple[str, ...] = ()
    at: dict[str, int] = field(default_factory=dict)
    refused: tuple[Refused, ...] = ()
    tokens: int = 0
    repaired: int = 0

    def without(self, reasons: dict[str, str]) -> IdList:
        """Return the list with further ids refused, by id and reason."""
        more = [Refused(self.at[key], key, why) for key, why in reasons.items() if key in self.at]
        gone = {one.text for one in more}
        return replace(
            self,
            found=tuple(key for key in self.found if key not in gone),
            refused=tuple(sorted((*self.refused, *more), key=lambda one: one.line)),
        )


def read_file(file: BinaryIO) -> IdList:
    """Read an uploaded list: text, CSV, tabs or semicolons. Raises BadFile for the whole of it."""
    return _read(read_text(file))


def read_pasted(text: str) -> IdList:
    """Read a pasted list by the same rules. Raises BadFile."""
    return _read(pasted(text))


def shown(cell: str) -> str:
    """Return what of a refused cell may be shown and stored: no token, nothing long."""
    plain = cell.translate(_INVISIBLE)
    # What follows an exclamation mark in a session id, or a question mark in an address, is secret.
    for mark in ("!", "%21", "?", "#"):
        head, cut, _ = plain.partition(mark)
        plain = f"{head}{mark}…" if cut else head
    return plain if len(plain) <= _SHOWN else f"{plain[: _SHOWN - 1]}…"


def _read(source: Text) -> IdList:
    lines = lines_of(source)
    for number, line in enumerate(lines, 1):
        if len(line) > _LONGEST_LINE:
            raise BadFile(
                "long_line",
                f"Line {number} has {len(line):,} characters; {_LONGEST_LINE:,} are the most.",
            )
    delimiter = _delimiter(lines)
    records = _records(lines, delimiter)
    sample = list(islice(records, _SAMPLE))
    if not sample:
        raise BadFile("blank", "The file has only blank lines.")
    header = _is_header(sample)
    column = _column(sample, header=header)
    rest = iter(sample[1:] if header else sample)
    read = _collect(source.encoding, rest, records, column)
    if not read.found and not read.refused:
        raise BadFile("header_only", "The file has the names of columns and no line below them.")
    return read


def _collect(
    encoding: str,
    sample: Iterator[tuple[int, list[str]]],
    records: Iterator[tuple[int, list[str]]],
    column: int | None,
) -> IdList:
    at: dict[str, int] = {}
    refused: list[Refused] = []
    tokens = repaired = 0
    for part in (sample, records):
        for line, cells in part:
            for cell in _cells(cells, column):
                token = any(mark in cell for mark in _TOKENS)
                try:
                    key = _id_of(cell)
                except ids.BadId as bad:
                    refused.append(Refused(line, shown(cell), str(bad)))
                else:
                    if key in at:
                        refused.append(Refused(line, key, f"stands in line {at[key]} already"))
                    else:
                        at[key] = line
                        repaired += cell.strip() != key and key.lower() == cell.strip().lower()
                tokens += token
                if len(refused) > MAX_REFUSED:
                    raise BadFile(
                        "refused",
                        f"More than {MAX_REFUSED:,} lines hold no org ID that can be taken, the "
                        f"first is line {refused[0].line}: {refused[0].why}.",
                    )
    return IdList(encoding, tuple(at), at, tuple(refused), tokens, repaired)


def _cells(cells: list[str], column: int | None) -> Iterator[str]:
    """Yield what should be ids: the column's cell, or everything that stands in the line."""
    if column is not None:
        yield cells[column] if column < len(cells) else ""
        return
    for cell in cells:
        words = cell.split()
        if len(words) > 1 and all(ids.find_org_id(word) for word in words):
            yield from words
        elif words:
            yield cell


def _id_of(cell: str) -> str:
    """Read one cell. Raises BadId with the reason."""
    plain = cell.translate(_INVISIBLE).replace("\xa0", " ").strip().strip("'").strip()
    if not plain:
        raise ids.BadId("the line has no org ID")
    if "://" in plain or "sid=" in plain or "/" in plain:
        found = ids.find_org_id(plain)
        if not found:
            raise ids.BadId("the address names no org ID")
        return ids.org_id(found)
    if _FORMULA.match(plain):
        raise ids.BadId("is a formula; nothing is calculated here. Paste the values only")
    if _NUMBERED.fullmatch(plain):
        raise ids.BadId("a spreadsheet has made a number of this ID; format the column as text")
    return ids.org_id(plain.replace("%21", "!").split("!", 1)[0])


def _delimiter(lines: Sequence[str]) -> str:
    """Choose what parts the columns: whichever of tab, semicolon and comma the start has most."""
    start = [line for line in islice(lines, _SAMPLE) if line.strip()]
    counts = {mark: sum(line.count(mark) for line in start) for mark in ("\t", ";", ",")}
    best = max(counts, key=lambda mark: counts[mark])
    return best if counts[best] else ","


def _records(lines: Sequence[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the line that it begins in; blank ones are passed over."""
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=delimiter, strict=True)
    while True:
        begun = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if reader.line_num >= len(lines) and "end of data" in str(error):
                raise BadFile(
                    "quote", f"The quote that begins in line {begun} never ends."
                ) from None
            raise BadFile(
                "quotes",
                f"The quotes in line {begun} do not pair up: after a closing quote only a "
                f"separator may stand.",
            ) from None
        if reader.line_num - begun >= _LONGEST_RECORD:
            raise BadFile(
                "record",
                f"The quote that begins in line {begun} ends only in line {reader.line_num}; "
                "a quote is missing before that.",
            )
        if len(cells) > _MOST_COLUMNS:
            raise BadFile("columns", f"Line {begun} has {len(cells):,} columns.")
        if any(cell.strip() for cell in cells):
            yield begun, cells


def _folded(cell: str) -> str:
    return "".join(char for char in cell.lower() if char.isalnum())


def _looks(cell: str) -> bool:
    return bool(ids.find_org_id(cell.translate(_INVISIBLE)))


def _is_header(sample: Sequence[tuple[int, list[str]]]) -> bool:
    """Say whether the first line names columns: it holds no id, and no digits but a known name."""
    first = [cell for cell in sample[0][1] if cell.strip()]
    if any(_looks(cell) for cell in first):
        return False
    if any(_folded(cell) in _HEADERS for cell in first):
        return True
    return all(
        not any(char.isdigit() for char in cell) and not _FORMULA.match(cell) for cell in first
    ) and any(_looks(cell) for _, cells in sample[1:] for cell in cells)


def _column(sample: Sequence[tuple[int, list[str]]], *, header: bool) -> int | None:
    """Find the column that holds the ids; None when every cell is meant to be one.

    Raises BadFile when no column does, or when two do and no header tells them apart.
    """
    rows = [cells for _, cells in (sample[1:] if header else sample)]
    width = max((len(cells) for cells in rows), default=0)
    holds = [
        number
        for number in range(width)
        if any(number < len(cells) and _looks(cells[number]) for cells in rows)
    ]
    if header:
        named = [n for n, cell in enumerate(sample[0][1]) if _folded(cell) in _HEADERS]
        both = [number for number in named if number in holds] or named
        if len(both) == 1 or (both and not holds):
            return both[0]
    if not holds:
        if width > 1 and len(rows) > 1:
            raise BadFile("no_ids", "No column of it holds org IDs, which begin with 00D.")
        return None
    if len(holds) == 1 and width > 1:
        return holds[0]
    even = len(rows) > 1 and len({len(cells) for cells in rows}) == 1
    if len(holds) > 1 and (even or header):
        first, second = holds[0] + 1, holds[1] + 1
        raise BadFile(
            "two_columns",
            f"Columns {first} and {second} both hold org IDs. Leave only the one that is meant.",
        )
    return None
