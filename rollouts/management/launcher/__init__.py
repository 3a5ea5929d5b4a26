"""The demo's launcher: every process of Pushboard on one machine, under one terminal.

Plain standard library and no Django, so that the supervisor itself stays small. Read `main` first;
`programs` says what is started, `supervisor` keeps it running, `stopping` ends it.
"""

from __future__ import annotations
