"""Classes of queries: what is left of a query's text without its literals, comments, spaces and case."""

import hashlib
import logging
import re
from collections import OrderedDict
from functools import cache
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple

from stream_app.errors import MissingExtraError
from stream_app.events.sql_tokens import SqlToken, is_broken, nesting, sql_tokens
from stream_app.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlglot import exp

__all__ = ["LONGEST_PARSED", "MAX_PATTERN", "QueryClass", "QueryClasses", "load_parser", "query_class"]

MAX_PATTERN = 200
"""Longest pattern, in characters."""

LONGEST_PARSED = 100_000
"""Longest text that is parsed, in characters; of longer ones the tokens are the class."""

_MOST_TOKENS = 4_000
_DEEPEST = 40
_MOST_STEPS = 20
"""Steps a token that the parser may take: in nested types it tries each reading of each bracket, exponentially many."""

_MOST_CLASSES = 10_000
"""Texts, and shapes, whose class is kept: about 5 MB."""


class QueryClass(NamedTuple):
    """The class of a query.

    Parameters
    ----------
    id : str
        Short hash of its shape, 12 hexadecimal digits.
    pattern : str
        The shape in readable form, cut at `MAX_PATTERN`: literals are ``?``.
    """

    id: str
    pattern: str


def query_class(text: str) -> QueryClass:
    """Return the class of a query.

    Queries that differ in literals, the length of lists of them, comments, spaces, case and ways to write the same thing are of one
    class. Text that cannot be parsed, is longer than `LONGEST_PARSED` or nested too deeply has the class of its tokens; where its quotes
    do not match, only words of SQL are left of it, because others may be parts of literals.

    Parameters
    ----------
    text : str
        SQL of Trino, or anything.

    Raises
    ------
    MissingExtraError
        If sqlglot is not installed.

    Examples
    --------
    >>> query_class("SELECT name FROM users WHERE id IN (17, 4)  -- of today").pattern
    'SELECT name FROM users WHERE id IN (?)'
    >>> query_class("select name from users where id in (3)") == query_class("SELECT name FROM users WHERE id IN (17, 4)")
    True
    >>> query_class("drop everything from '2026-01-01', please").pattern
    'drop everything from ? , please'
    """
    return QueryClasses().of(text)


def load_parser() -> None:
    """Import the parser, which takes half a second, before the first query needs it.

    Raises
    ------
    MissingExtraError
        If sqlglot is not installed.
    """
    try:
        import sqlglot  # noqa: F401, PLC0415 - an extra, and slow to import
    except ImportError:
        raise MissingExtraError("classes of queries need", "sqlglot", "platform") from None
    # Of what it does not know it says so, with the statement.
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)


class QueryClasses:
    """Classes of queries, of which the latest are kept: by text, and by what is left of it without literals.

    Examples
    --------
    >>> classes = QueryClasses()
    >>> classes.of("select 1").id == classes.of("select 2").id
    True
    """

    def __init__(self, most: int = _MOST_CLASSES) -> None:
        load_parser()
        self._most = most
        self._by_text: OrderedDict[bytes, QueryClass] = OrderedDict()
        self._by_shape: OrderedDict[bytes, QueryClass] = OrderedDict()

    def __len__(self) -> int:
        """Return of how many texts the classes are kept."""
        return len(self._by_text)

    def of(self, text: str) -> QueryClass:
        """Return the class of a query; see `query_class`."""
        key = _digest(text)
        found = self._by_text.get(key)
        if found is None:
            found = self._of_tokens(sql_tokens(text), parsed=len(text) <= LONGEST_PARSED)
            self._keep(self._by_text, key, found)
        else:
            self._by_text.move_to_end(key)
        return found

    def _of_tokens(self, tokens: list[SqlToken], *, parsed: bool) -> QueryClass:
        # Joined by what no token has in it.
        key = _digest("\0".join((f"{parsed}", *(f"{token.sort}\1{token.text}" for token in tokens))))
        found = self._by_shape.get(key)
        if found is None:
            pattern = (_parsed(tokens) if parsed else None) or _fallback(tokens)
            found = QueryClass(_digest(pattern)[:6].hex(), _cut(pattern))
            self._keep(self._by_shape, key, found)
        else:
            self._by_shape.move_to_end(key)
        return found

    def _keep(self, kept: OrderedDict[bytes, QueryClass], key: bytes, value: QueryClass) -> None:
        kept[key] = value
        if len(kept) > self._most:
            kept.popitem(last=False)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _cut(pattern: str) -> str:
    shown = printable(pattern[:MAX_PATTERN])
    return (
        shown if len(pattern) <= MAX_PATTERN and len(shown) <= MAX_PATTERN else f"{shown[: MAX_PATTERN - 1]}…"
    )


