"""Chunks: planned by their inputs, sealed by the first process, adopted in one commit, equal to one process."""

import dataclasses
import os
import time
from pathlib import Path

import numpy as np
import pytest
from bicross.errors import (
    ArgumentError,
    DocumentError,
    IndexCorrupt,
    IndexExists,
    IndexLocked,
    IndexModelMismatch,
    IndexStoreError,
)
from bicross.index import Chunking, Document, Index, VectorLayout
from bicross.index.staging import (
    STAGING,
    ChunkAccount,
    adopt_added,
    adopt_new,
    driving_build,
    plan,
    remove_abandoned,
    sealed,
    write_chunk,
)
from bicross.index.staging.duplicates import Duplicate, Place, duplicates
from helpers.examples import examples
from helpers.faults import scratch_folder
from helpers.toy_chunks import KINDS, SETTINGS, Part, batches, parts
from helpers.toy_collections import FINGERPRINT, STORED, batch, record
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

RECORDS = [record(number, passages=1 + number % 3) for number in range(60)]


def write(path: Path, records, *, count: int = 4, size: int = 7, settings=SETTINGS, ids_made: int = 0) -> list[str]:
    """Write records as chunks, the last one first."""
    chunks = plan(parts(count), settings)
    borders = np.linspace(0, len(records), count + 1).astype(int)
    for number in reversed(range(count)):
        its = records[borders[number] : borders[number + 1]]
        account = ChunkAccount(chunks[number].part.shown, ids_made)
        write_chunk(path, chunks[number].name, batches(its, size), settings, account=lambda account=account: account)
    return [chunk.name for chunk in chunks]


def one_process(path: Path, records, layout=None) -> Index:
    return Index.create(
        path,
        FINGERPRINT,
        batches=batches(records, 16),
        layout=layout,
        **STORED,
    )


def files(index: Index) -> list[dict[str, bytes]]:
    folders = [index.path / "segments" / entry.name for entry in index._manifest.segments]
    return [{file.name: file.read_bytes() for file in folder.iterdir()} for folder in folders]


def contents(index: Index):
    return [(d.id, d.title, d.text, d.metadata) for d in index.documents()]


# Plans


def test_names_follow_from_everything_that_a_chunk_is_made_of_and_from_nothing_else():
    def names(**changes):
        return {chunk.name for chunk in plan(parts(3), dataclasses.replace(SETTINGS, **changes))}

    model = SETTINGS.model
    same = [names(), names(model=dataclasses.replace(model, id="elsewhere", revision="1"))]
    same.append(names(layout=VectorLayout("IVF4,Flat", target_recall=0.5)))  # it concerns the index, not its chunks
    assert same == [same[0]] * 3
    assert len(same[0]) == 3
    others = [
        names(model=dataclasses.replace(model, weights_sha256="others")),
        names(chunking=Chunking(9)),
        names(tokenizer_fingerprint=""),
        names(analyzer="other-1"),
        names(late_interaction_fingerprint="a" * 64),
        names(dtype="bfloat16"),
        names(reading={"text_column": "body"}),
        names(software="bicross 9"),
        {chunk.name for chunk in plan([Part(f"other {n}", "") for n in range(3)], SETTINGS)},
    ]
    assert len(set.union(*others, same[0])) == 3 * (1 + len(others))


def test_a_changed_part_changes_only_its_own_name():
    before = [chunk.name for chunk in plan(parts(5), SETTINGS)]
    changed = parts(5)
    changed[2] = Part("changed", changed[2].shown)
    after = [chunk.name for chunk in plan(changed, SETTINGS)]
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, True, False, True, True]


def test_a_part_that_is_there_twice_is_refused():
    with pytest.raises(ArgumentError, match="part 0 is in the source twice"):
        plan([*parts(2), parts(1)[0]], SETTINGS)


# Chunks


def test_the_first_sealed_attempt_wins(tmp_path):
    [name] = write(tmp_path, RECORDS[:9], count=1)
    first = sealed(tmp_path, [name])[name]
    before = {file: file.read_bytes() for file in (tmp_path / STAGING / name).iterdir()}

    def none_of_it():
        raise AssertionError("a sealed chunk is not made again")
        yield

    assert write_chunk(tmp_path, name, none_of_it(), SETTINGS) == first
    assert {file: file.read_bytes() for file in before} == before


