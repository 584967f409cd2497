"""`bicross train encoder` from its beginning to its end, on next to nothing."""

import json
import random

import pytest
from bicross.index import Document, Index
from bicross.pipelines import SearchPipeline, build_index
from bicross.pipelines.commands import main
from bicross.rerank import CrossEncoderReranker
from bicross.retrieval import BiEncoder
from helpers import commands
from helpers.tiny_models import WORDS, save_bi_encoder, save_cross_encoder

pytestmark = pytest.mark.slow
QUICK = ("--steps", "4", "--evaluate-every", "2", "--lists-per-step", "4", "--depth", "3", "--device", "cpu")


def sentence(chance: random.Random, words: int) -> str:
    return " ".join(chance.sample(WORDS[:20], words))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return str(save_bi_encoder(tmp_path_factory.mktemp("models") / "encoder"))


@pytest.fixture(scope="module")
def reranker(tmp_path_factory):
    return str(save_cross_encoder(tmp_path_factory.mktemp("models") / "reranker", outputs=1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A BEIR folder: twenty documents of three sentences, and a judged query for each."""
    path, chance = tmp_path_factory.mktemp("data") / "words", random.Random(0)
    (path / "qrels").mkdir(parents=True)
    documents = [
        {"_id": f"d{n}", "title": sentence(chance, 3), "text": ". ".join(sentence(chance, 6) for _ in range(3)) + "."}
        for n in range(20)
    ]
    queries = [{"_id": f"q{n}", "text": sentence(chance, 4)} for n in range(20)]
    for name, rows in (("corpus", documents), ("queries", queries)):
        (path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    judgments = "".join(f"q{n}\td{n}\t1\n" for n in range(20))
    (path / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\n" + judgments)
    (path / "queries.txt").write_text("".join(f"{row['text']}\n" for row in queries))
    return path


def run(capsys, *arguments):
    return commands.run(capsys, "train", "encoder", *arguments)


def trained(capsys, *arguments) -> dict:
    code, out, err = run(capsys, *arguments, *QUICK, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def average(model) -> float:
    """How much of what was learned was written."""
    return json.loads((model / "training.json").read_text())["average"]


def test_judged_queries(folder, encoder, tmp_path, capsys):
    output = tmp_path / "model"
    record = trained(capsys, folder, "-o", output, "--model", encoder)
    assert record["output"] == str(output)
    assert (record["rows"], record["held_out"], record["steps"]) == (18, 2, 4)
    assert 0 <= record["before"] <= 1
    assert [evaluation["step"] for evaluation in record["evaluations"]] == [2, 4]
    card = (output / "README.md").read_text()
    assert "18 queries with passages; 2 queries held out." in card
    assert f"trained by bicross from {encoder}" in card
    assert average(output) == 1
    assert BiEncoder(output, device="cpu").encode_queries(["the cat"]).shape == (1, 24)


def test_pseudo_queries_of_a_collection_without_queries(folder, encoder, reranker, tmp_path, capsys):
    corpus = folder / "corpus.jsonl"
    record = trained(capsys, corpus, "-o", tmp_path / "all", "--pseudo-queries", "--model", encoder)
    assert record["rows"] + record["held_out"] > 20
    filtered = trained(
        capsys, corpus, "-o", tmp_path / "kept", "--own-text", "--model", encoder, "--filter-with", reranker,
    )  # fmt: skip
    assert filtered["rows"] < record["rows"]
    assert average(tmp_path / "all") == 0.25


def test_pseudo_queries_trains_a_reranker_too(folder, encoder, reranker, tmp_path, capsys):
    models = ("--model", reranker, "--encoder", encoder)
    code = main(
        [
            "train",
            "reranker",
            str(folder / "corpus.jsonl"),
            "-o",
            str(tmp_path / "model"),
            "--pseudo-queries",
            *models,
            *QUICK,
            "--json",
        ]
    )
    output = capsys.readouterr()
    assert (code, output.err) == (0, "")
    record = json.loads(output.out)
    assert record["training_lists"] + record["held_out_queries"] > 20
    assert 0 <= record["held_out"]["stage_one"] <= 1
    assert CrossEncoderReranker(tmp_path / "model", device="cpu").score([("the cat", "the dog")]).shape == (1,)


def test_pseudo_queries_of_an_index(folder, encoder, tmp_path, capsys):
    chance = random.Random(1)
    documents = [Document(f"d{n}", ". ".join(sentence(chance, 6) for _ in range(3)) + ".") for n in range(12)]
    build_index(documents, tmp_path / "index", encoder=encoder, reranker=None)
    record = trained(capsys, tmp_path / "index", "-o", tmp_path / "model", "--pseudo-queries", "--model", encoder)
    assert record["rows"] + record["held_out"] == 12
    build_index(documents, tmp_path / "better", encoder=tmp_path / "model", reranker=None)
    assert len(SearchPipeline.open(tmp_path / "better", reranker=None, device="cpu").search("the cat")) == 10


@pytest.mark.parametrize("source", ["corpus", "index"])
def test_a_reranker_teaches_with_the_users_own_queries(folder, encoder, reranker, tmp_path, capsys, source):
    training_source = folder
    if source == "index":
        training_source = tmp_path / "index"
        assert (
            main(["index", str(folder), "-o", str(training_source), "--encoder", encoder, "--no-tokens", "--json"]) == 0
        )
        capsys.readouterr()
    teacher = ("--distil-from", reranker, "--queries", folder / "queries.txt")
    record = trained(capsys, training_source, "-o", tmp_path / "model", *teacher, "--average", 0.75, "--model", encoder)
    assert (record["rows"], record["held_out"]) == (18, 2)
    assert json.loads((tmp_path / "model" / "training.json").read_text())["loss"] == "kl"
    assert average(tmp_path / "model") == 0.75
    if source == "index":
        assert len(Index.open(training_source)) == 20


def test_what_a_person_sees(folder, encoder, tmp_path, capsys):
    code, out, err = run(capsys, folder, "-o", tmp_path / "model", "--model", encoder, *QUICK)
    assert (code, err) == (0, "")
    assert "on 2 held-out queries" in " ".join(out.split())
    again = run(capsys, folder, "-o", tmp_path / "model", "--model", encoder, *QUICK)
    assert again[0] == 2
    assert "holds a finished model" in again[2]


def refused(capsys, *arguments) -> tuple[int, str]:
    code, out, err = run(capsys, *arguments)
    assert out == ""
    return code, " ".join(err.split())


def test_mistakes_cost_nothing(folder, encoder, reranker, tmp_path, capsys):
    output = ("-o", tmp_path / "model", "--model", encoder)
    assert refused(capsys, folder, *output, "--distil-from", reranker) == (
        2,
        "bicross: distillation takes a reranker and a file of queries: name both, or neither",
    )
    queries = ("--queries", folder / "queries.txt")
    code, err = refused(capsys, folder, *output, "--distil-from", encoder, *queries)
    assert (code, "is not a reranker: it is BertModel" in err) == (1, True)
    code, err = refused(capsys, folder, *output, "--distil-from", reranker, *queries, "--pseudo-queries")
    assert (code, "cannot be combined" in err) == (2, True)
    code, err = refused(capsys, folder, *output, "--loss", "kl")
    assert (code, "the loss kl takes a reranker to learn from" in err) == (2, True)
    empty = tmp_path / "empty.txt"
    empty.write_text("\n")
    code, err = refused(capsys, folder, *output, "--distil-from", reranker, "--queries", empty)
    assert (code, "holds no queries" in err) == (1, True)
    code, err = refused(capsys, folder, *output, "--split", "test")
    assert (code, "has no split 'test'; it has train" in err) == (1, True)
    one_document = tmp_path / "one.jsonl"
    one_document.write_text(json.dumps({"_id": "d", "text": "The cat sleeps."}) + "\n")
    code, err = refused(capsys, one_document, *output, "--pseudo-queries")
    assert (code, "no text to make pseudo-queries of" in err) == (1, True)
    code, err = refused(capsys, one_document, *output, "--distil-from", reranker, *queries)
    assert (code, "the first stage found less than two documents" in err) == (2, True)
