"""Tags and filters of the pages: icons, ages, times, figures, bars. Formatting only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from rollouts.domain.digest import short
from rollouts.models import Wave
from rollouts.templatetags.shapes import SEGMENTS, Counted, segments, squares
from rollouts.templatetags.words import COUNTED, Face, face, wave_face

register = template.Library()

A_DAY = timedelta(days=1)
MINUTE, HOUR, DAY = 60, 3600, 86_400
GROUPED_FROM = 10_000
UNITS_SHOWN = 2
VERY_LATE = 5
UNITS = (("d", DAY), ("h", HOUR), ("min", MINUTE), ("s", 1))


@register.simple_tag
def sprite(name: str) -> str:
    """Return the address of one symbol in the sprite."""
    return f"{static('img/icons.svg')}#i-{name}"


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """Draw a symbol beside a word; it is hidden from screen readers, the word is not."""
    classes = f"icon {extra}".strip()
    return format_html(
        '<svg class="{}" aria-hidden="true"><use href="{}"/></svg>', classes, sprite(name)
    )


@register.inclusion_tag("components/_status.html")
def status(thing: str, state: object, word: str = "") -> dict[str, object]:
    """Show a state as shape and word, for tables and running text."""
    return {"face": _worded(face(thing, state), word)}


@register.inclusion_tag("components/_badge.html")
def badge(thing: str, state: object, word: str = "") -> dict[str, object]:
    """Show the one state of a page or of a list item."""
    return {"face": _worded(face(thing, state), word)}


@register.inclusion_tag("components/_badge.html")
def wave_badge(wave: Wave) -> dict[str, object]:
    """Show where a wave stands; a called-back one waits for the planner."""
    return {"face": wave_face(wave)}


def _worded(shown: Face, word: str) -> Face:
    return shown._replace(word=word) if word else shown


@register.simple_tag
def wave_shape(wave: Wave) -> SafeString:
    """Draw a wave's shape in its tone and say its word to screen readers only."""
    shown = wave_face(wave)
    return format_html(
        '<svg class="icon tone-{}" role="img" aria-label="{}"><use href="{}"/></svg>',
        shown.tone,
        shown.word,
        sprite(shown.icon),
    )


@register.inclusion_tag("components/_note.html")
def note(tone: str, text: object, role: str = "") -> dict[str, object]:
    """Say one thing in a tinted box."""
    marks = {"fail": "failed", "need": "warn", "ok": "ok", "run": "info"}
    return {"tone": tone, "mark": marks.get(tone, "info"), "text": text, "role": role}


# -- numbers and times -----------------------------------------------------------------------


@register.filter
def number(value: int | None) -> str:
    """Write a count: four digits stand together, more are grouped in threes."""
    if value is None:
        return "unknown"
    return f"{value:,}" if abs(value) >= GROUPED_FROM else str(value)


@register.simple_tag
def figure(key: str, value: object, as_of: datetime | None) -> SafeString:
    """Show one figure with its name and the moment of the read that it comes from.

    Both must come from the same stored row: a scripted check holds every figure of the pages
    against Salesforce's own log at that moment. An unread figure says so and has no moment.
    """
    shown = "not read yet" if value is None else number(value) if isinstance(value, int) else value
    return format_html(
        '<span data-figure="{}" data-as-of="{}" data-value="{}">{}</span>',
        key,
        utc_iso(as_of),
        "" if value is None else value,
        shown,
    )


@register.filter
def utc_iso(moment: object) -> str:
    """Write a moment for machines: ISO 8601 in UTC, or nothing when there is none."""
    if not isinstance(moment, datetime):
        return ""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@register.filter
def clock(moment: object) -> str:
    """Write a moment for people: weekday, day, hour, and the zone always."""
    if not isinstance(moment, datetime):
        return ""
    there = moment.astimezone(UTC)
    return f"{there:%a} {there.day} {there:%b}, {there:%H:%M} UTC"


@register.filter
def day(moment: object) -> str:
    """Write a day with its year, for history that may be long ago."""
    if not isinstance(moment, datetime):
        return ""
    there = moment.astimezone(UTC)
    return f"{there.day} {there:%b %Y}"


@register.simple_tag
def when(moment: datetime | None, style: str = "", missing: str = "") -> SafeString | str:
    """Show a moment as a time element.

    ``style`` "long" adds the year, "short" is weekday and hour.
    """
    if moment is None:
        return missing
    there = moment.astimezone(UTC)
    text = clock(moment)
    if style == "long":
        text = f"{day(moment)}, {there:%H:%M} UTC"
    elif style == "short":
        text = f"{there:%a %H:%M}"
    return format_html('<time datetime="{}">{}</time>', utc_iso(moment), text)


@register.simple_tag(takes_context=True)
def ago(
    context: Mapping[str, Any], moment: datetime | None, late_after: float = 0, very_late: str = ""
) -> SafeString:
    """Show the age of a read; the script keeps it growing.

    After ``late_after`` real seconds it says "late", after five times as many "very late", however
    fast business time runs. ``very_late`` is then said across the page, with the age for "{}".
    """
    if moment is None:
        return format_html("<span>{}</span>", "never")
    now = context["shell"]["now"]
    late_in = late_after * float(context["shell"]["factor"])
    late = format_html(' data-late-after="{}"', late_in) if late_after else ""
    loud = format_html(' data-very-late="{}"', very_late) if very_late else ""
    word = lateness(now - moment, late_in)
    return format_html(
        '<time datetime="{}" data-ago="{}"{}{}>{}{}</time>',
        utc_iso(moment),
        clock(moment),
        late,
        loud,
        age(now - moment) or clock(moment),
        f", {word}" if word else "",
    )


