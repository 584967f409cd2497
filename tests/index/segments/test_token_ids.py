"""Token ids beside passages: every hit brings back those that were given, through every change of the index."""

import dataclasses
import itertools

import numpy as np
import pyarrow as pa
import pytest
from bicross.errors import ArgumentError, IndexCorrupt, IndexModelMismatch
from bicross.index import Document, EmbeddedBatch, Index, Passage
from bicross.index.files import Filesystem
from bicross.index.segments import token_ids as tokens
from bicross.index.segments.token_ids import TokenIdsTable, TokenIdsWriter
from bicross.index.writing import IndexBuilder
from helpers.damage import put_and_seal, read_body, sealed, write_anew
from helpers.toy_collections import DIMENSION, FINGERPRINT, TOKENIZER, Oracle, assert_same, assert_tokens, record
from helpers.toy_collections import batch as plain_batch

OTHER = "f" * 64
TYPES = [np.uint16, np.uint32]


def batch(records, kind=np.uint16):
    return plain_batch(records, tokens=kind)


def oracle_of(records) -> Oracle:
    return Oracle({r.document.id: r for r in records})


def token_files(path):
    return sorted(path.glob("segments/*/tokens.arrow"))


@pytest.mark.parametrize("kind", TYPES)
def test_hits_bring_back_the_ids_of_their_passages(tmp_path, kind):
    records = [record(n, passages=1 + n % 3) for n in range(20)]
    batches = (batch(records[start : start + 6], kind) for start in range(0, 20, 6))
    index = Index.create(tmp_path / "i", FINGERPRINT, tokenizer_fingerprint=TOKENIZER, batches=batches)
    assert_same(index, oracle_of(records), k=20)
    assert index.tokenizer_fingerprint == index.info().tokenizer_fingerprint == TOKENIZER
    [hits] = index.search(records[0].vectors, 20)
    assert {hit.tokens.dtype for hit in hits} == {np.dtype(kind)}
    assert len({len(hit.tokens) for hit in hits}) > 3
    assert Index.verify(tmp_path / "i").problems == ()


def test_an_index_without_a_tokenizer_keeps_none(tmp_path):
    index = Index.create(tmp_path / "i", FINGERPRINT, batches=[plain_batch([record(1)])])
    assert index.tokenizer_fingerprint == index.info().tokenizer_fingerprint == ""
    [[hit]] = index.search(record(1).vectors, 1)
    assert hit.tokens is None
    assert token_files(tmp_path / "i") == []


def test_ids_are_a_view_into_the_file_that_cannot_be_written_to(tmp_path):
    records = [record(n) for n in range(9)]
    index = Index.create(tmp_path / "i", FINGERPRINT, tokenizer_fingerprint=TOKENIZER, batches=[batch(records)])
    [hits] = index.search(records[0].vectors, 9)
    filled = [hit.tokens for hit in hits if len(hit.tokens)]
    [file] = token_files(tmp_path / "i")
    for ids in filled:
        assert not ids.flags.owndata
        with pytest.raises(ValueError, match="read-only"):
            ids[0] = 1
    addresses = [ids.__array_interface__["data"][0] for ids in filled]
    assert max(addresses) - min(addresses) < file.stat().st_size


def test_the_largest_ids_and_passages_without_any(tmp_path):
    documents = [Document(f"d{n}", "x") for n in range(4)]
    ids = [np.array(some, np.uint32) for some in ([2**32 - 1, 0], [], [2**16], [])]
    made = EmbeddedBatch(documents, [[Passage("x", 0, 1)]] * 4, np.eye(4, DIMENSION, dtype=np.float32), ids)
    index = Index.create(tmp_path / "i", FINGERPRINT, tokenizer_fingerprint=TOKENIZER, batches=[made])
    for row, expected in enumerate(ids):
        [[hit]] = index.search(made.vectors[row : row + 1], 1)
        assert hit.tokens.tolist() == expected.tolist()


def test_types_may_be_mixed_and_a_segment_has_one(tmp_path):
    """In a batch, between batches, between commits; a compaction takes the wider."""
    kinds = [np.uint16, np.uint32, np.uint16, np.uint16, np.uint32]
    records = [record(n, passages=2) for n in range(12)]
    with Index.build(tmp_path / "i", FINGERPRINT, tokenizer_fingerprint=TOKENIZER) as builder:
        for n, kind in enumerate(kinds):
            builder.add(batch(records[2 * n : 2 * n + 2], kind))
        builder.commit(reason="build")
    index = Index.open(tmp_path / "i")
    mixed = batch(records[10:])
    some = [ids.astype(kind) for ids, kind in zip(mixed.tokens, itertools.cycle(TYPES))]
    index.add([dataclasses.replace(mixed, tokens=some)])
    assert_same(index, oracle_of(records), k=12)
    index.add([batch([record(20)])])
    index.compact()
    assert_same(index, oracle_of([*records, record(20)]), k=13)
    assert index.info().segments == 1
    [file] = token_files_of(index)
    assert pa.ipc.open_file(file).schema.field(0).type == pa.large_list(pa.uint32())


