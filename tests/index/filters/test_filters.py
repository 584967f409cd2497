import math
import operator

import numpy as np
import pyarrow.compute as pc
import pytest
from bicross.errors import ArgumentError
from bicross.index.filters import matching
from bicross.index.filters.where_parser import parse_predicate
from helpers.examples import examples
from helpers.filtering import OPERATORS, fields_of, matches
from hypothesis import given, settings
from hypothesis import strategies as st

PAPERS = [
    {"year": 2020, "tags": ["heart", "lung"], "journal": "Nature", "open": True, "publish-date": "2020-05-01"},
    {"year": 1999, "tags": [], "journal": "Cell", "open": False},
    {"year": None, "tags": ["heart", None], "score": 0.5, "mixed": 1, "null": 1},
    {"year": 2021, "journal": "", "score": 2, "mixed": "x", "nested": {}, "class": 7},
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("year == 2020", [0]),
        ("year != 2020", [1, 3]),
        ("not year == 2020", [1, 3]),
        ("year >= 2020", [0, 3]),
        ("2020 < year", [3]),
        ("1999 < year <= 2020", [0]),
        ("year > 2019.5 and year < 2020.5", [0]),
        ("year == 2020.0", [0]),
        ("year == 2020.5", []),
        ("year != 2020.5", [0, 1, 3]),
        ("year < 1e999", [0, 1, 3]),
        ("year > -99999999999999999999", [0, 1, 3]),
        ("year in [1999, 2021, 0.5, 99999999999999999999]", [1, 3]),
        ("year not in (1999, 2021)", [0]),
        ("year in []", []),
        ("tags in []", []),
        ("year is None", [2]),
        ("year is not None", [0, 1, 3]),
        ("score > -1", [2, 3]),
        ("score in [2, 0]", [3]),
        ("'heart' in tags", [0, 2]),
        ("'heart' not in tags", [1]),
        ("not 'heart' in tags", [1]),
        ("tags is None", [3]),
        ("journal == \"Nature\" or journal == 'Cell'", [0, 1]),
        ("journal < 'D'", [1, 3]),
        ("journal == ''", [3]),
        ("open", [0]),
        ("not open", [1]),
        ("open == False", [1]),
        ("open != true", [1]),
        ("open in [True, False]", [0, 1]),
        ("year IS NOT NULL AND NOT (open == TRUE OR year IN (2021, 5))", [1]),
        ("year IS NULL OR 'heart' IN tags", [0, 2]),
        ("year == field('year')", [0, 1, 3]),
        ("year > score", [3]),
        ("field(\"publish-date\") >= '2020'", [0]),
        ("field('class') == 7", [3]),
        ("field('null') == 1", [2]),
        ("  \n(year\n ==\u00a02020)\t", [0]),
        ("journal == '\\'\\u0041\\\\'", []),
        ("year = 2020 and open = true", [0]),
        ("mixed == 1", [2]),
        ("mixed != 1", []),
        ("mixed == 'x' or mixed == 1", [2, 3]),
        ("mixed in [1, 'x']", [2, 3]),
        ("mixed not in ['y', 2]", [2, 3]),
        ("mixed not in [2]", [2]),
        ("mixed is None", [0, 1]),
        ("nested is None", [0, 1, 2]),
        ("startswith(journal, 'N')", [0]),
        ("not startswith(journal, 'N')", [1, 3]),
        ("startswith(journal, '')", [0, 1, 3]),
        ("startswith(field('publish-date'), '2020-')", [0]),
    ],
)
def test_the_string_form(text, expected):
    assert matches(text, PAPERS) == expected
    assert matches(parse_predicate(text), PAPERS[:2], [], PAPERS[2:]) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the filter is empty"),
        (" \n", "the filter is empty"),
        ("year <> 2020", "write != instead of <>"),
        ("year > 1 && open", "write and instead of &"),
        ("year > 1 | open", "write or instead of |"),
        ("!open", "write not instead of !"),
        ("publish-date > '2020'", r'there is no arithmetic; .* field\("the name"\)'),
        ("a.1 > 1", "this is not understood"),
        ("a..b > 1", r'written field\("the name"\)'),
        ("a.b.class > 1", r'field\("class"\)'),
        ("year == = 3", "this is not understood"),
        ("year === 3", "this is not understood"),
        ("path.startswith('x')", "a field is expected here; functions are written .* startswith\\(path, 'docs/'\\)"),
        ("startswith(path, 5)", "a text in quotes is expected here"),
        ("startswith('docs/', path)", "a field is expected here"),
        ("startswith(path)", "a field is expected here"),
        ("endswith(path, 'x')", "there are no functions, only"),
        ("class == 7", r'class is a word of Python\'s; .* field\("class"\)'),
        ("(lambda year)(1)", "lambda is a word of Python's"),
        ("journal == 'x", "this text has no end"),
        ("journal == 'it''s'", "two texts in a row"),
        ("journal == b'x'", "a text has nothing in front of its quote"),
        ("journal == f'{year}'", "a text has nothing in front of its quote"),
        (r"journal == 'C:\data'", "a backslash is written as two"),
        (r"journal == '\ud800'", "this text is not valid Unicode"),
        ("journal == '\ud800'", "not valid Unicode|not understood"),
        ("(year > 3", "this is not understood"),
        ("year > 3 or", "something is missing at its end"),
        ("year between 1 and 2", "this is not understood"),
        ("year == 007", "this is not understood"),
        ("year == 0x7", "this has no meaning"),
        ("year == None", "write 'is null' or 'is not null'"),
        ("year is 3", "only null may follow 'is'"),
        ("year in 3", "'in' needs a list after it, as in"),
        ("tags in tags", "'in' needs a value on its left"),
        ("1 < 2", "neither side of this comparison is a field"),
        ("True", "this is not a condition"),
        ("'year'", "this is not a condition"),
        ("year == -True", "a number, a text in quotes, True or False is expected"),
        ("year == (1 < 2)", "a number, a text in quotes, True or False is expected"),
        ("year == [1]", "a number, a text in quotes, True or False is expected"),
        ("year in [[1]]", "a number, a text in quotes, True or False is expected"),
        ("tags[0] == 'x'", "a number, a text in quotes, True or False is expected"),
        ("__import__('os')", "there are no functions"),
        ("field('a', 'b')", "a field is expected"),
        ("field(year) == 1", "a field is expected"),
        ("field('x')('y') == 1", "a field is expected"),
        ("year == 1 # a comment", "this has no meaning"),
        ("year == 1\0", "this has no meaning"),
        ("year == 1; year", "this has no meaning"),
        ("(y := 1)", "."),
        ("x" * 5000, "at most 4096 characters, not 5000"),
        ("not " * 60 + "open", "nested more than 50 deep"),
        ("(" * 60 + "open" + ")" * 60, "nested more than 50 deep"),
        ("(open or not " * 40 + "open" + ")" * 40, "nested more than 50 deep"),
        ("year == " + "-" * 4000 + "1", "nested more than 50 deep"),
        ("year" + "-1" * 2000 + " > 1", "there is no arithmetic"),
        ("f('x')" + "('x')" * 800, "a field is expected"),
    ],
)
def test_a_text_that_is_no_predicate(text, message):
    with pytest.raises(ArgumentError, match=message):
        parse_predicate(text)


