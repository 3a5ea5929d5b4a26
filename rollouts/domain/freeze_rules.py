"""A freeze's rule as plain values, to be stored, shown in a sentence and read back strictly."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from rollouts.domain.freezes import BadFreeze, FiscalEnd, Once, Period, Rule, Weekly, Yearly
from rollouts.domain.windows import BadWindow, parse

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_MINUTES = "minutes"


def written(rule: Rule) -> dict[str, object]:
    """Return the rule as JSON can hold it; `read` gives it back."""
    match rule:
        case Once():
            return {
                "kind": "once",
                "start": rule.start.isoformat(timespec=_MINUTES),
                "end": rule.end.isoformat(timespec=_MINUTES),
            }
        case Weekly():
            return {"kind": "weekly", "hours": str(rule.hours)}
        case Yearly():
            return {"kind": "yearly", "first": list(rule.first), "last": list(rule.last)}
        case FiscalEnd():
            return {
                "kind": "fiscal",
                "period": rule.period.value,
                "before": rule.before,
                "after": rule.after,
                "year_starts": rule.year_starts,
            }


def read(stored: object) -> Rule:
    """Read what `written` wrote. Raises BadFreeze for anything else."""
    try:
        return _read(stored)
    except (BadWindow, KeyError, TypeError, ValueError) as problem:
        raise BadFreeze(f"a freeze's rule can't be read: {problem}") from problem


def _read(stored: object) -> Rule:
    if not isinstance(stored, Mapping):
        raise BadFreeze("it is no rule")
    match stored["kind"]:
        case "once":
            start, end = (datetime.fromisoformat(str(stored[key])) for key in ("start", "end"))
            return Once(start, end)
        case "weekly":
            return Weekly(parse(str(stored["hours"])))
        case "yearly":
            return Yearly(_day(stored["first"]), _day(stored["last"]))
        case "fiscal":
            starts = stored["year_starts"]
            return FiscalEnd(
                Period(stored["period"]),
                int(stored["before"]),
                int(stored["after"]),
                None if starts is None else int(starts),
            )
    raise BadFreeze(f"there is no kind {stored['kind']!r}")


def _day(stored: object) -> tuple[int, int]:
    if not isinstance(stored, list | tuple):
        raise BadFreeze("a date is a month and a day")
    month, day = stored
    return int(month), int(day)


def said(rule: Rule) -> str:
    """Say when it closes, as a person would."""
    match rule:
        case Once():
            return f"{_moment(rule.start)} to {_moment(rule.end)}"
        case Weekly():
            return f"every week {rule.hours}"
        case Yearly():
            first, last = _date(rule.first), _date(rule.last)
            return f"every year on {first}" if first == last else f"every year {first} to {last}"
        case FiscalEnd():
            return _fiscal(rule)


def _fiscal(rule: FiscalEnd) -> str:
    parts = []
    if rule.before:
        parts.append(f"the last {_working(rule.before)} of every fiscal {rule.period}")
    if rule.after:
        over = "of the next" if rule.before else f"after every fiscal {rule.period}"
        parts.append(f"the first {_working(rule.after)} {over}")
    month = _MONTHS[rule.year_starts - 1] if rule.year_starts else ""
    whose = f"fiscal year from {month}" if month else "each customer's fiscal year"
    return f"{' and '.join(parts)} ({whose})"


def _working(number: int) -> str:
    return "working day" if number == 1 else f"{number} working days"


def _moment(moment: datetime) -> str:
    return f"{moment.day} {_MONTHS[moment.month - 1][:3]} {moment.year} {moment:%H:%M}"


def _date(day: tuple[int, int]) -> str:
    return f"{day[1]} {_MONTHS[day[0] - 1]}"
