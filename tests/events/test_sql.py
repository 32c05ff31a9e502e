"""Classes of queries: no literal is left, equal queries are one class, and no text breaks it."""

import re
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.events.sql import LONGEST_PARSED, MAX_PATTERN, QueryClasses, query_class
from stream_app.events.sql_tokens import is_broken, sql_tokens

SECRET = "zq"
"""What each literal has in it, and no word of a query."""

letters = st.text(st.sampled_from("abzq'\"-/*;,() \n?$\\%é7"), max_size=12)
strings = letters.map(lambda text: "'" + (SECRET + text).replace("'", "''") + "'")
numbers = st.one_of(
    st.integers(0, 10**12).map(str),
    st.floats(0.001, 1e6).map(repr),
    st.integers(1, 99).map(lambda value: f"{value}.5e-{value}"),
).map(lambda text: text)
dates = st.dates().map(lambda day: f"DATE '{SECRET}{day}'")
literals = strings | numbers | dates | numbers.map(lambda text: f"-{text}") | st.just("true")
gaps = st.sampled_from([" ", "\n", "  \t", " /* zq ' */ ", " -- zq '\n"])

SHAPES = [
    "select a , count ( * ) from t where x = {} and y between {} and {} group by a having count ( * ) > {}",
    'select * from hive . web . visits where day in ( {*} ) and "Site" like {} limit 10',
    "with q as ( select case when a > {} then {} else b end c from t ) select c from q join u using ( c ) where u . d <> {}",
    "insert into t values ( {} , {} )",
    "select array [ {*} ] , element_at ( m , {} ) || {} from t cross join unnest ( n ) as w ( o )",
    "delete from t where a < {} or b = {}",
    "explain analyze select {}",
    "call system . sync ( {} , {} )",
    "this is no query {} at all {}",
]


@st.composite
def queries(draw, shape):
    """A shape with literals, spaces, comments and cases of one's own."""
    parts = []
    for word in shape.split():
        if word == "{*}":
            parts.append(" , ".join(draw(st.lists(literals, min_size=1, max_size=4))))
        elif word == "{}":
            parts.append(draw(literals))
        else:
            parts.append(word.upper() if draw(st.booleans()) and not word.startswith('"') else word)
    return "".join(part + draw(gaps) for part in parts)


def shown(text):
    return " ".join(token.text for token in sql_tokens(text))


@pytest.mark.parametrize("shape", SHAPES)
@given(data=st.data())
def test_queries_that_differ_in_literals_are_of_one_class_and_no_literal_is_left(shape, data):
    one, other = data.draw(queries(shape)), data.draw(queries(shape))
    assert query_class(one) == query_class(other)
    pattern = query_class(one).pattern
    assert SECRET not in pattern
    assert not re.search(r"\d", pattern)


@given(data=st.data())
@settings(max_examples=20)
def test_queries_of_other_shapes_are_of_other_classes(data):
    classes = [query_class(data.draw(queries(shape))).id for shape in SHAPES]
    assert len(set(classes)) == len(SHAPES)


@given(st.text(max_size=200) | st.text(st.sampled_from("ab '\"-/*\n,()[]$`;?1.eE"), max_size=60))
def test_any_text_has_a_class(text):
    found = query_class(text)
    assert re.fullmatch(r"[0-9a-f]{12}", found.id)
    assert 0 < len(found.pattern) <= MAX_PATTERN
    assert found.pattern.isprintable()
    assert "'" not in found.pattern