def test_a_stale_worker_changes_nothing(tmp_path):
    """It is interrupted in the middle of a chunk, which another one then seals; it wakes up and goes on."""
    [chunk] = plan(parts(1), SETTINGS)

    def interrupted():
        yield batch(RECORDS[:4], **KINDS)
        write(tmp_path, RECORDS[:9], count=1)
        yield batch(RECORDS[4:5], **KINDS)

    late = write_chunk(tmp_path, chunk.name, interrupted(), SETTINGS)
    assert late.documents == 9
    assert [entry.name for entry in (tmp_path / STAGING).iterdir()] == [chunk.name]
    assert adopt_new(tmp_path, [chunk.name], SETTINGS).documents == 9


@pytest.mark.parametrize("first", [True, False])
def test_a_worker_that_wakes_after_the_commit_writes_nothing_more(tmp_path, first):
    """It was interrupted before or after its first batch; another one has sealed its chunk, and that is committed."""
    [chunk] = plan(parts(1), SETTINGS)

    def interrupted():
        if not first:
            yield batch(RECORDS[:4], **KINDS)
        write(tmp_path, RECORDS[:9], count=1)
        assert adopt_new(tmp_path, [chunk.name], SETTINGS).documents == 9
        yield batch(RECORDS[4:5], **KINDS)

    with pytest.raises(IndexStoreError, match=f"the chunk {chunk.name} was taken away while it was written"):
        write_chunk(tmp_path, chunk.name, interrupted(), SETTINGS)
    assert not (tmp_path / STAGING).exists()
    assert len(Index.open(tmp_path)) == 9


def test_attempts_that_were_not_finished_are_deleted_with_the_adoption(tmp_path):
    names = write(tmp_path, RECORDS[:9], count=2)
    (tmp_path / STAGING / f"{names[1]}-{'0' * 32}").mkdir()
    (tmp_path / STAGING / f"{'f' * 40}-{'0' * 32}").mkdir()
    adopt_new(tmp_path, names, SETTINGS)
    assert [entry.name for entry in (tmp_path / STAGING).iterdir()] == [f"{'f' * 40}-{'0' * 32}"]


def test_what_fails_in_the_middle_leaves_nothing(tmp_path):
    [chunk] = plan(parts(1), SETTINGS)
    with pytest.raises(DocumentError, match="the id 'd1' is there already"):
        write_chunk(tmp_path, chunk.name, [batch([RECORDS[1], RECORDS[1]], **KINDS)], SETTINGS)
    with pytest.raises(ArgumentError, match="the index stores the token ids"):
        write_chunk(tmp_path, chunk.name, [batch(RECORDS[:2])], SETTINGS)
    assert not list(tmp_path.glob("staging/*"))
    assert sealed(tmp_path, [chunk.name]) == {}


@pytest.mark.parametrize("name", ["", "..", "a/b", "../segments", "a\0", "x" * 61, None, 5])
def test_a_name_that_no_plan_gives_is_refused(tmp_path, name):
    for call in (
        lambda: write_chunk(tmp_path, name, batches(RECORDS[:2], 2), SETTINGS),
        lambda: sealed(tmp_path, [name]),
        lambda: adopt_new(tmp_path / "new", [name], SETTINGS),
    ):
        with pytest.raises(ArgumentError, match="the name of a chunk is what plan gives it, not"):
            call()
    assert not (tmp_path / STAGING).exists()


def test_token_ids_of_a_chunk_have_one_type(tmp_path):
    mixed = [batch(RECORDS[:2], **KINDS), batch(RECORDS[2:4], **KINDS | {"tokens": "u4"})]
    with pytest.raises(ArgumentError, match="must all be uint16, or all uint32"):
        write_chunk(tmp_path, "a", mixed, SETTINGS)


