"""One authenticated REST call, and the checks that every resource begins with."""

from __future__ import annotations

from dataclasses import dataclass

from .calls import effective_method
from .messages import Request
from .org_schema import OrgSchema
from .refusals import not_found, wrong_method
from .store import Work


@dataclass(frozen=True, slots=True)
class Call:
    """A call below /services/data/vXX.0; `parts` is the rest of its path, split at slashes."""

    work: Work
    schema: OrgSchema
    request: Request
    api: str
    parts: tuple[str, ...]

    @property
    def api_number(self) -> int:
        """The API version as a number, 67 for 67.0."""
        return int(self.api.partition(".")[0])

    @property
    def method(self) -> str:
        """The method, whether plain or named by a POST."""
        return effective_method(self.request)

    @property
    def base(self) -> str:
        """The address of this API version, without a final slash."""
        return f"/services/data/v{self.api}"

    def only(self, method: str, allowed: str = "") -> None:
        """Refuse every other method."""
        if self.method != method:
            raise wrong_method(self.method, allowed or f"HEAD, {method}")

    def depth(self, most: int) -> None:
        """Refuse a path of more parts than these."""
        if len(self.parts) > most:
            raise not_found()
