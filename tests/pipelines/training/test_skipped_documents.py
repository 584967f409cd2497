"""One blank row of a collection does not stop a training that is told to skip errors (F6 of the first use)."""

import json
from contextlib import nullcontext
from pathlib import Path

import pytest
from bicross.errors import DocumentError
from bicross.index import LeftOut
from bicross.pipelines import build_index
from bicross.pipelines.training import RerankerData, lists, pseudo_lists
from bicross.pipelines.training.first_stage import FirstStageSettings
from bicross.retrieval import DenseRetriever
from helpers.fakes import HashEncoder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "blank"
    (path / "qrels").mkdir(parents=True)
    rows = [
        {
            "_id": f"d{n}",
            "title": f"About word{n} and more",
            "text": f"All that is known about word{n} stands here. And this sentence is as long as it must be.",
        }
        for n in range(8)
    ]
    rows[3] |= {"title": "", "text": " "}
    (path / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    queries = [{"_id": f"q{n}", "text": f"word{n}"} for n in (1, 2)]
    (path / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in queries))
    (path / "qrels/train.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t1\n")
    encoder = HashEncoder()
    index = build_index([row["text"] for row in rows if row["text"].strip()], tmp_path / "index", encoder=encoder)
    retriever = DenseRetriever(index, encoder)
    for module in (lists, pseudo_lists):
        monkeypatch.setattr(module, "open_first_stage", lambda *_, **__: nullcontext(retriever))
    return path


@pytest.mark.parametrize("kinds", [(), ("title",)])
def test_a_blank_row_is_named_with_the_remedy_or_left_out(folder, tmp_path, kinds, caplog):
    data = {"source": folder, "pseudo_queries": kinds, "held_out": 0.0}
    first_stage = FirstStageSettings(index=Path("index"), encoder=None, scratch=Path("scratch"))
    with pytest.raises(DocumentError, match=r"corpus\.jsonl, line 4: no text: .*--skip-errors"):
        lists.make_lists(RerankerData(**data), first_stage, seed=0, for_reranker=False)
    skipping = RerankerData(**data, skip_errors=True, errors=Path("list.jsonl"))
    made = lists.make_lists(skipping, first_stage, seed=0, for_reranker=False)
    assert len(made.training) == (7 if kinds else 2)
    assert "left out 1 bad rows and files of " in caplog.text
    assert json.loads(Path("list.jsonl").read_text())["line"] == 4
    assert made.source is not None
    assert (made.source.found, made.source.documents) == (8, 7)
    assert made.source.left_out == (LeftOut("row", 1, (f"{folder / 'corpus.jsonl'}, line 4",)),)
    runs = [lists.load_or_make_lists(tmp_path / "run", {"source": "blank"}, make) for make in (lambda: made, None)]
    assert runs == [made, made]
