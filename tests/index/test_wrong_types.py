"""Every public function and method of ``bicross.index``, called with wrong types: an answer, or an error of bicross.

The right arguments of each stand below; a test fails where a public name has none, so that a new one is tried too.
"""

import dataclasses
import inspect
from pathlib import Path

import bicross.index as public
import pytest
from bicross.errors import ArgumentError, DocumentError
from bicross.index import (
    BM25,
    Chunking,
    Document,
    EmbeddedBatch,
    Index,
    IndexWriter,
    Passage,
    VectorLayout,
    passage_text,
    read_documents,
    sentence_spans,
    split_documents,
    whole,
)
from helpers.local_shards import sharded
from helpers.toy_collections import (
    ANALYZER,
    FINGERPRINT,
    LATE_INTERACTION,
    TOKENIZER,
    batch,
    ids_of,
    record,
    terms_of_text,
    token_vectors_of_text,
    unit_vectors,
)
from helpers.wrong_values import WRONG, is_answered


def embedded(**changes):
    first = batch([record(50)])
    fields = {field.name: getattr(first, field.name) for field in dataclasses.fields(first)}
    return EmbeddedBatch(**fields | changes)


DOCUMENT = Document("d1", "one. two.")
TERMS = {"queries": [["a"]], "k": 3, "where": None, "weights": BM25()}
VECTORS = {"vectors": unit_vectors(1, seed=1), "k": 3, "where": None, "passages": 1}
BOTH = TERMS | VECTORS

FUNCTIONS = {
    "passage_text": {"title": "t", "text": "x"},
    "read_documents": {"path": "documents.jsonl", "keep_copies": True, "gitignore": False},
    "sentence_spans": {"text": "One. Two."},
    "whole": {"document": DOCUMENT},
    "join_conditions": {"first": "year >= 2020", "second": "reviewed"},
    "given_documents": {"documents": [DOCUMENT], "keep_copies": True},
    "split_documents": {
        "documents": [DOCUMENT],
        "count_tokens": lambda texts: [len(text) for text in texts],
        "max_tokens": 5,
        "overlap": 1,
    },
    "BM25": {"k1": 0.9, "b": 0.4},
    "Chunking": {"max_tokens": 5, "overlap": 1},
    "Document": {"id": "d", "text": "t", "title": "t", "metadata": {}},
}
STATIC = {
    "open": {"path": None, "model": FINGERPRINT, "verify": "full"},
    "verify": {"path": None},
    "compacted": {"path": None, "grace": 0.0},
    "require_free": {"path": None, "overwrite": False, "resume": False},
    "on_disk": {"path": None},
    "create": {
        "path": None,
        "model": FINGERPRINT,
        "batches": [],
        "chunking": None,
        "layout": None,
        "tokenizer_fingerprint": "",
        "analyzer": "",
        "late_interaction_fingerprint": "",
    },
    "build": {
        "path": None,
        "model": FINGERPRINT,
        "chunking": None,
        "layout": VectorLayout(),
        "tokenizer_fingerprint": "",
        "analyzer": "",
        "late_interaction_fingerprint": "",
    },
}
METHODS = {
    "search": VECTORS,
    "search_terms": TERMS,
    "search_both": BOTH,
    "neighbours": {"ids": ["d1"], "k": 2, "threshold": 0.5, "where": None, "query": unit_vectors(1, seed=1)[0]},
    "term_scores": {"ids": ["d1"], "query": ["word"], "weights": BM25()},
    "vectors": {"ids": ["d1"]},
    "passages": {"ids": ["d1"]},
    "get": {"ids": ["d1"]},
    "count": {"where": "id == 'd1'"},
    "add": {"batches": []},
    "upsert": {"batches": []},
    "delete": {"ids": [], "where": None},
    "compact": {"grace": 0.0},
    "retokenize": {"tokenizer_fingerprint": TOKENIZER, "tokenize": lambda texts: [ids_of(text) for text in texts]},
    "index_terms": {"analyzer": ANALYZER, "analyse": lambda texts: [terms_of_text(text) for text in texts]},
    "precompute": {
        "late_interaction_fingerprint": LATE_INTERACTION,
        "encode": lambda texts: [token_vectors_of_text(text) for text in texts],
    },
    "drop_token_vectors": {},
    "rollback": {"generation": 1},
    "set_settings": {"settings": {}},
    "documents": {},
    "ids": {},
    "embedded_documents": {"where": None},
    "sample": {"count": 2},
    "info": {},
    "comparison": {},
    "pinned": {},
    "refresh": {},
    "require_changeable": {},
    "writer": {},
    "fields": {},
    "partial": {},
    "check_filter": {"where": "id == 'd1'"},
}
SHARDED = {
    name: METHODS[name] for name in ("search", "search_terms", "search_both", "neighbours", "term_scores", "vectors")
}
SHARDED |= {name: METHODS[name] for name in ("passages", "get", "count", "check_filter", "sample")}
WRITER = {
    "add": {"batch": None},
    "upsert": {"batch": None},
    "delete": {"ids": ["d1"]},
    "delete_where": {"where": "number == 1"},
    "holds": {"documents": [DOCUMENT]},
    "replace_metadata": {"documents": [DOCUMENT]},
    "refresh_metadata": {"documents": [DOCUMENT]},
    "comparison": {},
}
CALLBACKS = {"count_tokens", "tokenize", "analyse", "encode"}
"""What a function of the caller raises is the caller's; these are given no other functions."""
NOT_CALLED = {
    "commit",  # takes a word for the history
    "DocumentReader",  # made by read_documents
    "EmbeddedBatch",  # checked where it is written
    "Index",
    "IndexWriter",
    "Predicate",
    # Tried in stores/test_opening.py, where there is a store.
    "fetch",
    "publish",
    "Verify",
    "TokenVectors",
    "ColumnType",
    "DocumentsLike",
    "AUTO",
    "TARGET_RECALL",
    # Records that bicross itself makes, or checks where they are used.
    "Hit",
    "IndexInfo",
    "Published",
    "FieldInfo",
    "LeftOut",
    "LeftOutKind",
    "ModelFingerprint",
    "Passage",
    "PassageHit",
    "SourceReport",
    "StageScore",
    "VectorLayout",
    "Verification",
    "Coverage",
    "ShardedIndex",
    # Made by Index.comparison, and what it returns.
    "Comparison",
    "Difference",
}


