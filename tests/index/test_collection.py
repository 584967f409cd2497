import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xxhash
from bicross.errors import (
    ArgumentError,
    DocumentError,
    IndexCorrupt,
    IndexExists,
    IndexLocked,
    IndexModelMismatch,
    IndexNotFound,
)
from bicross.index import Document, EmbeddedBatch, Index, Passage, whole
from bicross.index.files import Filesystem
from bicross.index.writing import writer
from helpers.examples import examples
from helpers.fakes import HashEncoder
from hypothesis import given, settings
from hypothesis import strategies as st

ENCODER = HashEncoder(dimension=16)


def batch(*documents: Document, encoder: HashEncoder = ENCODER) -> EmbeddedBatch:
    vectors = encoder.encode_documents([document.passage for document in documents])
    return EmbeddedBatch(documents, [[whole(document)] for document in documents], vectors)


def some_documents(count: int, *, start: int = 0) -> list[Document]:
    return [
        Document(f"d{i}", f"text number {i} of {count}", f"title {i}", {"i": i}) for i in range(start, start + count)
    ]


def test_documents_survive_unchanged(tmp_path):
    documents = [
        Document("a", "plain text", "A title", {"year": 2020, "tags": ["x", None], "nested": {"y": 1.5}}),
        Document("b", "ünïcödé 漢字 🎉 \r\n tabs\t", ""),
        Document("c", "", "only a title"),
    ]
    Index.create(tmp_path / "i", ENCODER.fingerprint, batches=[batch(*documents)])
    index = Index.open(tmp_path / "i", model=ENCODER.fingerprint)
    assert list(index.documents()) == documents
    assert len(index) == 3