@given(st.text(st.sampled_from("ab '\"-/*\n,()[]$`;?1.eExX"), max_size=60))
def test_what_is_left_of_a_text_is_left_as_it_is(text):
    tokens = sql_tokens(text)
    if not is_broken(tokens):
        quoted = [f'"{one.text}"' if one.sort == "name" and "`" not in text else one.text for one in tokens]
        if "`" not in text:
            assert sql_tokens(" ".join(quoted)) == tokens


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("select a from t join u on t.x = u.x", "SELECT a FROM t INNER JOIN u ON t.x=u.x;"),
        ("select a as b from t", "select a b from t"),
        ('select "a" from "Hive"."t"', "select a from hive.t"),
        ("select a from t where x <> 1", "select a from t where x != 2"),
        ("select a from t where x in (1)", "select a from t where x in (1, 2, -3, 4)"),
        ("select a from t where x in (cast('a' as date))", "select a from t where x in (cast('a' as date), cast('b' as date))"),
        ("insert into t values (1, 'a')", "insert into t values (1, 'a'), (2, 'b'), (-3, 'c')"),
        ("select cast(a as varchar(10)) from t", "select cast(a as varchar(255)) from t"),
        ("select date '2026-01-01' + interval '1' day", "select '2026' + interval '30' day"),
        ("select a from t where b = x'65683F'", "select a from t where b = U&'\\0041'"),
        ("select a from t where b = ?", "select a from t where b = 'x'"),
        ("select $$ body one $$", "select $tag$ another $$ body $tag$"),
        ("select a -- of ann\nfrom t", "select /* of bob */ a from t"),
    ],
)  # fmt: skip
def test_ways_to_write_the_same_are_one_class(one, other):
    assert query_class(one) == query_class(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("select a from t", "select b from t"),
        ("select a from t", "select a from u"),
        ("select a from t where x = 1", "select a from t where y = 1"),
        ("select a from t left join u using (x)", "select a from t join u using (x)"),
        ("show tables from a", "show tables from b"),
        ('select "a b" from t', 'select "a c" from t'),
        ("select 3 - 5", "select - 5"),
    ],
)
def test_other_queries_are_other_classes(one, other):
    assert query_class(one).id != query_class(other).id


@pytest.mark.parametrize(
    "text",
    [
        "select * from t where name = 'it's zqzq' and b = 'zqzq'",
        "select * from t where name = O'Brien zqzq' and zqzq",
        "select 'zqzq",
        'select "zqzq',
        "select $$ zqzq",
        "zqzq 'a' zqzq'",
    ],
)
def test_of_text_whose_quotes_do_not_match_only_words_of_sql_are_left(text):
    assert SECRET not in query_class(text).pattern
    assert is_broken(sql_tokens(text))


def test_text_that_is_no_sql_has_its_words_without_what_is_in_quotes():
    assert query_class("hello \"zqzq\" and 'zqzq' world 12").pattern == "hello ? and ? world ?"
    assert query_class("").pattern == query_class("-- nothing").pattern == "(nothing)"


@pytest.mark.parametrize(
    "bomb",
    [
        "select " + "(" * 20_000 + "1" + ")" * 20_000,
        "select " + "ARRAY[" * 30 + "1" + "]" * 30,
        "select " + "ROW(" * 30 + "1" + ")" * 30,
        "select " + "map(array[" * 15 + "1" + "])" * 15,
        "select " + "not " * 2_000 + "a",
        "select " + "- " * 3_000 + "a",
        "select " + "case when a then " * 900 + "1" + " end" * 900,
        "select " + " || ".join("a" * 1_900),
        " union all ".join(["select a from t"] * 800),
        "select " + "f(x -> " * 500 + "1" + ")" * 500,
        "'" * 50_001,
        "/*" * 20_000,
        "$a" * 20_000,
        "1e-" * 20_000,
        "select a from t where " + "(" * 39 + "x in (1)" + ")" * 39,
    ],
    ids=lambda text: text[:20],
)
def test_no_nesting_and_no_length_breaks_it(bomb):
    began = time.process_time()
    assert query_class(bomb).pattern
    assert time.process_time() - began < 5.0


def test_the_class_does_not_depend_on_how_deep_the_caller_is():
    query = "select " + "not " * 60 + "a from t"

    def deep(levels):
        return deep(levels - 1) if levels else query_class(query)

    assert deep(sys.getrecursionlimit() - 200) == query_class(query)


def test_a_huge_text_has_the_class_of_its_tokens_whatever_its_literals():
    def insert(rows):
        return "insert into t values " + ", ".join(f"({row}, 'zq{row}')" for row in range(rows))

    one, other = insert(12_000), insert(9_000)
    assert min(len(one), len(other)) > LONGEST_PARSED
    assert query_class(one) == query_class(other)
    assert query_class(one).pattern == "insert into t values ( ? , ? )"


def test_classes_are_kept_in_bounded_room():
    classes = QueryClasses(most=3)
    texts = [f"select {name} from t where x = {number}" for name in "abcde" for number in range(3)]
    found = [classes.of(text) for text in texts]
    assert [classes.of(text) for text in texts] == found
    assert len(classes) == 3
    assert len({one.id for one in found}) == 5
