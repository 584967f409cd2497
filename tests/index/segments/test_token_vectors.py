"""Token vectors beside passages: every hit brings back those that were given, through every change of the index."""

import dataclasses
import tracemalloc

import numpy as np
import pyarrow as pa
import pytest
from bicross.errors import ArgumentError, IndexCorrupt
from bicross.index import Document, EmbeddedBatch, Index, Passage, passage_text
from bicross.index.files import Filesystem, create_checked
from bicross.index.segments import token_vectors as module
from bicross.index.segments.token_vectors import TokenVectorsTable, TokenVectorsWriter
from bicross.index.writing import rewriting
from helpers.column_files import PAIRS, TWELVE_PASSAGES_OF_VECTORS, token_vector_file
from helpers.damage import files_of, put_and_seal, read_body
from helpers.examples import examples
from helpers.local_shards import sharded
from helpers.toy_collections import (
    COLUMNS,
    DIMENSION,
    FINGERPRINT,
    LATE_INTERACTION,
    STORED,
    TERM_QUERIES,
    TOKEN_DIM,
    assert_same,
    assert_tokens,
    oracle_of,
    record,
    seen,
    token_vectors_of_text,
    unit_vectors,
)
from helpers.toy_collections import batch as plain_batch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

OTHER = "f" * 64
MADE = {"late_interaction_fingerprint": LATE_INTERACTION}


def batch(records):
    return plain_batch(records, token_vectors=True)


def encode(texts):
    return [token_vectors_of_text(text) for text in texts]


def two_segments(path, made=MADE, of=batch):
    """Deleted documents in both."""
    index = Index.create(path, FINGERPRINT, batches=[of([record(n, passages=1 + n % 3) for n in range(16)])], **made)
    index.add([of([record(n, passages=2) for n in range(16, 22)])])
    index.delete(["d2", "d17"])
    return index


def files(index):
    """Those of the newest generation."""
    names = [entry["name"] for entry in read_body(index.path / "MANIFEST")["segments"]]
    return [index.path / "segments" / name / "token_vectors.arrow" for name in names]


def of_dim(made, dim):
    return dataclasses.replace(made, token_vectors=[np.ones((2, dim), np.int8) for _ in made.token_vectors])


# What hits have


def test_hits_bring_back_the_vectors_of_their_passages(tmp_path):
    records = [record(n, passages=1 + n % 3) for n in range(20)]
    batches = [batch(records[start : start + 6]) for start in range(0, 20, 6)]
    index = Index.create(tmp_path / "i", FINGERPRINT, batches=batches, **MADE)
    assert_same(index, oracle_of(records), k=20)
    assert index.late_interaction_fingerprint == index.info().late_interaction_fingerprint == LATE_INTERACTION
    [hits] = index.search(records[0].vectors, 20)
    assert len({len(hit.token_vectors) for hit in hits}) > 3
    assert index.info().token_vector_bytes == sum(file.stat().st_size for file in files(index)) > 0
    assert Index.verify(tmp_path / "i").problems == ()


def test_an_index_without_a_model_keeps_none(tmp_path):
    index = Index.create(tmp_path / "i", FINGERPRINT, batches=[plain_batch([record(1)])])
    assert index.late_interaction_fingerprint == index.info().late_interaction_fingerprint == ""
    assert index.info().token_vector_bytes == 0
    [[hit]] = index.search(record(1).vectors, 1)
    assert hit.token_vectors is None
    assert not list((tmp_path / "i").rglob("token_vectors.arrow"))


def test_vectors_are_a_view_into_the_file_that_cannot_be_written_to(tmp_path):
    index = Index.create(tmp_path / "i", FINGERPRINT, batches=[batch([record(n) for n in range(300)])], **MADE)
    [hits] = index.search(record(0).vectors, 300)
    filled = [hit.token_vectors for hit in hits if len(hit.token_vectors)]
    [file] = files(index)
    for vectors in filled:
        assert not vectors.flags.owndata
        assert vectors.flags.c_contiguous
        with pytest.raises(ValueError, match="read-only"):
            vectors[0, 0] = 1
    addresses = [vectors.__array_interface__["data"][0] for vectors in filled]
    assert max(addresses) - min(addresses) < file.stat().st_size