def test_a_sample_is_spread_evenly_over_the_live_documents(tmp_path):
    index = Index.create(tmp_path / "i", ENCODER.fingerprint)
    assert index.sample(3) == []
    for start, count in ((0, 7), (7, 1), (8, 12)):
        index.add([batch(*some_documents(count, start=start))])
    index.delete(["d1", "d7", "d12"])
    live = list(index.documents())
    assert list(index.ids()) == [document.id for document in live]
    assert len(live) == 17
    for count in range(1, 20):
        drawn = index.sample(count)
        assert drawn == live[:: -(-len(live) // count)]
        assert len(drawn) <= count
    with pytest.raises(ArgumentError, match="count must be at least 1, not 0"):
        index.sample(0)


@settings(max_examples=examples(25), deadline=None)
@given(
    passages_of=st.lists(st.integers(1, 6), min_size=1, max_size=25),
    adds=st.integers(1, 4),
    k=st.integers(1, 30),
    seed=st.integers(0, 1000),
)
def test_search_equals_brute_force_over_documents(tmp_path_factory, passages_of, adds, k, seed):
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((sum(passages_of), 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    owner = np.repeat(np.arange(len(passages_of)), passages_of)
    documents = [Document(f"d{i}", "x" * count) for i, count in enumerate(passages_of)]
    index = Index.create(tmp_path_factory.mktemp("i") / "i", ENCODER.fingerprint)
    for part in np.array_split(np.arange(len(documents)), adds):
        rows = np.isin(owner, part)
        spans = [[Passage("x", s, s + 1) for s in range(passages_of[i])] for i in part]
        index.add([EmbeddedBatch([documents[i] for i in part], spans, vectors[rows])])

    queries = rng.standard_normal((3, 16)).astype(np.float32)
    for query, hits in zip(queries, index.search(queries, k), strict=True):
        scores = vectors @ query
        best = {i: scores[owner == i].max() for i in range(len(documents))}
        expected = sorted(best, key=lambda i: -best[i])[:k]
        assert [hit.document.id for hit in hits] == [f"d{i}" for i in expected]
        assert [hit.score for hit in hits] == pytest.approx([best[i] for i in expected], abs=1e-5)
        # The passage is the one that scored best.
        for i, hit in zip(expected, hits, strict=True):
            assert hit.passage.start == int(np.argmax(scores[owner == i]))


def test_equal_scores_are_ordered_by_id(tmp_path):
    documents = [Document(name, "the same words") for name in ("c", "a", "d", "b")]
    index = Index.create(tmp_path / "i", ENCODER.fingerprint, batches=[batch(*documents)])
    [hits] = index.search(ENCODER.encode_queries(["same words"]), 4)
    assert [hit.document.id for hit in hits] == ["a", "b", "c", "d"]


def test_an_empty_index_finds_nothing(tmp_path):
    index = Index.create(tmp_path / "i", ENCODER.fingerprint)
    assert index.search(ENCODER.encode_queries(["one", "two"]), 5) == [[], []]
    assert len(Index.open(tmp_path / "i")) == 0


def test_add_is_one_commit_of_one_segment_and_reopens(tmp_path):
    index = Index.create(tmp_path / "i", ENCODER.fingerprint, batches=[batch(*some_documents(5))])
    assert index.add([batch(*some_documents(3, start=5)), batch(*some_documents(2, start=8))]) == 5
    info = Index.open(tmp_path / "i").info()
    assert (info.documents, info.passages, info.segments, info.generation) == (10, 10, 2, 2)
    on_disk = sum(f.stat().st_size for f in (tmp_path / "i" / "segments").rglob("*") if f.is_file())
    assert info.bytes == on_disk


def test_a_large_add_is_split_into_segments(tmp_path, monkeypatch):
    monkeypatch.setattr(writer.IndexWriter, "segment_passages", 4)
    batches = [batch(*some_documents(2, start=2 * i)) for i in range(5)]
    index = Index.create(tmp_path / "i", ENCODER.fingerprint, batches=batches)
    assert len(index) == 10
    assert index.add([batch(*some_documents(2, start=2 * i)) for i in range(5, 10)]) == 10
    assert (index.info().segments, len(index)) == (4, 20)
    assert [d.id for d in index.documents()] == [f"d{i}" for i in range(20)]


def test_a_duplicate_id_adds_nothing(tmp_path):
    index = Index.create(tmp_path / "i", ENCODER.fingerprint, batches=[batch(*some_documents(3))])
    with pytest.raises(DocumentError, match=r"the id 'd1' is there already"):
        index.add([batch(*some_documents(2, start=10)), batch(Document("d1", "again"))])
    with pytest.raises(DocumentError, match=r"the id 'x' is there already"):
        index.add([batch(Document("x", "one"), Document("x", "two"))])
    assert len(Index.open(tmp_path / "i")) == 3
    assert len(list((tmp_path / "i" / "segments").iterdir())) == 1


def test_add_to_an_index_that_was_replaced_meanwhile(tmp_path):
    index = Index.create(tmp_path / "i", ENCODER.fingerprint, batches=[batch(*some_documents(2))])
    other = HashEncoder(dimension=16, name="other-encoder")
    Index.create(tmp_path / "i", other.fingerprint, batches=[batch(*some_documents(2), encoder=other)], overwrite=True)
    with pytest.raises(IndexModelMismatch, match="'other-encoder', which is not 'hash-encoder'"):
        index.add([batch(*some_documents(2, start=2))])


def failing_batches():
    yield batch(*some_documents(2))
    raise RuntimeError("the source broke off")


def test_an_error_in_the_source_leaves_no_new_index(tmp_path):
    with pytest.raises(RuntimeError, match="broke off"):
        Index.create(tmp_path / "new" / "i", ENCODER.fingerprint, batches=failing_batches())
    assert not (tmp_path / "new" / "i").exists()


def test_an_error_while_overwriting_leaves_the_old_index(tmp_path):
    Index.create(tmp_path / "i", ENCODER.fingerprint, batches=[batch(*some_documents(4))])
    with pytest.raises(RuntimeError, match="broke off"):
        Index.create(tmp_path / "i", ENCODER.fingerprint, batches=failing_batches(), overwrite=True)
    assert len(Index.open(tmp_path / "i")) == 4


def test_overwrite_replaces_what_a_reader_still_sees(tmp_path):
    old = Index.create(tmp_path / "i", ENCODER.fingerprint, batches=[batch(*some_documents(4))])
    new = Index.create(tmp_path / "i", ENCODER.fingerprint, batches=[batch(Document("n", "new"))], overwrite=True)
    assert [d.id for d in old.documents()] == ["d0", "d1", "d2", "d3"]
    assert [d.id for d in new.documents()] == [d.id for d in Index.open(tmp_path / "i").documents()] == ["n"]
    assert new.info().uuid != old.info().uuid
    assert new.info().older_generations == (1,)  # in its grace time
    new.compact(grace=0)
    assert len(list((tmp_path / "i" / "segments").iterdir())) == 1
    assert [d.id for d in old.documents()] == ["d0", "d1", "d2", "d3"]


def test_overwrite_replaces_a_damaged_index(tmp_path):
    Index.create(tmp_path / "i", ENCODER.fingerprint, batches=[batch(*some_documents(4))])
    (tmp_path / "i" / "MANIFEST").write_bytes(b"nonsense")
    Index.create(tmp_path / "i", ENCODER.fingerprint, batches=[batch(Document("n", "new"))], overwrite=True)
    assert len(Index.open(tmp_path / "i")) == 1


def test_create_where_something_is(tmp_path):
    Index.create(tmp_path / "i", ENCODER.fingerprint)
    with pytest.raises(IndexExists, match=r"i already holds an index; .* overwrite"):
        Index.create(tmp_path / "i", ENCODER.fingerprint)
    (tmp_path / "file").write_text("precious")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.txt").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name, reason in [("file", "is a file"), ("folder", "other files in it"), ("link", "symbolic link")]:
        with pytest.raises(IndexExists, match=reason):
            Index.create(tmp_path / name, ENCODER.fingerprint, overwrite=True)
    assert (tmp_path / "file").read_text() == (tmp_path / "folder" / "thesis.txt").read_text() == "precious"


def test_create_takes_an_empty_folder_and_the_remains_of_a_dead_writer(tmp_path):
    (tmp_path / "i" / "segments" / "1-0-dead").mkdir(parents=True)
    (tmp_path / "i" / "LOCK").touch()
    (tmp_path / "i" / "MANIFEST.tmp").write_bytes(b"half a man")
    Index.create(tmp_path / "i", ENCODER.fingerprint, batches=[batch(*some_documents(2))])
    assert len(Index.open(tmp_path / "i")) == 2
    assert len(list((tmp_path / "i" / "segments").iterdir())) == 1


def test_open_what_is_not_an_index(tmp_path):
    with pytest.raises(IndexNotFound, match=r"nowhere does not exist; build one with `bicross index"):
        Index.open(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file"):
        with pytest.raises(IndexNotFound, match="is not an index: it has no MANIFEST"):
            Index.open(path)


def test_open_with_another_model_names_both(tmp_path):
    Index.create(tmp_path / "i", ENCODER.fingerprint)
    other = HashEncoder(dimension=32, name="other-encoder").fingerprint
    with pytest.raises(IndexModelMismatch) as error:
        Index.open(tmp_path / "i", model=other)
    for part in ("'hash-encoder'", "'other-encoder'", "dimension: 16 in the index, 32 in the model", "weights_sha256"):
        assert part in str(error.value)


@pytest.mark.parametrize("name", ["documents.arrow", "metadata.arrow", "passages.arrow", "ids.arrow", "vectors.faiss"])
@pytest.mark.parametrize("damage", ["remove", "flip", "truncate", "extend"])
def test_a_damaged_file_is_named(tmp_path, name, damage):
    Index.create(tmp_path / "i", ENCODER.fingerprint, batches=[batch(*some_documents(5))])
    [path] = (tmp_path / "i" / "segments").glob(f"*/{name}")
    content = bytearray(path.read_bytes())
    match damage:
        case "remove":
            path.unlink()
        case "flip":
            content[len(content) // 2] ^= 1
        case "truncate":
            del content[-1]
        case "extend":
            content.append(0)
    if damage != "remove":
        path.write_bytes(content)
    with pytest.raises(IndexCorrupt, match=f"{name} is (damaged|missing)"):
        Index.open(tmp_path / "i")


@pytest.mark.slow
def test_every_flipped_byte_of_the_manifest_is_found(tmp_path):
    Index.create(tmp_path / "i", ENCODER.fingerprint, batches=[batch(*some_documents(2))])
    path = tmp_path / "i" / "MANIFEST"
    good = path.read_bytes()
    for position in range(len(good)):
        bad = bytearray(good)
        bad[position] ^= 0x20
        path.write_bytes(bad)
        with pytest.raises(IndexCorrupt, match="MANIFEST is damaged"):
            Index.open(tmp_path / "i")


def test_a_sealed_manifest_that_makes_no_sense_is_refused(tmp_path):
    Index.create(tmp_path / "i", ENCODER.fingerprint, batches=[batch(*some_documents(2))])
    path = tmp_path / "i" / "MANIFEST"
    line = path.read_bytes().splitlines()[0]
    name = next((tmp_path / "i" / "segments").iterdir()).name.encode()
    for old, new, message in [
        (name, b"../../elsewhere", "should match pattern"),
        (b'"format_version":5', b'"format_version":99', "has format version 99; this bicross reads versions 2 to 5"),
        (b'"metric":"inner_product"', b'"metric":"l2"', "should be 'inner_product'"),
        (b'"documents":2', b'"documents":-2', "greater than or equal to 0"),
        (b'"documents":2', b'"documents":"2"', "should be a valid integer"),
        (b'"uuid":', b'"friend":1,"uuid":', "friend"),
        (b'"generation":1,', b"", "is not a manifest of this format"),
        (b'"documents":2', b'"documents":3', "holds 2 documents; the manifest says 3"),
    ]:
        changed = line.replace(old, new)
        assert changed != line
        path.write_bytes(changed + b"\n" + xxhash.xxh3_128_hexdigest(changed).encode() + b"\n")
        with pytest.raises(IndexCorrupt, match=message):
            Index.open(tmp_path / "i")


def test_search_refuses_what_it_cannot_answer(tmp_path):
    index = Index.create(tmp_path / "i", ENCODER.fingerprint, batches=[batch(*some_documents(2))])
    with pytest.raises(ArgumentError, match="k must be at least 1, not 0"):
        index.search(ENCODER.encode_queries(["x"]), 0)
    with pytest.raises(ArgumentError, match=r"shape \(1, 3\); the index holds vectors of 16 dimensions"):
        index.search(np.ones((1, 3), np.float32), 1)
    with pytest.raises(ArgumentError, match="not finite"):
        index.search(np.full((1, 16), np.nan, np.float32), 1)


def test_add_refuses_what_does_not_fit(tmp_path):
    index = Index.create(tmp_path / "i", ENCODER.fingerprint)
    document = Document("a", "text")
    vector = ENCODER.encode_documents(["text"])
    with pytest.raises(ArgumentError, match="non-empty list of passages"):
        index.add([EmbeddedBatch([document], [[]], vector[:0])])
    with pytest.raises(ArgumentError, match=r"need vectors of shape \(1, 16\), not \(1, 8\)"):
        index.add([EmbeddedBatch([document], [[whole(document)]], vector[:, :8])])
    with pytest.raises(ArgumentError, match="passage 0 in a batch has values that are not finite"):
        index.add([EmbeddedBatch([document], [[whole(document)]], vector * np.inf)])
    assert len(Index.open(tmp_path / "i")) == 0


def test_a_second_writer_is_refused(tmp_path):
    path = tmp_path / "i"
    index = Index.create(path, ENCODER.fingerprint)
    script = "import sys, filelock; lock = filelock.FileLock(sys.argv[1]); lock.acquire(); print('held'); "
    script += "sys.stdout.flush(); input()"
    command = [sys.executable, "-c", script, str(path / "LOCK")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(IndexLocked, match="is being written to by another process"):
            index.add([batch(*some_documents(1))])
        with pytest.raises(IndexLocked):
            Index.create(path, ENCODER.fingerprint, overwrite=True)
        other.communicate("\n")
    assert index.add([batch(*some_documents(1))]) == 1


class FullDisk(Filesystem):
    """Fails at the commit, or while a segment is written."""

    def __init__(self, *, at: str) -> None:
        self.at = at

    def open_new(self, path: Path) -> int:
        if path.name == self.at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().open_new(path)


@pytest.mark.parametrize("at", ["documents.arrow", "passages.arrow", "vectors.faiss", "MANIFEST.tmp"])
def test_a_full_disk_leaves_the_old_generation(tmp_path, at):
    Index.create(tmp_path / "i", ENCODER.fingerprint, batches=[batch(*some_documents(3))])
    index = Index.open(tmp_path / "i", filesystem=FullDisk(at=at))
    with pytest.raises(OSError, match="No space left"):
        index.add([batch(*some_documents(3, start=3))])
    again = Index.open(tmp_path / "i")
    assert len(again) == 3
    again.add([batch(*some_documents(3, start=3))])
    assert len(Index.open(tmp_path / "i")) == 6
