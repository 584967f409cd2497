"""Real judged collections: that they are read whole, and that reranking helps where training never looked."""

import json
import os
from pathlib import Path

import ir_measures
import pytest
from bicross.index import read_documents
from bicross.pipelines import SearchPipeline, build_index
from ir_measures import Qrel, ScoredDoc, nDCG

DATA = Path(os.environ.get("BICROSS_DATA", Path(__file__).parents[2] / "shared" / "data"))

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no test collections at {DATA}; set BICROSS_DATA")


@pytest.mark.parametrize(
    ("name", "documents", "bad"),
    [("scifact", 5183, 0), ("nfcorpus", 3633, 0), ("squad-dev", 2067, 0), ("cosqa", 6267, 0), ("cranfield", 1398, 2)],
)
def test_collections_are_read_whole(tmp_path, name, documents, bad):
    reader = read_documents(DATA / name, on_error="skip", errors_path=tmp_path / "errors.jsonl")
    read = list(reader)
    assert (len(read), reader.skipped) == (documents, bad)
    with (DATA / name / "corpus.jsonl").open(encoding="utf-8") as lines:
        rows = {row["_id"]: row for row in map(json.loads, lines)}
    assert all((d.title, d.text) == (rows[d.id]["title"], rows[d.id]["text"]) for d in read)
    if bad:
        reasons = [json.loads(line)["reason"] for line in (tmp_path / "errors.jsonl").read_text().splitlines()]
        assert all(reason.startswith("no text") for reason in reasons)


@pytest.mark.slow
def test_reranking_helps_on_articles_kept_out_of_training(tmp_path):
    documents = list(read_documents(DATA / "squad-dev"))
    kept_out = sorted({document.title for document in documents})[-3:]
    documents = [document for document in documents if document.title in kept_out]
    ids = {document.id for document in documents}
    rows = [row.split("\t") for row in (DATA / "squad-dev" / "qrels" / "test.tsv").read_text().splitlines()[1:]]
    qrels = [Qrel(query_id, document_id, 1) for query_id, document_id, _ in rows if document_id in ids][::40]
    with (DATA / "squad-dev" / "queries.jsonl").open(encoding="utf-8") as lines:
        texts = {row["_id"]: row["text"] for row in map(json.loads, lines)}

    build_index(documents, tmp_path / "index")
    pipeline = SearchPipeline.open(tmp_path / "index", first_stage="dense", retrieve_k=10, rerank_k=10, top_k=10)
    before, after = [], []
    for qrel, results in zip(qrels, pipeline.search_batch([texts[q.query_id] for q in qrels]), strict=True):
        before += [ScoredDoc(qrel.query_id, r.document.id, r.retrieval_score) for r in results]
        after += [ScoredDoc(qrel.query_id, r.document.id, r.score) for r in results]
    stage_one, reranked = (ir_measures.calc_aggregate([nDCG @ 10], qrels, run)[nDCG @ 10] for run in (before, after))
    assert stage_one > 0.7
    assert reranked > stage_one
