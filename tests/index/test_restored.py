"""A backup that is put back under an open index, and going back to a generation of another model."""

import dataclasses
import shutil

import numpy as np
import pytest
from bicross.errors import IndexModelMismatch
from bicross.index import Index
from helpers.toy_collections import ANALYZER, FINGERPRINT, TOKENIZER, batch, record, terms_of_text, unit_vectors

OTHER = dataclasses.replace(FINGERPRINT, id="another/name", weights_sha256="f" * 64)


def ids(index):
    return sorted(document.id for document in index.documents())


def restore(copy, path):
    shutil.rmtree(path)
    shutil.copytree(copy, path)


@pytest.fixture
def path(tmp_path):
    Index.create(tmp_path / "i", FINGERPRINT, batches=[batch([record(1)])])
    shutil.copytree(tmp_path / "i", tmp_path / "copy")
    return tmp_path / "i"


@pytest.mark.parametrize("change", ["refresh", "delete", "settings"])
def test_a_restored_backup_that_reached_the_same_number_is_noticed(path, change):
    Index.open(path).add([batch([record(2)])])
    reader = Index.open(path)
    restore(path.parent / "copy", path)
    Index.open(path).add([batch([record(3)])])
    assert (reader.generation, ids(reader)) == (2, ["d1", "d2"])
    if change == "refresh":
        assert reader.refresh()
    elif change == "delete":
        assert reader.delete(["d9"]) == 0
    else:
        reader.set_settings({"a": 1})
    assert ids(reader) == ["d1", "d3"]
    assert not reader.refresh()


def test_a_restored_older_generation_is_noticed(path):
    index = Index.open(path)
    index.add([batch([record(2)])])
    restore(path.parent / "copy", path)
    assert index.refresh()
    assert (index.generation, ids(index)) == (1, ["d1"])


def test_going_back_to_a_generation_of_another_model_is_refused(path):
    index = Index.create(path, OTHER, overwrite=True, batches=[batch([record(2)])])
    assert index.info().older_generations == (1,)
    for opened in (index, Index.open(path)):
        with pytest.raises(IndexModelMismatch, match=r"cannot go back to generation 1, .*weights_sha256: "):
            opened.rollback(1)
    assert (index.generation, index.model, ids(Index.open(path))) == (2, OTHER, ["d2"])


def test_an_index_that_was_replaced_is_not_rolled_back_by_a_handle_of_before(path):
    before = Index.open(path)
    before.add([batch([record(2)])])
    Index.create(path, OTHER, overwrite=True)
    with pytest.raises(IndexModelMismatch, match="weights_sha256"):
        before.rollback(1)
    assert Index.open(path).model == OTHER


@pytest.mark.parametrize("made", ["terms", "token ids"])
def test_what_another_process_made_is_not_rolled_back_unseen(path, made):
    index, other = Index.open(path), Index.open(path)
    if made == "terms":
        other.index_terms(ANALYZER, lambda texts: [terms_of_text(text) for text in texts])
    else:
        other.retokenize(TOKENIZER, lambda texts: [np.zeros(1, np.uint16) for _ in texts])
    with pytest.raises(IndexModelMismatch, match=f"now stores {made} of .*refresh it, or open it again"):
        index.rollback(1)
    index.refresh()
    index.rollback(1)
    assert (index.analyzer, index.tokenizer_fingerprint, ids(index)) == ("", "", ["d1"])
    assert index.search(unit_vectors(1, seed=1), 1)[0][0].document.id == "d1"