def of_other_dimensions(records, dim: int = 9):
    made = batch(records, **KINDS)
    return dataclasses.replace(made, token_vectors=[np.zeros((1, dim), np.int8) for _ in made.token_vectors])


def test_all_token_vectors_have_the_same_number_of_dimensions(tmp_path):
    mixed = [batch(RECORDS[:2], **KINDS), of_other_dimensions(RECORDS[2:4])]
    with pytest.raises(
        ArgumentError, match="of 9 dimensions, and the index has those of 6 dimensions; give those of one"
    ):
        write_chunk(tmp_path, "a", mixed, SETTINGS)
    one_process(tmp_path, RECORDS[:9])
    first, second = (chunk.name for chunk in plan(parts(2), SETTINGS))
    write_chunk(tmp_path, first, [of_other_dimensions(RECORDS[20:24])], SETTINGS)
    write_chunk(tmp_path, second, [batch(RECORDS[24:28], **KINDS)], SETTINGS)
    words = "token vectors of . dimensions, and .* of . dimensions: they are not of one model"
    for names in ([first], [second, first]):
        with pytest.raises(IndexCorrupt, match=words):
            adopt_added(tmp_path, names, SETTINGS)
    with pytest.raises(IndexCorrupt, match=words):
        adopt_new(tmp_path, [first, second], SETTINGS, overwrite=True)
    assert contents(Index.open(tmp_path)) == [(r.document.id, *_of(r.document)) for r in RECORDS[:9]]


def _of(document):
    return document.title, document.text, document.metadata


@pytest.mark.parametrize("content", [b"", b"{}\nabc\n", b"\xff" * 20])
def test_a_damaged_seal_is_an_error_that_says_what_to_do(tmp_path, content):
    [name] = write(tmp_path, RECORDS[:9], count=1)
    (tmp_path / STAGING / name / "SEAL").write_bytes(content)
    for read in (sealed, lambda path, names: adopt_new(path, names, SETTINGS)):
        with pytest.raises(IndexCorrupt, match=f"{name} is damaged: the checksum of its seal.*; delete that folder"):
            read(tmp_path, [name])


def test_a_seal_of_another_chunk_is_refused(tmp_path):
    first, second = write(tmp_path, RECORDS[:9], count=2)
    seal = tmp_path / STAGING / first / "SEAL"
    (tmp_path / STAGING / second / "SEAL").write_bytes(seal.read_bytes())
    with pytest.raises(IndexCorrupt, match=f"its seal is that of {first}"):
        sealed(tmp_path, [second])
    seal.unlink()
    with pytest.raises(IndexCorrupt, match="it has no seal"):
        sealed(tmp_path, [first])


# Adoption


@hypothesis_settings(max_examples=examples(40))
@given(st.integers(1, 7), st.integers(1, 20))
def test_the_files_are_those_of_one_process(count, size):
    with scratch_folder() as scratch:
        check_files(Path(scratch), count, size)


def check_files(folder, count, size):
    adopted = adopt_new(folder / "many", write(folder / "many", RECORDS, count=count, size=size), SETTINGS)
    assert (adopted.documents, adopted.copies, adopted.generation) == (60, 0, 1)
    many, one = Index.open(folder / "many"), one_process(folder / "one", RECORDS)
    assert contents(many) == contents(one)
    many.compact()
    one.compact()
    assert files(many) == files(one)
    assert not (folder / "many" / STAGING).exists()
    assert Index.verify(folder / "many").problems == ()


@pytest.mark.parametrize("index_type", ["IVF4,Flat", "SQ8"])
def test_a_layout_that_is_trained_is_that_of_one_process(tmp_path, index_type):
    settings = dataclasses.replace(SETTINGS, layout=VectorLayout(index_type))
    adopt_new(tmp_path / "many", write(tmp_path / "many", RECORDS, settings=settings), settings)
    many, one = Index.open(tmp_path / "many"), one_process(tmp_path / "one", RECORDS, VectorLayout(index_type))
    assert files(many) == files(one)
    assert dataclasses.replace(many._manifest.vectors, quantiser=None) == dataclasses.replace(
        one._manifest.vectors, quantiser=None
    )


