"""What was so at Salesforce at any moment, told by the simulator's log alone."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from tests.batteries.books import Effect

# A read consists of several calls: whichever of them hangs, the later ones see a later moment.
_HELD_BACK = ("hang_before", "hang_after")
_STATUS = {
    "created": "Created",
    "pending": "Pending",
    "started": "InProgress",
    "succeeded": "Succeeded",
    "failed": "Failed",
    "canceled": "Canceled",
}


class Timeline:
    """The states of requests, jobs and orgs over time. Lines are added as they are written."""

    def __init__(self, installed: Mapping[tuple[str, str], str]) -> None:
        self._now_installed = dict(installed)
        self._requests: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
        self._jobs: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
        self._job_request: dict[str, str] = {}
        self._orgs: defaultdict[tuple[str, str], list[tuple[int, str | None, str]]]
        self._orgs = defaultdict(list)
        self._held: list[int] = []
        self._moments: list[int] = []
        self.seq = 0

    def add(self, lines: Iterable[Effect]) -> None:
        """Take over further lines, in their order."""
        for line in lines:
            self.seq = line.seq
            self._moments.append(line.at)
            thing, _, word = line.kind.partition("_")
            if line.kind == "fault":
                if line.detail.get("kind") in _HELD_BACK:
                    self._held.append(line.at)
            elif thing == "job" and line.job and word in _STATUS:
                self._jobs[line.job].append((line.at, _STATUS[word]))
                self._job_request[line.job] = line.request or ""
            elif thing == "request" and line.request and word in _STATUS:
                self._requests[line.request].append((line.at, _STATUS[word]))
            elif line.kind in ("version_changed", "subscriber_removed") and line.org:
                place = (line.org, str(line.detail["package_id"]))
                self._orgs[place].append((line.at, line.version, str(line.detail["from"])))

    def job(self, job: str | None, moment: int) -> str:
        """A job's status, or "" before it was there."""
        return _last(self._jobs.get(job or "", []), moment)

    def request(self, request: str | None, moment: int) -> str:
        """A request's status, or "" before it was there."""
        return _last(self._requests.get(request or "", []), moment)

    def open_requests(self, moment: int) -> set[str]:
        """Requests of which something could still happen."""
        return {
            one
            for one in self._requests
            if self.request(one, moment) in ("Created", "Pending", "InProgress")
        }

    def version(self, org: str, package: str, moment: int) -> str | None:
        """The version id that an org has of a package; None when the package is gone."""
        changes = self._orgs.get((org, package), [])
        known = [version for when, version, _ in changes if when <= moment]
        if known:
            return known[-1]
        if changes:
            return changes[0][2]
        return self._now_installed.get((org, package))

    def counts(self, request: str, moment: int) -> dict[str, int]:
        """Jobs of a request by status, as `/simulator/truth` gives them."""
        states = (self.job(job, moment) for job, of in self._job_request.items() if of == request)
        return dict(Counter(state for state in states if state))

    def instants(self, start: int, end: int) -> list[int]:
        """The start and every later moment until the end at which something changed."""
        low, high = bisect_right(self._moments, start), bisect_right(self._moments, end)
        return [start, *dict.fromkeys(self._moments[low:high])]

    def held_back(self, start: int, end: int) -> int:
        """How many calls the simulator held back, in that span."""
        return sum(start <= moment <= end for moment in self._held)


def _last(line: list[tuple[int, str]], moment: int) -> str:
    found = ""
    for when, status in line:
        if when > moment:
            break
        found = status
    return found