def public_methods(type_):
    return {
        name
        for name, value in inspect.getmembers(type_)
        if not name.startswith("_") and callable(value) and name not in NOT_CALLED
    }


def test_every_public_name_is_tried():
    assert set(public.__all__) <= FUNCTIONS.keys() | NOT_CALLED
    assert public_methods(Index) <= METHODS.keys() | STATIC.keys()
    assert public_methods(IndexWriter) <= WRITER.keys()


def cases(table):
    return [(name, argument) for name, arguments in table.items() for argument in arguments]


def wrong_values(argument):
    return [make() for make in WRONG.values() if argument not in CALLBACKS or not callable(make())]


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("documents.jsonl").write_text('{"id": "1", "text": "a"}\n')


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    path = tmp_path_factory.mktemp("indexes") / "i"
    records = [record(number) for number in range(5)]
    return Index.create(path, FINGERPRINT, analyzer=ANALYZER, batches=[batch(records, terms=True)])


@pytest.mark.parametrize(("name", "argument"), cases(FUNCTIONS))
def test_functions_and_records(name, argument):
    assert is_answered(getattr(public, name), FUNCTIONS[name])
    for value in wrong_values(argument):
        is_answered(getattr(public, name), FUNCTIONS[name] | {argument: value})


@pytest.mark.parametrize(("name", "argument"), cases(STATIC))
def test_what_opens_and_makes_an_index(name, argument, opened, tmp_path):
    for number, make in enumerate(WRONG.values()):
        path = tmp_path / f"new{number}" if name in ("create", "build") else opened.path
        is_answered(getattr(Index, name), STATIC[name] | {"path": path} | {argument: make()})


@pytest.mark.parametrize(("name", "argument"), cases(METHODS))
def test_methods_of_an_index(name, argument, opened):
    for value in wrong_values(argument):
        is_answered(getattr(opened, name), METHODS[name] | {argument: value})
    assert len(opened) == len(Index.open(opened.path)) == 5


@pytest.fixture(scope="module")
def in_shards(opened):
    return sharded(opened, 2)


@pytest.mark.parametrize(("name", "argument"), cases(SHARDED))
def test_methods_of_an_index_in_shards(name, argument, in_shards):
    assert is_answered(getattr(in_shards, name), SHARDED[name])
    for value in wrong_values(argument):
        is_answered(getattr(in_shards, name), SHARDED[name] | {argument: value})


