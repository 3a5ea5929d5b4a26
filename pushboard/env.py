"""Typed readers for environment variables.

Every difference between installations is an environment variable. A wrong value stops the start
with one sentence that says what is wrong, where it stands and how to mend it: a server that runs on
a guess is worse than one that does not run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit, urlunsplit


class Misconfigured(SystemExit):
    """The start is refused; the message is the whole explanation.

    A SystemExit, so that manage.py, Celery and uvicorn alike print one line and no traceback.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(f"Pushboard does not start: {sentence}")


@dataclass(frozen=True, slots=True)
class Environment:
    """Readers over one mapping of variables, `os.environ` in earnest."""

    variables: Mapping[str, str]

    def text(self, name: str, default: str = "") -> str:
        """The value without surrounding blanks; empty counts as not set."""
        return self.variables.get(name, "").strip() or default

    def secret(self, name: str, default: str = "") -> str:
        """The value of `name`, or the content of the file that `name`_FILE points to.

        Raises:
            Misconfigured: both are set, or the file can't be read or is empty.
        """
        value, path = self.text(name), self.text(f"{name}_FILE")
        if not path:
            return value or default
        if value:
            raise Misconfigured(f"both {name} and {name}_FILE are set; remove one of them.")
        try:
            content = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as problem:
            raise Misconfigured(
                f"{name}_FILE names {path}, which can't be read ({problem}); "
                "create the file or mend the path."
            ) from None
        if not content:
            raise Misconfigured(f"{name}_FILE names {path}, which is empty; write the value in it.")
        return content

    def number(self, name: str, default: float, *, least: float, most: float) -> float:
        """A number from `least` to `most`, both included.

        Raises:
            Misconfigured: not a number, or outside the bounds.
        """
        text = self.text(name)
        if not text:
            return default
        try:
            value = float(text)
        except ValueError:
            raise Misconfigured(
                f"{name} is {text!r}, which is not a number; write a number "
                f"from {least:g} to {most:g}, such as {default:g}."
            ) from None
        if not least <= value <= most:
            raise Misconfigured(
                f"{name} is {text}; write a number from {least:g} to {most:g}, such as {default:g}."
            )
        return value

    def choice(self, name: str, default: str, options: tuple[str, ...]) -> str:
        """One of `options`.

        Raises:
            Misconfigured: another word.
        """
        value = self.text(name, default)
        if value not in options:
            raise Misconfigured(f"{name} is {value!r}; write one of: {', '.join(options)}.")
        return value

    def names(self, name: str) -> list[str]:
        """A list parted by commas; empty when not set."""
        return [part.strip() for part in self.text(name).split(",") if part.strip()]

    def path(self, name: str, default: Path) -> Path:
        """A path; a relative one counts from the working directory."""
        text = self.text(name)
        return Path(text).expanduser().resolve() if text else default

    def moment(self, name: str, default: datetime) -> datetime:
        """An instant in ISO 8601 with its offset, turned to UTC.

        Raises:
            Misconfigured: not ISO 8601, or without an offset.
        """
        text = self.text(name)
        if not text:
            return default
        try:
            value = datetime.fromisoformat(text)
        except ValueError:
            value = None
        if value is None or value.tzinfo is None:
            raise Misconfigured(
                f"{name} is {text!r}; write an instant with its offset, "
                "such as 2026-11-23T08:00:00+00:00."
            )
        return value.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """What a database URL says. `engine` is "sqlite" or "postgresql"."""

    engine: str
    name: str
    user: str = ""
    password: str = ""
    host: str = ""
    port: str = ""
    options: tuple[tuple[str, str], ...] = ()


def database_address(url: str, base: Path) -> DatabaseAddress:
    """Read `sqlite:///relative`, `sqlite:////absolute` or `postgresql://user:pass@host/name`.

    A relative SQLite path counts from `base`. The query string of a PostgreSQL URL is handed to the
    driver, so `?sslmode=verify-full&sslrootcert=...` works.

    Raises:
        Misconfigured: another scheme, or no database name. The URL is not repeated, since it may
            hold a password.
    """
    parts = urlsplit(url)
    name = unquote(parts.path.removeprefix("/"))
    if not name or parts.scheme not in {"sqlite", "postgresql", "postgres"}:
        raise Misconfigured(
            "PUSHBOARD_DATABASE_URL is not a database address; write "
            "sqlite:///var/pushboard.sqlite3 or postgresql://user:password@host:5432/name."
        )
    if parts.scheme == "sqlite":
        return DatabaseAddress("sqlite", str((base / name).resolve()))
    return DatabaseAddress(
        engine="postgresql",
        name=name,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        host=parts.hostname or "",
        port=str(parts.port or ""),
        options=tuple(parse_qsl(parts.query)),
    )


def with_password(url: str, password: str) -> str:
    """`url` with `password` in it, so that a secret can lie in a file that others read too."""
    if not password:
        return url
    parts = urlsplit(url)
    user = quote(unquote(parts.username or ""), safe="")
    where = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{where}"))