def test_they_are_no_part_of_what_hits_are_compared_by_and_shown(tmp_path):
    index = two_segments(tmp_path / "i")
    before = index.search(unit_vectors(3, seed=1), 20, passages=3)
    assert any(hit.others for line in before for hit in line)
    assert "token_vectors" not in repr(before)
    index.drop_token_vectors()
    assert index.search(unit_vectors(3, seed=1), 20, passages=3) == before


def test_every_kind_of_search_gives_them(tmp_path):
    index = two_segments(tmp_path / "i", STORED, lambda records: plain_batch(records, **COLUMNS))
    vectors = unit_vectors(len(TERM_QUERIES), seed=2)
    lines = [
        *index.search_terms(TERM_QUERIES, 9),
        *index.search_both(vectors, TERM_QUERIES, 9),
        *index.neighbours(["d3", "d18"], 5),
    ]
    assert sum(map(len, lines)) > 50
    for hits in lines:
        assert_tokens(index, hits)


def test_shards_send_none(tmp_path):
    index = two_segments(tmp_path / "i", STORED, lambda records: plain_batch(records, **COLUMNS))
    shards = sharded(index, 2)
    assert (shards.late_interaction_fingerprint, shards.tokenizer_fingerprint) == ("", index.tokenizer_fingerprint)
    queries = unit_vectors(3, seed=1)
    lines = shards.search(queries, 9, passages=3)
    assert lines == index.search(queries, 9, passages=3)
    for hit in (hit for line in lines for hit in line):
        assert hit.tokens is not None
        assert {part.token_vectors is None for part in (hit, *hit.others)} == {True}


# What is given


@pytest.mark.parametrize("dim", [1, 3, 4096])
def test_any_number_of_dimensions_and_passages_without_vectors(tmp_path, dim):
    rng = np.random.default_rng(dim)
    documents = [Document(f"d{n}", "x") for n in range(4)]
    given_ones = [rng.integers(-128, 128, size=(count, dim), dtype=np.int8) for count in (3, 0, 1, 0)]
    made = EmbeddedBatch(
        documents, [[Passage("x", 0, 1)]] * 4, np.eye(4, DIMENSION, dtype=np.float32), token_vectors=given_ones
    )
    index = Index.create(tmp_path / "i", FINGERPRINT, batches=[made], **MADE)
    index.upsert([dataclasses.replace(made, documents=[dataclasses.replace(d, id=f"{d.id}x") for d in documents])])
    index.compact()
    for row, expected in enumerate(given_ones):
        for hit in index.search(made.vectors[row : row + 1], 2)[0]:
            assert (hit.token_vectors.shape, hit.token_vectors.tolist()) == (expected.shape, expected.tolist())


@pytest.mark.parametrize("layout", ["rows apart", "columns first", "backwards", "one array of three dimensions"])
def test_arrays_of_any_layout_are_stored_by_their_values(tmp_path, layout):
    made = batch([record(n) for n in range(3)])
    whole = np.random.default_rng(1).integers(-128, 128, size=(3, 8, TOKEN_DIM), dtype=np.int8)
    views = {
        "rows apart": [vectors[::2] for vectors in whole],
        "columns first": [np.asfortranarray(vectors) for vectors in whole],
        "backwards": [vectors[::-1, ::-1] for vectors in whole],
        "one array of three dimensions": whole,
    }[layout]
    index = Index.create(tmp_path / "i", FINGERPRINT, batches=[dataclasses.replace(made, token_vectors=views)], **MADE)
    for n, expected in enumerate(views):
        [[hit]] = index.search(record(n).vectors, 1)
        assert hit.token_vectors.tolist() == expected.tolist()


def test_what_the_caller_does_with_its_arrays_afterwards_changes_nothing(tmp_path):
    vectors = np.ones((2, 3), np.int8)
    with Index.build(tmp_path / "i", FINGERPRINT, **MADE) as builder:
        builder.add(dataclasses.replace(batch([record(1)]), token_vectors=[vectors]))
        vectors[:] = 9
        builder.commit(reason="build")
    [[hit]] = Index.open(tmp_path / "i").search(record(1).vectors, 1)
    assert hit.token_vectors.tolist() == [[1, 1, 1], [1, 1, 1]]


