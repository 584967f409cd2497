"""What holds for every stored column alike, token ids, postings and token vectors: each test runs for all."""

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from bicross.errors import ArgumentError, IndexCorrupt, IndexModelMismatch
from bicross.index import Document, EmbeddedBatch, Index, Passage
from bicross.index.segments import COLUMNS
from bicross.index.writing import IndexBuilder
from helpers.column_files import HOSTILE_POSTINGS, HOSTILE_TOKEN_IDS, HOSTILE_TOKEN_VECTORS
from helpers.damage import put_and_seal, read_body, sealed, write_anew
from helpers.toy_collections import (
    ANALYZER,
    FINGERPRINT,
    LATE_INTERACTION,
    TERM_QUERIES,
    TOKEN_DIM,
    TOKENIZER,
    assert_same,
    batch,
    ids_of,
    oracle_of,
    record,
    terms_of_text,
    token_vectors_of_text,
    unit_vectors,
)


@dataclass(frozen=True)
class Column:
    """A stored column, its maker and another maker, and how a test makes its values."""

    file: str
    values: str
    field: str
    key: str
    maker: str
    other: str
    batch_field: str
    batch_options: Mapping[str, Any]
    rewrite: Callable[[Index, str], bool]

    @property
    def options(self) -> dict[str, str]:
        return {self.field: self.maker}

    def batch(self, records) -> EmbeddedBatch:
        return batch(records, **self.batch_options)


TOKEN_IDS = Column(
    file="tokens.arrow",
    values="token ids",
    field="tokenizer_fingerprint",
    key="tokenizer",
    maker=TOKENIZER,
    other="f" * 64,
    batch_field="tokens",
    batch_options={"tokens": np.uint16},
    rewrite=lambda index, maker: index.retokenize(maker, lambda texts: [ids_of(text) for text in texts]),
)
POSTINGS = Column(
    file="terms.arrow",
    values="terms",
    field="analyzer",
    key="lexical",
    maker=ANALYZER,
    other="words-2",
    batch_field="terms",
    batch_options={"terms": True},
    rewrite=lambda index, maker: index.index_terms(maker, lambda texts: [terms_of_text(text) for text in texts]),
)
TOKEN_VECTORS = Column(
    file="token_vectors.arrow",
    values="token vectors",
    field="late_interaction_fingerprint",
    key="late_interaction",
    maker=LATE_INTERACTION,
    other="f" * 64,
    batch_field="token_vectors",
    batch_options={"token_vectors": True},
    rewrite=lambda index, maker: index.precompute(maker, lambda texts: [*map(token_vectors_of_text, texts)]),
)
ALL = pytest.mark.parametrize(
    "column", [TOKEN_IDS, POSTINGS, TOKEN_VECTORS], ids=["token ids", "postings", "token vectors"]
)


def create(path, column, records) -> Index:
    return Index.create(path, FINGERPRINT, batches=[column.batch(records)], **column.options)


def lexical_scores(index):
    return [[hit.score for hit in hits] for hits in index.search_terms(TERM_QUERIES, 16)] if index.analyzer else None


def test_every_column_is_tested_here():
    assert {column.file for column in COLUMNS} == {TOKEN_IDS.file, POSTINGS.file, TOKEN_VECTORS.file}


# Through every change


@ALL
def test_every_change_carries_it_along(tmp_path, column):
    records = {n: record(n, passages=1 + n % 2) for n in range(16)}
    index = create(tmp_path / "i", column, list(records.values())[:10])
    index.add([column.batch([records[n] for n in range(10, 16)])])
    first = dict(records)
    for n in (1, 12):
        records[n] = record(n, version=1, passages=3)
    index.upsert([column.batch([records[1], records[12]])])
    index.delete(["d2", "d15"])
    del records[2], records[15]
    assert_same(index, oracle_of(records.values()), k=16)
    before = lexical_scores(index)
    index.compact()
    assert_same(index, oracle_of(records.values()), k=16)
    assert lexical_scores(index) == before, "to the last bit"
    index.rollback(2)
    assert_same(index, oracle_of(first.values()), k=16)
    assert Index.verify(index.path).problems == ()


