import pytest
from bicross.errors import DocumentError, IndexExists
from bicross.index import Chunking, Document, Index
from bicross.pipelines import add_documents, build_index, indexing
from fakes import HashEncoder

ENCODER = HashEncoder()


def documents(count):
    return (Document(f"d{i}", f"text {i}", "title") for i in range(count))


def test_documents_are_embedded_with_their_titles_in_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(indexing, "BATCH_DOCUMENTS", 4)
    encoder = HashEncoder()
    index = build_index(documents(10), tmp_path / "i", encoder=encoder)
    assert len(index) == 10
    assert encoder.encoded == [f"title text {i}" for i in range(10)]
    assert index.info().segments == 1


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
