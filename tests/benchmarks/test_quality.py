import json
import subprocess
import sys
from pathlib import Path

import pytest

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
def test_quality_measures_both_stages(tmp_path):
    folder = write_collection(tmp_path / "tiny")
    output = tmp_path / "quality.json"
    command = [sys.executable, str(ROOT / "benchmarks" / "quality.py"), str(folder), "--output", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(output.read_text())
    [result] = report["results"]
    assert (result["collection"], result["documents"], result["queries"]) == ("tiny", 4, 3)
    # Two queries are answered on rank 1, and the third by nothing: it counts as 0 and is not left out.
    for stage in ("whole_documents", "stage_one", "reranked"):
        assert result[stage] == {name: pytest.approx(2 / 3) for name in ("nDCG@10", "RR@10", "R@100")}
    assert "| tiny | stage one, whole documents | 0.6667 | 0.6667 | 0.6667 |" in done.stdout
    assert report["settings"]["reranker"] == "bicross-rerank-mini"
