"""Text of queries without what was written into it: words and signs, in one pass of linear time.

Nothing behind this pass sees a literal, so none can leak. It reads SQL as Trino does, and any other text, too.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias

__all__ = ["SqlToken", "is_broken", "nesting", "sql_tokens"]

Sort: TypeAlias = Literal["word", "name", "literal", "sign"]


class SqlToken(NamedTuple):
    """A token of a text.

    Parameters
    ----------
    sort : {'word', 'name', 'literal', 'sign'}
        A word or an unquoted name in lower case, a quoted name, a literal, or anything else.
    text : str
        What stands there; of a literal what may stand in its place: ``'?'``, ``1`` or ``true``.
    """

    sort: Sort
    text: str


# What an alternative scans it takes, to the end of the text where it must: the time is linear in the length.
_PATTERN = re.compile(
    r"""
      (?P<space>  \s++ | --[^\n\r]*+ | /\*(?:[^*]|\*(?!/))*+(?:\*/)? )
    | (?P<text>   (?:[uU]&|[xXnNbBrReE])?'(?:[^']|'')*+'(?!\w) | \$(?P<tag>\w*+)\$.*?\$(?P=tag)\$ )
    | (?P<open>   (?:[uU]&|[xXnNbBrReE])?'(?:[^']|'')*+'? | \$\w*+\$.*+ )
    | (?P<word>   [^\W\d][\w$@]*+ )
    | (?P<number> \.?\d(?:(?<=[eE])[+-](?=\d)|[\w.])*+ )
    | (?P<name>   "(?:[^"]|"")*+" | `(?:[^`]|``)*+` )
    | (?P<rest>   ["`].*+ )
    | (?P<sign>   <=|>=|<>|!=|\|\||->|=>|:: | . )
    """,
    re.VERBOSE | re.DOTALL,
)

_TEXT = SqlToken("literal", "'?'")
_NUMBER = SqlToken("literal", "1")
_TRUTH = SqlToken("literal", "true")
_BROKEN = SqlToken("literal", "")
"""Where the quotes of a text do not match: what is outside of them may have been meant to be inside."""

_COMMA = SqlToken("sign", ",")
_IN = SqlToken("word", "in")
_VALUES = SqlToken("word", "values")

_TYPES = frozenset(
    ["date", "time", "timestamp", "decimal", "double", "real", "bigint", "json", "uuid", "ipaddress", "char", "varchar"]
)  # fmt: skip
_BEFORE_OPERAND = frozenset(
    [
        "all", "and", "any", "between", "by", "case", "distinct", "else", "except", "from", "having",
        "if", "in", "intersect", "interval", "like", "limit", "not", "offset", "on", "or", "return",
        "returns", "select", "set", "some", "then", "union", "using", "values", "when", "where",
        "with",
    ]
)  # fmt: skip
"""Words after which a sign belongs to the number that follows."""


def sql_tokens(text: str) -> list[SqlToken]:
    r"""Return the tokens of a text, its literals replaced.

    Comments and spaces are left out, words are in lower case, and lists of literals (in ``IN (…)``, ``ARRAY[…]``, and the rows of
    ``VALUES``) are as if they had one.

    Parameters
    ----------
    text : str
        SQL of Trino, or anything.

    Examples
    --------
    >>> tokens = sql_tokens("SELECT * FROM Visits -- mine\nWHERE day IN (DATE '2026-01-01', DATE '2026-01-02')")
    >>> " ".join(token.text for token in tokens)
    "select * from visits where day in ( '?' )"
    """
    found: list[SqlToken] = []
    lists = [False]
    for match in _PATTERN.finditer(text):
        sort = match.lastgroup
        if sort == "word":
            _add_word(found, match[0], in_list=lists[-1])
        elif sort == "sign":
            _add_sign(found, match[0], lists)
        elif sort == "number":
            _add_literal(found, _NUMBER, in_list=lists[-1])
        elif sort == "name":
            found.append(SqlToken("name", match[0][1:-1].lower()))
        elif sort != "space":
            if sort != "text" or _is_glued(text, match.start(), found):
                found.append(_BROKEN)
            _add_literal(found, _TEXT, in_list=lists[-1])
    return _collapse_rows(found) if _VALUES in found else found


def is_broken(tokens: Sequence[SqlToken]) -> bool:
    """Whether the quotes of the text do not match, so that words may be parts of literals.

    Examples
    --------
    >>> is_broken(sql_tokens("select 'it's'")), is_broken(sql_tokens("select 'it''s'"))
    (True, False)
    """
    return _BROKEN in tokens


def nesting(tokens: Sequence[SqlToken]) -> int:
    """Return how deeply brackets are nested.

    Examples
    --------
    >>> nesting(sql_tokens("select f(g(x), (1))"))
    2
    """
    depth = deepest = 0
    for sort, text in tokens:
        if sort == "sign":
            depth += (text in "([{") - (text in ")]}")
            deepest = max(deepest, depth)
    return deepest


def _is_glued(text: str, place: int, found: Sequence[SqlToken]) -> bool:
    """Whether a quote follows a word without a space, which is no way to begin a literal but for types and words of SQL."""
    if not place or not (text[place - 1].isalnum() or text[place - 1] == "_"):
        return False
    before = found[-1]
    return before.sort != "word" or (before.text not in _TYPES and before.text not in _BEFORE_OPERAND)


def _word(text: str) -> SqlToken:
    word = text.lower()
    return _TRUTH if word in ("true", "false") else SqlToken("word", word)


_known_word = lru_cache(maxsize=4096)(_word)
_LONGEST_KNOWN = 64
"""Longer words are not kept."""


@lru_cache(maxsize=1024)
def _sign(text: str) -> SqlToken:
    return SqlToken("sign", text)


def _add_word(found: list[SqlToken], text: str, *, in_list: bool) -> None:
    word = _known_word(text) if len(text) <= _LONGEST_KNOWN else _word(text)
    if word is _TRUTH:
        _add_literal(found, word, in_list=in_list)
    else:
        found.append(word)


def _add_sign(found: list[SqlToken], sign: str, lists: list[bool]) -> None:
    """Add a sign; `lists` says of each open bracket whether the length of what it holds says nothing."""
    if sign == "?":
        _add_literal(found, _TEXT, in_list=lists[-1])
        return
    if sign in ("(", "["):
        lists.append(sign == "[" or found[-1:] == [_IN])
    elif sign in (")", "]") and len(lists) > 1:
        lists.pop()
    found.append(_sign(sign))


def _add_literal(found: list[SqlToken], literal: SqlToken, *, in_list: bool) -> None:
    """Add a literal as one with its sign, or with the type before it; nothing where the list has one already."""
    if literal is _TEXT and found and found[-1].sort == "word" and found[-1].text in _TYPES:
        found.pop()
    while len(found) > 1 and found[-1].text in ("-", "+") and _before_operand(found[-2]):
        found.pop()
    if in_list and len(found) > 1 and found[-1] == _COMMA and found[-2].sort == "literal":
        found.pop()
    else:
        found.append(literal)


def _before_operand(token: SqlToken) -> bool:
    if token.sort == "word":
        return token.text in _BEFORE_OPERAND
    return token.sort == "sign" and token.text not in (")", "]")


def _collapse_rows(tokens: list[SqlToken]) -> list[SqlToken]:
    """Leave one of the rows of VALUES that are alike."""
    out: list[SqlToken] = []
    place = 0
    while place < len(tokens):
        out.append(tokens[place])
        place += 1
        if out[-1] == _VALUES:
            rows: dict[tuple[SqlToken, ...], None] = {}
            for row, after in _rows(tokens, place):
                place = after
                if row not in rows:
                    out.extend((_COMMA, *row) if rows else row)
                    rows[row] = None
    return out


def _rows(tokens: list[SqlToken], place: int) -> Iterator[tuple[tuple[SqlToken, ...], int]]:
    """Find the rows that begin at a place, and where each ends."""
    while place < len(tokens) and tokens[place].text == "(":
        begin, depth = place, 0
        while place < len(tokens):
            depth += (tokens[place].text == "(") - (tokens[place].text == ")")
            place += 1
            if not depth:
                break
        yield tuple(tokens[begin:place]), place
        if place + 1 >= len(tokens) or tokens[place] != _COMMA or tokens[place + 1].text != "(":
            return
        place += 1
