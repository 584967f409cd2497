"""What benchmarks/cascade.py makes of one reading is what a pipeline would have found, and it runs to its end."""

import json

import pytest
from bicross.index import read_documents
from bicross.pipelines import SearchPipeline, build_index, evaluate
from bicross.rerank import CrossEncoderReranker
from bicross.retrieval import BiEncoder, DenseRetriever
from cascade import FULL, ways_of
from helpers.tiny_exit_models import save_deep
from parts.judged import measured_part
from parts.tables.layers import way_label

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def report(small, run_script, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cascade")
    reranker = save_deep(folder / "reranker", "bert")
    folders = [small.data / "scifact", small.data / "cosqa"]
    effort = ["--rounds", 2, "--speed-queries", 2, "--threads", 1, "--cascade", "2:30,4:10", "--depth", 20]
    models = ["--reranker", reranker, "--encoder", small.encoder, "--output", folder / "out.json"]
    process = run_script("cascade.py", *folders, *effort, *models)
    assert process.returncode == 0, process.stderr
    return process, json.loads((folder / "out.json").read_text()), reranker


def test_every_way_is_measured(report):
    process, figures, _ = report
    ways = [FULL, "30 after layer 2, 10 after layer 4", "the first 20 alone"]
    assert [(row["collection"], row["way"]) for row in figures["results"]] == [
        (collection, way) for collection in ("scifact", "cosqa") for way in ways
    ]
    for row in figures["results"]:
        assert row["queries"] == 6
        assert len(row["seconds"]) == 4
        assert (row["difference"] is None) == (row["way"] == FULL)
        assert row["times_faster"] > 0
        assert f"| {way_label(row['way'])} |" in process.stdout
    assert [row["times_faster"] for row in figures["results"] if row["way"] == FULL] == [1, 1]
    assert set(figures["over_all"]) == set(ways[1:])


def test_what_is_made_of_one_reading_is_what_a_pipeline_finds(small, report, tmp_path):
    _, figures, folder = report
    encoder, reranker = BiEncoder(small.encoder, device="cpu"), CrossEncoderReranker(folder, device="cpu")
    index = build_index(read_documents(small.data / "scifact"), tmp_path / "index", encoder=encoder, reranker=None)
    judged = measured_part("scifact").read(small.data)
    for way, row in zip(ways_of(["2:30,4:10"], [20]), figures["results"], strict=False):
        own = SearchPipeline(DenseRetriever(index, encoder), reranker, rerank_k=way.depth, cascade=way.cascade)
        system = evaluate(own, judged.queries, judged.qrels, measures=("nDCG@10",)).systems[-1]
        assert system.means["nDCG@10"].mean == pytest.approx(row["ndcg"], abs=1e-6)
