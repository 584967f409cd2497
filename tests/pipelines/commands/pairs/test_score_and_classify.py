import io
import json
import sys

import numpy as np
import pytest
from bicross.rerank import PairScorer, classify_texts
from helpers.commands import run
from helpers.tiny_models import save_bi_encoder, save_cross_encoder, with_labels

TEXTS = [("the cat sleeps", "a dog runs in the park"), ("an owl", "the cat, all day"), ("who ?", "dog")]
DEVICE = ("--device", "cpu")
slow = pytest.mark.slow


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    plain = save_cross_encoder(folder / "plain", outputs=3)
    return {
        "nli": with_labels(plain, folder / "nli", "neutral", "entailment", "contradiction"),
        "one": save_cross_encoder(folder / "one", outputs=1),
        "encoder": save_bi_encoder(folder / "encoder"),
    }


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps({"text1": first, "text2": second}) + "\n" for first, second in TEXTS))
    return path


@slow
def test_scores_stand_beside_both_texts(models, pairs, capsys, monkeypatch):
    expected = PairScorer(models["encoder"], device="cpu").score(TEXTS)
    code, out, err = run(capsys, "score", pairs, "--model", models["encoder"], *DEVICE)
    assert (code, err) == (0, "")
    lines = [f"{score:.4f}  {first} | {second}\n" for score, (first, second) in zip(expected, TEXTS, strict=True)]
    assert out == "".join(lines)
    content = "".join(f"{first}\t{second}\n" for first, second in TEXTS).encode()
    monkeypatch.setattr(sys, "stdin", type("Input", (), {"buffer": io.BytesIO(content)}))
    monkeypatch.setattr("bicross.pipelines.commands.pairs.options.AT_ONCE", 2)
    code, out, err = run(capsys, "score", "--format", "tsv", "--json", "--model", models["encoder"], *DEVICE)
    assert (code, err) == (0, "")
    records = [json.loads(line) for line in out.splitlines()]
    assert [(record["first"], record["second"]) for record in records] == TEXTS
    np.testing.assert_allclose([record["score"] for record in records], expected, atol=1e-6)


@slow
def test_the_score_of_a_label_and_of_both_orders(models, pairs, capsys):
    options = ("--json", "--symmetric", "--label", "entailment", "--model", models["nli"])
    code, out, _ = run(capsys, "score", pairs, *options, *DEVICE)
    expected = PairScorer(models["nli"], device="cpu", label="entailment", symmetric=True).score(TEXTS)
    assert code == 0
    np.testing.assert_allclose([json.loads(line)["score"] for line in out.splitlines()], expected, atol=1e-6)
    code, out, err = run(capsys, "score", pairs, "--model", models["nli"], *DEVICE)
    assert (code, out) == (1, "")
    assert "has 3 labels (neutral, entailment, contradiction), and a score is the probability of one of them" in err


@slow
def test_pairs_are_classified(models, pairs, capsys):
    expected = PairScorer(models["nli"], device="cpu").classify(TEXTS)
    code, out, err = run(capsys, "classify", pairs, "--model", models["nli"], *DEVICE)
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        f"{label.label} {label.score:.4f}  {first} | {second}"
        for label, (first, second) in zip(expected, TEXTS, strict=True)
    ]
    code, out, _ = run(capsys, "classify", pairs, "--model", models["one"], "--threshold", "0", "--json", *DEVICE)
    assert code == 0
    assert [json.loads(line)["label"] for line in out.splitlines()] == ["similar"] * 3
    code, _, err = run(capsys, "classify", pairs, "--model", models["nli"], "--threshold", "0.4", *DEVICE)
    assert code == 2
    assert "threshold is for two labels" in err


@slow
def test_what_is_too_long_for_the_model_is_counted_and_said_once(models, tmp_path, capsys):
    rows = [(" ".join(["cat"] * 50), "dog"), ("owl", "dog"), (" ".join(["owl"] * 50), "dog")]
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(f"{first}\t{second}\n" for first, second in rows))
    for command, model in (("score", "one"), ("classify", "nli")):
        code, out, err = run(capsys, command, path, "--json", "--model", models[model], *DEVICE)
        assert code == 0
        assert [json.loads(line)["is_cut"] for line in out.splitlines()] == [True, False, True]
        said = "bicross: 2 of 3 pairs were too long: the model takes 32 tokens of both texts together, and what is"
        assert err == f"{said} longer was cut\n"
    code, out, err = run(capsys, "score", path, "--model", models["encoder"], *DEVICE)
    assert (code, len(out.splitlines())) == (0, 3)
    assert err.startswith("bicross: 2 of 3 pairs were too long: the model takes 32 tokens of each text, ")
    documents = tmp_path / "documents.jsonl"
    documents.write_text("".join(json.dumps({"id": first[:3], "text": first}) + "\n" for first, _ in rows[:2]))
    options = ("--labels", "cat,dog", "--template", "the {} ?", "--model", models["nli"], "--json")
    code, out, err = run(capsys, "classify", documents, *options, *DEVICE)
    assert [json.loads(line)["is_cut"] for line in out.splitlines()] == [True, False]
    assert err.startswith("bicross: 1 of 2 documents were too long: ")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("cat")
    (tmp_path / "texts" / "photo.png").write_text("x")
    code, out, err = run(capsys, "classify", tmp_path / "texts", *options, *DEVICE)
    assert (code, err) == (0, f"bicross: Left out 1 file of a kind that is not read: {tmp_path}/texts/photo.png\n")


