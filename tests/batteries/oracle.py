"""Judges a whole run by the simulator's own log and Pushboard's books. Pure functions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.batteries.books import (
    BATCH_ENDS,
    ApprovalRow,
    BatchRow,
    Effect,
    ListRow,
    RolloutRow,
    Snapshot,
    TargetRow,
    WaveRow,
)
from tests.support.walls import is_open

GOOD_ENDS = ("completed", "completed_with_failures")
_LIVE = ("reserved", "submitted", "queued", "in_progress", "stuck")
# An org may leave a rollout for these reasons only if the log shows what happened in it.
_LEFT = ("excluded", "already_current", "gone")
# What an org may be when people ended a rollout before its turn.
_UNPUSHED = ("planned", "left_over", "excluded")
_HAPPENED = ("version_changed", "subscriber_removed", "subscriber_changed")


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything a judgement rests on.

    ``may_stop``: the run was cut off by people, so that orgs may be left unpushed and batches in
    doubt; without it every org and the rollout itself must have come to a good end.
    """

    effects: Sequence[Effect]
    books: Snapshot
    lists: Sequence[ListRow]
    approvals: Sequence[ApprovalRow]
    slug: str
    may_stop: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was counted, and every sentence that says that something is wrong."""

    counted: dict[str, int]
    violations: tuple[str, ...]


def judge(evidence: Evidence) -> Judgement:
    """Hold the log against the rules of the design (section 5, invariants 1 to 5, 9, 11, 12)."""
    court = _Court(evidence)
    violations = [
        *court.pushed_once(),
        *court.started_as_approved(),
        *court.started_in_hours(),
        *court.armed_as_approved(),
        *court.prepared_as_approved(),
        *court.armed_whole(),
        *court.nothing_lost(),
    ]
    return Judgement(court.counted(), tuple(violations))


class _Court:
    def __init__(self, evidence: Evidence) -> None:
        self._all = evidence
        self._rollout: RolloutRow = evidence.books.rollout(evidence.slug)
        self._lists = {row.pk: row for row in evidence.lists}
        self._waves: dict[int, WaveRow] = {row.pk: row for row in evidence.books.waves}
        self._batches: dict[str, BatchRow] = {
            row.sf_id: row for row in evidence.books.batches if row.sf_id
        }
        self._of_job: defaultdict[str, list[Effect]] = defaultdict(list)
        for line in evidence.effects:
            if line.job and line.kind.startswith("job_"):
                self._of_job[line.job].append(line)
        self._targets: list[TargetRow] = [
            row for row in evidence.books.targets if row.rollout == self._rollout.pk
        ]

    def counted(self) -> dict[str, int]:
        """Figures for the report."""
        kinds = Counter(line.kind for line in self._all.effects)
        states = Counter(target.state for target in self._targets)
        tries = Counter(line.org for line in self._all.effects if line.kind == "job_started")
        bound = {row.sf_id for row in self._all.books.batches}
        made = {line.request for line in self._all.effects if line.kind == "request_created"}
        return {
            "orgs in the rollout": len(self._targets),
            "orgs done": states["done"],
            "orgs failed": states["failed"],
            "requests created": kinds["request_created"],
            "requests armed": kinds["request_pending"],
            "requests canceled": kinds["request_canceled"],
            "requests that no batch was bound to": len(made - bound),
            "jobs started": kinds["job_started"],
            "jobs succeeded": kinds["job_succeeded"],
            "jobs failed": kinds["job_failed"],
            "orgs tried more than once": sum(count > 1 for count in tries.values()),
            "calls with a fault": kinds["fault"],
            "lines of the log": len(self._all.effects),
        }

    def pushed_once(self) -> list[str]:
        """Exactly one success where there should be one, never two, and no start after one."""
        found = []
        seen: defaultdict[tuple[str | None, str | None], list[Effect]] = defaultdict(list)
        for line in self._all.effects:
            if line.kind in ("job_started", "job_succeeded", "job_failed"):
                seen[line.org, line.version].append(line)
        for (org, version), lines in seen.items():
            succeeded = [line for line in lines if line.kind == "job_succeeded"]
            if len(succeeded) > 1:
                found.append(f"{org} was pushed to {version} {len(succeeded)} times")
            if succeeded and any(
                line.kind == "job_started" and line.seq > succeeded[0].seq for line in lines
            ):
                found.append(f"{org} was started again after its success")
            found += _overlaps(org, lines)
        arrived = Counter(
            line.org
            for line in self._all.effects
            if line.kind == "version_changed" and line.job and line.version == self._rollout.version
        )
        for target in self._targets:
            if target.state == "done" and arrived[target.org] != 1:
                found.append(f"{target.org} is done but came {arrived[target.org]} times")
        return found

    def started_as_approved(self) -> list[str]:
        """No job starts in an org that is not on the approved list of its request's batch."""
        found = []
        for line in self._all.effects:
            if line.kind != "job_started":
                continue
            batch = self._batches.get(line.request or "")
            if batch is None:
                found.append(f"{line.org} was started by {line.request}, which no batch knows")
                continue
            row = self._lists[batch.list_pk]
            if line.org not in row.orgs:
                found.append(f"{line.org} was started but is not on list {row.pk}")
            if line.version != row.version:
                found.append(f"{line.org} was started to {line.version}, approved: {row.version}")
        return found

    def started_in_hours(self) -> list[str]:
        """No job starts outside the hours agreed for its org, or late, without being noted so."""
        found = []
        for line in self._all.effects:
            batch = self._batches.get(line.request or "") if line.kind == "job_started" else None
            if batch is None or batch.began_outside:
                continue
            window, zones = self._lists[batch.list_pk].hours.get(line.org or "", ("any hour", ""))
            if not is_open(window, zones, datetime.fromtimestamp(line.at / 1000, UTC)):
                found.append(f"{line.org} was started outside its window {window} in {zones}")
            late = batch.not_after is not None and line.at > batch.not_after
            if late and batch.state == "settled":
                found.append(f"{line.org} was started late, and nobody wrote it down")
        return found

    def armed_as_approved(self) -> list[str]:
        """A request goes Pending once, after its ARM was committed, under standing approvals."""
        found = []
        for request, lines in self._pending().items():
            batch = self._batches.get(request)
            if len(lines) > 1:
                found.append(f"{request} went Pending {len(lines)} times")
            if batch is None or batch.armed_at is None:
                found.append(f"{request} went Pending though nothing armed it")
            elif lines[0].at < batch.armed_at:
                found.append(f"{request} went Pending before its arming was committed")
            else:
                found += self._unapproved(batch, batch.armed_at, "was armed")
                if not self._all.may_stop:  # else a call on its way may land after people said stop
                    found += self._unapproved(batch, lines[0].at, "went Pending")
        return found

    def _pending(self) -> dict[str, list[Effect]]:
        found: defaultdict[str, list[Effect]] = defaultdict(list)
        for line in self._all.effects:
            if line.kind == "request_pending" and line.request:
                found[line.request].append(line)
        return found

    def _unapproved(self, batch: BatchRow, moment: int, what: str) -> list[str]:
        row, wave = self._lists[batch.list_pk], self._waves[batch.wave]
        standing = [
            approval
            for approval in self._all.approvals
            if approval.list_pk == row.pk
            and approval.digest == row.digest
            and approval.granted_at <= moment
            and (approval.voided_at is None or approval.voided_at > moment)
        ]
        people = {approval.person for approval in standing}
        found = []
        if len(people) < max(1, wave.needed):
            found.append(f"{batch.sf_id} {what} with {len(people)} of {wave.needed} approvals")
        if people & {self._rollout.author, row.frozen_by, *row.editors}:
            found.append(f"{batch.sf_id} {what} under an approval of its own author or editor")
        if moment > row.end_by:
            found.append(f"{batch.sf_id} {what} after the approved end date")
        if row.voided_at is not None and row.voided_at <= moment:
            found.append(f"{batch.sf_id} {what} though its list was void")
        first = min(
            other.armed_at
            for other in self._all.books.batches
            if other.list_pk == row.pk and other.armed_at is not None
        )
        if standing and first > min(approval.expires_at for approval in standing):
            found.append(f"{batch.sf_id} {what} though the approval had lapsed")
        return found

    def prepared_as_approved(self) -> list[str]:
        """Not even a job that does nothing yet is made for an org that nobody approved."""
        granted = {approval.list_pk for approval in self._all.approvals}
        approved = {
            (org, row.version) for row in self._lists.values() if row.pk in granted
            for org in row.orgs
        }  # fmt: skip
        return [
            f"a job was made for {line.org}, which is on no approved list"
            for line in self._all.effects
            if line.kind == "job_created" and (line.org, line.version) not in approved
        ]

    def armed_whole(self) -> list[str]:
        """What went Pending held exactly the jobs that its batch stands for: none less or more."""
        found = []
        for request, lines in self._pending().items():
            batch = self._batches.get(request)
            made = {
                line.org
                for line in self._all.effects
                if line.kind == "job_created" and line.request == request
                and line.seq < lines[0].seq
            }  # fmt: skip
            meant = {
                row.org
                for row in self._all.books.attempts
                if batch is not None and row.batch == batch.pk and row.sf_id
            }
            if batch is not None and made != meant:
                found.append(f"{request} went Pending with {len(made)} of {len(meant)} orgs")
        return found

    def nothing_lost(self) -> list[str]:
        """The rollout has ended, and so has everything of it, on both sides alike."""
        found = []
        doubtful = {
            row.pk: row.sf_id
            for row in self._all.books.batches
            if self._all.may_stop and row.state == "in_doubt"
        }
        if self._rollout.state not in GOOD_ENDS and not self._all.may_stop:
            found.append(f"the rollout is {self._rollout.state}: {self._rollout.reason}")
        found += [
            f"batch {row.pk} is still {row.state}"
            for row in self._all.books.batches
            if row.state not in BATCH_ENDS and row.pk not in doubtful
        ]
        found += [
            f"{row.org} has an attempt that is still {row.state}"
            for row in self._all.books.attempts
            if row.state in _LIVE and row.batch not in doubtful
        ]
        last: dict[str | None, Effect] = {}
        for line in self._all.effects:
            if line.request and not line.job and line.kind.startswith("request_"):
                last[line.request] = line
        found += [
            f"{request} is left {line.kind.removeprefix('request_')} at Salesforce"
            for request, line in last.items()
            if line.kind in ("request_created", "request_pending", "request_started")
            and request not in doubtful.values()
        ]
        waiting = {row.target for row in self._all.books.attempts if row.batch in doubtful}
        for target in self._targets:
            if target.pk not in waiting:
                found += self._ended(target)
        return found

    def _ended(self, target: TargetRow) -> list[str]:
        lines = [
            line
            for line in self._all.effects
            if line.org == target.org and line.kind in ("job_succeeded", "job_failed")
        ]
        final = lines[-1].kind if lines else ""
        if target.state == "done":
            return [] if final == "job_succeeded" else [f"{target.org} is done, the log: {final}"]
        if target.state == "failed":
            return [] if final == "job_failed" else [f"{target.org} failed, the log: {final}"]
        if target.state in _LEFT and not (self._all.may_stop and target.state == "excluded"):
            happened = any(
                line.org == target.org and line.kind in _HAPPENED and not line.job
                for line in self._all.effects
            )
            reason = f"{target.org} was left out as {target.state} without a cause in the log"
            return [] if happened else [reason]
        if self._all.may_stop and target.state in _UNPUSHED:
            return (
                [f"{target.org} is {target.state}, the log: {final}"]
                if (final == "job_succeeded")
                else []
            )
        return [f"{target.org} has not ended: {target.state}"]


def _overlaps(org: str | None, lines: Sequence[Effect]) -> list[str]:
    """Two jobs of one org at once are a second push, even if one of them fails."""
    running: str | None = None
    for line in lines:
        if line.kind == "job_started":
            if running is not None:
                return [f"{org} had two jobs running at once"]
            running = line.job
        else:
            running = None
    return []
