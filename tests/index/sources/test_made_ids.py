"""Rows without ids that share title and text only are documents of their own."""

import pytest
from bicross.index import Document, given_documents, read_documents
from bicross.index.sources.made_ids import made_id
from hypothesis import given
from hypothesis import strategies as st

ORDERS = (
    "text;price;day\nchair;19,99;05.03.2024\nchair;24,99;15.03.2025\ntable;99,00;01.02.2024\nchair;19,99;05.03.2024\n"
)


def test_rows_of_one_product_at_several_prices_are_all_there(tmp_path):
    (tmp_path / "orders.csv").write_text(ORDERS)
    reader = read_documents(tmp_path / "orders.csv")
    documents = list(reader)
    assert [document.metadata["price"] for document in documents] == [19.99, 24.99, 99.0]
    assert documents[0].id == made_id("", "chair")  # as in every version
    assert [(kind.kind, kind.count) for kind in reader.report.left_out] == [("duplicate", 1)]
    assert reader.report.notes == (
        "1 document has the title and text of another and other metadata, from which the id is made too",
    )
    assert [document.id for document in reader] == [document.id for document in documents]


@pytest.mark.parametrize(
    ("rows", "ids"),
    [
        ([{"text": "a", "n": 1}, {"text": "a", "n": 2}, {"text": "a", "n": 1}], 2),
        ([{"text": "a", "tags": ["x"]}, {"text": "a", "tags": ["x", "y"]}], 2),
        ([{"text": "a", "n": None}, {"text": "a"}, "a"], 1),
        ([{"text": "a", "n": 1}, "a", {"text": "a", "n": 1.5}], 3),
    ],
)
def test_metadata_tell_documents_of_one_text_apart(rows, ids):
    documents = list(given_documents(rows))
    assert len({document.id for document in documents}) == len(documents) == ids
    assert documents[0].id == made_id("", "a")


def test_copies_are_numbered_where_they_are_kept():
    first, second = given_documents([{"text": "a", "n": 1}, {"text": "a", "n": 2}], keep_copies=True)
    assert (first.id, second.id) == (made_id("", "a"), f"{made_id('', 'a')} (2)")


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3)), max_size=12))
def test_every_content_is_there_once(pairs):
    documents = list(given_documents([{"text": text, "n": n} for text, n in pairs]))
    assert [(document.text, document.metadata["n"]) for document in documents] == list(dict.fromkeys(pairs))
    assert len({document.id for document in documents}) == len(documents)
    assert all(isinstance(document, Document) for document in documents)