def _fallback(tokens: "Sequence[SqlToken]") -> str:
    """Return what is left of a text that is not parsed: of one with quotes that do not match, words of SQL only."""
    broken = is_broken(tokens)
    words: list[str] = []
    for sort, text in tokens:
        if sort == "literal" and text and words and words[-1] in ("-", "+"):
            words[-1] = "?"  # of a sign here nobody can say whether it is the number's
        elif (
            (sort == "literal" and text)
            or sort == "name"
            or (sort == "word" and broken and text not in _KEYWORDS)
        ):
            words.append("?")
        elif text:
            words.append(text)
    return " ".join(words) or "(nothing)"


_KEYWORDS = frozenset(
    [
        "alter", "analyze", "and", "as", "asc", "between", "by", "call", "case", "cast", "create",
        "cross", "delete", "desc", "describe", "distinct", "drop", "else", "end", "except", "execute",
        "exists", "explain", "from", "full", "grant", "group", "having", "in", "inner", "insert",
        "intersect", "into", "is", "join", "left", "like", "limit", "merge", "not", "null", "offset",
        "on", "or", "order", "outer", "over", "partition", "prepare", "right", "select", "set",
        "show", "table", "then", "union", "unnest", "update", "using", "values", "view", "when",
        "where", "with",
    ]
)  # fmt: skip


def _parsed(tokens: "Sequence[SqlToken]") -> str | None:
    """Return the shape of a statement as sqlglot writes it; None where it cannot tell."""
    if len(tokens) > _MOST_TOKENS or is_broken(tokens) or nesting(tokens) > _DEEPEST:
        return None
    found: list[str | None] = []
    # In a thread of its own, so that how deep a statement may be nested does not depend on how deep the caller is.
    thread = Thread(target=lambda: found.append(_shape(tokens)), name="query-class")
    thread.start()
    thread.join()
    return found[0]


def _shape(tokens: "Sequence[SqlToken]") -> str | None:
    from sqlglot import exp, tokenize  # noqa: PLC0415 see `load_parser`
    from sqlglot.errors import ErrorLevel  # noqa: PLC0415

    text = " ".join(_quoted(token.text) if token.sort == "name" else token.text for token in tokens)
    try:
        found = tokenize(text, read="trino")
        parser = _parser_type()(dialect="trino", error_level=ErrorLevel.IMMEDIATE)
        parser.steps_left = 1000 + _MOST_STEPS * len(found)
        statements = parser.parse(found, text)
        if any(
            isinstance(one, exp.Condition | exp.Alias) or one.find(exp.Command) for one in statements if one
        ):
            return None
        return "; ".join(_written(one) for one in statements if one is not None)
    except Exception:  # noqa: BLE001 - whatever a parser makes of text that is no SQL, the tokens are there
        return None


def _quoted(name: str) -> str:
    return '"' + name.replace('""', '"').replace('"', '""') + '"'


@cache
def _parser_type() -> Any:
    """Return the parser of Trino's SQL, which gives up after a number of steps."""
    from sqlglot.dialects.dialect import Dialect  # noqa: PLC0415 see `load_parser`

    class Bounded(Dialect.get_or_raise("trino").parser_class):  # type: ignore[misc] # a type that is found
        steps_left = 0

        def _advance(self, times: int = 1) -> None:
            self.steps_left -= 1
            if self.steps_left < 0:
                raise TimeoutError("too many steps")
            super()._advance(times)

    return Bounded


_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


def _written(statement: "exp.Expression") -> str:
    from sqlglot import exp  # noqa: PLC0415 see `load_parser`

    statement = statement.transform(_without_literals, copy=False)
    for listed in reversed(list(statement.find_all(exp.In, exp.Values, exp.Array))):
        once = {one.sql(dialect="trino"): one for one in listed.expressions}
        listed.set("expressions", list(once.values()))
    return statement.sql(dialect="trino", comments=False)


def _without_literals(node: "exp.Expression") -> "exp.Expression":
    from sqlglot import exp  # noqa: PLC0415 see `load_parser`

    if isinstance(node, exp.Literal | exp.Boolean):
        return exp.Placeholder()
    if isinstance(node, exp.Identifier) and node.args.get("quoted"):
        # Trino's names are the same in quotes.
        node.set("quoted", _PLAIN.fullmatch(node.name) is None)
    if isinstance(node, exp.Join) and node.args.get("kind") == "INNER":
        node.set("kind", None)
    return node
