import logging

import numpy as np
import pytest
from bicross.errors import ArgumentError, DocumentError, IndexExists, IndexModelMismatch, IndexNotFound
from bicross.index import Chunking, Document, Index
from bicross.index.writing import IndexBuilder
from bicross.pipelines import SearchPipeline, add_documents, build_index, delete_documents, upsert_documents
from bicross.pipelines.indexing import embedding
from helpers.fakes import HashEncoder

ENCODER = HashEncoder()


def documents(count):
    return (Document(f"d{i}", f"text {i}", "title") for i in range(count))


def test_documents_are_embedded_with_their_titles_in_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(embedding, "BATCH_DOCUMENTS", 4)
    encoder = HashEncoder()
    index = build_index(documents(10), tmp_path / "i", encoder=encoder)
    assert len(index) == 10
    assert encoder.encoded == [f"title text {i}" for i in range(10)]
    assert index.info().segments == 1


@pytest.mark.slow
def test_chunking_can_be_set_and_switched_off(tmp_path):
    long = Document("long", "One two three four. " * 20)
    passages = {
        name: build_index([long], tmp_path / name, encoder=ENCODER, chunking=chunking).info().passages
        for name, chunking in [
            ("default", Chunking()),
            ("whole", None),
            ("short", Chunking(max_tokens=8, overlap=0)),
            ("beyond the encoder", Chunking(max_tokens=10_000)),
        ]
    }
    assert passages["whole"] == 1
    assert passages["short"] == 10
    assert passages["default"] == passages["beyond the encoder"]
    assert 1 < passages["default"] < 10


def test_a_duplicate_id_commits_nothing(tmp_path):
    with pytest.raises(DocumentError, match="the id 'd1' is there already"):
        build_index([*documents(3), Document("d1", "again")], tmp_path / "i", encoder=ENCODER)
    assert not (tmp_path / "i").exists()


@pytest.mark.slow
def test_overwrite(tmp_path):
    build_index(documents(3), tmp_path / "i", encoder=ENCODER)
    with pytest.raises(IndexExists, match="replace it with overwrite"):
        build_index(documents(5), tmp_path / "i", encoder=ENCODER)
    assert len(build_index(documents(5), tmp_path / "i", encoder=ENCODER, overwrite=True)) == 5


def test_an_index_in_the_way_is_found_before_anything_is_embedded(tmp_path):
    build_index(documents(3), tmp_path / "i", encoder=ENCODER)
    encoder = HashEncoder()
    with pytest.raises(IndexExists):
        build_index(documents(5), tmp_path / "i", encoder=encoder)
    assert encoder.encoded == []


def test_add_documents(tmp_path):
    build_index(documents(3), tmp_path / "i", encoder=ENCODER)
    assert add_documents(tmp_path / "i", [Document("new", "something new")], encoder=ENCODER) == 1
    index = Index.open(tmp_path / "i")
    assert [d.id for d in index.documents()] == ["d0", "d1", "d2", "new"]


def test_progress_is_drawn_on_standard_error_and_only_when_asked(tmp_path, capsys):
    build_index(documents(3), tmp_path / "silent", encoder=ENCODER)
    assert capsys.readouterr() == ("", "")
    build_index(documents(3), tmp_path / "shown", encoder=ENCODER, progress=True)
    output = capsys.readouterr()
    assert output.out == ""
    assert "3 documents" in output.err


LONG = "One two three four. " * 20


@pytest.mark.parametrize("change", [add_documents, upsert_documents])
@pytest.mark.parametrize("chunking", [None, Chunking(max_tokens=8, overlap=0), Chunking()])
def test_documents_that_come_later_are_split_as_the_first_were(tmp_path, change, chunking):
    built = build_index([Document("a", LONG)], tmp_path / "i", encoder=ENCODER, chunking=chunking)
    assert change(tmp_path / "i", [Document("b", LONG)], encoder=ENCODER) == 1
    index = Index.open(tmp_path / "i")
    assert index.chunking == chunking
    assert index.info().passages == 2 * built.info().passages


