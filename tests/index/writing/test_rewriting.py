"""Token ids made anew: in one commit, for every passage, with all else as it was, byte for byte."""

import threading

import numpy as np
import pytest
from bicross.errors import ArgumentError, IndexCorrupt, IndexLocked
from bicross.index import Index, VectorLayout, passage_text
from bicross.index.writing import rewriting as retokenizing
from helpers.damage import files_of, read_body, write_anew
from helpers.toy_collections import FINGERPRINT, TOKENIZER, Oracle, assert_same, batch, record, seen, unit_vectors

OTHER = "f" * 64
LAYOUTS = ["auto", "PQ8x4fs,Refine(SQ8)"]


def code_points(texts):
    return [np.array([ord(character) for character in text], np.uint16) for text in texts]


def build(path, layout="auto", *, tokenizer=TOKENIZER):
    """Two segments with deletions in both, and older generations."""
    kind = np.uint32 if tokenizer else None
    first = batch((record(n, passages=1 + n % 3) for n in range(16)), tokens=kind)
    index = Index.create(
        path, FINGERPRINT, layout=VectorLayout(layout), tokenizer_fingerprint=tokenizer, batches=[first]
    )
    index.add([batch((record(n, passages=2) for n in range(16, 22)), tokens=kind)])
    index.delete(["d2", "d17"])
    return index


def without_ids(observed):
    documents, lines, *others = observed
    return documents, [[hit[:3] for hit in line] for line in lines], *others


@pytest.mark.parametrize("tokenizer", ["", TOKENIZER])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_passage_has_the_new_ids_and_all_else_is_as_it_was(tmp_path, monkeypatch, layout, tokenizer):
    monkeypatch.setattr(retokenizing, "BATCH_DOCUMENTS", 5)
    index = build(tmp_path / "i", layout, tokenizer=tokenizer)
    before, generation, entries = seen(index), index.generation, read_body(tmp_path / "i" / "MANIFEST")["segments"]
    assert index.retokenize(OTHER, code_points)
    assert (index.tokenizer_fingerprint, index.generation) == (OTHER, generation + 1)
    assert without_ids(seen(index)) == without_ids(before)
    for hits in index.search(unit_vectors(5, seed=3), 30):
        assert len(hits) == 20
        for hit in hits:
            text = passage_text(hit.document.title, hit.passage.text)
            assert hit.tokens.tolist() == [ord(character) for character in text]
    assert seen(Index.open(tmp_path / "i")) == seen(index)
    assert Index.verify(tmp_path / "i").problems == ()
    for old, new in zip(entries, read_body(tmp_path / "i" / "MANIFEST")["segments"], strict=True):
        assert old.pop("name") != new.pop("name")
        for entry in (old, new):
            entry["files"].pop("tokens.arrow", None)
        assert old == new, "the same files, canary and deletions"


def test_ids_that_are_there_already_are_not_made_again(tmp_path):
    index = build(tmp_path / "i")
    before = files_of(tmp_path / "i")

    def tokenize(texts):
        raise AssertionError("this was not needed")

    assert not index.retokenize(TOKENIZER, tokenize)
    assert files_of(tmp_path / "i") == before


def test_an_index_without_documents(tmp_path):
    index = Index.create(tmp_path / "i", FINGERPRINT)
    assert index.retokenize(OTHER, code_points)
    assert index.tokenizer_fingerprint == Index.open(tmp_path / "i").tokenizer_fingerprint == OTHER
    index.add([batch([record(1)], tokens=np.uint16)])
    assert_same(index, Oracle({"d1": record(1)}))


def test_it_can_be_rolled_back_changed_and_compacted(tmp_path):
    index = build(tmp_path / "i")
    before, generation = seen(index), index.generation
    index.retokenize(OTHER, code_points)
    after = seen(index)
    index.rollback(generation)
    assert (index.tokenizer_fingerprint, seen(index)) == (TOKENIZER, before)
    index.rollback(generation + 1)
    assert (index.tokenizer_fingerprint, seen(index)) == (OTHER, after)
    index.delete(["d3"])
    index.add([batch([record(40)], tokens=np.uint16)])
    index.compact(grace=0)
    assert index.tokenizer_fingerprint == OTHER
    assert len(index) == 20
    assert Index.verify(tmp_path / "i").problems == ()


def test_readers_keep_their_generation_and_its_ids(tmp_path):
    index, reader = build(tmp_path / "i"), Index.open(tmp_path / "i")
    before = seen(reader)
    index.retokenize(OTHER, code_points)
    assert (reader.tokenizer_fingerprint, seen(reader)) == (TOKENIZER, before)
    assert reader.refresh()
    assert (reader.tokenizer_fingerprint, seen(reader)) == (OTHER, seen(index))


