import json
import os
from pathlib import Path

import pytest
from bicross.pipelines import read_judged
from bicross.pipelines.evaluation import System
from parts.judged import unshared_queries
from quality import only, unshared_rows

DATA = Path(os.environ.get("BICROSS_DATA", Path(__file__).parents[3] / "shared" / "data"))


@pytest.fixture
def folder(tmp_path):
    """Test queries t1 and t3 share a relevant document with training; t2 shares one that is not relevant there."""
    path = tmp_path / "collection"
    (path / "qrels").mkdir(parents=True)
    ids = ["t1", "t2", "t3", "t4", "r1", "r2"]
    (path / "queries.jsonl").write_text("".join(json.dumps({"_id": id_, "text": f"of {id_}"}) + "\n" for id_ in ids))
    head = "query-id\tcorpus-id\tscore\n"
    (path / "qrels" / "train.tsv").write_text(f"{head}r1\ta\t1\nr1\tb\t0\nr2\tc\t2\n")
    (path / "qrels" / "test.tsv").write_text(f"{head}t1\ta\t1\nt2\tb\t1\nt2\ta\t0\nt3\td\t1\nt3\tc\t1\nt4\td\t1\n")
    return path


def test_what_shares_a_relevant_document_with_training_is_left_out(folder, run_script, tmp_path):
    assert list(unshared_queries(folder).qrels) == ["t2", "t4"]
    done = run_script("unshared.py", folder, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    judged = read_judged(tmp_path / "out", split="test")
    assert judged.queries == {"t2": "of t2", "t4": "of t4"}
    assert judged.qrels == {"t2": {"b": 1, "a": 0}, "t4": {"d": 1}}
    done = run_script("unshared.py", folder, "-o", tmp_path / "out")
    assert (done.returncode, "is there already" in done.stderr) == (2, True)


def test_104_of_scifacts_test_queries_share_none():
    if not (DATA / "scifact").is_dir():
        pytest.skip(f"no test collections at {DATA}; set BICROSS_DATA")
    assert len(unshared_queries(DATA / "scifact").qrels) == 104


def test_rows_of_the_unshared_queries():
    def system(name, values):
        run = {query_id: [("a", 1.0)] for query_id in values if query_id != "q2"}
        return System(name, {"nDCG@10": values}, {}, 0, run)

    systems = {
        "vectors": system("first stage", {"q1": 0.0, "q2": 0.2, "q3": 0.6}),
        "tuned": system("first stage", {"q1": 1.0, "q2": 0.2, "q3": 0.8}),
    }
    part = only(systems["tuned"], ["q2", "q3"])
    assert (part.means["nDCG@10"].mean, part.missing) == (pytest.approx(0.5), 1)
    vectors, tuned = unshared_rows(systems, ["q2", "q3"], {"tuned": "dense"})
    assert (vectors.queries, vectors.difference, vectors.means["nDCG@10"].mean) == (2, None, pytest.approx(0.4))
    assert tuned.difference.mean == pytest.approx(0.1)
    assert (tuned.collection, tuned.settings) == ("scifact, unshared", "dense")
    assert list(unshared_rows(systems, [], {})) == []