@pytest.mark.parametrize("text", ["n >", "  n > ", "a == 1 or", "not", "a = 1 and n ="])
def test_the_message_points_at_the_end_where_something_is_missing(text):
    with pytest.raises(ArgumentError) as error:
        parse_predicate(text)
    reason, shown, pointer, _ = str(error.value).splitlines()
    assert reason.endswith("something is missing at its end")
    assert pointer.index("^") == len(shown)


def test_is_null_of_a_field_that_no_document_has_is_true_and_warned_of(caplog):
    assert matches("legs is null", PAPERS) == matches("nested.x is null", PAPERS) == [0, 1, 2, 3]
    assert matches("legs is not null or year == 1999", PAPERS) == [1]
    assert (
        caplog.records[0]
        .getMessage()
        .startswith("no document has a field 'legs', so that it is null in all of them; there are: 'class', 'journal'")
    )


def test_the_message_shows_the_text_points_at_the_place_and_gives_an_example():
    with pytest.raises(ArgumentError) as error:
        parse_predicate("a = 3 and ünï\t漢 ~ 'x'")
    _, text, pointer, example = str(error.value).splitlines()
    assert text == "    a = 3 and ünï?漢 ~ 'x'"
    assert text[pointer.index("^")] == "~"
    parse_predicate(example.split(": ", 1)[1])
    for bad, pointed_at in (("a = 3 and b = 4 and c = None", "None"), ("a = 3 and b in 4", "4"), ("é = 3 or b c", "c")):
        with pytest.raises(ArgumentError) as error:
            parse_predicate(bad)
        _, text, pointer, _ = str(error.value).splitlines()
        assert text[pointer.index("^") :] == pointed_at
    with pytest.raises(ArgumentError) as error:
        parse_predicate("a == 1 or " * 300 + "b == None")
    _, text, pointer, _ = str(error.value).splitlines()
    assert text[pointer.index("^") :] == "None"
    assert len(text) < 120


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nowhere == 1", "there is no field 'nowhere' to filter by; there are: 'class', 'journal', .* 'year'"),
        ("Year == 1 or year == 2020", "there is no field 'Year'"),
        ("mixed == True", r"'mixed' holds integers and texts and cannot be compared \(==\) with True"),
        ("nested == 1", "'nested' cannot be filtered by: it holds objects; a member of them is written nested.name"),
        ("startswith(tags, 'h')", r"'tags' holds lists of texts and cannot be compared \(startswith\) with 'h'"),
        ("startswith(year, '2')", r"'year' holds integers and cannot be compared \(startswith\) with '2'"),
        ("nested.x == 1", "there is no field 'nested.x'"),
        ("year == 'x'", r"'year' holds integers and cannot be compared \(==\) with 'x'"),
        ("year in [1, 'x']", r"'year' holds integers and cannot be compared \(==\) with 'x'"),
        ("year == True", "'year' holds integers and cannot be compared .* with True"),
        ("score < 'x'", "'score' holds numbers and cannot be compared .* with 'x'"),
        ("journal > 1", "'journal' holds texts and cannot be compared .* with 1"),
        ("open < True", r"'open' holds booleans and cannot be compared \(<\) with True"),
        ("open == 1", "'open' holds booleans and cannot be compared .* with 1"),
        ("tags == 'heart'", "'tags' holds lists of texts and cannot be compared .*; write 'heart' in tags"),
        ("tags == tags", "'tags' holds lists of texts and cannot be compared"),
        ("year == journal", "'year' holds integers and cannot be compared .* with 'journal', which holds texts"),
        ("open < open", "'open' holds booleans and cannot be compared"),
        ("1 in tags", "'tags' holds lists of texts, and 1 is not a text"),
        ("'x' in journal", "'journal' holds texts; 'x' can only be in a field of lists"),
        ("year", "'year' holds integers and is not a condition on its own"),
    ],
)
def test_a_predicate_that_does_not_fit_the_fields(text, message):
    with pytest.raises(ArgumentError, match=message):
        matches(text, PAPERS)
    with pytest.raises(ArgumentError, match=message):
        matches(text, [{}], PAPERS[:3], PAPERS[3:])


