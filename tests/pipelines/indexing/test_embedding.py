import threading

import numpy as np
import pytest
from bicross.errors import DocumentError
from bicross.index import Chunking, Document, EmbeddedBatch, Index, IndexWriter, passage_text, split_documents, whole
from bicross.index.writing import IndexBuilder
from bicross.pipelines import add_documents, build_index, upsert_documents
from bicross.pipelines.indexing import ColumnMakers, embedding
from bicross.retrieval import ParallelEncoder
from helpers.examples import examples
from helpers.fakes import HashEncoder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SECONDS = 30  # how long a test waits for what should happen at once


@pytest.fixture(autouse=True)
def no_thread_stays():
    yield
    assert [thread for thread in threading.enumerate() if thread.name.startswith("bicross")] == []


def documents(count):
    return [Document(f"d{i}", f"text number {i}. " * (1 + i % 4), "title", {"i": i}) for i in range(count)]


def embed(batch, chunking):
    """What a batch is to become, worked out at once."""
    encoder = HashEncoder()
    passages = [[whole(document)] for document in batch]
    if chunking is not None:
        passages = split_documents(
            batch, count_tokens=encoder.count_tokens, max_tokens=chunking.max_tokens, overlap=chunking.overlap
        )
    texts = [passage_text(document.title, p.text) for document, ps in zip(batch, passages, strict=True) for p in ps]
    return EmbeddedBatch(batch, passages, encoder.encode_documents(texts))


def files(path):
    return {file.name: file.read_bytes() for file in sorted(path.glob("segments/*/*"))}


@pytest.mark.parametrize("chunking", [None, Chunking(max_tokens=6, overlap=2)])
@pytest.mark.parametrize("encoder", [HashEncoder(), ParallelEncoder([HashEncoder(), HashEncoder()])])
@pytest.mark.parametrize("passages", [1, 5, 1024])
def test_an_index_is_the_same_to_the_byte_as_one_made_step_by_step(tmp_path, monkeypatch, chunking, encoder, passages):
    monkeypatch.setattr(embedding, "BATCH_DOCUMENTS", 7)
    monkeypatch.setattr(embedding, "BATCH_PASSAGES", passages)
    collection = documents(40)
    options = {"encoder": encoder, "reranker": None, "lexical": False}
    built = build_index(collection, tmp_path / "built", chunking=chunking, **options)
    size = 7 * len(getattr(encoder, "encoders", [encoder]))
    batches = [embed(collection[start : start + size], chunking) for start in range(0, 40, size)]
    Index.create(tmp_path / "steps", encoder.fingerprint, batches=batches, chunking=chunking)
    assert len(built) == 40
    assert files(tmp_path / "built") == files(tmp_path / "steps")


class Recorded(HashEncoder):
    """Knows how many passages, and how many characters, it was given at once."""

    def __init__(self):
        super().__init__(4)
        self.calls = []

    def encode_documents(self, passages):
        self.calls.append((len(passages), sum(map(len, passages))))
        return np.tile(np.float32([1, 0, 0, 0]), (len(passages), 1))


@pytest.mark.slow
def test_however_long_a_document_is_few_passages_are_embedded_at_once(tmp_path):
    encoder = Recorded()
    collection = [
        Document("short", "a text"),
        Document("long", "A sentence of words. " * 40_000),
        Document("last", "text"),
    ]
    index = build_index(collection, tmp_path / "i", encoder=encoder)
    assert index.info().passages == sum(passages for passages, _ in encoder.calls) > 4 * embedding.BATCH_PASSAGES
    assert max(passages for passages, _ in encoder.calls) == embedding.BATCH_PASSAGES
    # No passage has more than 32 words of at most 10 characters.
    assert max(characters for _, characters in encoder.calls) <= embedding.BATCH_PASSAGES * 320


@given(st.lists(st.integers(0, 60), max_size=60))
def test_batches_are_bounded_by_documents_and_by_characters(lengths):
    collection = [Document(f"d{i}", "x" * length, "t") for i, length in enumerate(lengths)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedding, "BATCH_DOCUMENTS", 5)
        patch.setattr(embedding, "BATCH_CHARACTERS", 100)
        for copies in (1, 2):
            encoder = ParallelEncoder([HashEncoder()] * copies)
            batches = list(embedding.batches_of(collection, embedding.pace_for(encoder)))
            assert [document for batch in batches for document in batch] == collection
            for batch in batches:
                assert 1 <= len(batch) <= 5 * copies
                assert sum(len(document.text) + 1 for document in batch[:-1]) < 100 * copies


