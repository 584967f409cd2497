"""An index becomes equal to a source, in one commit, and nothing is embedded twice."""

import os

import numpy as np
import pytest
from bicross.errors import DocumentError, IndexModelMismatch, IndexStoreError
from bicross.index import Chunking, Document, Index, read_documents
from bicross.index.sources import file_documents
from bicross.pipelines import SyncReport, build_index, sync_documents
from bicross.pipelines.indexing import spool
from helpers.examples import examples
from helpers.fakes import HashEncoder
from hypothesis import given, settings
from hypothesis import strategies as st

DOCUMENTS = [Document(f"d{number}", f"text number {number}", "title", {"year": number}) for number in range(5)]


def build(path, documents=DOCUMENTS, **options):
    return build_index(documents, path, encoder=HashEncoder(), reranker=None, **options)


def held(path):
    return {document.id: document for document in Index.open(path).documents()}


def found(path, documents):
    """What a search by vectors and one by words find for the text of each document."""
    index = Index.open(path)
    queries = [f"{document.title} {document.text}" for document in documents] or ["nothing"]
    dense = index.search(HashEncoder().encode_queries(queries), 100)
    lexical = index.search_terms([query.split() for query in queries], 100)
    return [
        [(hit.document.id, hit.document.metadata, hit.passage, round(hit.score, 5)) for hit in sorted_hits(hits)]
        for hits in (*dense, *lexical)
    ]


def sorted_hits(hits):
    return sorted(hits, key=lambda hit: (-round(hit.score, 4), hit.document.id))


def test_a_second_sync_embeds_and_commits_nothing(tmp_path):
    encoder = HashEncoder()
    first = sync_documents(tmp_path / "i", DOCUMENTS, encoder=encoder)
    assert first == SyncReport(added=5, created=True, examples={"added": ("d0", "d1", "d2", "d3", "d4")})
    before, encoder.encoded = Index.open(tmp_path / "i").info(), []
    again = sync_documents(tmp_path / "i", DOCUMENTS, encoder=encoder)
    assert again == SyncReport(unchanged=5)
    assert not again.is_change
    assert encoder.encoded == []
    assert Index.open(tmp_path / "i").info() == before


def test_one_commit_adds_replaces_and_deletes_and_embeds_only_what_is_new(tmp_path, monkeypatch):
    monkeypatch.setattr("bicross.index.collection.segments_to_merge", lambda manifest: [])  # a commit of its own
    before = build(tmp_path / "i").generation
    after = [
        DOCUMENTS[0],
        Document("d1", "another text", "title", {"year": 1}),
        Document("d2", "text number 2", "title", {"year": 2000}),
        Document("new", "a new text"),
    ]
    encoder = HashEncoder()
    report = sync_documents(tmp_path / "i", after, encoder=encoder)
    parts = {"added": ("new",), "changed": ("d1",), "metadata": ("d2",), "deleted": ("d3", "d4")}
    assert report == SyncReport(added=1, changed=1, metadata=1, deleted=2, unchanged=1, examples=parts)
    assert sorted(encoder.encoded) == ["a new text", "title another text"]
    assert held(tmp_path / "i") == {document.id: document for document in after}
    assert Index.open(tmp_path / "i").count("year >= 2000") == 1
    assert Index.open(tmp_path / "i").info().older_generations == (before,)
    assert Index.verify(tmp_path / "i").problems == ()


def test_no_model_is_loaded_where_nothing_is_to_be_embedded(tmp_path):
    build(tmp_path / "i")
    fewer = [DOCUMENTS[0], DOCUMENTS[1], Document("d2", "text number 2", "title", {"year": 7})]
    report = sync_documents(tmp_path / "i", fewer, encoder="no such model")
    assert (report.metadata, report.deleted) == (1, 2)