@pytest.mark.parametrize(
    ("tokenizer", "tokenize", "error", "words"),
    [
        ("x", code_points, ArgumentError, "64 hexadecimal digits"),
        ("", code_points, ArgumentError, "name the tokenizer of the token ids"),
        (OTHER, lambda texts: code_points(texts)[1:], ArgumentError, "passages need as many arrays of token ids"),
        (OTHER, lambda texts: [[1] for _ in texts], ArgumentError, "flat array of uint16 or uint32, not list"),
        (OTHER, lambda texts: None, ArgumentError, "this batch has none"),
        (OTHER, lambda texts: 1 / 0, ZeroDivisionError, "division"),
    ],
)
def test_what_goes_wrong_leaves_the_index_as_it_was(tmp_path, tokenizer, tokenize, error, words):
    index = build(tmp_path / "i")
    before, files = seen(index), files_of(tmp_path / "i")
    with pytest.raises(error, match=words):
        index.retokenize(tokenizer, tokenize)
    assert (index.tokenizer_fingerprint, seen(Index.open(tmp_path / "i"))) == (TOKENIZER, before)
    assert files_of(tmp_path / "i") == files


def test_ids_of_two_types_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(retokenizing, "BATCH_DOCUMENTS", 1)
    kinds = iter([np.uint16, np.uint32])

    def tokenize(texts):
        kind = next(kinds)
        return [np.zeros(1, kind) for _ in texts]

    with pytest.raises(ArgumentError, match="some texts are uint16, and of others uint32"):
        build(tmp_path / "i").retokenize(OTHER, tokenize)


def test_a_damaged_segment_is_named_and_not_copied(tmp_path):
    index = build(tmp_path / "i")
    [name] = [name for name in files_of(tmp_path / "i") if name.endswith("vectors.faiss")][:1]
    content = bytearray((tmp_path / "i" / name).read_bytes())
    content[-1] ^= 1
    write_anew(tmp_path / "i" / name, bytes(content))
    with pytest.raises(IndexCorrupt, match=r"vectors\.faiss is damaged"):
        index.retokenize(OTHER, code_points)


def test_one_that_is_damaged_meanwhile_is_named_and_nothing_is_committed(tmp_path):
    index = build(tmp_path / "i")
    last = read_body(tmp_path / "i" / "MANIFEST")["segments"][1]["name"]
    file = tmp_path / "i" / "segments" / last / "vectors.faiss"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1

    def tokenize(texts):
        write_anew(file, bytes(content))  # all were verified when they were opened; this one is still to be copied
        return code_points(texts)

    before = files_of(tmp_path / "i")
    with pytest.raises(IndexCorrupt, match=r"vectors\.faiss is damaged"):
        index.retokenize(OTHER, tokenize)
    assert files_of(tmp_path / "i") == before


def test_writers_wait_their_turn_and_readers_do_not(tmp_path):
    index = build(tmp_path / "i")
    before, reached, go = seen(index), threading.Event(), threading.Event()

    def tokenize(texts):
        reached.set()
        assert go.wait(60)
        return code_points(texts)

    thread = threading.Thread(target=lambda: Index.open(tmp_path / "i").retokenize(OTHER, tokenize))
    thread.start()
    assert reached.wait(60)
    try:
        with pytest.raises(IndexLocked):
            index.delete(["d1"])
        assert seen(Index.open(tmp_path / "i")) == before
    finally:
        go.set()
        thread.join()
    assert Index.open(tmp_path / "i").tokenizer_fingerprint == OTHER


def test_a_compaction_that_it_overtakes_gives_up(tmp_path, monkeypatch):
    """What was merged has the ids of the other tokenizer."""
    index, other = build(tmp_path / "i"), Index.open(tmp_path / "i")
    from bicross.index.writing import compaction

    merge = compaction.rewrite

    def rewrite(*arguments, **options):
        merged = merge(*arguments, **options)
        assert other.retokenize(OTHER, code_points)
        return merged

    monkeypatch.setattr(compaction, "rewrite", rewrite)
    with pytest.raises(IndexLocked, match="compact it again"):
        index.compact()
    monkeypatch.undo()
    index = Index.open(tmp_path / "i")
    index.compact(grace=0)
    assert index.tokenizer_fingerprint == OTHER
    assert Index.verify(tmp_path / "i").problems == ()
