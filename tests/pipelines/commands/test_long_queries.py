"""A collection like ArguAna, whose queries are whole arguments, measured with models whose limit is 512 tokens."""

import json

import numpy as np
import pytest
from bicross.pipelines.commands import main
from helpers.tiny_architectures import save_bi_encoder, save_cross_encoder
from helpers.tiny_models import WORDS

pytestmark = pytest.mark.slow

LENGTHS = {f"argument-{number}": 1500 if number % 4 == 0 else 60 for number in range(12)}
LONG = [query_id for query_id, length in LENGTHS.items() if length == 1500]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A BEIR folder, its index, and tiny models."""
    root, random = tmp_path_factory.mktemp("arguana"), np.random.default_rng(4)
    (root / "qrels").mkdir()
    texts = {query_id: " ".join(random.choice(WORDS, length)) for query_id, length in LENGTHS.items()}
    corpus = [{"_id": f"reply-{n}", "text": " ".join(random.choice(WORDS, 30))} for n in range(24)]
    (root / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in corpus))
    rows = [{"_id": query_id, "text": text} for query_id, text in texts.items()]
    (root / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    judgments = [f"{query_id}\treply-{number}\t1\n" for number, query_id in enumerate(texts)]
    for split in ("train", "test"):
        (root / "qrels" / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(judgments))
    save_bi_encoder(root / "encoder", "bert")
    save_cross_encoder(root / "reranker", "bert")
    assert main(["index", str(root), "-o", str(root / "index"), "--encoder", str(root / "encoder")]) == 0
    return root


def run(capsys, command, folder, *arguments):
    models = ["--reranker", str(folder / "reranker"), "--device", "cpu"]
    code = main([command, str(folder / "index"), str(folder), *models, *arguments])
    output = capsys.readouterr()
    return code, output.out, output.err


def test_it_is_measured_with_reranking_and_the_report_says_how_many_were_cut(folder, capsys):
    code, out, _ = run(capsys, "evaluate", folder)
    assert code == 0
    words = " ".join(out.split())
    assert f"3 queries are too long for the reranker, which scores their beginning: {', '.join(LONG)}." in words
    code, out, _ = run(capsys, "evaluate", folder, "--json", "--long-queries", "skip")
    counts = json.loads(out)["counts"]
    assert (code, counts["judged"], counts["queries_skipped"]) == (0, 9, LONG)


def test_it_is_tuned_on_and_the_report_says_how_many_were_cut(folder, capsys):
    options = ["--split", "train", "--latency-queries", "0", "--no-store", "--scores", str(folder / "scores.npz")]
    code, out, error = run(capsys, "tune", folder, *options, "--json")
    assert code == 0, error
    record = json.loads(out)
    assert (code, record["queries"], record["queries_cut"], record["queries_skipped"]) == (0, 12, LONG, [])
    code, out, _ = run(capsys, "tune", folder, *options)
    assert "3 queries are too long for the reranker, which scores their beginning" in " ".join(out.split())


def test_a_batch_of_searches_can_do_the_same(folder, capsys):
    long, short = "cat " * 1500, "who sleeps"
    arguments = ["--reranker", str(folder / "reranker"), "--device", "cpu", "--top-k", "3", "--json", short, long]
    assert main(["search", str(folder / "index"), *arguments]) == 2
    error = capsys.readouterr().err
    assert "query 1 (" in error
    assert "has 1500 tokens; the reranker reads 512" in error
    assert "or set --long-queries to cut or skip" in error
    assert main(["search", str(folder / "index"), *arguments, "--long-queries", "skip"]) == 0
    results = [json.loads(line)["results"] for line in capsys.readouterr().out.splitlines()]
    assert [len(of_query) for of_query in results] == [3, 0]
    arguments.remove("--json")
    assert main(["search", str(folder / "index"), *arguments, "--long-queries", "skip"]) == 0
    assert "it is too long, and was skipped; --long-queries cut searches" in " ".join(capsys.readouterr().out.split())
    arguments.append("--json")
    assert main(["search", str(folder / "index"), *arguments, "--long-queries", "cut"]) == 0
    assert [len(json.loads(line)["results"]) for line in capsys.readouterr().out.splitlines()] == [3, 3]
