"""What an index costs: the script from its beginning to its end, on a few documents."""

import json
import sys

import index_lifecycle
import numpy as np
import pytest
from parts.tables.indexes import lifecycle_table

pytestmark = pytest.mark.slow
DOCUMENTS, CHANGED, WIDTH = 2_100, 40, 384


@pytest.fixture(scope="module")
def run(small):
    def run_main(folder, *options):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(index_lifecycle, "ROUNDS", 2)
            patch.setattr(sys, "argv", ["index_lifecycle.py", str(small.data), str(folder), *map(str, options)])
            index_lifecycle.main()

    return run_main


@pytest.fixture(scope="module")
def report(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lifecycle")
    vectors = np.random.default_rng(0).standard_normal((DOCUMENTS, WIDTH)).astype(np.float32)
    np.save(folder / "00000000.npy", vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    sizes = ["--documents", DOCUMENTS, "--changed", CHANGED, "--index-types", "Flat,SQ8"]
    run(folder, *sizes, "--output", folder / "out.json")
    return json.loads((folder / "out.json").read_text())


def test_every_operation_is_measured_for_every_index_type(report):
    assert report["machine"]["cores"] > 0
    assert [run["index_type"] for run in report["runs"]] == ["Flat", "SQ8"]
    for run in report["runs"]:
        assert (run["documents"], run["changed_documents"], run["segments"]) == (DOCUMENTS, CHANGED, 1)
        operations = ("build", "add", "upsert", "delete", "delete_one", "compact", "verify")
        opens = [f"open_{verify}_{pages}" for verify in ("full", "size") for pages in ("cold", "warm")]
        assert all(run[f"{name}_seconds"] > 0 for name in (*operations, *opens))
        assert 0 < run["fetch_100_p50_ms"] <= run["fetch_100_p95_ms"]
    table = lifecycle_table(report["runs"])
    assert "Flat" in table
    assert "SQ8" in table


def test_bytes_are_those_of_the_files(report):
    flat, compressed = report["runs"]
    assert flat["vector_file_bytes"] >= DOCUMENTS * WIDTH * 4
    assert flat["vector_file_bytes"] > 3.5 * compressed["vector_file_bytes"], "a byte for each number"
    for run in (flat, compressed):
        assert run["vector_file_bytes"] < run["bytes"]
        assert run["bytes_after"] < run["bytes_before_compaction"], "an eighth of the documents is deleted"


def test_a_folder_without_vectors_is_an_error(run, tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no vectors; make them: python"):
        run(tmp_path)
