"""The status of a push request or job, in whichever spelling an org keeps it.

The object reference writes "In Progress", the API has been seen to answer ``InProgress``, older
pages write "Cancelled". Those are known. Any other word is looked up once in the org's own
picklist (``describe``), where a value with a known label is taken for that status; what is not
found there is refused, because a wrong state on a page is worse than none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from rollouts.salesforce.errors import Unknown
from rollouts.salesforce.gateway import SfStatus

_KNOWN = {status.value.lower(): status for status in SfStatus} | {
    "in progress": SfStatus.IN_PROGRESS,
    "cancelled": SfStatus.CANCELED,
}


def known(word: str) -> SfStatus | None:
    """Return the status that a documented word means, or None."""
    return _KNOWN.get(word.lower())


class Statuses:
    """The words of one org and API version.

    Args:
        picklist: reads (value, label) of the active values of PackagePushRequest.Status; may
            raise SalesforceError. It is asked at most once, and only when it is needed.
    """

    def __init__(self, picklist: Callable[[], Iterable[tuple[str, str]]]) -> None:
        self._picklist = picklist
        self._said: Mapping[str, SfStatus] | None = None
        self._words: Mapping[SfStatus, str] = {}

    @property
    def words(self) -> Mapping[SfStatus, str]:
        """The org's own spelling of each status; empty before it was asked."""
        return self._words

    def learn(self) -> None:
        """Read the org's picklist, once."""
        if self._said is not None:
            return
        said: dict[str, SfStatus] = {}
        words: dict[SfStatus, str] = {}
        for value, label in self._picklist():
            status = known(value) or known(label)
            if status is not None:
                said[value] = status
                words.setdefault(status, value)
        self._said, self._words = said, words

    def read(self, word: str) -> SfStatus:
        """Return the status that a word means.

        Raises:
            Unknown: with the raw word, when neither we nor the org know it.
        """
        status = known(word)
        if status is None:
            self.learn()
            status = (self._said or {}).get(word)
        if status is None:
            raise Unknown(
                f"Salesforce answered the status “{word[:80]}”, which Pushboard does not know.",
                code="UNKNOWN_VALUE",
            )
        return status

    def word(self, status: SfStatus) -> str:
        """Return how the org spells a status, as far as it was asked."""
        return self._words.get(status, status.value)
