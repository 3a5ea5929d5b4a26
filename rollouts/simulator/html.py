"""The frame of the simulator's few pages: no script, nothing inline, nothing from elsewhere."""

from __future__ import annotations

from typing import Final

from .messages import Response

STYLE_PATH: Final = "/simulator/page.css"
_STYLE: Final = b"""
:root{color-scheme:light dark;--line:#8886;--soft:#8882}
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:76rem;padding:0 1rem}
h2{margin:2rem 0 .5rem}
table{border-collapse:collapse}
.wide{overflow-x:auto}
th,td{padding:.25rem .75rem .25rem 0;text-align:left;border-bottom:1px solid var(--line);
vertical-align:top}
td.text{max-width:28rem;overflow-wrap:anywhere}
form{margin:.5rem 0}
form p{display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:end}
label{display:grid;gap:.1rem;font-size:.85rem}
button,input,select,textarea{font:inherit;padding:.25rem .5rem}
input[type=number]{width:7rem}
code{background:var(--soft);padding:0 .25rem}
.note{border-left:.25rem solid var(--line);padding-left:.75rem}
"""


def document(title: str, content: str) -> str:
    """A whole page; title and content are HTML already."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f'<title>{title}</title><link rel="stylesheet" href="{STYLE_PATH}"></head>'
        f"<body>{content}</body></html>"
    )


def html_response(status: int, page: str) -> Response:
    """An answer with a page. Forms may lead on to the app that asked for consent."""
    return Response(
        status,
        {
            "Content-Type": "text/html;charset=UTF-8",
            "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none';"
            " frame-ancestors 'none'",
            "Cache-Control": "no-store",
            # Not stricter: a form would bear no Origin then.
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
        },
        page.encode(),
    )


def style_response() -> Response:
    """The style sheet of all pages."""
    return Response(200, {"Content-Type": "text/css;charset=UTF-8"}, _STYLE)