@pytest.mark.parametrize("change", [add_documents, upsert_documents])
def test_another_encoder_is_refused_before_anything_is_written(tmp_path, change):
    build_index(documents(3), tmp_path / "i", encoder=ENCODER)
    with pytest.raises(IndexModelMismatch, match="'stranger'"):
        change(tmp_path / "i", [Document("new", "text")], encoder=HashEncoder(name="stranger"))
    assert len(Index.open(tmp_path / "i")) == 3


def test_upsert_embeds_what_is_new_or_changed_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr(embedding, "BATCH_DOCUMENTS", 4)
    build_index(documents(10), tmp_path / "i", encoder=ENCODER)
    encoder = HashEncoder()
    now = list(documents(12))
    now[3] = Document("d3", "another text", "title")
    now[7] = Document("d7", "text 7", "title", {"year": 2020})
    assert upsert_documents(tmp_path / "i", now, encoder=encoder) == 4
    assert encoder.encoded == ["title another text", "title text 10", "title text 11"]  # d7 has other metadata alone
    index = Index.open(tmp_path / "i")
    assert {d.id: d for d in index.documents()} == {d.id: d for d in now}
    generation = index.generation
    assert upsert_documents(tmp_path / "i", now, encoder=encoder) == 0
    assert len(encoder.encoded) == 3
    assert Index.open(tmp_path / "i").generation == generation


@pytest.mark.parametrize("batch", [1, 2, 512])
@pytest.mark.parametrize("texts", [("old", "new"), ("new", "old"), ("new", "newer"), ("new", "old", "new")])
def test_of_documents_with_one_id_the_last_stays(tmp_path, monkeypatch, batch, texts):
    monkeypatch.setattr(embedding, "BATCH_DOCUMENTS", batch)
    build_index([Document("a", "old"), *documents(8)], tmp_path / "i", encoder=ENCODER)
    upsert_documents(tmp_path / "i", [Document("a", text) for text in texts], encoder=ENCODER)
    assert Index.open(tmp_path / "i").get(["a"]) == [Document("a", texts[-1])]
    assert Index.verify(tmp_path / "i").problems == ()


def test_delete_documents(tmp_path):
    years = [Document(f"d{i}", f"text {i}", "", {"year": 2000 + i}) for i in range(10)]
    build_index(years, tmp_path / "i", encoder=ENCODER)
    assert delete_documents(tmp_path / "i", ["d0", "nobody"]) == 1
    assert delete_documents(tmp_path / "i", where="year >= 2008") == 2
    assert delete_documents(tmp_path / "i", ["d1"], where="year == 2001 or year == 2002") == 2
    assert delete_documents(tmp_path / "i") == 0
    assert [d.id for d in Index.open(tmp_path / "i").documents()] == ["d3", "d4", "d5", "d6", "d7"]


class Interrupted(Exception):
    pass


def breaking_off(items, after):
    yield from items[:after]
    raise Interrupted


@pytest.fixture
def small_checkpoints(monkeypatch):
    """A build embeds two documents at a time; what it has written is safe after every four passages."""
    monkeypatch.setattr(embedding, "BATCH_DOCUMENTS", 2)
    monkeypatch.setattr(IndexBuilder, "segment_passages", 4)


