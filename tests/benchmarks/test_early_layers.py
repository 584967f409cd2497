"""The benchmark of early layers: its vectors are the encoder's, its search is exact, and it runs to its end."""

import json
from argparse import Namespace

import numpy as np
import pytest
from bicross.retrieval import EarlyLayerEncoder
from early_layers import Layers, documents_of, nearest
from helpers.tiny_architectures import SENTENCES, save_cross_encoder

pytestmark = pytest.mark.slow

TEXTS = [*SENTENCES, "cat", *(f"{sentence} and {sentence}" for sentence in SENTENCES), " ".join(SENTENCES * 30)]


@pytest.mark.parametrize("name", ["bert", "distilbert", "xlm-roberta"])
def test_one_pass_gives_the_vectors_of_every_layer(tmp_path, name):
    folder = save_cross_encoder(tmp_path / "cross", name)
    arguments = Namespace(device="cpu", dtype="float32", max_length=64)
    encoded = Layers.of(str(folder), arguments).encode(TEXTS)
    total = len(encoded["mean"]) - 1
    assert total == (3 if name == "distilbert" else 2)
    for pooling in ("mean", "cls"):
        for layer in range(1, total + 1):
            encoder = EarlyLayerEncoder(folder, layers=layer, pooling=pooling, device="cpu", max_length=64)
            np.testing.assert_allclose(encoded[pooling][layer], encoder.encode_documents(TEXTS), atol=1e-5)


def test_search_is_exact_and_ties_keep_their_order():
    documents = np.array([[1, 0], [0.6, 0.8], [0, 1], [0.6, 0.8]], np.float32)
    queries = np.array([[1, 0], [0, 1]], np.float32)
    run = nearest(["a", "b", "c", "d"], documents, ["q1", "q2"], queries)
    assert [id_ for id_, _ in run["q1"]] == ["a", "b", "d", "c"]
    assert [id_ for id_, _ in run["q2"]] == ["c", "b", "d", "a"]
    assert run["q1"][1][1] == pytest.approx(0.6)


def test_documents_without_a_text_are_left_out(tmp_path):
    rows = [{"_id": "a", "title": "", "text": "one"}, {"_id": "b", "title": "", "text": ""}]
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\ta\t1\n")
    (tmp_path / "queries.jsonl").write_text('{"_id": "q", "text": "one"}\n')
    (tmp_path / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [document.id for document in documents_of(tmp_path)] == ["a"]


@pytest.mark.slow
def test_the_script_reports_every_layer_and_how_fast_it_is(small, run_script, tmp_path):
    folders = [small.data / name for name in ("scifact", "nfcorpus")]
    models = ["--reranker", small.reranker, "--encoder", small.encoder, "--threads", 1]
    effort = ["--rounds", 2, "--documents", 6, "--single", 2, "--max-length", 32, "--output", tmp_path / "out.json"]
    process = run_script("early_layers.py", *folders, *models, *effort)
    assert process.returncode == 0, process.stderr
    report = json.loads((tmp_path / "out.json").read_text())
    rows = {(r["collection"], r["model"], r["pooling"], r["layer"]): r for r in report["layers"]}
    assert set(rows) == {
        (folder.name, str(model), pooling, layer)
        for folder in folders
        for model in (small.reranker, small.encoder)
        for pooling in ("mean", "cls")
        for layer in (0, 1, 2)
    }
    for (_, _, _, layer), row in rows.items():
        assert row["queries"] == 6
        assert 0 <= row["means"]["nDCG@10"]["mean"] <= 1
        assert (row["difference"] is None) == (layer == 2)
    assert report["speed"]["2"]["times_faster"] == report["speed"]["2"]["one_query_times_faster"] == 1
    assert len(report["speed"]["1"]["seconds"]) == 2
    assert "difference to the last layer" in process.stdout
