"""Each script from its beginning to its end, on next to nothing. Nothing is asserted of how long anything takes."""

import json
import math

import pytest
from helpers.examples import thorough
from parts import flops

pytestmark = pytest.mark.slow
REFERENCE = "sentence-transformers float32, batch 32"
OURS = ("bicross float32", "bicross bfloat16", "bicross int8")
OTHER_ENGINES = ("ONNX Runtime float32", "ONNX Runtime int8", "OpenVINO float32", "OpenVINO bfloat16")
PEERS = [f"sentence-transformers {dtype}, batch {batch}" for dtype in ("float32", "bfloat16") for batch in (32, 8)]


@pytest.fixture(autouse=True, scope="module")
def small_products():
    """What a processor reaches is measured with small matrices, in milliseconds; a benchmark takes larger ones, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flops, "SIDES", (256,))
        yield


def report_of(process, path):
    assert process.returncode == 0, process.stderr
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def reranked(small, run_script, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rerank")
    effort = ["--rounds", 2, "--queries", 2, "--batch-rounds", 1, "--batch-queries", 1, "--peer-pairs", 50]
    models = ["--reranker", small.reranker, "--threads", 1]
    process = run_script("rerank_speed.py", small.data, *effort, *models, "--output", folder / "out.json")
    return process, report_of(process, folder / "out.json")


def test_reranking_is_timed_for_all_that_can_be_loaded(reranked):
    process, report = reranked
    expected = {*PEERS, *OTHER_ENGINES, *OURS} - set(report["not_measured"])
    assert expected >= {*PEERS, "bicross float32", "bicross bfloat16"}
    assert [workload["workload"] for workload in report["workloads"]] == ["MS MARCO-like", "SciFact"]
    for workload in report["workloads"]:
        single, batch = workload["one_query"]["variants"], workload["batch"]["variants"]
        assert set(single) == set(batch) == expected
        assert workload["one_query"]["queries"] == 4
        for name in expected:
            assert len(single[name]["seconds"]) == 4
            assert 0 < single[name]["p50_ms"] <= single[name]["p95_ms"]
            assert batch[name]["pairs"] == (100 if name in OURS else 50)
            assert name in process.stdout
        assert single[REFERENCE]["times_faster"] == batch[REFERENCE]["times_faster"] == 1
        assert single["bicross float32"]["largest_score_difference"] < 1e-4
        assert single["bicross float32"]["kendall_tau"] == pytest.approx(1, abs=0.01)
    for dtype in ("float32", "bfloat16"):
        assert report["peaks"][dtype]["ops"] > 0
    for name in set(report["not_measured"]):
        assert name in process.stdout


def test_reranking_is_judged_beside_speed(small, run_script, tmp_path):
    models = ["--reranker", small.reranker, "--encoder", small.encoder, "--threads", 1]
    paths = ["--cache", tmp_path / "cache", "--output", tmp_path / "out.json"]
    report = report_of(run_script("rerank_quality.py", small.data, *models, *paths), tmp_path / "out.json")
    figures = {(f["collection"], f["name"]): f for f in report["quality"]}
    for collection in ("scifact", "nfcorpus"):
        reference, ours = figures[collection, "reference"], figures[collection, "bicross float32"]
        assert (reference["queries"], reference["pairs"]) == (6, 600)
        assert (
            reference["difference_alone"]
            == reference["difference_blended"]
            == reference["largest_score_difference"]
            == 0
        )
        assert ours["largest_score_difference"] < 1e-4
        assert 0 < reference["ndcg_alone"] <= 1
    assert len(list((tmp_path / "cache").glob("candidates-*.jsonl"))) == 2
    assert len(list((tmp_path / "cache").glob("scores-*.npy"))) == 2


def test_embedding(small, run_script, tmp_path):
    effort = ["--rounds", 2, "--queries", 2, "--documents", 10, "--threads", 1, "--encoder", small.encoder]
    output = ["--quality", "--cache", tmp_path / "cache", "--output", tmp_path / "out.json"]
    process = run_script("embed_speed.py", small.data, *effort, *output)
    report = report_of(process, tmp_path / "out.json")
    expected = {PEERS[0], PEERS[2], PEERS[3], *OURS} - set(report["not_measured"])
    for workload in report["workloads"]:
        documents, query = workload["documents"]["variants"], workload["one_query"]["variants"]
        assert set(documents) == set(query) == expected
        assert (workload["documents"]["texts"], workload["one_query"]["queries"]) == (10, 4)
        for figures in (documents["bicross float32"], query["bicross float32"], documents[REFERENCE]):
            assert figures["least_cosine"] == pytest.approx(1, abs=1e-5)
        assert 0.99 < documents["bicross bfloat16"]["mean_cosine"] <= 1 + 1e-6
        assert documents[REFERENCE]["documents_per_second"] > 0
    figures = {(f["collection"], f["name"]): f for f in report["quality"]}
    for collection in ("scifact", "nfcorpus"):
        assert figures[collection, "bicross float32"]["difference"] == pytest.approx(0, abs=1e-6)
        assert 0 < figures[collection, REFERENCE]["ndcg_at_10"] <= 1
        assert len(list((tmp_path / "cache").glob(f"vectors-{collection}-*.npy"))) == 1


def test_latency_of_whole_answers(small, vectors, run_script, tmp_path):
    models = ["--encoder", small.encoder, "--reranker", small.reranker, "--dtypes", "float32,int7"]
    cold = int(thorough())  # each is a process that imports sentence-transformers
    effort = ["--sizes", "300,9000000", "--rounds", 2, "--queries", 2, "--cold", cold, "--threads", 1]
    process = run_script("latency.py", small.data, vectors, *models, *effort, "--output", tmp_path / "out.json")
    report = report_of(process, tmp_path / "out.json")
    assert "vectors are there" in report["left_out"]["9000000"]
    [size] = report["sizes"]
    assert (size["documents"], size["layout"]) == (300, "Flat")
    assert size["not_measured"]["bicross int7"].startswith("not available: ")
    assert set(size["warm"]) == {"plain recipe", "bicross float32"}
    assert set(size["cold"]) == (set(size["warm"]) if cold else set())
    for name, figures in size["warm"].items():
        expected = {"encode", "search", "rerank", "total", "of which fetch"}
        assert set(figures["stages"]) == expected | ({"of which tokenise"} if name != "plain recipe" else set())
        for stage in figures["stages"].values():
            assert 0 <= stage["p50_ms"] <= stage["p95_ms"] <= stage["p99_ms"] < math.inf
        assert len(figures["seconds"]) == 4
    assert size["warm"]["plain recipe"]["times_faster"] == 1
    if cold:
        assert size["cold"]["plain recipe"]["times_faster"] == 1
        assert size["cold"]["bicross float32"]["first_ms"] > 0
        assert "its first query" in process.stdout


def test_vectors_of_other_texts_are_refused(small, vectors, run_script, tmp_path):
    import numpy as np

    np.save(tmp_path / "00000000.npy", np.load(vectors / "00000000.npy")[1:])
    process = run_script("latency.py", small.data, tmp_path)
    assert process.returncode == 1
    assert "they differ" in process.stderr
