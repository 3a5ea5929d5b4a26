"""What a run found, as the table in docs/interop.md."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from .install import ROOT
from .judge import Case

PAGE: Final = ROOT / "docs" / "interop.md"
BEGIN: Final = "<!-- begin table, written by make interop ARGS=--write -->"
END: Final = "<!-- end table -->"
_DATA: Final = re.compile(r"/services/data/v\d+\.0/(?:(jobs|composite)/)?(\w+)")
_PLAIN: Final = {"/services/data": "versions", "/services/oauth2/userinfo": "userinfo"}


def write(
    versions: Mapping[str, str],
    cases: Sequence[Case],
    noticed: Mapping[str, str],
    page: Path = PAGE,
) -> None:
    """Put versions, commands and spoilt answers between the marks of the page."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    if not after:
        raise ValueError(f"{page} has lost its marks.")
    lines = ["| client | version |", "|---|---|"]
    lines += [f"| {name} | {version} |" for name, version in versions.items()]
    lines += ["", "| command | requests | what was held against the org |", "|---|---|---|"]
    lines += [_line(case) for case in cases]
    lines += ["", "| answer broken on purpose | the command that then failed |", "|---|---|"]
    lines += [f"| {name.replace('-', ' ')} | `{command}` |" for name, command in noticed.items()]
    page.write_text(f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{after}", "utf-8")


def _line(case: Case) -> str:
    kinds = Counter(_kind(one["method"], one["path"]) for one in case.requests)
    told = ", ".join(name if count == 1 else f"{count} {name}" for name, count in kinds.items())
    claims = "; ".join(claim for claim in case.held if claim != "exit code")
    command = case.command.replace("|", "\\|")
    return f"| `{command}` | {len(case.requests)}: {told} | exit {case.code}; {claims} |"


def _kind(method: str, path: str) -> str:
    found = _DATA.match(path)
    if found:
        name = "/".join(part for part in found.groups() if part)
        return name if method == "GET" else f"{method} {name}"
    if path.startswith("/services/async/"):
        return f"{'' if method == 'GET' else 'POST '}async/job"
    return _PLAIN.get(path.rstrip("/"), path)