@pytest.mark.parametrize(("name", "argument"), cases(WRITER))
def test_methods_of_a_writer(name, argument, opened):
    for make in WRONG.values():
        with opened.writer() as writer:
            is_answered(getattr(writer, name), WRITER[name] | {argument: make()})
    assert len(Index.open(opened.path)) == 5


def test_what_a_comparison_is_given(opened):
    for make in WRONG.values():
        is_answered(opened.comparison().compare, {"documents": make()})


@pytest.mark.parametrize("field", ["documents", "passages", "vectors", "tokens", "terms", "token_vectors"])
def test_batches_with_a_wrong_part(field, tmp_path):
    index = Index.create(tmp_path / "i", FINGERPRINT)
    for make in WRONG.values():
        is_answered(index.upsert, {"batches": [embedded(**{field: make()})]})
    is_answered(index.upsert, {"batches": [embedded(passages=[[5]])]})
    is_answered(index.upsert, {"batches": [embedded(passages=[[Passage("a", "x", None)]])]})
    assert Index.verify(tmp_path / "i").problems == ()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda index: index.get([5]), r"ids must be texts, and 5 \(int\) is not one; write '5'"),
        (lambda index: index.get("d1"), r"ids must be a list of ids, not one: write \['d1'\]"),
        (lambda index: index.delete([b"d1"]), "and b'd1' .* is not one"),
        (lambda index: index.delete("abc"), r"write \['abc'\]"),
        (lambda index: index.delete(5), r"ids must be a list of ids, not 5 \(int\)"),
        (lambda index: index.get(["\ud800"]), r"is not valid Unicode \(U\+D800 at character 0\)"),
        (lambda index: index.neighbours([5], 2), "ids must be texts"),
        (lambda index: index.search(unit_vectors(1, seed=1), 1.5), r"k must be a whole number, not 1.5 \(float\)"),
        (lambda index: index.search([[0.0]], 1), "vectors must be a numpy array of float32, not"),
        (lambda index: index.search(unit_vectors(1, seed=1), 1, where=5), "a filter is a string or a pyarrow"),
        (lambda index: index.upsert([Document("a", "b")]), r"each batch must be a EmbeddedBatch, not Document\("),
        (lambda index: index.rollback("1"), r"generation must be a whole number, not '1' \(str\)"),
        (lambda index: Index.open(5), r"path must be a path, as text or as a Path, not 5 \(int\)"),
        (lambda index: Index.open("a\0b"), "path has a NUL character"),
        (lambda index: Index.open(""), r"path is empty; write '\.' for the current folder"),
        (lambda index: Index.create("", FINGERPRINT), "path is empty"),
        (
            lambda index: Index.open("é" * 150),
            "path is too long for the file system: it has 300 bytes and begins with 'éé",
        ),
        (lambda index: Index.verify(Path("a" * 300)), "path is too long"),
        (lambda index: Index.on_disk("x/" * 2040), "path is too long for the file system: it has 4,080 bytes"),
        (lambda index: Index.open("a\udcff"), "path has bytes that are not UTF-8: .*; rename the folder"),
        (lambda index: Index.create("a\udcff", FINGERPRINT), "path has bytes that are not UTF-8"),
        (lambda index: Index.verify(None), "path must be a path"),
        (lambda index: Index.open(index.path, verify="fast"), "verify must be 'full' or 'size', not 'fast'"),
        (lambda index: index.compact(grace="x"), "grace must be a number of seconds from 0 up, not 'x'"),
        (lambda index: Chunking("5"), r"max_tokens must be a whole number, not '5' \(str\)"),
    ],
)
def test_the_message_has_the_value_and_the_remedy(call, message, opened):
    with pytest.raises(ArgumentError, match=message):
        call(opened)
    with pytest.raises(DocumentError):
        Document(5, "text")


def test_what_is_right_is_answered(opened):
    for name, arguments in METHODS.items():
        assert is_answered(getattr(opened, name), arguments) or name in ("rollback", "drop_token_vectors")
    assert passage_text("a", "b") == "a b"
    assert sentence_spans("a. b.")
    assert split_documents([DOCUMENT], count_tokens=lambda texts: [1] * len(texts), max_tokens=5, overlap=1)
    assert whole(DOCUMENT).text
    assert list(read_documents("documents.jsonl"))