def test_all_passages_of_an_index_have_the_same_number_of_dimensions(tmp_path):
    words = (
        r"vectors of 7 dimensions, and the index has those of 6 dimensions; give those of one late-interaction model"
    )
    index = Index.create(tmp_path / "i", FINGERPRINT, batches=[batch([record(1)])], **MADE)
    with pytest.raises(ArgumentError, match=words):
        index.add([of_dim(batch([record(2)]), 7)])
    with index.writer() as writer:  # also where none is in the index, and where the segment is still open
        writer.delete(["d1"])
        writer.add(batch([record(2)]))
        for change in (writer.add, writer.upsert):
            with pytest.raises(ArgumentError, match=words):
                change(of_dim(batch([record(3)]), 7))
        writer.upsert(batch([]))
        writer.commit(reason="add")
    assert_same(Index.open(tmp_path / "i"), oracle_of([record(2)]))
    with Index.build(tmp_path / "new", FINGERPRINT, **MADE) as builder:
        builder.add(of_dim(batch([record(1)]), 7))
        with pytest.raises(ArgumentError, match="of 6 dimensions, and the index has those of 7 dimensions"):
            builder.add(batch([record(2)]))
        builder.commit(reason="build")
    assert len(Index.open(tmp_path / "new")) == 1


def test_metadata_are_replaced_and_the_vectors_stay(tmp_path):
    index = two_segments(tmp_path / "i")
    old = index.get(["d5"])[0]
    with index.writer() as writer:
        writer.replace_metadata([dataclasses.replace(old, metadata={"number": 5, "even": False})])
        writer.commit(reason="sync")
    [hits] = index.search(record(5, passages=3).vectors[:1], 1)
    assert hits[0].document.metadata == {"number": 5, "even": False}
    assert_tokens(index, hits)


# Precomputing and dropping


@pytest.mark.parametrize("held", [LATE_INTERACTION, ""])
def test_every_passage_has_the_new_vectors_and_all_else_is_as_it_was(tmp_path, monkeypatch, held):
    monkeypatch.setattr(rewriting, "BATCH_DOCUMENTS", 5)
    monkeypatch.setattr(rewriting, "BATCH_PASSAGES", 3)
    index = two_segments(tmp_path / "i") if held else two_segments(tmp_path / "i", {}, plain_batch)
    texts: list[str] = []

    def bytes_of(batch_of_texts):
        assert len(batch_of_texts) <= 3
        texts.extend(batch_of_texts)
        return [np.frombuffer(text.encode(), np.int8).reshape(-1, 1) for text in batch_of_texts]

    entries = read_body(index.path / "MANIFEST")["segments"]
    assert index.precompute(OTHER, bytes_of)
    assert index.late_interaction_fingerprint == Index.open(index.path).late_interaction_fingerprint == OTHER
    for line in index.search(unit_vectors(3, seed=3), 30, passages=3):
        assert len(line) == 20
        for hit in line:
            for part in (hit, *hit.others):
                text = passage_text(hit.document.title, part.passage.text)
                assert part.token_vectors.tobytes() == text.encode()
                assert text in texts
    assert Index.verify(index.path).problems == ()
    for old, new in zip(entries, read_body(index.path / "MANIFEST")["segments"], strict=True):
        assert old.pop("name") != new.pop("name")
        old["files"].pop("token_vectors.arrow", None)
        assert new["files"].pop("token_vectors.arrow")["bytes"] > 0
        assert old == new, "the same files, canary and deletions"


def test_vectors_that_are_there_already_are_not_made_again(tmp_path):
    index = two_segments(tmp_path / "i", {}, plain_batch)
    assert index.precompute(LATE_INTERACTION, encode)
    before = files_of(tmp_path / "i")

    def unneeded(texts):
        raise AssertionError("this was not needed")

    assert not index.precompute(LATE_INTERACTION, unneeded)
    assert files_of(tmp_path / "i") == before