@ALL
def test_an_interrupted_build_keeps_it(tmp_path, monkeypatch, column):
    monkeypatch.setattr(IndexBuilder, "segment_passages", 4)
    records = [record(n, passages=2) for n in range(12)]
    building = Index.build(tmp_path / "i", FINGERPRINT, **column.options)
    with pytest.raises(RuntimeError), building as builder:
        for n in range(0, 8, 2):
            builder.add(column.batch(records[n : n + 2]))
        raise RuntimeError
    for other in ("", column.other):
        words = f"stored {column.values} of the .* {column.maker}, not of .*{other};"
        resumed = Index.build(tmp_path / "i", FINGERPRINT, resume=True, **{column.field: other})
        with pytest.raises(ArgumentError, match=words), resumed:
            pass
    with Index.build(tmp_path / "i", FINGERPRINT, resume=True, **column.options) as builder:
        held = builder.holds([r.document for r in records])
        assert sum(held) == 6
        builder.add(column.batch(r for r, is_held in zip(records, held, strict=True) if not is_held))
        builder.commit(reason="build")
    assert_same(Index.open(tmp_path / "i"), oracle_of(records), k=12)


# What is refused


@pytest.mark.parametrize(
    ("column", "maker", "words"),
    [
        (column, name, "64 hexadecimal digits")
        for column in (TOKEN_IDS, TOKEN_VECTORS)
        for name in ("a", "A" * 64, "g" * 64, "f" * 64 + "\n", "f" * 63)
    ]
    + [(POSTINGS, name, "at most 60 characters") for name in ("A", "a b", "x" * 61, "a\n", "é")],
)
def test_the_name_of_a_maker_is_checked(tmp_path, column, maker, words):
    with pytest.raises(ArgumentError, match=words):
        Index.create(tmp_path / "i", FINGERPRINT, **{column.field: maker})
    assert not (tmp_path / "i").exists()


def _vectors(*tokens):
    return [np.zeros((count, TOKEN_DIM), np.int8) for count in tokens]


