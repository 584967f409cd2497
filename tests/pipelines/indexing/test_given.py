"""build_index, add_documents and upsert_documents take what a program has."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from bicross.errors import ArgumentError, DocumentError, SourceError
from bicross.index import Index, read_documents
from bicross.pipelines import add_documents, build_index, upsert_documents
from helpers.fakes import HashEncoder

ENCODER = HashEncoder()


def build(documents, path, **options):
    return build_index(documents, path, encoder=ENCODER, reranker=None, **options)


def texts(path):
    return sorted(document.text for document in Index.open(path).documents())


def test_strings_dicts_and_tables(tmp_path):
    path = tmp_path / "index"
    build(["cats", "dogs"], path)
    assert add_documents(path, [{"text": "owls", "year": 2020}], encoder=ENCODER) == 1
    assert add_documents(path, pd.DataFrame({"id": [7], "text": ["ants"]}), encoder=ENCODER) == 1
    assert texts(path) == ["ants", "cats", "dogs", "owls"]
    with pytest.raises(DocumentError, match="is there already"):
        add_documents(path, ["bats", "cats"], encoder=ENCODER)
    assert upsert_documents(path, ["bats", "cats", "bats"], encoder=ENCODER) == 1
    assert texts(path) == ["ants", "bats", "cats", "dogs", "owls"]


@pytest.mark.parametrize("documents", ["corpus.jsonl", Path("corpus.jsonl"), None, 7, {"text": "cats"}])
def test_what_holds_no_documents_leaves_everything_as_it_is(tmp_path, documents):
    path = tmp_path / "index"
    with pytest.raises(ArgumentError, match="documents must be"):
        build(documents, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    build(["cats"], path)
    for change in (add_documents, upsert_documents):
        with pytest.raises(ArgumentError, match="documents must be"):
            change(path, documents, encoder=ENCODER)
    assert Index.open(path).info().generation == 1


def test_a_bad_item_commits_nothing(tmp_path):
    with pytest.raises(DocumentError, match=r"documents\[1\]: no text"):
        build(["cats", {"body": "dogs"}], tmp_path / "index")
    assert not (tmp_path / "index").exists()


def test_no_documents_never_replace_those_of_an_index(tmp_path):
    path = tmp_path / "index"
    build([], path)
    build([], path, overwrite=True)  # there was nothing
    build(["cats"], path, overwrite=True)
    with pytest.raises(ArgumentError, match="there are no documents to replace those in"):
        build([], path, overwrite=True)
    with pytest.raises(ArgumentError, match="there are no documents to index: what was given, generator, has none"):
        build((text for text in ()), path, overwrite=True)
    assert texts(path) == ["cats"]


@pytest.mark.parametrize(
    "nothing",
    [iter([]), {}.values(), pa.table({"text": pa.array([], pa.string())})],
    ids=["iterator", "values", "table"],
)
def test_only_an_empty_list_makes_an_empty_index(tmp_path, nothing):
    """A generator, a table or a file without documents is rather a mistake."""
    assert len(build([], tmp_path / "empty")) == len(build((), tmp_path / "empty2")) == 0
    with pytest.raises(ArgumentError, match="an empty list makes an empty index"):
        build(nothing, tmp_path / "index")
    assert not (tmp_path / "index").exists()


def test_a_source_without_a_good_row_never_makes_or_replaces_an_index(tmp_path, monkeypatch):
    """H3 of the data that were tried."""
    monkeypatch.chdir(tmp_path)
    Path("p.jsonl").write_text('{"id": 1}\nnonsense\n\n')
    reader = read_documents("p.jsonl", on_error="skip")
    with pytest.raises(SourceError, match=r"p\.jsonl"):
        build(reader, "new")
    assert not Path("new").exists()
    build(["cats", "dogs"], "good")
    with pytest.raises(SourceError, match=r"p\.jsonl"):
        build(reader, "good", overwrite=True)
    for change in (add_documents, upsert_documents):
        with pytest.raises(SourceError, match=r"p\.jsonl"):
            change("good", reader, encoder=ENCODER)
    assert texts("good") == ["cats", "dogs"]