def test_at_most_twenty_fields_are_listed():
    with pytest.raises(ArgumentError, match=r"there are: 'f00', .*'f19' and 10 more"):
        matches("x == 1", [{f"f{i:02}": i for i in range(30)}])
    with pytest.raises(ArgumentError, match="there are: none at all"):
        matches("x == 1", [{}])


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (pc.field("year") >= 2020, [0, 3]),
        (~(pc.field("year") == 2020), [1, 3]),
        (pc.field("year").isin([1999]), [1]),
        (pc.field("year").is_null(), [2]),
        (pc.field("journal") == "Nature", [0]),
        (pc.match_substring(pc.field("journal"), "at"), [0]),
        (pc.list_value_length(pc.field("tags")) == 2, [0, 2]),
        ((pc.field("score") > 1) | pc.field("open"), [0, 3]),
        (pc.scalar(True), [0, 1, 2, 3]),
        (pc.field("mixed") == 1, [2]),
        (pc.field("mixed").is_null(), [0, 1, 3]),
        (pc.starts_with(pc.field("journal"), "N"), [0]),
    ],
)
def test_expressions(expression, expected):
    assert matches(expression, PAPERS) == expected
    assert matches(expression, PAPERS[:2], [], PAPERS[2:]) == expected


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (pc.field("nowhere") == 1, "there is no field 'nowhere' to filter by; there are: 'class', "),
        (pc.field("nested") == 1, "'nested' cannot be filtered by: it holds objects"),
        (pc.field("") == 1, "there is no field ''"),
        (pc.field("year", "x") == 1, "cannot be evaluated: No match for FieldRef"),
        (pc.field(99) == 1, "cannot be evaluated: No match for FieldRef"),
        (pc.field("year") == "x", r"cannot be evaluated: .*int64, string.*'year': int64"),
        (pc.field("year") / 0 > 1, "cannot be evaluated: divide by zero"),
        (pc.match_substring_regex(pc.field("journal"), "("), "cannot be evaluated: Invalid regular expression"),
        (pc.field("year"), "says true or false for each document; year is int64"),
        (pc.scalar(None), "is null"),
        (2020, "a filter is a string or a pyarrow.compute.Expression, not int: 2020"),
        (None, "not NoneType"),
    ],
)
def test_expressions_that_cannot_be_answered(expression, message):
    with pytest.raises(ArgumentError, match=message):
        matches(expression, PAPERS)