UNSTORED = [
    (column, "", values, f"the index stores no {column.values}, but this batch has some")
    for column, two in (
        (TOKEN_IDS, [np.zeros(1, np.uint16)] * 2),
        (POSTINGS, [["a"]] * 2),
        (TOKEN_VECTORS, [np.zeros((1, TOKEN_DIM), np.int8)] * 2),
    )
    for values in (two, [])
]
UNFIT = [
    (TOKEN_IDS, None, f"stores the token ids of the tokenizer {TOKENIZER}, but this batch has none"),
    (TOKEN_IDS, [], "2 passages need as many arrays of token ids, not 0"),
    (TOKEN_IDS, [np.zeros(1, np.uint16)] * 3, "2 passages need as many arrays of token ids, not 3"),
    (TOKEN_IDS, [np.zeros(1, np.uint16), np.zeros(1, np.int64)], "passage 1 .*, not int64 of shape"),
    (TOKEN_IDS, [np.array([2**32], np.uint64)] * 2, "passage 0 .*, not uint64 of shape"),
    (TOKEN_IDS, [np.zeros(1, ">u2")] * 2, "passage 0 .*, not >u2 of shape"),
    (TOKEN_IDS, [np.zeros((1, 2), np.uint16)] * 2, r"passage 0 .*, not uint16 of shape \(1, 2\)"),
    (TOKEN_IDS, [np.array(1, np.uint16)] * 2, r"passage 0 .*, not uint16 of shape \(\)"),
    (TOKEN_IDS, [[1, 2], [3]], "passage 0 .*, not list"),
    (POSTINGS, None, f"stores the terms of the analyzer {ANALYZER}, but this batch has none"),
    (POSTINGS, [], "2 passages need as many lists of terms, not 0"),
    (POSTINGS, [["a"]] * 3, "2 passages need as many lists of terms, not 3"),
    (POSTINGS, [["a"], "b"], "the terms of passage 1 must be a list of strings, not one: 'b'"),
    (POSTINGS, [["a"], ["b", 7]], "a term must be a string that is not empty, not 7"),
    (POSTINGS, [["a"], ["b", ""]], "a term must be a string that is not empty, not ''"),
    (POSTINGS, [["a"], ["\ud800"]], "a term has a lone surrogate"),
    (TOKEN_VECTORS, None, f"stores the token vectors of the late-interaction model {LATE_INTERACTION}, but this batch"),
    (TOKEN_VECTORS, None, r"give arrays of token vectors in EmbeddedBatch\.token_vectors, one for each passage"),
    (TOKEN_VECTORS, [], "2 passages need as many arrays of token vectors, not 0"),
    (TOKEN_VECTORS, _vectors(1, 1, 1), "2 passages need as many arrays of token vectors, not 3"),
    (
        TOKEN_VECTORS,
        [np.zeros((1, TOKEN_DIM), np.float32)] * 2,
        r"passage 0 must .*, not float32 of shape \(1, 6",
    ),
    (TOKEN_VECTORS, [np.zeros((1, TOKEN_DIM), np.uint8)] * 2, r"passage 0 must .*, not uint8 of shape \(1, 6\)"),
    (TOKEN_VECTORS, [*_vectors(1), np.zeros(TOKEN_DIM, np.int8)], r"passage 1 must .*, not int8 of shape \(6,\)"),
    (TOKEN_VECTORS, [np.array(1, np.int8)] * 2, r"passage 0 must .*, not int8 of shape \(\)"),
    (TOKEN_VECTORS, [*_vectors(1), [[0] * TOKEN_DIM]], r"passage 1 must .* of shape \(tokens, dim\), not list"),
    (TOKEN_VECTORS, [np.zeros((0, 0), np.int8)] * 2, "have 1 to 4096 dimensions; those of passage 0 0"),
    (TOKEN_VECTORS, [*_vectors(1), np.zeros((1, 4097), np.int8)], "1 to 4096 dimensions; those of passage 1 4097"),
    (TOKEN_VECTORS, [*_vectors(1), np.zeros((1, 7), np.int8)], "passage 1 have 7 dimensions, and those of passage 0 6"),
    (
        TOKEN_VECTORS,
        [np.zeros((1, 7), np.int8)] * 2,
        "of 7 dimensions, and the index has those of 6 dimensions",
    ),
    (TOKEN_VECTORS, np.array(1, np.int8), r"token_vectors must be a list of arrays of token vectors, not array\("),
]


