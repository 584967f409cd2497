"""One table, written as CSV, TSV, JSON, Parquet and Arrow by pandas, is the same documents with the same filters."""

import datetime
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from bicross.index import read_documents
from helpers.examples import examples
from helpers.filtering import matches
from hypothesis import given, settings
from hypothesis import strategies as st

pandas = pytest.importorskip("pandas")

# pandas writes a lone carriage return outside of quotes, where it ends a line for every reader.
characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0\r")
texts = st.text(characters, min_size=1, max_size=12).filter(str.strip)
rows = st.fixed_dictionaries(
    {
        "title": st.just("") | texts,
        "text": texts,
        "year": st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(1990, 2030),
        "price": st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([9.5, 100.0]),
        "open": st.none() | st.booleans(),
        "day": st.none() | st.dates(datetime.date(1000, 1, 1), datetime.date(9999, 12, 31)),
        "code": st.none() | st.integers(0, 999).map("{:03}".format),
        "name": st.none() | texts.map("~{}".format),
    }
)


TYPES = {"year": "Int64", "price": "float64", "open": "boolean"}


def frame(records):
    """As a person would have it who knows the types."""
    columns = {name: [record[name] for record in records] for name in records[0]}
    return pandas.DataFrame(
        {name: pandas.array(values, dtype=TYPES.get(name, "object")) for name, values in columns.items()}
    )


def write_all(records, folder):
    table = frame(records)
    paths = [Path(folder, name) for name in ("a.csv", "a.tsv", "a.parquet", "a.arrow", "a.jsonl", "a.json")]
    table.to_csv(paths[0], index=False)
    table.to_csv(paths[1], index=False, sep="\t")
    table.to_parquet(paths[2])
    table.to_feather(paths[3])
    plain = [{**record, "day": record["day"] and record["day"].isoformat()} for record in records]
    paths[4].write_text("".join(json.dumps(record) + "\n" for record in plain), "utf-8")
    paths[5].write_text(json.dumps(plain, indent=1), "utf-8")
    return paths


# Without it, a column may have no value at all, and codes may be numbers as far as anyone can tell.
FULL = {"title": "a", "text": "b", "year": 2000, "price": 0.5, "open": True, "code": "007", "name": "~"}
FULL["day"] = datetime.date(2024, 2, 29)
FILTERS = [
    "year >= 2000",
    "price < 50",
    "price >= 9.5",
    "open == True",
    "name is null",
    "day is not null",
    "code == '007'",
]


@settings(deadline=None, max_examples=examples(40))
@given(st.lists(rows, max_size=6))
def test_formats_agree(values):
    records = [{"id": str(number), **row} for number, row in enumerate([FULL, *values])]
    expected = [
        {name: record[name] for name in ("year", "price", "open", "day", "code", "name")}
        | {"day": record["day"] and record["day"].isoformat()}
        for record in records
    ]
    years = [number for number, row in enumerate(expected) if row["year"] is not None and row["year"] >= 2000]
    with TemporaryDirectory() as folder:
        for path in write_all(records, folder):
            documents = list(read_documents(path))
            assert [(d.id, d.title, d.text) for d in documents] == [(r["id"], r["title"], r["text"]) for r in records]
            metadata = [dict(document.metadata) for document in documents]
            assert metadata == expected, path.name
            assert [list(map(type, row.values())) for row in metadata] == [
                [type(row[name]) for name in read] for row, read in zip(expected, metadata, strict=True)
            ]
            assert matches(FILTERS[0], metadata) == years
            for text in FILTERS:
                assert matches(text, metadata) == matches(text, expected), (path.name, text)
