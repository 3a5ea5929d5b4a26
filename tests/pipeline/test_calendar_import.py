"""Salesforce's maintenance out of files: taken whole, or refused with what to mend."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from rollouts.models import Event, Maintenance
from rollouts.pipeline import calendar_import, maintenance
from rollouts.pipeline.calendar_import import BadFile
from rollouts.pipeline.maintenance import BadUpload, Taken
from rollouts.pipeline.transitions import Forbidden
from tests.support.calendars import NOW, Fleet

TABLE = """\
instance,starts,ends,name,id
DEU8,2026-12-05T01:00Z,2026-12-05T05:00Z,Power supply,7
USA242S,2026-12-06T01:00-05:00,2026-12-06T03:00-05:00,Move of the site,8
"""
CALENDAR = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Trust//EN
BEGIN:VEVENT
UID:trust-7
SUMMARY:Site switch of
  DEU8 and DEU9
DTSTART;TZID=Europe/Berlin:20261205T020000
DURATION:PT4H
END:VEVENT
END:VCALENDAR
"""


def said(data: str | bytes) -> list[str]:
    raw = data.encode() if isinstance(data, str) else data
    _, found = calendar_import.read(raw, NOW)
    return [
        f"{one.instance} {one.starts_at:%d %H:%M} to {one.ends_at:%d %H:%M} {one.name} {one.key}"
        for one in found
    ]


def problems(data: str | bytes) -> tuple[str, ...]:
    with pytest.raises(BadFile) as refused:
        calendar_import.read(data.encode() if isinstance(data, str) else data, NOW)
    return refused.value.problems


def event(*lines: str, name: str = "Switch of DEU8") -> str:
    body = "\r\n".join(("UID:1", f"SUMMARY:{name}", *lines))
    return f"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n{body}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"


def test_a_table_tells_each_instance_its_hours() -> None:
    assert said(TABLE) == [
        "DEU8 05 01:00 to 05 05:00 Power supply 7",
        "USA242S 06 06:00 to 06 08:00 Move of the site 8",
    ]


def test_a_table_from_a_european_spreadsheet_is_read_as_well() -> None:
    table = (
        "\ufeffInstance;Starts;Ends;Name;Zone\r\n"
        "DEU8;2026-12-05 02:00;2026-12-05 06:00;Power supply;Europe/Berlin\r\n\r\n"
    )
    assert said(table) == ["DEU8 05 01:00 to 05 05:00 Power supply DEU8 2026-12-05T01:00"]


def test_a_calendar_names_instances_in_its_title_and_may_tell_a_length() -> None:
    assert said(CALENDAR) == [
        "DEU8 05 01:00 to 05 05:00 Site switch of DEU8 and DEU9 trust-7",
        "DEU9 05 01:00 to 05 05:00 Site switch of DEU8 and DEU9 trust-7",
    ]


def test_a_whole_day_is_closed_wherever_that_day_is() -> None:
    day = event("DTSTART;VALUE=DATE:20261205", "DTEND;VALUE=DATE:20261206")

    assert said(day) == ["DEU8 04 10:00 to 06 12:00 Switch of DEU8 1"]


def row(**changed: str) -> str:
    cells = {
        "instance": "DEU8", "starts": "2026-12-05T01:00Z", "ends": "2026-12-05T05:00Z",
        "name": "Power",
    } | changed  # fmt: skip
    return f"{','.join(cells)}\n{','.join(cells.values())}\n"