def test_they_are_dropped_in_one_commit_and_can_be_had_again(tmp_path):
    index, reader = two_segments(tmp_path / "i"), Index.open(tmp_path / "i")
    before, generation, size = seen(index), index.generation, index.info().token_vector_bytes
    everything = index.info().bytes
    assert index.drop_token_vectors()
    assert (index.generation, index.late_interaction_fingerprint) == (generation + 1, "")
    assert (index.info().token_vector_bytes, index.info().bytes) == (0, everything - size)
    assert not any(file.exists() for file in files(index))
    unchanged = files_of(tmp_path / "i")
    assert not index.drop_token_vectors()
    assert files_of(tmp_path / "i") == unchanged
    index.add([plain_batch([record(30)])])
    assert seen(reader) == before, "a reader stays on its generation"
    assert reader.refresh()
    assert reader.late_interaction_fingerprint == ""
    index.rollback(generation)
    assert (seen(index), index.late_interaction_fingerprint) == (before, LATE_INTERACTION)
    index.drop_token_vectors()
    index.compact(grace=0)
    assert not list((tmp_path / "i").rglob("token_vectors.arrow")), "their space is free"
    assert Index.verify(tmp_path / "i").problems == ()


def test_an_index_without_documents(tmp_path):
    index = Index.create(tmp_path / "i", FINGERPRINT)
    assert not index.drop_token_vectors()
    assert index.precompute(OTHER, encode)
    assert (index.late_interaction_fingerprint, index.info().token_vector_bytes) == (OTHER, 0)
    index.add([batch([record(1)])])
    assert_same(index, oracle_of([record(1)]))


def test_readers_of_one_generation_keep_their_vectors(tmp_path):
    index, reader = two_segments(tmp_path / "i"), Index.open(tmp_path / "i", verify="size")
    before = seen(Index.open(tmp_path / "i"))
    index.precompute(OTHER, lambda texts: [np.zeros((1, 2), np.int8) for _ in texts])
    index.compact(grace=0)
    assert seen(reader) == before, "its files are deleted, and it has them"
    assert reader.refresh()
    assert reader.late_interaction_fingerprint == OTHER


@pytest.mark.parametrize(
    ("model", "made", "error", "words"),
    [
        ("x", encode, ArgumentError, "the late-interaction model must be given by its sha256"),
        ("", encode, ArgumentError, "name the late-interaction model of the token vectors"),
        (OTHER, lambda texts: encode(texts)[1:], ArgumentError, "passages need as many arrays of token vectors"),
        (OTHER, lambda texts: [[1] for _ in texts], ArgumentError, r"int8 of shape \(tokens, dim\), not list"),
        (OTHER, lambda texts: None, ArgumentError, "this batch has none"),
        (OTHER, lambda texts: iter(encode(texts)), ArgumentError, "token_vectors must be a list of arrays"),
        (OTHER, lambda texts: [np.zeros((1, 2)) for _ in texts], ArgumentError, "not float64 of shape"),
        (OTHER, lambda texts: 1 / 0, ZeroDivisionError, "division"),
    ],
)
def test_what_goes_wrong_leaves_the_index_as_it_was(tmp_path, model, made, error, words):
    index = two_segments(tmp_path / "i")
    before, on_disk = seen(index), files_of(tmp_path / "i")
    with pytest.raises(error, match=words):
        index.precompute(model, made)
    assert seen(Index.open(tmp_path / "i")) == before
    assert files_of(tmp_path / "i") == on_disk


@pytest.mark.parametrize("changes_at", [2, 17], ids=["in a segment", "between segments"])
def test_vectors_of_two_numbers_of_dimensions_are_refused(tmp_path, monkeypatch, changes_at):
    monkeypatch.setattr(rewriting, "BATCH_DOCUMENTS", 1)
    index, calls = two_segments(tmp_path / "i", {}, plain_batch), iter(range(99))

    def two_models(texts):
        dim = 3 if next(calls) < changes_at else 4
        return [np.zeros((1, dim), np.int8) for _ in texts]

    before = files_of(tmp_path / "i")
    with pytest.raises(ArgumentError, match="of some texts are of 3 dimensions, and of others of 4 dimensions"):
        index.precompute(OTHER, two_models)
    assert files_of(tmp_path / "i") == before


# The file


def written(path, parts, dim):
    with create_checked(Filesystem(), path) as file:
        writer = TokenVectorsWriter(file, [dim])
        for part in parts:
            writer.write(part)
        writer.close()
    return TokenVectorsTable(path, rows=sum(map(len, parts)), thorough=True)


PARTS = st.integers(1, 5).flatmap(
    lambda dim: (
        st.lists(st.lists(arrays.arrays(np.int8, st.tuples(st.integers(0, 4), st.just(dim))), max_size=4))
        .filter(lambda parts: any(parts))
        .map(lambda parts: (dim, parts))
    )
)


