"""What ``Index.fields`` and ``bicross info`` say of the fields of metadata."""

import pytest
from bicross.index import Document, FieldInfo, Index
from helpers.toy_collections import FINGERPRINT, Record, batch, unit_vectors


def records(metadata, first=0):
    return [Record(Document(f"d{first + n}", "t", metadata=m), unit_vectors(1, n)) for n, m in enumerate(metadata)]


@pytest.fixture
def index(tmp_path):
    rows = [{"year": 2000 + n, "tags": ["x"], "score": n / 2, "date": f"2024-01-{n + 1:02}"} for n in range(10)]
    rows[3] = {"year": "n/a", "author": {"name": "Ann"}, "mixed": [1, "a"], "long": "x" * 200}
    return Index.create(tmp_path / "i", FINGERPRINT, batches=[batch(records(rows))])


def test_fields_have_kinds_ranges_and_counts(index):
    fields = {field.name: field for field in index.fields()}
    assert list(fields) == ["author", "date", "long", "mixed", "score", "tags", "year"]
    assert fields["year"] == FieldInfo("year", {"integers": 9, "texts": 1}, 0, 1, 2000, 2009)
    assert fields["score"] == FieldInfo("score", {"numbers": 9}, 1, 0, 0.0, 4.5)
    dates = tuple(f"2024-01-{day:02}" for day in range(1, 11) if day != 4)
    assert fields["date"] == FieldInfo("date", {"texts": 9}, 1, 0, "2024-01-01", "2024-01-10", dates)
    assert fields["tags"] == FieldInfo("tags", {"lists of texts": 9}, 1, 0, None, None, ("x",))
    assert fields["author"] == FieldInfo("author", {"objects": 1}, 9, 0, None, None)
    assert fields["mixed"].kinds == {"lists of texts": 1, "lists of integers": 1}
    assert fields["long"].maximum == "x" * 80 + "..."
    assert fields["long"].values == ()


def test_values_are_those_of_live_documents_where_they_are_few(tmp_path):
    rows = [{"lang": ["en", "de", "fr"][n % 3], "many": f"{n}", "tags": [f"t{n % 2}", None, "both"]} for n in range(25)]
    index = Index.create(tmp_path / "i", FINGERPRINT, batches=[batch(records(rows))])
    index.upsert([batch(records([{"lang": "it", "tags": ["new"]}, {"lang": 3}], first=100))])
    values = {field.name: field.values for field in index.fields()}
    assert values == {"lang": ("de", "en", "fr", "it"), "many": (), "tags": ("both", "new", "t0", "t1")}
    index.delete([f"d{n}" for n in range(25) if n % 3 or n % 2])
    values = {field.name: field.values for field in index.fields()}
    assert values["lang"] == ("en", "it")
    assert values["tags"] == ("both", "new", "t0")
    assert len(values["many"]) == 5


def test_only_live_documents_count(index):
    index.delete(["d0", "d3", "d9"])
    fields = {field.name: field for field in index.fields()}
    assert list(fields) == ["date", "score", "tags", "year"]
    assert fields["year"] == FieldInfo("year", {"integers": 7}, 0, 0, 2001, 2008)
    index.upsert([batch(records([{"year": 1.5}], first=1))])
    year = {field.name: field for field in index.fields()}["year"]
    assert year == FieldInfo("year", {"integers": 6, "numbers": 1}, 0, 0, 1.5, 2008.0)
    index.compact()
    assert {field.name: field for field in index.fields()}["year"].minimum == 1.5


def test_an_index_without_metadata_has_no_fields(tmp_path):
    assert Index.create(tmp_path / "i", FINGERPRINT).fields() == ()