def token_files_of(index):
    names = [entry["name"] for entry in read_body(index.path / "MANIFEST")["segments"]]
    return [index.path / "segments" / name / "tokens.arrow" for name in names]


def test_every_change_carries_them_along(tmp_path):
    records = {n: record(n, passages=1 + n % 2) for n in range(16)}
    index = Index.create(
        tmp_path / "i", FINGERPRINT, tokenizer_fingerprint=TOKENIZER, batches=[batch(list(records.values())[:10])]
    )
    index.add([batch([records[n] for n in range(10, 16)])])
    first = dict(records)
    for n in (1, 12):
        records[n] = record(n, version=1, passages=3)
    index.upsert([batch([records[1], records[12]])])
    index.delete(["d2", "d15"])
    del records[2], records[15]
    assert_same(index, oracle_of(records.values()), k=16)
    index.compact()
    assert_same(index, oracle_of(records.values()), k=16)
    index.rollback(2)
    assert_same(index, oracle_of(first.values()), k=16)
    assert Index.verify(index.path).problems == ()


def test_an_interrupted_build_keeps_them(tmp_path, monkeypatch):
    monkeypatch.setattr(IndexBuilder, "segment_passages", 4)
    records = [record(n, passages=2) for n in range(12)]
    with (
        pytest.raises(RuntimeError),
        Index.build(tmp_path / "i", FINGERPRINT, tokenizer_fingerprint=TOKENIZER) as builder,
    ):
        for n in range(0, 8, 2):
            builder.add(batch(records[n : n + 2]))
        raise RuntimeError
    for other in ("", OTHER):
        words = f"stored token ids of the tokenizer {TOKENIZER}, not of (the|no) tokenizer ?{other}; cont"
        with (
            pytest.raises(ArgumentError, match=words),
            Index.build(tmp_path / "i", FINGERPRINT, tokenizer_fingerprint=other, resume=True),
        ):
            pass
    with Index.build(tmp_path / "i", FINGERPRINT, tokenizer_fingerprint=TOKENIZER, resume=True) as builder:
        held = builder.holds([r.document for r in records])
        assert sum(held) == 6
        builder.add(batch(r for r, known in zip(records, held, strict=True) if not known))
        builder.commit(reason="build")
    assert_same(Index.open(tmp_path / "i"), oracle_of(records), k=12)


# What is refused


@pytest.mark.parametrize("tokenizer", ["a", "A" * 64, "g" * 64, "f" * 64 + "\n", "f" * 63])
def test_a_tokenizer_is_a_sha256(tmp_path, tokenizer):
    with pytest.raises(ArgumentError, match="64 hexadecimal digits"):
        Index.create(tmp_path / "i", FINGERPRINT, tokenizer_fingerprint=tokenizer)
    assert not (tmp_path / "i").exists()