def results_of(index, queries=("text number 3", "title", "17")):
    return [
        [(r.document, r.passage, pytest.approx(r.score, abs=1e-6)) for r in results]
        for results in SearchPipeline.open(index.path, encoder=ENCODER, reranker=None).search_batch(queries)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_build_that_was_interrupted_embeds_only_the_rest(tmp_path, small_checkpoints, overwrite):
    collection = [Document(f"d{i}", f"text number {i}. " * (1 + i % 3), "title", {"i": i}) for i in range(20)]
    options = {"chunking": Chunking(max_tokens=6, overlap=0), "overwrite": overwrite}
    if overwrite:
        build_index(documents(3), tmp_path / "i", encoder=ENCODER)
    first, resuming, whole = HashEncoder(), HashEncoder(), HashEncoder()
    with pytest.raises(Interrupted):
        build_index(breaking_off(collection, 13), tmp_path / "i", encoder=first, **options)
    if overwrite:
        assert len(Index.open(tmp_path / "i")) == 3
    else:
        with pytest.raises(IndexNotFound, match="continue it with"):
            Index.open(tmp_path / "i")
    resumed = build_index(collection, tmp_path / "i", encoder=resuming, resume=True, **options)
    uninterrupted = build_index(collection, tmp_path / "whole", encoder=whole, chunking=options["chunking"])
    assert 0 < len(resuming.encoded) < len(whole.encoded)
    kept_count = len(whole.encoded) - len(resuming.encoded)
    assert resuming.encoded == whole.encoded[kept_count:]
    assert first.encoded[:kept_count] == whole.encoded[:kept_count]
    assert list(resumed.documents()) == list(uninterrupted.documents()) == collection
    assert (resumed.info().passages, resumed.info().segments) == (len(whole.encoded), 1)
    assert results_of(resumed) == results_of(uninterrupted)
    assert Index.verify(tmp_path / "i").problems == ()


@pytest.mark.slow
def test_an_interrupted_build_is_in_the_way_of_another(tmp_path, small_checkpoints):
    with pytest.raises(Interrupted):
        build_index(breaking_off(list(documents(20)), 12), tmp_path / "i", encoder=ENCODER)
    encoder = HashEncoder()
    with pytest.raises(IndexExists, match="continue it with resume=True, or start again with overwrite=True"):
        build_index(documents(20), tmp_path / "i", encoder=encoder)
    with pytest.raises(IndexModelMismatch):
        build_index(documents(20), tmp_path / "i", encoder=HashEncoder(name="stranger"), resume=True)
    with pytest.raises(ArgumentError, match="split documents by"):
        build_index(documents(20), tmp_path / "i", encoder=encoder, chunking=None, resume=True)
    assert encoder.encoded == []
    assert len(build_index(documents(20), tmp_path / "i", encoder=encoder, overwrite=True)) == 20
    assert len(encoder.encoded) == 20


@pytest.mark.slow
def test_the_kind_of_index_can_be_named_or_chosen(tmp_path, monkeypatch, caplog):
    collection = [Document(f"d{i}", f"text number {i}") for i in range(150)]
    named = build_index(collection, tmp_path / "named", encoder=ENCODER, index_type="IVF4,Flat", target_recall=0.9)
    assert (named.info().vectors.factory, named.info().vectors.target_recall) == ("IVF4,Flat", 0.9)
    assert named.info().vectors.recall_at_100 >= 0.9
    assert build_index(collection, tmp_path / "auto", encoder=ENCODER).info().vectors.factory == "Flat"
    monkeypatch.setattr("bicross.index.vectors.choice.EXACT_MULTIPLY_ADDS", 0)
    with caplog.at_level(logging.ERROR, "bicross"):
        large = build_index(collection, tmp_path / "large", encoder=ENCODER)
    assert large.info().vectors.factory == "PQ32x4fs,Refine(SQ8)"
    assert np.isfinite(large.info().vectors.recall_at_100)


@pytest.mark.parametrize(
    "wrong",
    [
        {"index_type": "nonsense"},
        {"target_recall": 2.0},
        {"memory_bytes": -1},
        {"memory_bytes": 0},
        {"memory_bytes": 1.5},
    ],
)
def test_a_kind_that_cannot_be_had_is_found_before_anything_is_embedded(tmp_path, wrong):
    encoder = HashEncoder()
    with pytest.raises(ArgumentError, match=r"'nonsense'|2\.0|memory_bytes must be positive"):
        build_index(documents(5), tmp_path / "i", encoder=encoder, **wrong)
    assert encoder.encoded == []
    assert not (tmp_path / "i").exists()
