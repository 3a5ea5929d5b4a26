"""Read SOQL by recursive descent; what the platform would refuse is refused here.

Grammar, in short::

    query     = SELECT item {, item} FROM name [WHERE either] [GROUP BY path {, path}]
                [ORDER BY order {, order}] [LIMIT n] [OFFSET n]
    item      = path [alias] | count [alias] | ( query )
    either    = term {AND term} | term {OR term}        -- mixing them needs parentheses
    term      = NOT term | ( either ) | path operator value | path [NOT] IN ( value {, value} )
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from rollouts.simulator.refusals import Refusal
from rollouts.simulator.times import BadMoment, day_text, parse

from .tokens import Token, TokenKind, malformed, string_value, tokens
from .tree import (
    Comparison,
    Condition,
    Count,
    Joined,
    Literal,
    LiteralKind,
    Not,
    Order,
    Path,
    Query,
    Selected,
    Subquery,
)

Item = TypeVar("Item")

DEEPEST_NESTING: Final = 50
LONGEST_NUMBER: Final = 9  # digits of LIMIT and OFFSET
_OPERATORS: Final = {"=": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
# fmt: off
_KEYWORDS: Final = frozenset({
    "and", "asc", "by", "desc", "for", "from", "group", "having", "in", "like", "limit", "not",
    "nulls", "offset", "or", "order", "select", "typeof", "update", "using", "where", "with",
})
# fmt: on


def parse_query(text: str) -> Query:
    """The tree of a SOQL text. Raises Refusal with MALFORMED_QUERY."""
    reader = _Reader(text)
    query = reader.query(inner=False)
    reader.expect_end()
    return query


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens(text)
        self._place = 0
        self._depth = 0

    # --- the tokens -------------------------------------------------------------------------

    @property
    def _next(self) -> Token:
        return self._tokens[self._place]

    def _take(self) -> Token:
        token = self._next
        if token.kind is not TokenKind.END:
            self._place += 1
        return token

    def _unexpected(self, token: Token | None = None) -> Refusal:
        token = token or self._next
        return malformed(self._text, token.at, f"unexpected token: '{token.text}'")

    def _word(self, word: str) -> bool:
        if self._next.is_word(word):
            self._take()
            return True
        return False

    def _sign(self, sign: str) -> bool:
        if self._next.kind is TokenKind.SIGN and self._next.text == sign:
            self._take()
            return True
        return False

    def _need_word(self, word: str) -> None:
        if not self._word(word):
            raise self._unexpected()

    def _need_sign(self, sign: str) -> None:
        if not self._sign(sign):
            raise self._unexpected()

    def expect_end(self) -> None:
        """Nothing may follow."""
        if self._next.kind is not TokenKind.END:
            raise self._unexpected()

    def _name(self) -> Token:
        token = self._next
        if token.kind is not TokenKind.NAME or token.text.lower() in _KEYWORDS:
            raise self._unexpected()
        return self._take()

    def _list(self, item: Callable[[], Item]) -> tuple[Item, ...]:
        found = [item()]
        while self._sign(","):
            found.append(item())
        return tuple(found)

    # --- the clauses ------------------------------------------------------------------------

    def query(self, *, inner: bool) -> Query:
        """One SELECT; an inner one ends before its closing parenthesis."""
        self._need_word("select")
        selected = self._list(self._field if inner else self._item)
        self._need_word("from")
        source = self._name()
        if "." in source.text:
            raise self._unexpected(source)
        where = self._either() if self._word("where") else None
        grouped: tuple[Path, ...] = ()
        if self._word("group"):
            self._need_word("by")
            grouped = self._list(self._path)
        ordered: tuple[Order, ...] = ()
        if self._word("order"):
            self._need_word("by")
            ordered = self._list(self._order)
        limit = self._whole_number() if self._word("limit") else None
        offset = self._whole_number() if self._word("offset") else None
        return Query(
            selected, source.text, source.at, where, grouped, ordered, limit, offset, self._text
        )

    def _item(self) -> Selected | Subquery:
        at = self._next.at
        if self._sign("("):
            query = self.query(inner=True)
            self._need_sign(")")
            return Subquery(query, at)
        return self._field()

    def _field(self) -> Selected:
        what = self._path_or_count()
        alias = None
        token = self._next
        if token.kind is TokenKind.NAME and token.text.lower() not in _KEYWORDS:
            if "." in token.text:
                raise self._unexpected()
            alias = self._take().text
        return Selected(what, alias)

    def _path(self) -> Path:
        token = self._name()
        return Path(tuple(token.text.split(".")), token.at)

    def _path_or_count(self) -> Path | Count:
        token = self._name()
        if not self._sign("("):
            return Path(tuple(token.text.split(".")), token.at)
        function = token.text.lower()
        if function not in ("count", "count_distinct"):
            raise malformed(self._text, token.at, f"unexpected function: '{token.text}'")
        path = None
        if not self._sign(")"):
            path = self._path()
            self._need_sign(")")
        elif function == "count_distinct":
            raise self._unexpected()
        return Count(path, function == "count_distinct", token.at)

    def _order(self) -> Order:
        what = self._path_or_count()
        descending = self._word("desc")
        if not descending:
            self._word("asc")
        nulls_last = False
        if self._word("nulls"):
            nulls_last = self._word("last")
            if not nulls_last:
                self._need_word("first")
        return Order(what, descending, nulls_last)

    def _whole_number(self) -> int:
        token = self._take()
        digits = token.kind is TokenKind.NUMBER and token.text.isdecimal()
        if not digits or len(token.text) > LONGEST_NUMBER:
            raise self._unexpected(token)
        return int(token.text)

    # --- conditions -------------------------------------------------------------------------

    def _either(self) -> Condition:
        self._depth += 1
        if self._depth > DEEPEST_NESTING:
            raise Refusal(400, "QUERY_TOO_COMPLICATED", "Query is either selecting too many fields")
        conditions = [self._term()]
        joined_by = ""
        while self._next.is_word("and") or self._next.is_word("or"):
            word = self._next.text.lower()
            if joined_by and word != joined_by:
                # The platform has no precedence between AND and OR; it asks for parentheses.
                raise self._unexpected()
            joined_by = word
            self._take()
            conditions.append(self._term())
        self._depth -= 1
        return conditions[0] if len(conditions) == 1 else Joined(joined_by, tuple(conditions))

    def _term(self) -> Condition:
        negations = 0
        while self._word("not"):
            negations += 1
        if self._sign("("):
            condition = self._either()
            self._need_sign(")")
        else:
            condition = self._comparison()
        return Not(condition) if negations % 2 else condition

    def _comparison(self) -> Comparison:
        path = self._path()
        if self._word("not"):
            self._need_word("in")
            return Comparison(path, "not in", self._values())
        if self._word("in"):
            return Comparison(path, "in", self._values())
        if self._word("like"):
            return Comparison(path, "like", (self._literal(),))
        operator = _OPERATORS.get(self._next.text)
        if operator is None:
            raise self._unexpected()
        self._take()
        return Comparison(path, operator, (self._literal(),))

    def _values(self) -> tuple[Literal, ...]:
        self._need_sign("(")
        values = self._list(self._literal)
        self._need_sign(")")
        return values

    def _literal(self) -> Literal:
        token = self._take()
        match token.kind:
            case TokenKind.STRING:
                value, pattern = string_value(self._text, token)
                return Literal(LiteralKind.STRING, value, token.at, pattern)
            case TokenKind.NUMBER:
                number = float(token.text) if "." in token.text else int(token.text)
                return Literal(LiteralKind.NUMBER, number, token.at)
            case TokenKind.DATETIME:
                return self._moment(token)
            case TokenKind.NAME:
                return self._named(token)
        raise self._unexpected(token)

    def _moment(self, token: Token) -> Literal:
        try:
            if "T" not in token.text:
                return Literal(LiteralKind.DATE, day_text(token.text), token.at)
            return Literal(LiteralKind.DATETIME, parse(token.text, zone_required=True), token.at)
        except BadMoment:
            raise malformed(
                self._text, token.at, f"line 1:{token.at} no viable alternative at '{token.text}'"
            ) from None

    def _named(self, token: Token) -> Literal:
        word = token.text.lower()
        if word == "null":
            return Literal(LiteralKind.NULL, None, token.at)
        if word in ("true", "false"):
            return Literal(LiteralKind.BOOLEAN, word == "true", token.at)
        raise self._unexpected(token)