@settings(max_examples=examples(60), deadline=None)
@given(dim_and_parts=PARTS, held=st.integers(1, 60), data=st.data())
def test_a_file_of_any_number_of_batches_gives_what_was_written(tmp_path_factory, dim_and_parts, held, data):
    dim, parts = dim_and_parts
    folder = tmp_path_factory.mktemp("files")
    flat = [vectors for part in parts for vectors in part]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BATCH_BYTES", held)
        table = written(folder / "first", parts, dim)
        written(folder / "second", [[vectors] for vectors in flat], dim)
    assert (folder / "first").read_bytes() == (folder / "second").read_bytes(), "in whatever parts they came"
    rows = data.draw(st.lists(st.integers(0, len(flat) - 1)))
    for taken, row in zip(table.take(rows), rows, strict=True):
        assert taken.dtype == np.int8
        assert (taken.shape, taken.tolist()) == (flat[row].shape, flat[row].tolist())
    largest = max(batch.num_rows for batch in read_batches(folder / "first"))
    assert largest <= held, "no more is in memory at once"
    assert table.kind == dim


def read_batches(path):
    reader = pa.ipc.open_file(path)
    return [reader.get_batch(number) for number in range(reader.num_record_batches)]


def test_a_merge_holds_a_part_of_the_vectors_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_BATCH_BYTES", 1 << 18)
    monkeypatch.setattr("bicross.index.files.checksums.BLOCK_BYTES", 1 << 16)  # two are held while a file is verified
    records = [record(n) for n in range(1000)]
    large = np.random.default_rng(0).integers(-128, 128, size=(1000, 100, 96), dtype=np.int8)
    halves = [
        dataclasses.replace(batch(records[part]), token_vectors=large[part])
        for part in (slice(0, 500), slice(500, 1000))
    ]
    index = Index.create(tmp_path / "i", FINGERPRINT, batches=halves[:1], **MADE)
    index.add(halves[1:])
    tracemalloc.start()
    index.compact()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < large.nbytes / 2
    assert index.info().segments == 1
    [[hit]] = index.search(records[700].vectors, 1)
    assert np.array_equal(hit.token_vectors, large[700])


def test_a_file_of_no_passages_is_of_no_number_of_dimensions(tmp_path):
    table = written(tmp_path / "file", [[]], 7)
    assert (table.kind, table.take([])) == (None, [])
    assert read_batches(tmp_path / "file") == []
    with create_checked(Filesystem(), tmp_path / "merged") as file:
        writer = TokenVectorsWriter(file, [None, 7, None])
        assert [writer.fits(kind) for kind in (None, 7, 6)] == [True, True, False]
        writer.close()


def test_the_vectors_of_a_sealed_file_that_makes_sense_are_believed(tmp_path):
    """This cannot be detected: whoever seals an index may write other vectors, just as other texts."""
    index = Index.create(
        tmp_path / "i", FINGERPRINT, batches=[batch([record(n, passages=2) for n in range(6)])], **MADE
    )
    [file] = files(index)
    content = token_vector_file(pa.array(TWELVE_PASSAGES_OF_VECTORS, PAIRS))
    put_and_seal(tmp_path / "i", file.relative_to(tmp_path / "i").as_posix(), content)
    [[hit]] = Index.open(tmp_path / "i").search(record(1, passages=2).vectors[1:], 1)
    assert hit.token_vectors.tolist() == [[3, -3], [1, 2]]


def test_segments_of_two_numbers_of_dimensions_are_named_and_not_merged(tmp_path):
    """No bicross writes such an index; two of them may be put together by hand."""
    index = two_segments(tmp_path / "i")
    first, second = files(index)
    written(tmp_path / "odd", [[np.zeros((1, 9), np.int8)] * 12], 9)
    put_and_seal(tmp_path / "i", second.relative_to(tmp_path / "i").as_posix(), (tmp_path / "odd").read_bytes())
    words = f"{first} has token vectors of 6 dimensions, and {second} of 9 dimensions: they are not of one model"
    index = Index.open(tmp_path / "i")
    assert words in Index.verify(tmp_path / "i").problems
    with pytest.raises(IndexCorrupt) as refused:
        index.compact()
    assert str(refused.value) == words
    assert index.precompute(OTHER, encode), "it mends the index"
    index.compact(grace=0)
    assert Index.verify(tmp_path / "i").problems == ()
