"""Cut a SOQL text into tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from rollouts.simulator.refusals import Refusal

LONGEST_QUERY: Final = 100_000


class TokenKind(StrEnum):
    """What a token is."""

    NAME = "name"
    STRING = "string"
    NUMBER = "number"
    DATETIME = "datetime"
    SIGN = "sign"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """One token; `text` as written, strings with their quotes."""

    kind: TokenKind
    text: str
    at: int

    def is_word(self, word: str) -> bool:
        """Whether this is that keyword, in any letter case."""
        return self.kind is TokenKind.NAME and self.text.lower() == word


_TOKEN: Final = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<string>'(?:[^'\\]|\\.)*')
    | (?P<datetime>\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:?\d\d)?)?)
    | (?P<number>[+-]?\d+(?:\.\d+)?)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)
    | (?P<sign><=|>=|!=|<>|[=<>(),])
    """,
    re.VERBOSE | re.ASCII | re.DOTALL,
)

_ESCAPES: Final = {
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "b": "\b",
    "f": "\f",
    "'": "'",
    '"': '"',
    "\\": "\\",
    "_": "_",
    "%": "%",
}
_ESCAPE: Final = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)


def malformed(text: str, at: int, message: str) -> Refusal:
    """MALFORMED_QUERY with the line that points at the place."""
    return Refusal(400, "MALFORMED_QUERY", pointed(text, at, message))


def pointed(text: str, at: int, message: str) -> str:
    """The message under an excerpt of the query and a caret, as the platform words it."""
    row = text.count("\n", 0, at) + 1
    line_start = text.rfind("\n", 0, at) + 1
    line_end = text.find("\n", at)
    line = text[line_start : line_end if line_end >= 0 else len(text)]
    column = at - line_start
    start = max(0, column - 30)
    excerpt = line[start : column + 30]
    caret = " " * (column - start) + "^"
    return f"\n{excerpt}\n{caret}\nERROR at Row:{row}:Column:{column + 1}\n{message}"


def tokens(text: str) -> list[Token]:
    """All tokens, ended by an END token. Raises Refusal."""
    if len(text) > LONGEST_QUERY:
        raise Refusal(400, "QUERY_TOO_COMPLICATED", "SOQL statements cannot be longer than 100000")
    found = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            if text[at] == "'":
                raise malformed(text, at, "unexpected token: '<EOF>' (string literal not closed)")
            raise malformed(text, at, f"unexpected token: '{text[at]}'")
        kind = match.lastgroup or ""
        if kind != "space":
            found.append(Token(TokenKind(kind), match[0], at))
        at = match.end()
    found.append(Token(TokenKind.END, "<EOF>", len(text)))
    return found


def string_value(text: str, token: Token) -> tuple[str, str]:
    """What a string token means, and its pattern for LIKE, where escapes of % and _ stay."""
    inner = token.text[1:-1]
    value: list[str] = []
    pattern: list[str] = []
    last = 0
    for match in _ESCAPE.finditer(inner):
        plain = inner[last : match.start()]
        escape = match[1]
        if escape.startswith("u") and len(escape) > 1:
            meant = chr(int(escape[1:], 16))
            if "\ud800" <= meant <= "\udfff":
                raise malformed(text, token.at, "Illegal string escape in query")
        elif escape in _ESCAPES:
            meant = _ESCAPES[escape]
        else:
            raise malformed(text, token.at + match.start() + 1, "Illegal string escape in query")
        value += (plain, meant)
        pattern += (plain, "\\" + meant if meant in "\\%_" else meant)
        last = match.end()
    value.append(inner[last:])
    pattern.append(inner[last:])
    return "".join(value), "".join(pattern)
