"""What commands say of the queries and the names that they were given, before they open an index."""

import pytest
from helpers.commands import run

QUOTES = "bicross: searched as {} queries; put quotes around several words of one query"


@pytest.mark.parametrize(
    ("queries", "count"),
    [(["desk", "lamp"], 2), (["how", "do", "vaccines", "work"], 4), (["a b"], 0), (["a b", "c"], 0), (["a"], 0)],
)
def test_words_without_quotes_get_a_hint(capsys, queries, count):
    code, out, err = run(capsys, "search", "nowhere", *queries)
    assert (code, out) == (1, "")
    assert (QUOTES.format(count) in err) == bool(count)
    assert ("quotes" in err) == bool(count)


@pytest.mark.parametrize("policy", ["error", "cut", "skip"])
def test_a_query_that_is_too_long_is_refused_with_the_remedy_or_said_to_be_cut(capsys, policy):
    code, _, err = run(capsys, "search", "nowhere", "a b", "x" * 9000, "--long-queries", policy)
    assert code == (2 if policy == "error" else 1)
    assert ("query 2 ('xxx" in err and "has 9,000 characters" in err) == (policy == "error")
    assert ("of the 9,000 characters of query 2 the first 8,192 are searched" in err) == (policy == "cut")
    assert len(err) < 400


def test_the_name_that_serve_proposes_can_be_pasted_into_a_shell(capsys):
    code, _, err = run(capsys, "serve", "Mein Ordner")
    assert code == 2
    assert "as in articles='Mein Ordner'" in err
