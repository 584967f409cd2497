"""What an index refuses, and what it says: of another model, of another format, and of paths that are none."""

import dataclasses
import os

import pytest
from bicross.errors import IndexCorrupt, IndexExists, IndexModelMismatch, IndexNotFound
from bicross.index import Index, ModelFingerprint, VectorLayout
from helpers.damage import read_body, sealed, write_anew
from helpers.toy_collections import COLUMNS, FINGERPRINT, STORED, batch, record, unit_vectors

OTHER = {
    "id": "another/name",
    "revision": "another revision",
    "weights_sha256": "f" * 64,
    "tokenizer_sha256": "e" * 64,
    "dimension": 8,
    "pooling": "cls",
    "normalised": False,
    "query_prompt": "query: ",
    "document_prompt": "passage: ",
    "max_length": 7,
    "settings_sha256": "d" * 64,
}
NAMES_OF_ORIGIN = ("id", "revision")


@pytest.fixture
def path(tmp_path):
    Index.create(tmp_path / "i", FINGERPRINT, batches=[batch(record(n) for n in range(5))])
    return tmp_path / "i"


def test_every_field_of_a_fingerprint_is_tried():
    assert OTHER.keys() == {field.name for field in dataclasses.fields(ModelFingerprint)}
    assert all(getattr(FINGERPRINT, name) != value for name, value in OTHER.items())


@pytest.mark.parametrize("name", OTHER)
def test_a_model_that_differs_in_one_field_is_refused_by_that_field(path, name):
    other = dataclasses.replace(FINGERPRINT, **{name: OTHER[name]})
    if name in NAMES_OF_ORIGIN:
        assert len(Index.open(path, model=other)) == 5
        return
    with pytest.raises(IndexModelMismatch) as error:
        Index.open(path, model=other)
    assert f"{name}: {getattr(FINGERPRINT, name)!r} in the index, {OTHER[name]!r} in the model" in str(error.value)
    assert all(f"{field}:" not in str(error.value) for field in OTHER if field != name)


@pytest.mark.parametrize("name", [name for name in OTHER if name not in NAMES_OF_ORIGIN])
def test_an_open_index_does_not_move_to_another_model(path, name):
    """It was replaced by an index of another model: searching goes on as before, and nothing is written."""
    index = Index.open(path)
    Index.create(path, dataclasses.replace(FINGERPRINT, **{name: OTHER[name]}), overwrite=True)
    for change in (index.refresh, lambda: index.delete(["d1"]), lambda: index.add([batch([record(9)])])):
        with pytest.raises(IndexModelMismatch, match=f"{name}: "):
            change()
    assert len(index) == 5
    assert len(Index.open(path)) == 0


def test_the_model_is_checked_before_anything_is_read(path):
    for file in path.rglob("*.*"):
        if file.parent != path:
            write_anew(file, b"damaged")
    with pytest.raises(IndexModelMismatch):
        Index.open(path, model=dataclasses.replace(FINGERPRINT, pooling="cls"))


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        (
            "format_version",
            6,
            "has format version 6; this bicross reads versions 2 to 5. Use the bicross that wrote it",
        ),
        ("format_version", 1, "has format version 1; this bicross reads versions 2 to 5"),
        ("format_version", "2", "has format version 2; this"),
        ("format_version", None, "has format version None"),
        ("metric", "l2", "should be 'inner_product'"),
        ("metric", None, "should be 'inner_product'"),
    ],
)
def test_another_format_or_metric_is_refused_by_name(path, field, value, words):
    write_anew(path / "MANIFEST", sealed(read_body(path / "MANIFEST") | {field: value}))
    for refused in (lambda: Index.open(path), lambda: Index.verify(path), lambda: Index.open(path, verify="size")):
        with pytest.raises(IndexCorrupt, match=words) as error:
            refused()
        assert str(path / "MANIFEST") in str(error.value)


def test_a_newer_format_is_named_even_where_all_else_is_new(path):
    write_anew(path / "MANIFEST", sealed({"format_version": 99, "everything": "is different"}))
    with pytest.raises(IndexCorrupt, match="has format version 99"):
        Index.open(path)


def test_a_manifest_of_another_dimension_than_its_vectors_is_refused(path):
    body = read_body(path / "MANIFEST")
    body["model"]["dimension"] = 8
    write_anew(path / "MANIFEST", sealed(body))
    with pytest.raises(
        IndexCorrupt, match=r"vectors\.faiss holds 5 vectors of 16 dimensions; the manifest says 5 of 8"
    ):
        Index.open(path)