def lateness(span: timedelta, late_in: float) -> str:
    """Say "late" from twice the usual interval on (``late_in``, seconds), "very late" from ten."""
    if not late_in or span.total_seconds() <= late_in:
        return ""
    return "very late" if span.total_seconds() > late_in * VERY_LATE else "late"


def age(span: timedelta) -> str:
    """Write how long ago something was, or "" when a date says it better (after a day)."""
    seconds = max(0, int(span.total_seconds()))
    if seconds < MINUTE:
        return f"{seconds} s ago"
    if seconds < HOUR:
        return f"{seconds // MINUTE} min ago"
    return f"{seconds // HOUR} h ago" if span < A_DAY else ""


@register.filter
def lasting(span: object) -> str:
    """Write a duration in its two largest units; takes seconds or a timedelta."""
    if isinstance(span, int | float):
        span = timedelta(seconds=span)
    if not isinstance(span, timedelta):
        return ""
    seconds = max(0, int(span.total_seconds()))
    parts: list[str] = []
    for name, size in UNITS:
        if seconds >= size and len(parts) < UNITS_SHOWN:
            parts.append(f"{seconds // size} {name}")
            seconds %= size
        elif parts:
            break
    return " ".join(parts) or "0 s"


@register.filter
def percent(part: int, whole: int) -> str:
    """Write a share; 0 and 100 only when it is exactly so."""
    if not whole:
        return "0 %"
    share = 100 * part / whole
    rounded = round(share)
    if rounded == 0 and part:
        return "under 1 %"
    if rounded == 100 and part != whole:  # noqa: PLR2004 - percent
        return "over 99 %"
    return f"{rounded} %"


@register.filter
def short_digest(digest: str) -> str:
    """Return a digest as people read it out."""
    return short(digest)


@register.filter
def initials(name: str) -> str:
    """Return the first letters of the first and the last word of a name."""
    words = str(name).split()
    return "".join(word[0].upper() for word in (words[:1] + words[1:][-1:]))


@register.filter
def counted_word(state: str) -> str:
    """Return the word of a counted column, as in "12 upgraded, seen"."""
    return COUNTED[state].word if state in COUNTED else "here"


@register.filter
def minus(count: int, listed: list[object]) -> int:
    """Return how many of a count are not in the list."""
    return count - len(listed)


@register.filter
def plural(count: int, word: str) -> str:
    """Write a count and its noun: "1 org", "12 orgs", "2 batches"."""
    if count == 1:
        return f"1 {word}"
    ending = "es" if word.endswith(("s", "sh", "ch", "x")) else "s"
    return f"{number(count)} {word}{ending}"


# -- pictures of counts ----------------------------------------------------------------------


@register.inclusion_tag("components/_bar.html")
def bar(tally: Counted, size: str = "") -> dict[str, object]:
    """Draw counts as one segmented bar; the words beside it say the same."""
    return {"parts": segments(tally), "size": size, "label": counts_in_words(tally)}


@register.simple_tag
def key(*parts: object) -> str:
    """Join the parts of a figure's name: ``wave``, slug, number, state."""
    return ".".join(str(part) for part in parts)


@register.inclusion_tag("components/_counts.html")
def counts(tally: Counted, as_of: datetime | None, prefix: str, url: str = "") -> dict[str, object]:
    """List counts as figures with their swatches, in the order of the bar; zeros stay unseen.

    ``url`` is a list that takes ``?state=``, so that a count leads to exactly its orgs.
    """
    rows = [
        {
            "key": f"{prefix}.{state}",
            "state": state,
            "word": COUNTED[state].word,
            "paint": paint.bar,
            "value": tally[state],
        }
        for state, paint in SEGMENTS.items()
    ]
    return {
        "rows": [row for row in rows if row["value"]],
        "zeros": [row for row in rows if not row["value"]],
        "as_of": as_of,
        "url": url,
        "total": sum(tally[state] for state in SEGMENTS),
    }


@register.inclusion_tag("components/_tally.html")
def tally(counted: Counted, as_of: datetime | None, prefix: str) -> dict[str, object]:
    """List counts as figures in a table's cell; zeros stay unseen."""
    rows = [
        {"key": f"{prefix}.{state}", "word": COUNTED[state].word, "value": counted[state]}
        for state in SEGMENTS
    ]
    return {"rows": rows, "as_of": as_of}


@register.inclusion_tag("components/_strip.html")
def strip(groups: Iterable[tuple[str, Iterable[str]]]) -> dict[str, object]:
    """Draw one square per org, grouped; only for lists that fit the eye (about 300)."""
    drawn = []
    for name, states in groups:
        listed = list(states)
        tally = {state: listed.count(state) for state in SEGMENTS}
        drawn.append(
            {
                "name": name,
                "count": len(listed),
                "grid": squares(listed),
                "label": counts_in_words(tally),
            }
        )
    return {"groups": drawn}


def counts_in_words(tally: Counted) -> str:
    """Say counts as one line, for those who hear the page."""
    said = [f"{number(n)} {COUNTED[s].word}" for s in SEGMENTS if (n := tally[s])]
    return ", ".join(said) or "no orgs"
