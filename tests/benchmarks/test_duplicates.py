"""The benchmark of duplicates: that its ways of finding pairs agree, and what it draws."""

import json

import numpy as np
import pytest
from parts.duplicates import METHODS, collect_texts
from parts.duplicates.methods import of_documents, of_vectors


def vectors_of(count):
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((10, 32))[rng.integers(10, size=count)] + 0.3 * rng.standard_normal((count, 32))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("way", [of_vectors, of_documents])
def test_each_way_finds_the_pairs_of_all_products(way):
    texts, vectors = [f"text {number}" for number in range(200)], vectors_of(200)
    truth = METHODS["all pairs"](texts, vectors, 0.9, 0)
    products = vectors @ vectors.T
    assert len(truth.keys) == (np.triu(products, 1) >= 0.9).sum() > 200
    assert truth.compared == 19_900
    pairs = way(texts, vectors, 0.9, 200)
    np.testing.assert_array_equal(pairs.keys, truth.keys)
    assert pairs.compared in (None, 40_000)


def test_a_smaller_draw_is_always_the_same_and_has_no_text_twice(tmp_path, monkeypatch):
    monkeypatch.setattr("parts.duplicates.texts.QUERIES", ("one",))
    monkeypatch.setattr("parts.duplicates.texts.PAIRS", ("two",))
    monkeypatch.setattr("parts.duplicates.texts.SENTENCES", ())
    for name, file, rows in (
        ("one", "queries.jsonl", [{"text": "tea  milk"}, {"text": "soup"}, {"text": ""}]),
        ("two", "test.jsonl", [{"sentence1": "tea milk", "sentence2": "rice"}]),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert sorted(collect_texts(tmp_path, 3)) == ["rice", "soup", "tea milk"]
    assert collect_texts(tmp_path, 2) == collect_texts(tmp_path, 3)[:2]
    with pytest.raises(SystemExit, match="has 3 distinct texts, fewer than 4"):
        collect_texts(tmp_path, 4)