TIMES = ("DTSTART:20261205T010000Z", "DTEND:20261205T050000Z")
BAD: dict[str, tuple[str | bytes, str]] = {
    "nothing": (b"", "empty"),
    "blank": (b" \n\n", "empty"),
    "too large": (b"x" * 1_000_001, "larger than 1 MB"),
    "a spreadsheet": (b"PK\x03\x04 and so on", "Save it as CSV"),
    "an old spreadsheet": (b"\xd0\xcf\x11\xe0 and so on", "Save it as CSV"),
    "utf-16": (TABLE.encode("utf-16"), "UTF-8"),
    "latin-1": (row(name="Stromausfall im März").encode("latin-1"), "Line 2 is not text"),
    "noughts": (b"instance,starts\x00", "UTF-8"),
    "a web page": ("<!DOCTYPE html><html><body>Sign in</body></html>", "web page"),
    "a million lines": ("instance,starts,ends,name\n" + "a\n" * 400_000, "more than 5,000 lines"),
    "a quote that never ends": (TABLE + 'DEU9,"2026-12', "quote that never ends"),
    "no header": ("DEU8,2026-12-05T01:00Z,2026-12-05T05:00Z,Power\n", "must name the columns"),
    "no column of ends": ("instance,starts,name\nDEU8,x,y\n", "ends is missing"),
    "a column twice": ("instance,starts,ends,name,name\n", "twice"),
    "only a header": ("instance,starts,ends,name\n", "no lines below"),
    "a cell too many": (TABLE + "DEU9,a,b,c,d,e,f\n", "Line 4 has 7 cells"),
    "a formula": (row(name='=HYPERLINK("x")'), "formula"),
    "no instance": (row(instance=""), "no instance"),
    "a domain for an instance": (row(instance="acme.my.salesforce.com"), "no instance"),
    "no time": (row(starts="Saturday"), "is no time"),
    "a time of nowhere": (row(starts="2026-12-05T01:00"), "no time zone"),
    "a zone that is none": (
        "instance,starts,ends,name,zone\nDEU8,2026-12-05T01:00,2026-12-05T05:00,Power,CET+1\n",
        "no time zone of the tz database",
    ),
    "an end before the start": (row(ends="2026-12-05T00:00Z"), "ends before it starts"),
    "half a year": (row(ends="2027-06-05T00:00Z"), "longer than 31 days"),
    "a typing error in the year": (
        row(starts="2062-12-05T01:00Z", ends="2062-12-05T05:00Z"),
        "typing error",
    ),
    "last year's": (row(starts="2025-12-05T01:00Z", ends="2025-12-05T05:00Z"), "is over"),
    "no name": (row(name=" "), "needs a name"),
    "a name that can't be shown": (row(name="Po\u202ewer"), "can be shown"),
    "the same id in two ways": (
        TABLE + "DEU8,2026-12-06T01:00Z,2026-12-06T05:00Z,Power supply,7\n",
        "in two ways",
    ),
    "a calendar that breaks off": ("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\n", "can't be read"),
    "a calendar without events": ("BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", "no events"),
    "an event without an instance": (event(*TIMES, name="Site switch"), "names no instance"),
    "an event that repeats": (event(*TIMES, "RRULE:FREQ=DAILY"), "repeats"),
    "an event without a start": (event("DTEND:20261205T050000Z"), "no start"),
    "an event without an end": (event("DTSTART:20261205T050000Z"), "no end"),
    "an event of nowhere": (
        event("DTSTART:20261205T010000", "DTEND:20261205T050000"),
        "no time zone",
    ),
    "an event that is half a day and half not": (
        event("DTSTART;VALUE=DATE:20261205", "DTEND:20261206T010000Z"),
        "is a day",
    ),
    "an event with a broken time": (
        event("DTSTART:20261335T010000Z", "DTEND:20261206T010000Z"),
        "DTSTART can't be read",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_refused_with_what_to_mend(kind: str) -> None:
    data, says = BAD[kind]

    found = problems(data)

    assert says in " ".join(found)
    assert all(sentence.endswith((".", "?")) for sentence in found)


def test_every_bad_line_is_named_and_many_are_summed_up() -> None:
    table = "instance,starts,ends,name\n" + "DEU8,soon,later,Power\n" * 30

    found = problems(table)

    assert found[0].startswith("Line 2: “soon” is no time")
    assert len(found) == calendar_import.PROBLEMS_SHOWN + 1
    assert found[-1] == "And 10 more like these."


@pytest.mark.django_db
def test_one_bad_line_keeps_the_whole_file_out() -> None:
    fleet = Fleet()

    with pytest.raises(BadUpload) as refused:
        maintenance.import_file(
            (TABLE + "DEU9,soon,later,Power,9\n").encode(), by=fleet.pia, now=NOW
        )

    assert refused.value.problems[0].startswith("Line 4")
    assert not Maintenance.objects.exists()
    assert not Event.objects.exists()


@pytest.mark.django_db
def test_a_file_that_comes_again_changes_what_moved_and_keeps_what_was() -> None:
    fleet = Fleet()
    later = NOW + timedelta(days=1)
    assert maintenance.import_file(TABLE.encode(), by=fleet.pia, now=NOW) == Taken(new=2)

    moved = TABLE.replace("2026-12-05T05:00Z", "2026-12-05T07:00Z")
    taken = maintenance.import_file(moved.encode(), by=fleet.pia, now=later)

    assert taken == Taken(moved=1, same=1)
    assert taken.sentence == "0 new, 1 changed, 0 canceled, 1 as before."
    old, new = Maintenance.objects.filter(instance="DEU8").order_by("pk")
    assert (old.ended_at, old.ended_by) == (later, fleet.pia)
    assert new.ends_at == datetime(2026, 12, 5, 7, tzinfo=UTC)
    assert Maintenance.objects.get(instance="USA242S").read_at == later
    assert Event.objects.filter(action="read_maintenance", person=fleet.pia).count() == 2


@pytest.mark.django_db
def test_a_canceled_event_ends_what_it_had_announced() -> None:
    fleet = Fleet()
    maintenance.import_file(CALENDAR.encode(), by=fleet.pia, now=NOW)
    canceled = CALENDAR.replace("UID:trust-7", "UID:trust-7\nSTATUS:CANCELLED")

    assert maintenance.import_file(canceled.encode(), by=fleet.pia, now=NOW) == Taken(ended=2)
    assert not Maintenance.objects.in_force().exists()


@pytest.mark.django_db
def test_only_who_keeps_the_calendar_imports() -> None:
    fleet = Fleet()

    with pytest.raises(Forbidden):
        maintenance.import_file(TABLE.encode(), by=fleet.vic, now=NOW)