@pytest.mark.parametrize(
    ("tokenizer", "ids", "words"),
    [
        ("", [np.zeros(1, np.uint16)] * 2, "the index stores no token ids"),
        ("", [], "the index stores no token ids"),
        (TOKENIZER, None, f"stores the token ids of the tokenizer {TOKENIZER}, but this batch has none"),
        (TOKENIZER, [], "2 passages need as many arrays of token ids, not 0"),
        (TOKENIZER, [np.zeros(1, np.uint16)] * 3, "2 passages need as many arrays of token ids, not 3"),
        (TOKENIZER, [np.zeros(1, np.uint16), np.zeros(1, np.int64)], "passage 1 .*, not int64 of shape"),
        (TOKENIZER, [np.array([2**32], np.uint64)] * 2, "passage 0 .*, not uint64 of shape"),
        (TOKENIZER, [np.zeros(1, ">u2")] * 2, "passage 0 .*, not >u2 of shape"),
        (TOKENIZER, [np.zeros((1, 2), np.uint16)] * 2, r"passage 0 .*, not uint16 of shape \(1, 2\)"),
        (TOKENIZER, [np.array(1, np.uint16)] * 2, r"passage 0 .*, not uint16 of shape \(\)"),
        (TOKENIZER, [[1, 2], [3]], "passage 0 .*, not list"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(tmp_path, tokenizer, ids, words):
    good = plain_batch([record(1)], tokens=np.uint16 if tokenizer else None)
    index = Index.create(tmp_path / "i", FINGERPRINT, tokenizer_fingerprint=tokenizer, batches=[good])
    bad = dataclasses.replace(plain_batch([record(2, passages=2)]), tokens=ids)
    before = sorted((tmp_path / "i").glob("segments/*"))
    with index.writer() as writer:
        assert writer.tokenizer_fingerprint == tokenizer
        for change in (writer.add, writer.upsert):
            with pytest.raises(ArgumentError, match=words):
                change(bad)
        assert not writer.changed
        assert sorted((tmp_path / "i").glob("segments/*")) == before
    assert_same(Index.open(tmp_path / "i"), oracle_of([record(1)]))


def test_an_index_that_was_replaced_by_one_of_another_tokenizer_is_not_written_to(tmp_path):
    index = Index.create(tmp_path / "i", FINGERPRINT, tokenizer_fingerprint=TOKENIZER, batches=[batch([record(1)])])
    Index.create(tmp_path / "i", FINGERPRINT, tokenizer_fingerprint=OTHER, overwrite=True)
    with pytest.raises(IndexModelMismatch, match=f"{OTHER}, and of the tokenizer {TOKENIZER} when .*; refresh it"):
        index.add([batch([record(2)])])
    assert index.refresh()
    assert index.tokenizer_fingerprint == OTHER
    assert index.add([batch([record(2)])]) == 1


# The file


def written(path, arrays, kind=np.uint16):
    from bicross.index.files import create_checked

    with create_checked(Filesystem(), path) as file:
        writer = TokenIdsWriter(file, [np.dtype(kind)])
        for some in arrays:
            writer.write(some)
        writer.close()
    return TokenIdsTable(path, rows=sum(map(len, arrays)), thorough=True)


@pytest.mark.parametrize("held", [1, 7, 100, 1 << 20])
def test_a_file_of_any_number_of_batches_gives_what_was_written(tmp_path, monkeypatch, held):
    monkeypatch.setattr(tokens, "_BATCH_IDS", held)
    rng = np.random.default_rng(held)
    arrays = [
        [rng.integers(2**16, size=rng.choice([0, 0, 1, 5, 60]), dtype=np.uint16) for _ in range(rng.integers(9))]
        for _ in range(40)
    ]
    table = written(tmp_path / "tokens.arrow", arrays)
    flat = [ids for some in arrays for ids in some]
    assert [table.of(row).tolist() for row in range(len(flat))] == [ids.tolist() for ids in flat]
    batches = pa.ipc.open_file(tmp_path / "tokens.arrow").num_record_batches
    assert batches == 1 if held == 1 << 20 else batches > 10


def test_a_file_of_no_passages(tmp_path):
    assert written(tmp_path / "tokens.arrow", []).kind == np.dtype(np.uint16)


def test_what_the_caller_does_with_its_arrays_afterwards_changes_nothing(tmp_path):
    ids = np.array([1, 2, 3], np.uint16)
    made = dataclasses.replace(plain_batch([record(1)]), tokens=[ids])
    with Index.build(tmp_path / "i", FINGERPRINT, tokenizer_fingerprint=TOKENIZER) as builder:
        builder.add(made)
        ids[:] = 9
        builder.commit(reason="build")
    [[hit]] = Index.open(tmp_path / "i").search(record(1).vectors, 1)
    assert hit.tokens.tolist() == [1, 2, 3]


@pytest.fixture
def path(tmp_path):
    records = [record(n, passages=2) for n in range(6)]
    Index.create(tmp_path / "i", FINGERPRINT, tokenizer_fingerprint=TOKENIZER, batches=[batch(records)])
    return tmp_path / "i"


def test_a_missing_or_shorter_file_is_named(path):
    [file] = token_files(path)
    good = file.read_bytes()
    write_anew(file, good[:-1])
    with pytest.raises(IndexCorrupt, match=r"tokens\.arrow is damaged: it has"):
        Index.open(path, verify="size")
    file.unlink()
    with pytest.raises(IndexCorrupt, match=r"tokens\.arrow is missing"):
        Index.open(path)
    assert any("tokens.arrow is missing" in problem for problem in Index.verify(path).problems)


def test_a_manifest_and_its_segments_agree_on_whether_ids_are_kept(path):
    body = read_body(path / "MANIFEST")
    write_anew(path / "MANIFEST", sealed(body | {"tokenizer": ""}))
    with pytest.raises(IndexCorrupt, match=r"declares no token ids, but lists tokens\.arrow for the segment"):
        Index.open(path)
    del body["segments"][0]["files"]["tokens.arrow"]
    write_anew(path / "MANIFEST", sealed(body))
    with pytest.raises(
        IndexCorrupt,
        match=f"tokenizer {TOKENIZER}, but lists no tokens.arrow for the segment",
    ):
        Index.open(path)
    write_anew(path / "MANIFEST", sealed(body | {"tokenizer": ""}))
    [[hit]] = Index.open(path).search(record(1).vectors, 1)
    assert hit.tokens is None


@pytest.mark.parametrize("tokenizer", ["x", "F" * 64, "f" * 64 + "\n", None, 7, ["f" * 64]])
def test_a_manifest_with_an_odd_tokenizer_is_refused(path, tokenizer):
    write_anew(path / "MANIFEST", sealed(read_body(path / "MANIFEST") | {"tokenizer": tokenizer}))
    with pytest.raises(IndexCorrupt, match="MANIFEST is not a manifest"):
        Index.open(path)


def lists(offsets):
    """Twelve passages of one id each, with these offsets in the place of their own; Arrow writes no such file."""
    good = arrow_bytes(pa.array([[n] for n in range(12)], pa.large_list(pa.uint16())))
    own = np.arange(13, dtype=np.int64).tobytes()
    assert good.count(own) == 1
    return good.replace(own, np.array(offsets, np.int64).tobytes())


def arrow_bytes(*columns, name="tokens"):
    sink = pa.BufferOutputStream()
    made = pa.record_batch(list(columns), names=[name, *(f"more{n}" for n in range(len(columns) - 1))])
    with pa.ipc.new_file(sink, made.schema) as writer:
        writer.write_batch(made)
    return sink.getvalue().to_pybytes()


TWELVE = [[1, 2]] * 12
HOSTILE = {
    "an offset before": (lists([-1, *range(1, 13)]), "tokens.arrow"),
    "an offset beyond": (lists([*range(12), 2**40]), "tokens.arrow"),
    "an offset just beyond": (lists([*range(12), 13]), "tokens.arrow"),
    "offsets that go back": (lists([0, 1, 2, 9, 3, 5, 5, 5, 5, 5, 5, 5, 12]), "tokens.arrow"),
    "an offset far back": (lists([0, 1, -(2**62), 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]), "tokens.arrow"),
    "a passage less": (arrow_bytes(pa.array(TWELVE[1:], pa.large_list(pa.uint16()))), "of 11 passages"),
    "a passage more": (arrow_bytes(pa.array([*TWELVE, [1]], pa.large_list(pa.uint16()))), "of 13 passages"),
    "no array": (arrow_bytes(pa.array([None, *TWELVE[1:]], pa.large_list(pa.uint16()))), "missing values"),
    "no id": (arrow_bytes(pa.array([[None], *TWELVE[1:]], pa.large_list(pa.uint16()))), "missing values"),
    "signed": (arrow_bytes(pa.array(TWELVE, pa.large_list(pa.int32()))), "lists of uint16 or uint32"),
    "short lists": (arrow_bytes(pa.array(TWELVE, pa.list_(pa.uint16()))), "lists of uint16 or uint32"),
    "numbers": (arrow_bytes(pa.array(range(12), pa.uint16())), "lists of uint16 or uint32"),
    "two columns": (arrow_bytes(*[pa.array(TWELVE, pa.large_list(pa.uint16()))] * 2), "lists of uint16"),
    "another name": (arrow_bytes(pa.array(TWELVE, pa.large_list(pa.uint16())), name="x"), "lists of uint16"),
    "no Arrow": (b"x" * 99, "not a valid Arrow file"),
}


@pytest.mark.parametrize("verify", ["full", "size"])
@pytest.mark.parametrize(("content", "words"), HOSTILE.values(), ids=HOSTILE)
def test_a_sealed_file_that_makes_no_sense_is_refused(path, content, words, verify):
    [file] = token_files(path)
    put_and_seal(path, file.relative_to(path).as_posix(), content)
    with pytest.raises(IndexCorrupt, match=words) as refused:
        Index.open(path, verify=verify)
    assert str(file) in str(refused.value)
    assert any(words in problem for problem in Index.verify(path).problems)


def test_the_ids_of_a_sealed_file_that_makes_sense_are_believed(path):
    """There is no telling: whoever seals an index may write other ids, as other texts."""
    [file] = token_files(path)
    put_and_seal(path, file.relative_to(path).as_posix(), arrow_bytes(pa.array(TWELVE, pa.large_list(pa.uint16()))))
    [[hit]] = Index.open(path).search(record(1).vectors, 1)
    assert hit.tokens.tolist() == [1, 2]


def test_readers_of_one_generation_keep_their_ids(tmp_path):
    records = [record(n) for n in range(8)]
    index = Index.create(tmp_path / "i", FINGERPRINT, tokenizer_fingerprint=TOKENIZER, batches=[batch(records[:4])])
    reader = Index.open(tmp_path / "i")
    [hits] = reader.search(records[0].vectors, 4)
    index.upsert([batch(records)])
    index.compact(grace=0)
    assert_tokens(reader, hits)
    assert_same(reader, oracle_of(records[:4]))
