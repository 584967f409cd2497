import json
import runpy
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
ROWS = 3000


def write_vectors(folder: Path) -> Path:
    """Vectors in clusters, as texts are, in files of 20,000 rows."""
    random = np.random.default_rng(0)
    centres = random.standard_normal((50, 32))
    vectors = centres[random.integers(50, size=20_100)] + 0.5 * random.standard_normal((20_100, 32))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    folder.mkdir()
    np.save(folder / "00000000.npy", vectors[:20_000])
    np.save(folder / "00020000.npy", vectors[20_000:20_050])
    np.save(folder / "queries.npy", vectors[20_050:])
    return folder


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    script = ROOT / "benchmarks" / "index_recall.py"
    return subprocess.run([sys.executable, script, *map(str, arguments)], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recall")
    effort = ["--rounds", 2, "--single", 5, "--batch", 10, "--build-threads", 1]
    plot = ["--plot", folder / "plot.svg"] if find_spec("matplotlib") else []
    sizes = ["--sizes", f"{ROWS},30000", "--output", folder / "out.json"]
    return folder, run(write_vectors(folder / "vectors"), *sizes, *effort, *plot)


@pytest.mark.slow
def test_it_measures_every_kind_that_is_installed(done):
    folder, process = done
    assert process.returncode == 0, process.stderr
    report = json.loads((folder / "out.json").read_text())
    [size] = report["sizes"]
    assert "30000 rows: left out" in process.stderr
    assert (size["rows"], size["dimension"], size["queries"], report["settings"]["threads"]) == (ROWS, 32, 50, 1)
    results = {result["kind"]: result for result in size["kinds"]}
    assert set(results) | set(size["left_out"]) == {
        *("Flat", "auto", "auto-compressed", "SQ8", "IVF", "HNSW32", "hnswlib", "usearch")
    }
    assert set(size["left_out"]) <= {"hnswlib", "usearch"}
    assert report["versions"]["faiss-cpu"]
    for kind, result in results.items():
        assert kind in process.stdout
        points = [result, *result["curve"]]
        for point in points:
            assert 0.3 < point["recall_at_100"] <= 1
            assert 0.3 < point["recall_at_10"] <= 1
            assert 0 < point["p50_ms"] <= point["p95_ms"]
        assert 0 < result["claimed_recall_at_100"] <= 1
        assert result["build_seconds"] > 0
        assert 16 < result["bytes_per_vector"] < 1000
        assert [len(rounds) for rounds in result["rounds"].values()] == [2, 2, 2]


@pytest.mark.slow
def test_flat_is_exact_and_what_others_are_measured_against(done):
    folder, process = done
    assert process.returncode == 0, process.stderr
    [size] = json.loads((folder / "out.json").read_text())["sizes"]
    flat, auto = size["kinds"][:2]
    for exact in (flat, auto):  # so few rows are left to exact search
        assert (exact["made_of"], exact["recall_at_10"], exact["recall_at_100"]) == ("Flat", 1, 1)
    assert flat["bytes_per_vector"] == pytest.approx(4 * 32, abs=1)
    assert set(flat["ratio_to_flat"].values()) == {1}


@pytest.mark.slow
def test_an_index_chooses_tunes_and_finds_the_same(done):
    folder, process = done
    assert process.returncode == 0, process.stderr
    [size] = json.loads((folder / "out.json").read_text())["sizes"]
    assert set(size["through_index"]) == {"auto", "auto-compressed"}
    results = {result["kind"]: result for result in size["kinds"]}
    for kind, check in size["through_index"].items():
        assert check["factory"] == results[kind]["made_of"]
        assert check["same_settings"], check
        assert check["same_claim"], check
        assert check["same_rows_found"] > 0.999


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("matplotlib"), reason="of the extra bench")
def test_it_draws_a_line_for_each_kind(done):
    folder, process = done
    assert process.returncode == 0, process.stderr
    drawn = (folder / "plot.svg").read_text()
    for text in ("Flat", "auto-compressed", "HNSW32", "3,000 vectors", "recall@100"):
        assert text in drawn


@pytest.mark.slow
def test_a_folder_with_too_few_vectors_is_said_so(tmp_path):
    process = run(write_vectors(tmp_path / "vectors"), "--sizes", "50000")
    assert process.returncode == 1
    assert "50000 rows: left out" in process.stderr
    assert "holds 20050" in process.stderr


def test_vectors_are_loaded_across_files(tmp_path):
    folder = write_vectors(tmp_path / "vectors")
    load = runpy.run_path(str(ROOT / "benchmarks" / "vectors.py"))["load"]
    whole = np.concatenate([np.load(folder / "00000000.npy"), np.load(folder / "00020000.npy")])
    for rows in (5, 20_000, 20_010, 20_050, 30_000):
        spread = np.arange(min(rows, 20_050)) * 20_050 // min(rows, 20_050)
        np.testing.assert_array_equal(load(folder, rows), whole[spread])
