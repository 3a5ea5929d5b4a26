"""Salesforce's maintenance out of a file: a calendar (ICS) or a table (CSV), read whole or not.

A file is read to its end before anything is stored. If one line is wrong, nothing is taken from
it, and each wrong line is named with how to mend it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from icalendar import Calendar

from rollouts.domain.walls import UnknownZone, zone
from rollouts.models import MaintenanceSource

LARGEST = 1_000_000
MOST_ROWS = 5_000
LONGEST = timedelta(days=31)
FARTHEST = timedelta(days=800)
PROBLEMS_SHOWN = 20
INSTANCE = re.compile(r"[A-Z]{2,4}\d{1,4}S?")
_NAMED = re.compile(rf"\b{INSTANCE.pattern}\b")
_COLUMNS = ("instance", "starts", "ends", "name")
_OPTIONAL = ("id", "zone")
_LONGEST_NAME = 200
_LONGEST_KEY = 120
# What spreadsheets take for a formula when the table is opened again.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class BadFile(ValueError):
    """A file that is not taken; ``problems`` are sentences for the person who sent it."""

    def __init__(self, *problems: str) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, order=True)
class Planned:
    """One maintenance of one instance; times in UTC. ``key`` is its id in the source."""

    instance: str
    starts_at: datetime
    ends_at: datetime
    name: str
    key: str
    canceled: bool = False


def read(data: bytes, now: datetime) -> tuple[MaintenanceSource, list[Planned]]:
    """Read an uploaded file of either kind. Raises BadFile, and then nothing is taken from it."""
    text = _text(data)
    if text.lstrip()[:15].upper().startswith("BEGIN:VCALENDAR"):
        return MaintenanceSource.ICS, _checked(_from_calendar(text), now)
    return MaintenanceSource.CSV, _checked(_from_table(text), now)


def _text(data: bytes) -> str:
    if len(data) > LARGEST:
        raise BadFile(f"The file is larger than {LARGEST // 1_000_000} MB. Split it by month.")
    if not data.strip():
        raise BadFile("The file is empty.")
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise BadFile("This is a spreadsheet. Save it as CSV (UTF-8) and send that.")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in data:
        raise BadFile("The file is not text in UTF-8. Save it as “CSV UTF-8” and send that.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as bad:
        line = data[: bad.start].count(b"\n") + 1
        raise BadFile(
            f"Line {line} is not text in UTF-8. Save the file as “CSV UTF-8” and send that."
        ) from bad
    if text.lstrip()[:200].lower().startswith(("<!doctype", "<html", "<?xml")):
        raise BadFile("This is a web page, perhaps that of a sign-in. Download the file itself.")
    return text


# -- tables


def _from_table(text: str) -> Iterator[Planned | str]:
    rows = _rows(text)
    names = [name.strip().casefold() for name in next(rows)[1]]
    missing = [name for name in _COLUMNS if name not in names]
    if missing:
        raise BadFile(
            f"The first line must name the columns {', '.join(_COLUMNS)}; "
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing. "
            "The columns id and zone are optional."
        )
    if len(set(names)) != len(names):
        raise BadFile("The first line names a column twice.")
    for number, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(names):
            yield f"Line {number} has {len(cells)} cells, the first line {len(names)}."
            continue
        yield _planned(number, dict(zip(names, (cell.strip() for cell in cells), strict=True)))


def _rows(text: str) -> Iterator[tuple[int, Sequence[str]]]:
    """Yield the number of each line and its cells; semicolons separate where the first has some."""
    first = text.lstrip("\r\n").split("\n", 1)[0]
    reader = csv.reader(
        text.splitlines(keepends=True), strict=True, delimiter=";" if ";" in first else ","
    )
    try:
        for number, cells in enumerate(filter(None, reader)):
            if number > MOST_ROWS:
                raise BadFile(f"The file has more than {MOST_ROWS:,} lines. Split it by month.")
            yield reader.line_num, cells
    except csv.Error as bad:
        raise BadFile(
            f"Line {reader.line_num} can't be read: {bad}. Look for a quote that never ends."
        ) from bad


def _planned(number: int, row: Mapping[str, str]) -> Planned | str:
    if any(value.startswith(_FORMULA) for value in row.values()):
        return f"Line {number}: a cell begins like a formula; times and names do not."
    try:
        starts = _moment(row["starts"], row.get("zone", ""))
        ends = _moment(row["ends"], row.get("zone", ""))
    except ValueError as bad:
        return f"Line {number}: {bad}"
    instance = row["instance"].upper()
    key = row.get("id", "") or f"{instance} {starts:%Y-%m-%dT%H:%M}"
    if len(key) > _LONGEST_KEY:
        return f"Line {number}: the id is longer than {_LONGEST_KEY} characters."
    return _fit(f"Line {number}", instance, starts, ends, row["name"], key)


def _moment(text: str, named: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as bad:
        raise ValueError(f"“{text[:40]}” is no time; write 2026-12-05T01:00Z.") from bad
    if moment.tzinfo is None:
        if not named:
            raise ValueError(
                f"“{text[:40]}” has no time zone; add Z or +01:00, or a column zone with a name "
                "such as Europe/Berlin."
            )
        try:
            moment = moment.replace(tzinfo=zone(named))
        except UnknownZone as bad:
            raise ValueError(str(bad)) from bad
    return moment.astimezone(UTC)


# -- calendars


def _from_calendar(text: str) -> Iterator[Planned | str]:
    if text.upper().count("BEGIN:VEVENT") > MOST_ROWS:
        raise BadFile(f"The file has more than {MOST_ROWS:,} events. Split it by month.")
    try:
        events = Calendar.from_ical(text).walk("VEVENT")
    except (ValueError, IndexError, KeyError) as bad:
        raise BadFile(f"The calendar can't be read: {str(bad)[:120]}.") from bad
    if not events:
        raise BadFile("The calendar has no events.")
    for number, event in enumerate(events, 1):
        yield from _of_event(f"Event {number}", event)


def _of_event(where: str, event: Any) -> Iterator[Planned | str]:
    """Read an event; its summary and its place name the instances, one or several."""
    name = str(event.get("SUMMARY", "")).strip()
    key = str(event.get("UID", "")).strip()
    where = f"{where} (“{name[:40]}”)" if name else where
    if event.errors:
        named, why = event.errors[0]
        yield f"{where}: {named} can't be read ({str(why)[:80]})."
        return
    if event.get("RRULE") or event.get("RDATE"):
        yield f"{where} repeats; Salesforce's maintenance does not. Add a freeze instead."
        return
    if not key or len(key) > _LONGEST_KEY:
        yield f"{where} has no id (UID) of at most {_LONGEST_KEY} characters."
        return
    instances = sorted(set(_NAMED.findall(f"{name} {event.get('LOCATION', '')}".upper())))
    if not instances:
        yield f"{where} names no instance, such as DEU8, in its title or its place."
        return
    try:
        starts, ends = _times(event)
    except (AttributeError, TypeError, ValueError) as bad:
        yield f"{where}: {bad}"
        return
    canceled = str(event.get("STATUS", "")).upper() == "CANCELLED"
    for instance in instances:
        yield _fit(where, instance, starts, ends, name, key, canceled=canceled)


def _times(event: Any) -> tuple[datetime, datetime]:
    if "DTSTART" not in event:
        raise ValueError("it has no start.")
    if not ("DTEND" in event or "DURATION" in event):
        raise ValueError("it has no end.")
    start = event["DTSTART"].dt
    end = event["DTEND"].dt if "DTEND" in event else start + event["DURATION"].dt
    if not isinstance(start, datetime) or not isinstance(end, datetime):
        return _whole_days(start, end)
    if start.tzinfo is None or end.tzinfo is None:
        raise ValueError("its times have no time zone, so they could be anywhere's.")
    return start.astimezone(UTC), end.astimezone(UTC)


def _whole_days(start: date, end: date) -> tuple[datetime, datetime]:
    """Return a day as it is anywhere: it begins in Kiritimati (+14) and ends on Baker (-12)."""
    if isinstance(start, datetime) or isinstance(end, datetime):
        raise TypeError("one of its times is a day and the other is not.")
    first = datetime.combine(start, time(), tzinfo=UTC) - timedelta(hours=14)
    return first, datetime.combine(end, time(), tzinfo=UTC) + timedelta(hours=12)


# -- both


def _fit(
    where: str,
    instance: str,
    starts: datetime,
    ends: datetime,
    name: str,
    key: str,
    *,
    canceled: bool = False,
) -> Planned | str:
    if not INSTANCE.fullmatch(instance):
        return f"{where}: “{instance[:20]}” is no instance; their names are like DEU8 or USA242S."
    if ends <= starts:
        return f"{where} ends before it starts, or at once."
    if ends - starts > LONGEST:
        return f"{where} lasts longer than {LONGEST.days} days; add a freeze instead."
    name = " ".join(name.split())
    if not name or not name.isprintable() or len(name) > _LONGEST_NAME:
        return f"{where} needs a name of at most {_LONGEST_NAME} characters that can be shown."
    return Planned(instance, starts, ends, name, key, canceled)


def _checked(found: Iterator[Planned | str], now: datetime) -> list[Planned]:
    """Take all of it or nothing."""
    planned: dict[tuple[str, str], Planned] = {}
    problems: list[str] = []
    for one in found:
        if isinstance(one, str):
            problems.append(one)
        elif planned.setdefault((one.instance, one.key), one) != one:
            problems.append(f"“{one.name[:40]}” on {one.instance} is there twice, in two ways.")
        elif one.starts_at > now + FARTHEST:
            problems.append(f"“{one.name[:40]}” starts in {one.starts_at.year}: a typing error?")
    if problems:
        more = len(problems) - PROBLEMS_SHOWN
        shown = problems[:PROBLEMS_SHOWN] + ([f"And {more} more like these."] if more > 0 else [])
        raise BadFile(*shown)
    if not planned:
        raise BadFile("The file names the columns and has no lines below them.")
    if all(one.ends_at <= now for one in planned.values()):
        raise BadFile("All of it is over. Download a newer file.")
    return sorted(planned.values())
