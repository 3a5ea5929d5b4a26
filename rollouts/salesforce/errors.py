"""The four outcomes of a call: done (a value), refused, try again, and unknown.

Unknown is the one that matters: the call may or may not have taken effect, or may yet do so.
It is looked up, never repeated blindly.
"""

from __future__ import annotations


class SalesforceError(Exception):
    """Any outcome of a call but "done"; ``code`` is Salesforce's own word where there is one.

    ``told`` is what Salesforce said beside the code, for those who explain it to people.
    """

    def __init__(self, message: str, *, code: str = "", told: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.told = told


class Refused(SalesforceError):
    """Salesforce said no: nothing has happened, and the same call would be refused again."""


class TryAgain(SalesforceError):
    """The call was never sent or was turned away unread: nothing has happened, later may do."""


class Unknown(SalesforceError):
    """No answer that can be trusted: the effect may exist, or may appear up to minutes later."""


class LoginLost(TryAgain):
    """Access was revoked, expired for good or never granted; a person must look."""


class WritesRefused(Refused):
    """This connection only observes; nothing was sent."""