def test_rows_stay_in_order_over_the_borders_of_batches():
    fields = fields_of([{"i": i % 7} for i in range(150_000)], [{"j": 1, "s": "x"}])
    expression = (pc.field("i") == 3) & pc.field("j").is_null() & pc.field("s").is_null()
    assert np.array_equal(matching(fields, expression)[0], np.arange(150_000) % 7 == 3)
    assert np.array_equal(matching(fields, "i == 3")[0], np.arange(150_000) % 7 == 3)


def test_without_any_field_an_expression_still_has_its_rows():
    assert matches(pc.scalar(True), [{}, {}], []) == [0, 1]


def test_values_of_several_segments_are_compared_alike():
    parts = [{"a": 1, "b": 1, "c": 1}], [{"a": 0.5, "b": "x", "c": {"k": 7}}], [{}], [{"b": 1, "c": 2, "d": True}]
    assert matches("a == 1 or d", *parts) == [0, 3]
    assert matches("b == 1", *parts) == [0, 3]
    assert matches("b >= 'a'", *parts) == [1]
    assert matches("c > 0 or c.k == 7", *parts) == [0, 1, 3]
    assert matches("c is null", *parts) == [2]
    assert matching(fields_of(), "x == 1") == []


def test_large_integers_are_compared_exactly():
    documents = [{"a": 2**53}, {"a": 2**53 + 1}, {"a": 2**63 - 1}, {"a": -(2**63)}]
    assert matches(f"a == {2**53 + 1}", documents) == [1]
    assert matches("a > 0.5", documents) == [0, 1, 2]
    assert matches(f"a < {2**63}", documents) == [0, 1, 2, 3]
    assert matches(f"a >= {2**63}", documents) == []
    assert matches(f"a < {float(2**63)}", documents) == [0, 1, 2, 3]
    assert matches(f"a >= {-(2**63)}", documents) == [0, 1, 2, 3]


def test_nan_of_earlier_versions_is_no_value():
    documents = [{"a": math.nan}, {"a": 1.5}, {}, {"a": -0.0}]
    assert matches("a == a", documents) == [1, 3]
    assert matches("a != 1.5", documents) == [3]
    assert matches("a in [1.5, 0]", documents) == [1, 3]
    assert matches("a is None", documents) == [0, 2]
    assert matches("a < 99" + "9" * 400, documents) == [1, 3]


WORDS = (
    "year tags open journal field is not in and or None True lambda __import__ é ² 1 2.5 0x 1e9 'heart' \"x\" f'' b''"
)
SIGNS = r"( ) [ ] { } , == != < <= > >= = - + * ** . ... : := ; # @ ` $ ' \ \x \N{DIGIT}"
FRAGMENTS = st.sampled_from([*WORDS.split(), *SIGNS.split(), "\0", "\n", "\ud800", "'''"])
ANY_TEXT = st.text(st.characters(), max_size=60)
NEARLY = st.lists(FRAGMENTS, max_size=30)


