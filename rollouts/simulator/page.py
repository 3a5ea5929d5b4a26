"""A plain page about the simulator's state, for a person who wonders what it is doing."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from .faults import FaultKind
from .html import document
from .store import Work
from .switches import switches
from .times import iso
from .usage import header


def page(work: Work) -> str:
    """The page as HTML; it has no script."""
    tables = [
        _table(
            "Push requests",
            ("Request", "Version", "Status", "Scheduled", "Jobs", "Succeeded", "Failed"),
            work.db.execute(
                "SELECT r.id, p.name || ' ' || v.major || '.' || v.minor || '.' || v.patch,"
                " r.status, r.scheduled, COUNT(j.id), SUM(j.status = 'Succeeded'),"
                " SUM(j.status = 'Failed') FROM push_request r"
                " JOIN version v ON v.id = r.version_id JOIN package p ON p.id = v.package_id"
                " LEFT JOIN push_job j ON j.request_id = r.id"
                " GROUP BY r.id ORDER BY r.rowid DESC LIMIT 50"
            ),
            moments=(3,),
        ),
        _table(
            "Installations",
            ("Package", "Version", "State", "Installations"),
            work.db.execute(
                "SELECT p.name, v.major || '.' || v.minor || '.' || v.patch,"
                " CASE WHEN v.is_deprecated THEN 'Deprecated' ELSE v.release_state END,"
                " COUNT(s.id) FROM version v JOIN package p ON p.id = v.package_id"
                " LEFT JOIN subscriber s ON s.version_id = v.id GROUP BY v.id"
                " ORDER BY p.name, v.major, v.minor, v.patch"
            ),
        ),
        _table(
            "Faults planned",
            ("Call", "Fault", "Skips", "Times", "Contains", "How"),
            work.db.execute(
                "SELECT call, kind, skip, times, contains, body FROM fault WHERE times > 0"
                " ORDER BY seq LIMIT 30"
            ),
        ),
        _table(
            "Last effects",
            ("No.", "Simulated time", "What", "Request", "Org", "Detail"),
            work.db.execute(
                "SELECT seq, at, kind, request_id, org, detail FROM effect"
                " ORDER BY seq DESC LIMIT 30"
            ),
            moments=(1,),
        ),
    ]
    return document(
        "Simulated Salesforce",
        "<h1>Simulated Salesforce</h1>"
        '<p class="note">This is not Salesforce. Orgs, packages and pushes here are invented.</p>'
        f"<p>Simulated time {iso(work.now)}, seed {work.seed}, {escape(header(work))}</p>"
        f"{''.join(tables)}{_fault_form()}{_switch_form(work)}",
    )


def _fault_form() -> str:
    kinds = "".join(f"<option>{kind}</option>" for kind in FaultKind)
    return (
        '<h2>Plan a fault</h2><form method="post" action="/simulator/">'
        '<input type="hidden" name="act" value="fault"><p>'
        f'<label>Fault <select name="fault">{kinds}</select></label>'
        '<label>Call <input name="match" value="*"></label>'
        '<label>Beginning with match <input type="number" name="nth" value="1" min="1"></label>'
        '<label>Times <input type="number" name="times" value="1" min="1"></label>'
        '<label>Seconds <input type="number" name="seconds" value="0" min="0" step="any"></label>'
        '<label>Status <input type="number" name="status" value="500" min="400" max="599"></label>'
        "<button>Plan</button></p></form>"
    )


def _switch_form(work: Work) -> str:
    known = switches(work.options)
    names = "".join(f"<option>{switch.name}</option>" for switch in known)
    rows = [(one.name, one.shown, _text(one.usual), one.says) for one in known]
    return (
        '<h2>Turn a switch</h2><form method="post" action="/simulator/">'
        '<input type="hidden" name="act" value="switch"><p>'
        f'<label>Switch <select name="name">{names}</select></label>'
        '<label>Value <input name="value"></label><button>Turn</button></p></form>'
        + _table("Switches", ("Switch", "Value", "Usual", "Means"), rows)
    )


def _text(value: object) -> str:
    if value is None or value == ():
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _table(
    title: str,
    heads: tuple[str, ...],
    rows: Iterable[tuple[object, ...]],
    moments: tuple[int, ...] = (),
) -> str:
    lines = [
        "".join(f"<td>{_cell(value, place in moments)}</td>" for place, value in enumerate(row))
        for row in rows
    ]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    return (
        f'<h2>{title}</h2><div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell(value: object, moment: bool) -> str:  # noqa: FBT001 - of two cells, one is a time
    if value is None:
        return ""
    if moment and isinstance(value, int):
        return iso(value)
    return escape(str(value))
