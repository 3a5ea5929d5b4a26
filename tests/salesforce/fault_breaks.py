"""Mistakes made on purpose, each with a cell of the fault table that must notice it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

from rollouts.salesforce import client, live
from rollouts.salesforce.auth import Login
from rollouts.salesforce.errors import Refused, TryAgain, Unknown
from rollouts.salesforce.outcomes import Kind


@dataclass(frozen=True)
class Break:
    """What is broken, and the sentence that one cell must say of it."""

    made: Callable[[], AbstractContextManager[None]]
    call: str
    fault: str
    says: str


@contextmanager
def _silence_is_no() -> Iterator[None]:
    def refused(kind: Kind, what: str, *, left: bool) -> Refused:
        return Refused(f"Could not {what}")

    with mock.patch.object(client, "of_silence", refused):
        yield


@contextmanager
def _errors_are_no() -> Iterator[None]:
    def refused(kind: Kind, what: str, status: int, body: object) -> Refused:
        return Refused(f"Could not {what}: {status}")

    with mock.patch.object(client, "of_answer", refused):
        yield


@contextmanager
def _lost_writes_are_sent_again() -> Iterator[None]:
    write = live.SalesforceGateway._write

    def twice(self: Any, *args: Any, **options: Any) -> object:
        try:
            return write(self, *args, **options)
        except Unknown:
            return write(self, *args, **options)

    with mock.patch.object(live.SalesforceGateway, "_write", twice):
        yield


@contextmanager
def _unreadable_is_done() -> Iterator[None]:
    ask = live.SalesforceGateway._ask

    def believing(self: Any, kind: Kind, what: str, call: Any) -> object:
        try:
            return ask(self, kind, what, call)
        except Unknown:
            return None

    with mock.patch.object(live.SalesforceGateway, "_ask", believing):
        yield


@contextmanager
def _logins_without_end() -> Iterator[None]:
    ask = live.SalesforceGateway._ask

    def stubborn(self: Any, kind: Kind, what: str, call: Any) -> object:
        for _ in range(3):
            try:
                return ask(self, kind, what, call)
            except TryAgain:
                self.login._refused = None
        return ask(self, kind, what, call)

    with (
        mock.patch.object(live.SalesforceGateway, "_ask", stubborn),
        mock.patch.object(Login, "_rest", return_value=None),
    ):
        yield


@contextmanager
def _half_a_list_is_a_list() -> Iterator[None]:
    pages = live.SalesforceGateway._pages

    def some(self: Any, what: str, query: Any) -> Iterator[Any]:
        try:
            yield from pages(self, what, query)
        except TryAgain:
            return

    with mock.patch.object(live.SalesforceGateway, "_pages", some):
        yield


BREAKS: Mapping[str, Break] = {
    "a read timeout is taken for a refusal": Break(
        _silence_is_no, "create", "hang after", "was told it is not"
    ),
    "an error of the server is taken for a refusal": Break(
        _errors_are_no, "arm", "5xx after", "was told it is not"
    ),
    "a lost write is sent again": Break(
        _lost_writes_are_sent_again, "create", "reset after", "times"
    ),
    "an unknown outcome is taken for done": Break(
        _unreadable_is_done, "cancel", "5xx before", "was told it is"
    ),
    "logins go on and on": Break(_logins_without_end, "versions", "expired for good", "logins"),
    "a list that breaks off is taken for whole": Break(
        _half_a_list_is_a_list, "subscribers, page 3", "reset before", "shows what is not so"
    ),
}