def test_reading_is_a_few_batches_ahead_of_writing_and_no_more(monkeypatch):
    monkeypatch.setattr(embedding, "BATCH_DOCUMENTS", 1)
    read = []

    def source():
        for document in documents(50):
            read.append(document)
            yield document

    encoder = HashEncoder()
    with embedding.embedded(
        embedding.batches_of(source(), embedding.pace_for(encoder)), encoder, None, ColumnMakers()
    ) as batches:
        for number, batch in enumerate(batches):
            assert batch.documents == [read[number]]
            assert number < len(read) <= number + 2 * embedding.AHEAD
    assert len(read) == 50


def test_splitting_and_embedding_run_at_once_and_the_writer_stays_in_the_thread_that_calls(tmp_path, monkeypatch):
    monkeypatch.setattr(embedding, "BATCH_DOCUMENTS", 1)
    split, writers = threading.Event(), set()

    class Meeting(HashEncoder):
        def count_tokens(self, texts):
            if any("number 1" in text for text in texts):
                split.set()
            return super().count_tokens(texts)

        def encode_documents(self, passages):
            if any("number 0" in text for text in passages):
                assert split.wait(SECONDS), "the second document is split while the first is embedded"
            return super().encode_documents(passages)

    for name in ("holds", "add"):
        method = getattr(IndexBuilder, name)

        def observed(self, batch, method=method):
            writers.add(threading.current_thread())
            return method(self, batch)

        monkeypatch.setattr(IndexBuilder, name, observed)
    assert len(build_index(documents(5), tmp_path / "i", encoder=Meeting())) == 5
    assert writers == {threading.main_thread()}


class Failing(HashEncoder):
    def encode_documents(self, passages):
        if any("number 6" in text for text in passages):
            raise MemoryError("the device is full")
        return super().encode_documents(passages)


def broken_source():
    yield from documents(6)
    raise DocumentError("row 7 is bad")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "encoder", "error"),
    [(broken_source, HashEncoder(), "row 7 is bad"), (lambda: iter(documents(20)), Failing(), "the device is full")],
)
def test_after_an_error_all_that_came_before_it_can_be_resumed(tmp_path, monkeypatch, source, encoder, error):
    monkeypatch.setattr(embedding, "BATCH_DOCUMENTS", 1)
    monkeypatch.setattr(IndexBuilder, "segment_passages", 1)
    with pytest.raises((DocumentError, MemoryError), match=error):
        build_index(source(), tmp_path / "i", encoder=encoder, chunking=None)
    resuming = HashEncoder()
    build_index(documents(20), tmp_path / "i", encoder=resuming, chunking=None, resume=True)
    # Six came before the error; the last segment was not finished.
    assert resuming.encoded == [document.passage for document in documents(20)[5:]]
    with pytest.raises((DocumentError, MemoryError), match=error):
        add_documents(tmp_path / "i", (Document(f"new {d.id}", d.text) for d in source()), encoder=encoder)
    assert len(Index.open(tmp_path / "i")) == 20


@pytest.mark.slow
@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["old", "new", "newer"]), st.integers(0, 1)), max_size=14
    )
)
def test_of_one_id_the_last_stays_whatever_is_underway(tmp_path_factory, stream):
    path, encoder = tmp_path_factory.mktemp("upsert") / "i", HashEncoder()
    before = {id_: Document(id_, "old", metadata={"n": 0}) for id_ in "ab"}
    after = [Document(id_, text, metadata={"n": n}) for id_, text, n in stream]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedding, "BATCH_DOCUMENTS", 1)
        patch.setattr(IndexWriter, "segment_passages", 2)
        build_index(before.values(), path, encoder=HashEncoder())
        upsert_documents(path, after, encoder=encoder)
    expected = before | {document.id: document for document in after}
    assert {document.id: document for document in Index.open(path).documents()} == expected
    assert Index.verify(path).problems == ()
    if all(text == "old" and id_ in before for id_, text, _ in stream):
        assert encoder.encoded == []