def test_files_that_were_only_touched_are_not_embedded_again(tmp_path):
    """Neither are those of an index that was built when texts had no time and no size."""
    folder, path, encoder = tmp_path / "notes", tmp_path / "i", HashEncoder()
    folder.mkdir()
    for name, text in {"a.md": "# Bees\n\nThey fly.", "b.html": "<html lang=en>Ice", "c.py": "print()"}.items():
        (folder / name).write_text(text)
    sync_documents(path, read_documents(folder, leave_out=["modified", "size", "language"]), encoder=encoder)
    before, encoder.encoded = {d.id: (d.text, v) for d, v in Index.open(path).embedded_documents()}, []
    for time in (86400, 2 * 86400):
        for file in folder.iterdir():
            os.utime(file, (time, time))
        assert sync_documents(path, read_documents(folder), encoder=encoder).metadata == 3
        assert sync_documents(path, read_documents(folder), encoder=encoder) == SyncReport(unchanged=3)
    assert encoder.encoded == []
    after = Index.open(path)
    assert after.count("modified == '1970-01-03' and size > 0") == 3
    assert after.count("language == 'en'") == 1
    for document, vectors in after.embedded_documents():
        text, vectors_before = before.pop(document.id)
        assert document.text == text
        np.testing.assert_array_equal(vectors, vectors_before)
    assert before == {}


def test_another_encoder_is_refused_before_the_source_is_read(tmp_path):
    build(tmp_path / "i")
    with pytest.raises(IndexModelMismatch):
        sync_documents(tmp_path / "i", iter([]), encoder=HashEncoder(name="other"))


def test_an_index_keeps_its_settings(tmp_path):
    index = build(tmp_path / "i", chunking=Chunking(max_tokens=8, overlap=0), lexical="de")
    index.set_settings({"search": {"first_stage": "dense"}})
    long = Document("long", "Eins zwei drei vier. " * 20)
    sync_documents(tmp_path / "i", [*DOCUMENTS, long], encoder=HashEncoder())
    changed = Index.open(tmp_path / "i")
    assert (changed.chunking, changed.analyzer, changed.settings) == (index.chunking, index.analyzer, index.settings)
    assert len(changed.passages(["long"])[0]) == 10


EDITS = st.lists(
    st.tuples(
        st.sampled_from(["put", "drop", "rename", "tag"]),
        st.sampled_from("abcdef"),
        st.sampled_from(["one two", "two three", "three four five", "Sentence one. " * 12]),
        st.integers(0, 2),
    ),
    max_size=6,
)


@settings(max_examples=examples(20))
@given(first=EDITS, second=EDITS)
def test_after_any_edits_it_finds_what_a_fresh_index_finds(tmp_path_factory, first, second):
    folder = tmp_path_factory.mktemp("edits")
    texts: dict[str, Document] = {"kept": Document("kept", "always here", metadata={"n": 0})}
    encoder = HashEncoder()
    for edits in (first, second, []):
        for kind, name, text, number in edits:
            if kind == "put":
                texts[name] = Document(name, text, metadata={"n": number})
            elif kind == "drop":
                texts.pop(name, None)
            elif kind == "rename" and name in texts:
                old = texts.pop(name)
                texts[name + "2"] = Document(name + "2", old.text, old.title, old.metadata)
            elif kind == "tag" and name in texts:
                texts[name] = Document(name, texts[name].text, metadata={"n": number + 10})
        encoder.encoded = []
        sync_documents(folder / "synced", list(texts.values()), encoder=encoder, reranker=None, allow_deletes=True)
    assert encoder.encoded == []
    build(folder / "fresh", list(texts.values()))
    queries = list(texts.values())
    assert held(folder / "synced") == held(folder / "fresh")
    assert found(folder / "synced", queries) == found(folder / "fresh", queries)


def test_more_than_half_is_not_deleted_unless_that_is_said(tmp_path):
    build(tmp_path / "i")
    encoder = HashEncoder()
    few = [DOCUMENTS[0], Document("new", "new text")]
    with pytest.raises(
        IndexStoreError,
        match=r"nothing was changed: 4 of the 5 documents of .* would be deleted, such as 'd1', 'd2', 'd3'.*"
        r"allow_deletes=True",
    ):
        sync_documents(tmp_path / "i", few, encoder=encoder)
    assert encoder.encoded == []
    assert len(held(tmp_path / "i")) == 5
    assert sync_documents(tmp_path / "i", few, encoder=encoder, allow_deletes=True).deleted == 4
    assert held(tmp_path / "i").keys() == {"d0", "new"}
    assert sync_documents(tmp_path / "i", few[:1], encoder=encoder).deleted == 1  # half is not more than half


