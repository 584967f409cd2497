"""Texts and queries are cut from the collections, embedded, and kept: a second run makes what is missing."""

import itertools
import sys

import numpy as np
import pytest
import vectors
from bicross.retrieval import BiEncoder

pytestmark = pytest.mark.slow
ROWS, CHUNK = 50, 20


@pytest.fixture
def make(small, monkeypatch):
    """Run the script, with files of a few rows."""
    monkeypatch.setattr(vectors, "CHUNK_ROWS", CHUNK)

    def run(folder, *options, rows=ROWS):
        options = ["--encoder", small.encoder, "--device", "cpu", "--rows", rows, *options]
        monkeypatch.setattr(sys, "argv", ["vectors.py", str(small.data), "-o", str(folder), *map(str, options)])
        vectors.main()

    return run


def test_texts_and_queries_are_embedded_in_files_of_some_rows(small, make, tmp_path, capsys):
    make(tmp_path, "--dtype", "float32")
    assert sorted(path.name for path in tmp_path.glob("0*.npy")) == ["00000000.npy", "00000020.npy", "00000040.npy"]
    texts, queries = vectors.benchmark_texts(small.data)[:ROWS], vectors.benchmark_queries(small.data)
    assert (vectors.rows_of(tmp_path), len(queries)) == (ROWS, 6 * len(vectors.COLLECTIONS))
    encoder = BiEncoder(small.encoder, device="cpu")
    np.testing.assert_allclose(vectors.load(tmp_path, ROWS), encoder.encode_documents(texts), atol=1e-5)
    np.testing.assert_allclose(vectors.load_queries(tmp_path), encoder.encode_queries(queries), atol=1e-5)
    assert vectors.about(tmp_path)["encoder"] == str(small.encoder)
    assert "50 of 50 texts" in capsys.readouterr().err


def test_a_second_run_makes_only_what_is_missing(make, tmp_path):
    make(tmp_path, "--dtype", "float32", rows=30)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.npy")}
    make(tmp_path, "--dtype", "float32", rows=50)
    after = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.npy")}
    assert vectors.rows_of(tmp_path) == 50
    assert {name for name in before if before[name] != after[name]} == {"00000020.npy"}, "it was not full"
    assert after.keys() - before.keys() == {"00000040.npy"}


def test_a_folder_of_other_vectors_is_left_alone(make, tmp_path):
    make(tmp_path, "--dtype", "float32")
    with pytest.raises(SystemExit, match=r"holds other vectors .*'float32'.* not .*'float16'.*; name another folder"):
        make(tmp_path, "--dtype", "float16")


def test_texts_are_distinct_and_long_enough(small):
    texts = vectors.benchmark_texts(small.data)
    assert len(texts) == len(set(texts))
    assert min(map(len, texts)) >= vectors.SHORTEST
    first = vectors.sentences_of(texts[-1])
    assert all(" ".join(pair.split()) == pair for pair in itertools.chain(first, texts[:100])), "spaces are single"
