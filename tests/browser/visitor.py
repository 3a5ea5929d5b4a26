"""A person at a browser, and what the browser complains about meanwhile."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Response, expect

PASSWORD = "pushboard"
_STAY = """() => {
  window.stayed = true;
  setInterval(() => window.dispatchEvent(new Event("pointermove")), 5000);
}"""
# The browser says it, and htmx once more.
_STATUS = re.compile(r"(?:responded with a status of|Response Status Error Code) (\d{3})")

_UNREACHED = re.compile(r"net::ERR_|htmx:(?:afterRequest|sendError)")


class Visitor:
    """One signed-in person with one tab; `trouble` collects what no page may cause."""

    def __init__(self, context: BrowserContext, address: str, name: str) -> None:
        self.name = name
        self.context = context
        self.address = address
        self.trouble: list[str] = []
        self._refusals: set[int] = set()
        self._answers: list[int] = []
        self.may_be_cut_off = False
        context.on("console", self._on_console)
        context.on("weberror", lambda error: self.trouble.append(f"script: {error.error}"))
        context.on("request", self._on_request)
        context.on("response", self._on_response)
        self.page: Page = context.new_page()

    def sign_in(self) -> None:
        """Sign in at the form."""
        self.open("/sign-in/")
        self.page.get_by_label("E-mail address").fill(f"{self.name}@pushboard.example")
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("heading", name="Hello")).to_be_visible()

    def open(self, path: str) -> Page:
        """Go to a page of Pushboard by its path."""
        self.page.goto(self.address + path)
        return self.page

    def stay(self) -> None:
        """Keep reading this page: the pointer moves now and then, and a mark is left on it.

        Pages ask less often when nobody is there. The mark is gone as soon as a page is loaded
        anew, see `has_stayed`.
        """
        self.page.evaluate(_STAY)

    @property
    def has_stayed(self) -> bool:
        """Whether the page is still the one that `stay` was called on."""
        return bool(self.page.evaluate("window.stayed === true"))

    @property
    def path(self) -> str:
        """Where the tab is: the address without the host, the query and the fragment."""
        return re.sub(r"[?#].*", "", self.page.url.removeprefix(self.address))

    @contextmanager
    def refused_with(self, status: int) -> Iterator[None]:
        """Expect an answer with this status; the browser reports such answers as errors."""
        self._refusals.add(status)
        self._answers.clear()
        yield
        assert status in self._answers, f"no answer had the status {status}"

    @contextmanager
    def cut_off(self) -> Iterator[None]:
        """Take the network away and give it back; the browser reports what it can't load."""
        self.may_be_cut_off = True
        self.context.set_offline(True)
        yield
        self.context.set_offline(False)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        said = _STATUS.search(message.text)
        if said and int(said[1]) in self._refusals:
            return
        if self.may_be_cut_off and _UNREACHED.search(message.text):
            return
        self.trouble.append(f"{message.type} at {self.page.url}: {message.text}")

    def _on_request(self, request: Request) -> None:
        if not request.url.startswith((self.address, "data:", "about:")):
            self.trouble.append(f"asked for {request.url}, which is not Pushboard")

    def _on_response(self, response: Response) -> None:
        self._answers.append(response.status)

    def leave(self) -> list[str]:
        """Turn away from the page; returns what the browser complained about since last time."""
        self.page.goto("about:blank")
        said, self.trouble = self.trouble, []
        self._refusals.clear()
        return said
