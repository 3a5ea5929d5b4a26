"""A plain page about the simulator's state, for a person who wonders what it is doing."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from .store import Work
from .times import iso
from .usage import header

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem;max-width:72rem;color-scheme:light dark}"
    "table{border-collapse:collapse;margin:0 0 2rem}"
    "th,td{padding:.25rem .75rem;text-align:left;border-bottom:1px solid #8886}"
)


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
            "Last effects",
            ("No.", "Simulated time", "What", "Request", "Org", "Detail"),
            work.db.execute(
                "SELECT seq, at, kind, request_id, org, detail FROM effect"
                " ORDER BY seq DESC LIMIT 30"
            ),
            moments=(1,),
        ),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>Simulated Salesforce</title><style>{_STYLE}</style></head><body>"
        "<h1>Simulated Salesforce</h1>"
        "<p>This is not Salesforce. Orgs, packages and pushes here are invented.</p>"
        f"<p>Simulated time {iso(work.now)}, seed {work.seed}, {escape(header(work))}</p>"
        f"{''.join(tables)}</body></html>"
    )


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
    return f"<h2>{title}</h2><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: object, moment: bool) -> str:  # noqa: FBT001 - of two cells, one is a time
    if value is None:
        return ""
    if moment and isinstance(value, int):
        return iso(value)
    return escape(str(value))
