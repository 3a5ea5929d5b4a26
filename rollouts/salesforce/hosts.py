"""Which hosts may ever be spoken to.

A token answer names the address that every later call goes to, so an address is judged when it is
set, when Salesforce names it, and again before each request: what is not on this list is never
asked. In simulation mode the list is turned around: only this machine, and of it only what is
named.

My Domain forms are Salesforce's documented ones. ``develop`` is the partition of Developer Edition
orgs, where first-generation packaging orgs live.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from rollouts.salesforce.errors import Refused

_LOGIN_HOSTS = frozenset({"login.salesforce.com", "test.salesforce.com"})
_NAME = r"[a-z0-9](?:-?[a-z0-9])*"
_MY_DOMAIN = re.compile(
    rf"(?:{_NAME}(?:\.develop)?|{_NAME}--{_NAME}\.sandbox)\.my\.salesforce\.com"
)
_INSTANCE = re.compile(rf"(?:{_NAME}(?:--{_NAME})*\.)+(?:salesforce|force)\.com")
_HTTPS_PORT = 443
_LONGEST_HOST = 253
_PLAIN = re.compile(r"[!-~]+")


class HostRefused(Refused):
    """An address that is not Salesforce's, or not the simulator's; nothing was sent to it."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"“{shown(url)}” was not asked: {why}", code="HOST_REFUSED")


def shown(url: str) -> str:
    """Return scheme and host of an address for a sentence: no user, password, path or query."""
    head, slashes, rest = url.partition("//")
    host = re.split(r"[/?#\\]", rest if slashes else head, maxsplit=1)[0].rpartition("@")[2]
    kept = f"{head}//{host}" if slashes else host
    return "".join(char if char.isprintable() else "?" for char in kept)[:80]


def _split(url: str) -> SplitResult:
    """Split an address whose form leaves no two readings of its host, or refuse it."""
    if not _PLAIN.fullmatch(url) or "\\" in url:
        raise HostRefused(url, "an address has plain letters, and no blanks or backslashes.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise HostRefused(url, "it can't be read as an address.") from None
    if "@" in parts.netloc:
        raise HostRefused(url, "an address with a user name in it may lead elsewhere.")
    if not parts.hostname or port == 0 or parts.netloc.endswith(":"):
        raise HostRefused(url, "it can't be read as an address.")
    return parts


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback and getattr(address, "ipv4_mapped", None) is None


def _entry(text: str) -> tuple[str, int | None]:
    """Read ``host``, ``host:port``, ``[v6]`` or ``[v6]:port`` as (host, port or None)."""
    parts = _split(f"//{text}")
    return parts.hostname or "", parts.port


@dataclass(frozen=True, slots=True)
class Hosts:
    """The list in force. ``simulated`` is None in production, else the named loopback hosts."""

    simulated: frozenset[tuple[str, int | None]] | None = None

    @classmethod
    def simulation(cls, allowed: list[str]) -> Hosts:
        """Allow only these hosts (``host`` or ``host:port``), each of which must be loopback.

        Raises:
            HostRefused: an entry that is not this machine.
        """
        entries = frozenset(_entry(text) for text in allowed)
        for text in allowed:
            if not _is_loopback(_entry(text)[0]):
                raise HostRefused(text, "simulation mode talks to this machine only.")
        return cls(simulated=entries)

    def login(self, url: str) -> str:
        """Return the origin of a login address.

        Raises:
            HostRefused: not a login address of Salesforce (or not the simulator's).
        """
        parts = self._origin_only(url)
        host = parts.hostname or ""
        if self.simulated is None and host not in _LOGIN_HOSTS and not _is_my_domain(host):
            raise HostRefused(
                url,
                "a login address is https://login.salesforce.com, https://test.salesforce.com or "
                "the org's My Domain, such as https://example.my.salesforce.com.",
            )
        return _origin(parts)

    def instance(self, url: str) -> str:
        """Return the origin of the instance that a token answer names.

        Raises:
            HostRefused: an instance that is not Salesforce's (or not the simulator's).
        """
        return _origin(self._origin_only(url))

    def request(self, url: str) -> None:
        """Judge the address of one request, just before it is sent.

        Raises:
            HostRefused: it leads anywhere but to Salesforce (or to the simulator).
        """
        parts = _split(url)
        host, port = (parts.hostname or "").lower(), parts.port
        if self.simulated is not None:
            if parts.scheme not in {"http", "https"}:
                raise HostRefused(url, "only http and https addresses are asked.")
            named = {(host, None), (host, port)} & self.simulated
            if not named or not _is_loopback(host):
                raise HostRefused(
                    url,
                    "simulation mode talks to this machine only, and of it only to what "
                    "PUSHBOARD_DEV_ALLOWED_HOSTS names.",
                )
            return
        if parts.scheme != "https":
            raise HostRefused(url, "Salesforce is only ever asked over https.")
        if port not in {None, _HTTPS_PORT}:
            raise HostRefused(url, f"Salesforce answers on port 443, not on {port}.")
        if not _is_salesforce(host):
            raise HostRefused(url, "it does not belong to salesforce.com or force.com.")

    def _origin_only(self, url: str) -> SplitResult:
        self.request(url)
        parts = _split(url)
        if parts.path not in {"", "/"} or parts.query or parts.fragment:
            raise HostRefused(url, "it must be a bare address, with nothing after the host.")
        return parts


def _origin(parts: SplitResult) -> str:
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _is_salesforce(host: str) -> bool:
    # "xn--" begins an internationalised name, which can look like another one.
    plain = not any(label.startswith("xn--") for label in host.split("."))
    return plain and len(host) <= _LONGEST_HOST and _INSTANCE.fullmatch(host) is not None


def _is_my_domain(host: str) -> bool:
    return _MY_DOMAIN.fullmatch(host) is not None
