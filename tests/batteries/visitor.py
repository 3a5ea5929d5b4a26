"""A person with a browser that has no JavaScript: signs in, reads pages, sends forms."""

from __future__ import annotations

import re

import requests

PASSWORD = "pushboard"
_SECONDS = 20


class Turned(Exception):
    """A page or a form was not answered as a person expects; the text is status and title."""


class Visitor:
    """One signed-in person. Network trouble comes as `requests.RequestException`."""

    def __init__(self, address: str, name: str) -> None:
        self.name = name
        self.address = address
        self._session = requests.Session()
        self._session.trust_env = False

    def sign_in(self) -> None:
        """Sign in, unless that was done."""
        page = self._session.get(f"{self.address}/sign-in/", timeout=_SECONDS)
        if page.history:
            return
        self.send("/sign-in/", username=f"{self.name}@pushboard.example", password=PASSWORD)

    def read(self, path: str) -> str:
        """Return a page's HTML."""
        answer = self._session.get(f"{self.address}{path}", timeout=_SECONDS)
        if not answer.ok or "/sign-in/" in answer.url:
            raise Turned(f"GET {path}: {answer.status_code} at {answer.url}")
        return answer.text

    def send(self, path: str, **fields: object) -> str:
        """Send a form and return where it leads to; raises Turned when it was not accepted."""
        answer = self._session.post(
            f"{self.address}{path}",
            data={**fields, "csrfmiddlewaretoken": self._session.cookies.get("csrftoken", "")},
            timeout=_SECONDS,
            allow_redirects=False,
        )
        if not answer.is_redirect and answer.status_code != requests.codes.see_other:
            raise Turned(f"POST {path}: {answer.status_code} {_said(answer.text)}")
        return answer.headers["Location"]


def _said(page: str) -> str:
    """What the notes of a page say, such as a refusal."""
    notes = re.findall(r'<div class="note[^>]*>(.*?)</div>', page, re.DOTALL)
    words = " ".join(re.sub(r"<[^>]*>", " ", " ".join(notes)).split())
    return words[:300]
