"""What a connection can prove about its org: versions, objects, and its own words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from rollouts.salesforce.outcomes import Kind, of_nonsense
from rollouts.salesforce.probe import Probe
from rollouts.salesforce.statuses import Statuses
from rollouts.salesforce.values import Capabilities


class ProofCalls(Probe):
    """The part of `gateway.Gateway` that tells what an org has."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._statuses = Statuses(self._status_picklist)

    def capabilities(self) -> Capabilities:
        """Read which objects and API versions this user sees, and how the org spells statuses.

        Three calls; the last one only where push requests can be seen.
        """
        objects = self.objects()
        if "PackagePushRequest" in objects:
            self._statuses.learn()
        return Capabilities(
            api_version=f"{self.api}.0",
            api_versions=self._versions(),
            objects=objects,
            statuses=tuple(self._statuses.words.values()),
        )

    def _versions(self) -> tuple[str, ...]:
        what = "read the API versions"
        try:
            answer = json.loads(self._send(what, "/services/data", takes="application/json"))
        except ValueError:
            answer = None
        if not isinstance(answer, list) or not all(isinstance(one, dict) for one in answer):
            raise of_nonsense(Kind.READ, what)
        told = {str(one.get("version")) for one in answer}
        numbers = sorted(int(one[:-2]) for one in told if one[:-2].isdecimal() and one[-2:] == ".0")
        return tuple(f"{number}.0" for number in numbers)

    def _status_picklist(self) -> Iterator[tuple[str, str]]:
        what = "read how push requests spell their status"
        path = "sobjects/PackagePushRequest/describe"
        answer = self._ask(Kind.READ, what, lambda sf: sf.restful(path))
        fields = answer.get("fields") if isinstance(answer, dict) else None
        try:
            (field,) = [one for one in fields or () if one["name"] == "Status"]
            for value in field["picklistValues"]:
                if value["active"]:
                    yield str(value["value"]), str(value["label"] or "")
        except (LookupError, TypeError, ValueError):
            raise of_nonsense(Kind.READ, what) from None
