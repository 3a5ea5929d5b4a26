"""The fault table holds: no effect twice, nothing shown that isn't so, no chain of logins.

Cells that write are all tried in `make test`, of the others one in five; `make battery-faults`
tries all of them, over TLS too.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import pytest

from rollouts.simulator import query
from tests.salesforce import fault_table
from tests.salesforce.call_kinds import KINDS
from tests.salesforce.fault_breaks import BREAKS
from tests.salesforce.simulated import TLS

SAMPLE = 5
SMALL_PAGE = 25


def _cells() -> Sequence[object]:
    marked = []
    for call, fault in fault_table.cells():
        told = bool(KINDS[call].effect) or zlib.crc32(f"{call}:{fault}".encode()) % SAMPLE == 0
        marks = [] if told else [pytest.mark.slow]
        marked.append(pytest.param(call, fault, id=f"{call}-{fault}", marks=marks))
    return marked


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few orgs fill several pages."""
    monkeypatch.setattr(query, "LARGEST_PAGE", SMALL_PAGE)


@pytest.mark.parametrize(("call", "fault"), _cells())
def test_a_cell(call: str, fault: str) -> None:
    assert fault_table.run(call, fault).wrong == []


@pytest.mark.parametrize(
    ("call", "fault"),
    [("create", "reset after"), ("bulk_upload", "truncated"), ("bulk_rows", "truncated")],
)
def test_a_cell_over_tls(call: str, fault: str) -> None:
    assert fault_table.run(call, fault, TLS).wrong == []


@pytest.mark.parametrize("name", BREAKS)
def test_the_table_notices_what_is_broken_on_purpose(name: str) -> None:
    broken = BREAKS[name]
    with broken.made():
        found = fault_table.run(broken.call, broken.fault)
    assert any(broken.says in sentence for sentence in found.wrong), found
