"""Several passages of each document that is found: the best by their own scores, and nothing else of it changes."""

import dataclasses

import pytest
from bicross.errors import ArgumentError
from bicross.index import Index, VectorLayout
from helpers.toy_collections import (
    COLUMNS,
    FINGERPRINT,
    STORED,
    TERM_QUERIES,
    batch,
    record,
    token_vectors_of,
    tokens_of,
    unit_vectors,
)

RECORDS = {f"d{n}": record(n, passages=1 + n % 3) for n in range(24)}


@pytest.fixture(params=["auto", "IVF4,SQ8", "PQ8x4fs,Refine(SQ8)"])
def index(request, tmp_path):
    options = STORED | {"layout": VectorLayout(request.param)}
    made = batch(RECORDS.values(), **COLUMNS)
    opened = Index.create(tmp_path / "i", FINGERPRINT, batches=[made], **options)
    opened.delete(["d3"])
    return opened


def without_others(lines):
    return [[dataclasses.replace(hit, others=()) for hit in hits] for hits in lines]


@pytest.mark.parametrize("passages", [1, 2, 9])
def test_others_are_the_next_best_passages(index, passages):
    exact = index.info().vectors.factory == "Flat"
    vectors = unit_vectors(len(TERM_QUERIES), seed=4)
    lines = index.search(vectors, 8, passages=passages)
    hybrid_lines = index.search_both(vectors, TERM_QUERIES, 8, passages=passages)
    assert without_others(lines) == index.search(vectors, 8)
    assert without_others(hybrid_lines) == index.search_both(vectors, TERM_QUERIES, 8)
    for query, hits in zip(vectors, [*map(list.__add__, lines, hybrid_lines)], strict=True):
        for hit in hits:
            scores = (RECORDS[hit.document.id].vectors @ query).tolist()
            remaining = [start for start in range(len(scores)) if start != hit.passage.start]
            assert len(hit.others) == min(passages - 1, len(remaining))
            others = [other.passage.start for other in hit.others]
            assert set(others) <= set(remaining)
            assert [other.score for other in hit.others] == sorted((o.score for o in hit.others), reverse=True)
            tolerance = 1e-5 if exact else 0.05  # codes keep vectors as well as they can
            assert [o.score for o in hit.others] == pytest.approx([scores[start] for start in others], abs=tolerance)
            assert not exact or others == sorted(remaining, key=lambda start: -scores[start])[: passages - 1]
            for other in hit.others:
                assert other.passage.text == hit.document.text[other.passage.start : other.passage.end]
                assert other.tokens.tolist() == tokens_of(hit.document, other.passage).tolist()
                expected = token_vectors_of(hit.document, other.passage)
                assert other.token_vectors.tolist() == expected.tolist()


def test_there_is_at_least_one(index):
    with pytest.raises(ArgumentError, match="passages must be at least 1, not 0"):
        index.search(unit_vectors(1, 1), 3, passages=0)
