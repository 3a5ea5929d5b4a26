"""The failed pushes of one kind, org by org, with Salesforce's words and its ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Prefetch

from rollouts.domain.failures import ErrorId, error_id
from rollouts.models import Attempt, PushError
from rollouts.pipeline.failing import Hit, Now
from rollouts.pipeline.report.kinds import Kind

TEXTS_SHOWN = 3
CASE_LINES = 40


@dataclass(frozen=True, slots=True)
class OrgLine:
    """One org of a kind: its last attempt that failed like this, and what is the case now."""

    attempt: Attempt
    hit: Hit
    errors: list[PushError]

    @property
    def now(self) -> Now:
        """What has become of the org."""
        return self.hit.now

    @property
    def most(self) -> int:
        """How many attempts its rollout allows at an org."""
        return self.attempt.target.wave.rollout.policy.retries + 1

    @property
    def needs_person(self) -> bool:
        """Whether it has had all its attempts and is not upgraded."""
        return self.hit.now is Now.OPEN and self.hit.tries >= self.most

    @property
    def text(self) -> str:
        """All that Salesforce said, as it said it; "" when it gave no reason."""
        return "\n\n".join(_text(error) for error in self.errors)

    @property
    def error_id(self) -> ErrorId | None:
        """What Salesforce's support looks the error up by."""
        found = (error_id(f"{error.message} {error.details}") for error in self.errors)
        return next((one for one in found if one), None)


@dataclass(frozen=True, slots=True)
class Text:
    """What Salesforce said, for how many of the orgs on the page, and one of them."""

    text: str
    orgs: int
    line: OrgLine


def _text(error: PushError) -> str:
    lead = ", ".join(part for part in (error.severity, error.type) if part)
    parts = (f"{lead}: {error.title}" if error.title else lead, error.message, error.details)
    return "\n".join(part for part in parts if part)


def org_lines(found: Sequence[Hit]) -> list[OrgLine]:
    """Read the attempts of these hits, in their order: two queries however many."""
    rows = (
        Attempt.objects.filter(pk__in=[one.attempt for one in found])
        .select_related("org", "batch", "version", "target__from_version", "target__wave__rollout")
        .prefetch_related(Prefetch("errors", PushError.objects.order_by("pk")))
    )
    attempts = {row.pk: row for row in rows}
    return [
        OrgLine(attempts[one.attempt], one, list(attempts[one.attempt].errors.all()))
        for one in found
    ]


def texts_of(lines: Sequence[OrgLine]) -> list[Text]:
    """Return the different texts, the most frequent first; those without any are not among them."""
    groups: dict[str, list[OrgLine]] = {}
    for line in lines:
        if line.text:
            groups.setdefault(line.text, []).append(line)
    found = [Text(text, len(members), members[0]) for text, members in groups.items()]
    return sorted(found, key=lambda one: -one.orgs)[:TEXTS_SHOWN]


def case_text(kind: Kind, lines: Sequence[OrgLine], total: int) -> str:
    """Write what a case at Salesforce needs: ids, times in UTC, error ids, and one text in full.

    Names of customers are not in it: Salesforce finds orgs by their ids.
    """
    versions = {str(line.attempt.version.label): line.attempt.version.sf_id for line in lines}
    said = ", ".join(f"{label} ({sf_id})" for label, sf_id in versions.items())
    texts = texts_of(lines)
    rows = [
        f"{line.attempt.org.key}  {line.attempt.batch.sf_id or '-'}  {line.attempt.sf_id or '-'}  "
        f"{_utc(line.hit.at)}  {line.error_id or '-'}"
        for line in lines[:CASE_LINES]
    ]
    more = total - len(rows)
    return "\n".join(
        [
            f"Failed push upgrades of {kind.package.name} ({kind.package.sf_id}) to {said}",
            f"Error type: {kind.type or 'none given'}",
            "",
            "Org ID  Push request  Push job  Ended (UTC)  Error ID",
            *rows,
            *([f"and {more} more orgs"] if more > 0 else []),
            "",
            *(["Salesforce's text:", texts[0].text] if texts else ["Salesforce gave no reason."]),
        ]
    )


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