@slow
def test_documents_get_labels_by_entailment(models, tmp_path, capsys):
    path = tmp_path / "documents.jsonl"
    path.write_text("".join(json.dumps({"id": str(n), "body": text}) + "\n" for n, (text, _) in enumerate(TEXTS)))
    options = ("--labels", "cat, dog", "--text-column", "body", "--template", "the {} ?", "--model", models["nli"])
    texts = [text for text, _ in TEXTS]
    scorer = PairScorer(models["nli"], device="cpu")
    expected = classify_texts(texts, ["cat", "dog"], scorer, template="the {} ?")
    code, out, err = run(capsys, "classify", path, *options, "--json", *DEVICE)
    assert (code, err) == (0, "")
    records = [json.loads(line) for line in out.splitlines()]
    assert [(record["id"], record["label"]) for record in records] == [
        (str(number), label.label) for number, label in enumerate(expected)
    ]
    several = classify_texts(texts, ["cat", "dog"], scorer, template="the {} ?", several=True)
    code, out, _ = run(capsys, "classify", path, *options, "--several", "--threshold", "0.3", *DEVICE)
    assert code == 0
    for line, label in zip(out.splitlines(), several, strict=True):
        names = [f"{name} {score:.4f}" for name, score in label.scores.items() if score >= 0.3]
        assert line.startswith(", ".join(names) or "none")
    code, out, err = run(capsys, "classify", path, *options[:-1], models["one"], *DEVICE)
    assert (code, out) == (1, "")
    assert "this needs a model of natural language inference" in err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("score missing.csv", "SOURCE names missing.csv, and there is no such file"),
        ("score pairs.txt", "has no ending that says how it is read"),
        ("score pairs.csv --model nowhere/nothing", "pairs.csv, line 2: the text2 is empty"),
        ("score other.csv", "name the columns with --first-column and --second-column"),
        ("score pairs.csv --first-column text1", "name both, or neither"),
        ("classify pairs.csv", "name a model with --model: for entailment and --labels one of natural language"),
        ("score empty.jsonl", "empty.jsonl holds no pairs: is it the right file, and is it complete?"),
        ("score pairs.csv --format xml", "--format must be one of jsonl, json, tsv, csv, not 'xml'"),
        ("score .", ". is a folder: name a file of pairs in it"),
        ("classify pairs.csv --model m --several", "--several is for documents, with --labels: leave it out"),
        ("classify pairs.csv --model m --text-column a", "--text-column is for documents, with --labels"),
        ("classify pairs.csv --model m --labels a,b --first-column a", "--first-column is for pairs, without --labels"),
        ("classify pairs.csv --model m --labels a,a", "--labels must all be different: 'a' is there twice"),
        (
            "classify pairs.csv --model m --labels one",
            "labels must be two or more, or there is nothing to choose, and not 1",
        ),
        ("classify pairs.csv --model m --labels a,b --template x", "template must have {} once"),
        ("classify pairs.csv --model m --labels a,b --threshold 0.5", "threshold is for pairs, or for --several"),
        ("classify pairs.csv --model m --labels a,b --several --threshold 2", "must be a number from 0 to 1, not 2.0"),
        ("classify missing.csv --model m --labels a,b", "missing.csv"),
    ],
)
def test_mistakes_are_found_before_a_model_is_loaded(tmp_path, capsys, monkeypatch, line, message):
    (tmp_path / "pairs.csv").write_text("text1,text2\na,\n")
    (tmp_path / "pairs.txt").write_text("a b")
    (tmp_path / "empty.jsonl").write_text("\n")
    (tmp_path / "other.csv").write_text("x,text1\na,b\n")
    monkeypatch.chdir(tmp_path)
    for module in ("score", "classify"):
        monkeypatch.setattr(f"bicross.pipelines.commands.pairs.{module}.PairScorer", None)
    code, out, err = run(capsys, *line.split())
    assert code in (1, 2)
    assert out == ""
    assert message in err


def test_standard_input_of_another_kind_names_the_option(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", type("Input", (), {"buffer": io.BytesIO(b"first,second\na,b\n")}))
    code, out, err = run(capsys, "score")
    assert (code, out) == (1, "")
    assert "not JSON" in err
    assert err.endswith("Standard input is read as jsonl; for another kind give --format, as in --format csv.\n")