@settings(max_examples=examples(200), deadline=None)
@given(ANY_TEXT | NEARLY.map(" ".join) | NEARLY.map("".join))
def test_any_text_is_a_filter_or_an_argument_error(text):
    try:
        matches(text, PAPERS)
    except ArgumentError as error:
        assert str(error)


# Random predicates over random documents, against an interpreter in a few lines. None is unknown.

INTEGERS = st.integers(-3, 3) | st.sampled_from([2**53, 2**53 + 1, 2**63 - 1, -(2**63)])
NUMBERS = st.integers(-3, 3) | st.sampled_from([-0.0, 0.5, -1.5, 2.0, 2**53 + 1])
LITERALS = NUMBERS | st.sampled_from([2**53 + 1, 2**63, -(2**63) - 1, 10**30, 1e300, 9007199254740993.5])
TEXTS = st.sampled_from(["", "a", "b", "it's", 'say "x"', "\\", "\n", "漢🎉"])
KINDS = {"i": INTEGERS, "n": NUMBERS, "s": TEXTS, "b": st.booleans(), "t": st.lists(TEXTS | st.none(), max_size=3)}
VALUES = {"i": LITERALS, "n": LITERALS, "s": TEXTS, "b": st.booleans()}
ALL = {"i": 0, "n": 0.5, "s": "", "b": True, "t": []}  # so that each field is there, and of its type


def read(document, name):
    value = document.get(name)
    return float(value) if name == "n" and value is not None else value


def as_field(name, literal):
    return float(literal) if name == "n" else literal


def unless_null(value, function):
    return None if value is None else function(value)


@st.composite
def comparisons(draw):
    name = draw(st.sampled_from("insb"))
    symbol = draw(st.sampled_from(["==", "!="] if name == "b" else list(OPERATORS)))
    literal = draw(VALUES[name])
    compare = OPERATORS[symbol]
    if draw(st.booleans()):
        text = f"{name} {symbol} {literal!r}"
        return text, lambda d: unless_null(read(d, name), lambda value: compare(value, as_field(name, literal)))
    text = f"{literal!r} {symbol} field({name!r})"
    return text, lambda d: unless_null(read(d, name), lambda value: compare(as_field(name, literal), value))


@st.composite
def memberships(draw):
    name = draw(st.sampled_from("insb"))
    literals = draw(st.lists(VALUES[name], max_size=3))
    allowed = [as_field(name, literal) for literal in literals]
    negated = draw(st.booleans())
    text = f"{name} {'not in' if negated else 'in'} {literals!r}"
    return text, lambda d: unless_null(read(d, name), lambda value: (value in allowed) != negated)


@st.composite
def containments(draw):
    item = draw(TEXTS)
    return f"{item!r} in t", lambda d: unless_null(d.get("t"), lambda items: item in items)


@st.composite
def null_tests(draw):
    name, negated = draw(st.sampled_from("insbt")), draw(st.booleans())
    return f"{name} is {'not ' if negated else ''}None", lambda d: (d.get(name) is None) != negated


@st.composite
def negations(draw, inner):
    text, evaluate = draw(inner)
    return f"not ({text})", lambda d: unless_null(evaluate(d), operator.not_)


@st.composite
def junctions(draw, inner):
    parts = draw(st.lists(inner, min_size=2, max_size=3))
    word, decisive = draw(st.sampled_from([("and", False), ("or", True)]))

    def evaluate(document):
        results = [part(document) for _, part in parts]
        return decisive if decisive in results else None if None in results else not decisive

    return f" {word} ".join(f"({text})" for text, _ in parts), evaluate


LEAVES = comparisons() | memberships() | containments() | null_tests() | st.just(("b", lambda d: d.get("b")))
PREDICATES = st.recursive(LEAVES, lambda inner: negations(inner) | junctions(inner), max_leaves=6)
DOCUMENTS = st.lists(st.fixed_dictionaries({}, optional={k: v | st.none() for k, v in KINDS.items()}), max_size=6)


@settings(max_examples=examples(200), deadline=None)
@given(predicate=PREDICATES, first=DOCUMENTS, second=DOCUMENTS)
def test_predicates_equal_their_meaning_in_python(predicate, first, second):
    text, evaluate = predicate
    documents = [*first, *second, ALL]
    expected = [row for row, document in enumerate(documents) if evaluate(document) is True]
    assert matches(text, first, [*second, ALL]) == expected