@pytest.mark.parametrize("index_type", ["auto", "IVF4,Flat"])
def test_chunks_are_added_to_an_index(tmp_path, index_type):
    index = one_process(tmp_path, RECORDS[:30], VectorLayout(index_type))
    settings = dataclasses.replace(SETTINGS, layout=index._manifest.vectors)
    names = write(tmp_path, RECORDS[30:], settings=settings)
    assert contents(Index.open(tmp_path)) == contents(index)
    adopted = adopt_added(tmp_path, names, settings)
    assert (adopted.documents, adopted.generation) == (30, 2)
    index.refresh()
    assert [id_ for id_, *_ in contents(index)] == [r.document.id for r in RECORDS]
    for hits, r in zip(index.search(np.concatenate([r.vectors[:1] for r in RECORDS]), 1), RECORDS, strict=True):
        assert hits[0].document.id == r.document.id
    assert Index.verify(tmp_path).problems == ()


def test_an_id_in_two_chunks_is_an_error_that_names_both_places(tmp_path):
    names = write(tmp_path, [*RECORDS[:20], record(3, version=1), *RECORDS[21:30]], count=3, ids_made=1)
    message = r"the id 'd3' is in articles.jsonl, part 0 \(document 4 of that part\) and in articles.jsonl, part 2"
    with pytest.raises(DocumentError, match=message):
        adopt_new(tmp_path, names, SETTINGS)
    assert set(sealed(tmp_path, names)) == set(names)
    assert not (tmp_path / "MANIFEST").exists()


def test_an_id_that_the_index_has_is_an_error(tmp_path):
    one_process(tmp_path, RECORDS[:10])
    names = write(tmp_path, RECORDS[9:15], count=2)
    with pytest.raises(DocumentError, match=r"the id 'd9' is in the index and in articles.jsonl, part 0 \(document 1"):
        adopt_added(tmp_path, names, SETTINGS)
    assert len(Index.open(tmp_path)) == 10


def test_copies_whose_ids_were_made_are_dropped_as_one_process_drops_them(tmp_path):
    names = write(tmp_path / "many", [*RECORDS[:20], *RECORDS[5:15]], count=3, ids_made=1)
    adopted = adopt_new(tmp_path / "many", names, SETTINGS)
    assert (adopted.documents, adopted.copies) == (20, 10)
    many, one = Index.open(tmp_path / "many"), one_process(tmp_path / "one", RECORDS[:20])
    many.compact()
    assert files(many) == files(one)
    assert Index.verify(tmp_path / "many").problems == ()
    copied = write(tmp_path / "other", [*RECORDS[:4], *RECORDS[:4]], count=2)  # ids that were given
    with pytest.raises(DocumentError, match="the id 'd"):
        adopt_new(tmp_path / "other", copied, SETTINGS)


@pytest.mark.parametrize(
    "name", ["documents.arrow", "vectors.faiss", "ids.arrow", "tokens.arrow", "terms.arrow", "token_vectors.arrow"]
)
def test_a_damaged_chunk_is_an_error_and_the_old_index_stays(tmp_path, name):
    before = contents(one_process(tmp_path, RECORDS[:5]))
    names = write(tmp_path, RECORDS)
    file = tmp_path / STAGING / names[2] / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(IndexCorrupt, match=f"the staged chunk .*{names[2]} is damaged: .*{name}.*; delete that folder"):
        adopt_new(tmp_path, names, SETTINGS, overwrite=True)
    assert contents(Index.open(tmp_path)) == before


def test_a_chunk_that_is_not_there_or_of_another_version_is_refused(tmp_path):
    names = write(tmp_path, RECORDS)
    with pytest.raises(IndexStoreError, match="has no chunk abc: it was not written"):
        adopt_new(tmp_path, [*names, "abc"], SETTINGS)
    other = dataclasses.replace(SETTINGS, software="0.0.1, format 1, chunks 1")
    with pytest.raises(IndexModelMismatch, match=r"was written by bicross .*, and this is 0\.0\.1, format 1"):
        adopt_new(tmp_path, names, other)
    without = dataclasses.replace(SETTINGS, analyzer="")
    with pytest.raises(IndexCorrupt, match=r"terms\.arrow is there and should not be"):
        adopt_new(tmp_path, names, without)