@pytest.mark.parametrize("kind", ["nothing", "a link to nothing", "a file", "a link to a file", "a folder"])
def test_paths_that_are_no_index(tmp_path, kind):
    path = tmp_path / "p"
    (tmp_path / "file").write_text("precious")
    if kind == "a link to nothing":
        path.symlink_to(tmp_path / "nowhere")
    elif kind == "a file":
        path.write_text("precious")
    elif kind == "a link to a file":
        path.symlink_to(tmp_path / "file")
    elif kind == "a folder":
        path.mkdir()
        (path / "thesis.txt").write_text("precious")
    before = sorted(str(file) for file in tmp_path.rglob("*"))
    for refused in (lambda: Index.open(path), lambda: Index.verify(path)):
        with pytest.raises(IndexNotFound, match=f"{path} (does not exist|is not an index)"):
            refused()
    if kind != "nothing":
        for overwrite in (False, True):
            with pytest.raises(IndexExists, match=str(path)):
                Index.create(path, FINGERPRINT, overwrite=overwrite)
    assert sorted(str(file) for file in tmp_path.rglob("*")) == before
    assert (tmp_path / "file").read_text() == "precious"


def test_an_index_behind_a_link_is_as_good_as_any(path, tmp_path):
    (tmp_path / "link").symlink_to(path)
    index = Index.open(tmp_path / "link")
    index.add([batch([record(9)])])
    assert len(Index.open(path)) == 6
    assert Index.verify(tmp_path / "link").problems == ()


@pytest.mark.parametrize("pattern", ["tombstones/*", "segments/*/documents.arrow"])
def test_a_folder_in_the_place_of_a_file_is_named(path, pattern):
    Index.open(path).delete(["d0"])
    [file] = path.glob(pattern)
    file.unlink()
    file.mkdir()
    with pytest.raises(IndexCorrupt, match=f"{file} is not a file"):
        Index.open(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
@pytest.mark.parametrize("pattern", ["tombstones/*", "segments/*/documents.arrow"])
def test_a_pipe_in_the_place_of_a_file_does_not_hang(path, pattern):
    Index.open(path).delete(["d0"])
    [file] = path.glob(pattern)
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(IndexCorrupt, match=f"{file} is not a file"):
        Index.open(path)


def test_an_index_that_an_automatic_compaction_cannot_improve_is_still_written_to(tmp_path):
    """Too few vectors to train the layout that was asked for: what was added is there, and no error."""
    path = tmp_path / "i"
    index = Index.create(path, FINGERPRINT, layout=VectorLayout("IVF4,SQ8"))
    assert index.add([batch([record(1)])]) == 1
    assert len(Index.open(path)) == 1
    assert index.add([batch(record(n) for n in range(2, 30))]) == 28
    assert index.info().vectors.factory == "IVF4,SQ8"
    assert len(index) == 29


def test_an_index_without_its_empty_folders_can_be_changed(path):
    """As git, zip and object stores leave it."""
    for name in ("tombstones", "quantisers"):
        (path / name).rmdir()
    index = Index.open(path)
    assert Index.verify(path).problems == ()
    index.delete(["d1"])
    index.compact()
    index.rollback(1)
    assert len(index) == 5


def test_an_index_that_cannot_be_written_to_can_be_read(path):
    before = sorted(file.name for file in path.iterdir())
    path.chmod(0o500)
    try:
        assert len(Index.open(path)) == 5
        assert Index.verify(path).problems == ()
    finally:
        path.chmod(0o700)
    assert sorted(file.name for file in path.iterdir()) == before


USES = {
    "documents.arrow": lambda index: list(index.documents()),
    "metadata.arrow": lambda index: index.search(unit_vectors(1, seed=1), 3, where="even"),
    "passages.arrow": lambda index: index.search(unit_vectors(1, seed=1), 3),
    "ids.arrow": lambda index: index.get(["d1"]),
    "tokens.arrow": lambda index: index.search(unit_vectors(1, seed=1), 3),
    "terms.arrow": lambda index: index.search_terms([["t1"]], 3),
    "token_vectors.arrow": lambda index: index.search(unit_vectors(1, seed=1), 3),
    "vectors.faiss": lambda index: index.vectors(["d1"]),
}


@pytest.mark.parametrize("name", USES)
def test_a_file_of_the_right_size_that_is_no_such_file_is_named_by_what_first_needs_it(tmp_path, name):
    records = [record(number) for number in range(150)]
    Index.create(tmp_path / "i", FINGERPRINT, batches=[batch(records, **COLUMNS)], **STORED)
    [file] = (tmp_path / "i").glob(f"segments/*/{name}")
    write_anew(file, bytes(file.stat().st_size))
    index = Index.open(tmp_path / "i", verify="size")
    for _ in range(2):
        with pytest.raises(IndexCorrupt) as refused:
            USES[name](index)
        assert str(file) in str(refused.value)
    with pytest.raises(IndexCorrupt, match=f"{name} is damaged: its checksum"):
        Index.open(tmp_path / "i")
    file.unlink()
    for verify in ("size", "full"):
        with pytest.raises(IndexCorrupt, match=f"{name} is missing, though the manifest lists it"):
            Index.open(tmp_path / "i", verify=verify)