@pytest.mark.parametrize(
    ("column", "maker", "values", "words"),
    UNSTORED + [(column, column.maker, values, words) for column, values, words in UNFIT],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(tmp_path, column, maker, values, words):
    good = column.batch([record(1)]) if maker else batch([record(1)])
    index = Index.create(tmp_path / "i", FINGERPRINT, batches=[good], **{column.field: maker})
    bad = dataclasses.replace(batch([record(2, passages=2)]), **{column.batch_field: values})
    before = sorted((tmp_path / "i").glob("segments/*"))
    with index.writer() as writer:
        assert getattr(writer, column.field) == maker
        for change in (writer.add, writer.upsert):
            with pytest.raises(ArgumentError, match=words):
                change(bad)
        assert not writer.changed
        assert sorted((tmp_path / "i").glob("segments/*")) == before
    assert_same(Index.open(tmp_path / "i"), oracle_of([record(1)]))


@pytest.mark.parametrize("how", ["replaced", "rewritten"])
@ALL
def test_an_index_whose_maker_changed_is_not_written_to(tmp_path, column, how):
    index = create(tmp_path / "i", column, [record(1)])
    if how == "replaced":
        Index.create(tmp_path / "i", FINGERPRINT, overwrite=True, **{column.field: column.other})
    else:
        assert column.rewrite(Index.open(tmp_path / "i"), column.other)
    with pytest.raises(IndexModelMismatch, match=f"{column.other}, and of the .* {column.maker} when .*; refresh it"):
        index.add([column.batch([record(2)])])
    assert index.refresh()
    assert getattr(index, column.field) == column.other
    assert index.add([column.batch([record(2)])]) == 1


# The file


@pytest.fixture
def path(tmp_path, column):
    """Twelve passages with values, or "a b", "b" and "a a c" with terms: what the hostile files stand for."""
    if column is not POSTINGS:
        create(tmp_path / "i", column, [record(n, passages=2) for n in range(6)])
        return tmp_path / "i"
    texts = ["a b", "b", "a a c"]
    documents = [Document(f"d{n}", text) for n, text in enumerate(texts)]
    passages = [[Passage(text, 0, len(text))] for text in texts]
    made = EmbeddedBatch(documents, passages, unit_vectors(3, seed=1), terms=[text.split() for text in texts])
    Index.create(tmp_path / "i", FINGERPRINT, batches=[made], **column.options)
    return tmp_path / "i"


def file_of(path, column):
    [file] = path.glob(f"segments/*/{column.file}")
    return file


@ALL
def test_a_missing_or_shorter_file_is_named(path, column):
    file = file_of(path, column)
    name = re.escape(column.file)
    write_anew(file, file.read_bytes()[:-1])
    with pytest.raises(IndexCorrupt, match=f"{name} is damaged: it has"):
        Index.open(path, verify="size")
    file.unlink()
    with pytest.raises(IndexCorrupt, match=f"{name} is missing"):
        Index.open(path)
    assert any(f"{column.file} is missing" in problem for problem in Index.verify(path).problems)


@ALL
def test_a_manifest_and_its_segments_agree_on_whether_it_is_stored(path, column):
    body = read_body(path / "MANIFEST")
    write_anew(path / "MANIFEST", sealed(body | {column.key: ""}))
    with pytest.raises(IndexCorrupt, match=f"declares no {column.values}, but lists {column.file} for the segment"):
        Index.open(path)
    del body["segments"][0]["files"][column.file]
    write_anew(path / "MANIFEST", sealed(body))
    with pytest.raises(IndexCorrupt, match=f"{column.maker}, but lists no {column.file} for the segment"):
        Index.open(path)
    write_anew(path / "MANIFEST", sealed(body | {column.key: ""}))
    index = Index.open(path)
    [hits] = index.search(unit_vectors(1, seed=1), 100)
    assert len(hits) == len(index) > 2
    assert {(hit.tokens, hit.token_vectors) for hit in hits} == {(None, None)}


@pytest.mark.parametrize(
    ("column", "maker"),
    [
        (column, maker)
        for column in (TOKEN_IDS, TOKEN_VECTORS)
        for maker in ("x", "F" * 64, "f" * 64 + "\n", None, 7, ["f" * 64])
    ]
    + [(POSTINGS, maker) for maker in ("A", "a b", "x" * 61, "a\n", "é", None, 7, ["a"])],
)
def test_a_manifest_with_an_odd_maker_is_refused(path, column, maker):
    write_anew(path / "MANIFEST", sealed(read_body(path / "MANIFEST") | {column.key: maker}))
    with pytest.raises(IndexCorrupt, match="MANIFEST is not a manifest"):
        Index.open(path)


@pytest.mark.parametrize("verify", ["full", "size"])
@pytest.mark.parametrize(
    ("column", "content", "words"),
    [
        pytest.param(column, *hostile, id=f"{column.values}: {name}")
        for column, files in (
            (TOKEN_IDS, HOSTILE_TOKEN_IDS),
            (POSTINGS, HOSTILE_POSTINGS),
            (TOKEN_VECTORS, HOSTILE_TOKEN_VECTORS),
        )
        for name, hostile in files.items()
    ],
)
def test_a_sealed_file_that_makes_no_sense_is_refused(path, column, content, words, verify):
    file = file_of(path, column)
    put_and_seal(path, file.relative_to(path).as_posix(), content)
    with pytest.raises(IndexCorrupt, match=words) as refused:
        index = Index.open(path, verify=verify)
        assert verify == "size", "a full verification looks into every file"
        index.search(unit_vectors(1, seed=1), 1)
        if column.file == POSTINGS.file:
            index.search_terms([["t1"]], 1)
    assert str(file) in str(refused.value)
    assert any(words in problem for problem in Index.verify(path).problems)
