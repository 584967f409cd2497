"""Token ids beside passages: every hit brings back those that were given, through every change of the index."""

import dataclasses
import itertools

import numpy as np
import pyarrow as pa
import pytest
from bicross.index import Document, EmbeddedBatch, Index, Passage
from bicross.index.files import Filesystem
from bicross.index.segments import token_ids as tokens
from bicross.index.segments.token_ids import TokenIdsTable, TokenIdsWriter
from helpers.column_files import TWELVE_PASSAGES, token_id_file
from helpers.damage import put_and_seal, read_body
from helpers.toy_collections import DIMENSION, FINGERPRINT, TOKENIZER, assert_same, assert_tokens, oracle_of, record
from helpers.toy_collections import batch as plain_batch

OTHER = "f" * 64
TYPES = [np.uint16, np.uint32]


def batch(records, kind=np.uint16):
    return plain_batch(records, tokens=kind)


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
    ids = [np.array(passage, np.uint32) for passage in ([2**32 - 1, 0], [], [2**16], [])]
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
    of_mixed_types = [ids.astype(kind) for ids, kind in zip(mixed.tokens, itertools.cycle(TYPES))]
    index.add([dataclasses.replace(mixed, tokens=of_mixed_types)])
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


# What is refused


# The file


def written(path, arrays, kind=np.uint16):
    from bicross.index.files import create_checked

    with create_checked(Filesystem(), path) as file:
        writer = TokenIdsWriter(file, [np.dtype(kind)])
        for batch in arrays:
            writer.write(batch)
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
    flat = [ids for batch in arrays for ids in batch]
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


def test_the_ids_of_a_sealed_file_that_makes_sense_are_believed(path):
    """This cannot be detected: whoever seals an index may write other ids, just as other texts."""
    [file] = token_files(path)
    put_and_seal(
        path, file.relative_to(path).as_posix(), token_id_file(pa.array(TWELVE_PASSAGES, pa.large_list(pa.uint16())))
    )
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
