"""Which of many segments have an id: the answers of each segment's own table, without asking each."""

from itertools import pairwise

import numpy as np
import pytest
from bicross.errors import DocumentError
from bicross.index import Document, Index
from bicross.index.segments import Segment, id_hash
from bicross.index.writing import IndexBuilder
from bicross.index.writing.targets import IdOwners
from helpers.examples import examples
from helpers.toy_collections import FINGERPRINT, batch, record
from hypothesis import given, settings
from hypothesis import strategies as st

IDS = [f"d{number}" for number in range(30)]


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(st.lists(st.sampled_from(IDS), max_size=12), max_size=12), st.lists(st.sampled_from(IDS), max_size=8))
def test_it_names_the_segments_that_have_an_id(segments, asked):
    owners = IdOwners()
    for number, ids in enumerate(segments):
        owners.add(number, np.sort(np.array([id_hash(id_) for id_ in ids], np.uint64)))
    expected = {
        number: [position for position, id_ in enumerate(asked) if id_ in ids]
        for number, ids in enumerate(segments)
        if set(ids) & set(asked)
    }
    assert dict(owners.of(asked)) == expected
    sizes = [len(hashes) for hashes, _ in owners._levels]
    assert all(first >= 2 * second for first, second in pairwise(sizes))


@pytest.fixture
def lookups(monkeypatch):
    """How many ids were looked up in tables of segments."""
    asked: list[int] = []
    find = Segment.find

    def counted(segment, ids):
        asked.append(len(ids))
        return find(segment, ids)

    monkeypatch.setattr(Segment, "find", counted)
    monkeypatch.setattr(IndexBuilder, "segment_passages", 2)
    return asked


def batches(numbers):
    return (batch([record(number)]) for number in numbers)


def test_a_build_looks_up_what_it_holds_and_nothing_else(tmp_path, lookups):
    index = Index.create(tmp_path / "index", FINGERPRINT, batches=batches(range(60)))
    assert len(index) == 60
    assert lookups == []
    with pytest.raises(DocumentError, match="the id 'd7' is there already"):
        Index.create(tmp_path / "other", FINGERPRINT, batches=batches([*range(20), 7]))
    assert set(lookups) == {1}


def test_a_build_that_goes_on_looks_up_each_document_once_or_twice(tmp_path, lookups):
    path = tmp_path / "index"
    with pytest.raises(KeyboardInterrupt), Index.build(path, FINGERPRINT) as builder:
        for each in batches(range(40)):
            builder.add(each)
        raise KeyboardInterrupt
    lookups.clear()
    with Index.build(path, FINGERPRINT, resume=True) as builder:
        documents = [document for each in batches(range(45)) for document in each.documents]
        changed = [Document(documents[3].id, "another text"), *documents[4:]]
        assert builder.holds(changed) == [False, *[True] * 36, *[False] * 5]
        builder.add(batch([record(3, version=1)]))
        assert sum(lookups) <= 2 * len(changed)
        builder.commit(reason="build")
    index = Index.open(path)
    assert sorted(document.id for document in index.documents()) == sorted(f"d{number}" for number in range(3, 40))