def test_a_dry_run_says_the_same_and_writes_nothing(tmp_path):
    few = [DOCUMENTS[0]]
    planned = sync_documents(tmp_path / "new", few, encoder="no such model", dry_run=True)
    assert (planned.added, planned.created) == (1, True)
    assert not (tmp_path / "new").exists()
    build(tmp_path / "i")
    before = sorted((path, path.stat().st_mtime_ns) for path in (tmp_path / "i").rglob("*"))
    planned = sync_documents(tmp_path / "i", few, encoder="no such model", dry_run=True)
    assert sorted((path, path.stat().st_mtime_ns) for path in (tmp_path / "i").rglob("*")) == before
    assert planned == sync_documents(tmp_path / "i", few, allow_deletes=True)


@pytest.mark.parametrize("ids", [("a", "a"), ("d0", "d0")])
def test_an_id_that_comes_twice(tmp_path, ids):
    build(tmp_path / "i")
    with pytest.raises(DocumentError, match=f"the id '{ids[0]}' comes twice"):
        sync_documents(tmp_path / "i", [Document(id_, "text") for id_ in ids], encoder=HashEncoder())
    assert held(tmp_path / "i") == {document.id: document for document in DOCUMENTS}


def test_many_documents_wait_on_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(spool, "MEMORY_BYTES", 10)
    build(tmp_path / "i")
    more = [
        Document(f"m{number}", f"text \u2028 and \x85 {number}", metadata={"n": [1.5, None]}) for number in range(40)
    ]
    sync_documents(tmp_path / "i", [*DOCUMENTS, *more], encoder=HashEncoder())
    assert held(tmp_path / "i") == {document.id: document for document in [*DOCUMENTS, *more]}


def test_a_file_that_cannot_be_read_is_not_taken_for_one_that_is_gone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "source"
    source.mkdir()
    for name in "abcd":
        (source / f"{name}.txt").write_text(f"text of {name}")
    encoder = HashEncoder()
    sync_documents("i", read_documents(source), encoder=encoder)
    (source / "b.txt").unlink()
    read_page = file_documents.read_page

    def failing(path, *arguments, **options):
        if path.name == "c.txt":
            raise PermissionError(13, "Permission denied")
        return read_page(path, *arguments, **options)

    monkeypatch.setattr(file_documents, "read_page", failing)
    report = sync_documents("i", read_documents(source, on_error="skip"), encoder=encoder)
    parts = {"deleted": ("b.txt",), "kept": ("c.txt",)}
    assert report == SyncReport(deleted=1, kept=1, unchanged=2, examples=parts)
    assert held("i").keys() == {"a.txt", "c.txt", "d.txt"}


def test_a_file_of_rows_that_cannot_be_read_keeps_all(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "source"
    source.mkdir()
    (source / "rows.jsonl").write_text('{"id": "1", "text": "one"}\n{"id": "2", "text": "two"}\n')
    for name in "abc":
        (source / f"{name}.txt").write_text(f"text of {name}")
    sync_documents("i", read_documents(source), encoder=HashEncoder())
    (source / "a.txt").unlink()
    (source / "rows.jsonl").rename(source / "rows.parquet")
    report = sync_documents("i", read_documents(source, on_error="skip"), encoder=HashEncoder())
    assert report == SyncReport(kept=3, unchanged=2, examples={"kept": ("a.txt", "1", "2")})


def test_an_interrupted_build_goes_on(tmp_path, monkeypatch):
    from bicross.index.writing import checkpoints

    monkeypatch.setattr(checkpoints, "FIRST_SECONDS", 0)
    monkeypatch.setattr("bicross.pipelines.indexing.embedding.BATCH_DOCUMENTS", 2)

    class Breaking(HashEncoder):
        def encode_documents(self, passages):
            if len(self.encoded) >= 2:
                raise KeyboardInterrupt
            return super().encode_documents(passages)

    with pytest.raises(KeyboardInterrupt):
        sync_documents(tmp_path / "i", DOCUMENTS, encoder=Breaking())
    assert Index.on_disk(tmp_path / "i").unfinished
    encoder = HashEncoder()
    assert sync_documents(tmp_path / "i", DOCUMENTS, encoder=encoder).added == 5
    assert len(encoder.encoded) < 5
    assert held(tmp_path / "i") == {document.id: document for document in DOCUMENTS}
