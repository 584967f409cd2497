import json
import runpy
from pathlib import Path

import pytest
from parts.judged import TUNED_ON, measured_part

ROOT = Path(__file__).parents[2]


def write_collection(folder: Path) -> Path:
    """Four documents, three judged queries of which one is answered by a document that is ranked last, one unjudged."""
    documents = {
        "paris": "Paris is the capital and largest city of France.",
        "berlin": "Berlin is the capital of Germany.",
        "bees": "Bees collect nectar from flowers and make honey.",
        "bread": "Bread is baked from flour, water and yeast.",
    }
    queries = {"q1": "capital of France", "q2": "what do bees make", "q3": "nothing of the kind", "q4": "not judged"}
    (folder / "qrels").mkdir(parents=True)
    rows = [{"_id": id_, "title": "", "text": text} for id_, text in documents.items()]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    rows = [{"_id": id_, "text": text} for id_, text in queries.items()]
    (folder / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "qrels" / "test.tsv").write_text(
        "query-id\tcorpus-id\tscore\nq1\tparis\t2\nq1\tberlin\t0\nq2\tbees\t1\nq3\tmissing\t1\n"
    )
    return folder


@pytest.mark.slow
def test_quality_measures_every_way_of_searching(run_script, tmp_path):
    folder = write_collection(tmp_path / "tiny")
    output = tmp_path / "quality.json"
    done = run_script("quality.py", folder, "--output", output, "--long-documents")
    assert done.returncode == 0, done.stderr
    report = json.loads(output.read_text())
    rows = {row["system"]: row for row in report["results"]}
    assert list(rows) == [
        "BM25",
        "BM25, reranked",
        "vectors",
        "vectors, reranked",
        "hybrid",
        "hybrid, reranked",
        "hybrid with feedback",
        "hybrid with feedback, reranked",
        "default",
        "vectors, reranked, adaptive",
        *(f"vectors, reranked, {passages} passage" for passages in ("first", "max", "mean")),
    ]
    # Two queries are answered on rank 1, and the third by nothing: it counts as 0 and is not left out.
    for row in rows.values():
        assert {name: estimate["mean"] for name, estimate in row["means"].items()} == {
            name: pytest.approx(2 / 3) for name in ("nDCG@10", "RR@10", "R@100")
        }
        assert (row["collection"], row["queries"], row["published"]) == ("tiny", 3, None)
    assert "| tiny | 3 | BM25 | 0.6667 | 0.6667 | 0.6667 | +0.0000 (+0.0000 to +0.0000) |" in done.stdout
    assert report["settings"]["reranker"] == "bicross-rerank-mini"


def squad(folder):
    """Ten articles with a document and thirty queries each."""
    (folder / "qrels").mkdir(parents=True)
    titles = [f"Title {letter}" for letter in "JIHGFEDCBA"]
    documents = [json.dumps({"_id": f"d{n}", "title": title, "text": "t"}) for n, title in enumerate(titles)]
    (folder / "corpus.jsonl").write_text("\n".join(documents))
    queries = [json.dumps({"_id": f"q{n}-{i}", "text": "?"}) for n in range(10) for i in range(30)]
    (folder / "queries.jsonl").write_text("\n".join(queries))
    lines = [f"q{n}-{i}\td{n}\t1" for n in range(10) for i in range(30)]
    (folder / "qrels" / "test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *lines]) + "\n")


def test_what_tunes_is_neither_measured_nor_what_the_reranker_was_trained_on(tmp_path):
    training_queries = runpy.run_path(str(ROOT / "examples" / "bundled_reranker_data.py"))["training_queries"]
    squad(tmp_path / "squad-dev")
    measured = measured_part("squad-dev").read(tmp_path)
    tuned_on = TUNED_ON["squad-dev"].read(tmp_path)
    trained, held_out = training_queries(tmp_path, "squad-dev", "test", 0)
    assert list(tuned_on.queries) == held_out
    assert set(measured.queries) == {f"q{n}-{i}" for n in range(8) for i in range(30)}
    assert not set(measured.queries) & {*trained, *held_out}
    assert measured_part("squad-dev").read(tmp_path, 7).qrels.keys() <= measured.qrels.keys()
    assert len(measured_part("squad-dev").read(tmp_path, 7).queries) == 7