def test_an_index_that_has_changed_meanwhile_is_refused(tmp_path):
    one_process(tmp_path, RECORDS[:30], VectorLayout("IVF4,Flat"))
    names = write(tmp_path, RECORDS[30:])
    with pytest.raises(IndexModelMismatch, match="now has another layout of vectors than when the chunks were planned"):
        adopt_added(tmp_path, names, SETTINGS)


def test_chunks_without_documents_are_nothing(tmp_path):
    names = write(tmp_path, RECORDS[:2], count=5)
    assert adopt_new(tmp_path, names, SETTINGS).documents == 2
    nothing = write(tmp_path / "none", [], count=2)
    assert adopt_new(tmp_path / "none", nothing, SETTINGS).documents == 0
    assert len(Index.open(tmp_path / "none")) == 0


def test_an_index_that_is_there_stays_unless_it_is_to_be_replaced(tmp_path):
    one_process(tmp_path, RECORDS[:5])
    names = write(tmp_path, RECORDS)
    with pytest.raises(IndexExists, match="already holds an index"):
        adopt_new(tmp_path, names, SETTINGS)
    assert adopt_new(tmp_path, names, SETTINGS, overwrite=True).generation == 2
    assert len(Index.open(tmp_path)) == 60


# The folder


def test_staged_work_is_neither_garbage_nor_an_index(tmp_path):
    names = write(tmp_path, RECORDS[30:])
    Index.require_free(tmp_path)
    index = one_process(tmp_path, RECORDS[:10])
    index.add(batches(RECORDS[10:20], 5))
    index.compact(grace=0)
    assert set(sealed(tmp_path, names)) == set(names)
    assert Index.verify(tmp_path).problems == ()
    adopt_added(tmp_path, names, SETTINGS)
    assert len(Index.open(tmp_path)) == 50


def test_what_nobody_touches_for_a_week_is_deleted_unless_a_build_runs(tmp_path):
    index = one_process(tmp_path, RECORDS[:10])
    names = write(tmp_path, RECORDS[30:], count=2)
    old = time.time() - 8 * 24 * 3600
    for path in [*(tmp_path / STAGING / names[0]).iterdir(), tmp_path / STAGING / names[0]]:
        os.utime(path, (old, old))
    with driving_build(tmp_path, index._filesystem):
        index.delete(["d1"])
        assert set(sealed(tmp_path, names)) == set(names)
        with (
            pytest.raises(IndexLocked, match="is being written to by process"),
            driving_build(tmp_path, index._filesystem),
        ):
            pass
    index.delete(["d2"])
    assert set(sealed(tmp_path, names)) == {names[1]}
    remove_abandoned(tmp_path, index._filesystem, seconds=0)
    assert not (tmp_path / STAGING).exists()


# Duplicates


@hypothesis_settings(max_examples=examples(60))
@given(st.lists(st.lists(st.integers(0, 30), max_size=20), max_size=5), st.integers(1, 9))
def test_duplicates_are_those_of_a_dictionary(segments, range_rows):
    with scratch_folder() as scratch:
        check_duplicates(Path(scratch), segments, range_rows)


def check_duplicates(folder, segments, range_rows):
    indexes = []
    for number, ids in enumerate(segments):
        records = [dataclasses.replace(record(id_, version=number % 2)) for id_ in dict.fromkeys(ids)]
        indexes.append(one_process(folder / str(number), records))
    views = [view for index in indexes for view in index._snapshot.views]
    firsts: dict[str, tuple[Place, Document]] = {}
    expected = set()
    for number, view in enumerate(views):
        for row, document in enumerate(view.segment.documents(range(len(view.segment)))):
            place, first = firsts.setdefault(document.id, (Place(number, row), document))
            if first is not document:
                expected.add(Duplicate(document.id, place, Place(number, row), first == document))
    found = list(duplicates(views, range_rows=range_rows))
    assert set(found) == expected
    assert len(found) == len(expected)
