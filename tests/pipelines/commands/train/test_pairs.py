import json

import pytest
from bicross.rerank import PairScorer
from helpers.commands import run
from helpers.tiny_pair_training import LABELS, before_or_after, with_a_sofa
from helpers.tiny_reranker_training import save_base

pytestmark = pytest.mark.slow

QUICK = ("--steps", "4", "--evaluate-every", "2", "--pairs-per-step", "4", "--device", "cpu", "--max-length", "32")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return save_base(tmp_path_factory.mktemp("base") / "model")


def train(capsys, folder, base, name, rows, *options):
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return run(capsys, "train", "pairs", path, "--model", base, "-o", folder / "model", *QUICK, *options)


def test_similarity_is_trained_measured_and_described(base, tmp_path, capsys):
    rows = [{"sentence1": pair.first, "sentence2": pair.second, "score": 5 * pair.target} for pair in with_a_sofa()]
    code, out, err = train(capsys, tmp_path, base, "x.jsonl", rows, "--range", "0:5", "--held-out", "0.25", "--json")
    assert (code, err) == (0, "")
    record = json.loads(out)
    assert (record["task"], record["training_pairs"], record["held_out_pairs"]) == ("similarity", 27, 9)
    assert [evaluation["step"] for evaluation in record["evaluations"]] == [2, 4]
    card = (tmp_path / "model" / "README.md").read_text()
    assert "# A model of similarity trained by bicross" in card
    assert f"On 9 held-out pairs: Spearman {record['held_out']['spearman']:.4f}" in card
    assert "27 pairs; 9 pairs held out." in card
    assert "| range | 0.0, 5.0 |" in card
    assert 0 <= PairScorer(tmp_path / "model", device="cpu").score([("a cat", "a dog")])[0] <= 1
    code, _, err = train(capsys, tmp_path, base, "x.jsonl", rows, "--range", "0:5")
    assert code == 2
    assert "holds a finished model" in err


def test_entailment_is_trained_with_low_rank(base, tmp_path, capsys):
    rows = [
        {"premise": pair.first, "hypothesis": pair.second, "label": LABELS[int(pair.target)]}
        for pair in before_or_after()
    ]
    options = ("--task", "entailment", "--lora", "--rank", "4", "--held-out", "0")
    code, out, err = train(capsys, tmp_path, base, "x.jsonl", rows, *options)
    assert (code, err) == (0, "")
    assert out == f"Nothing was measured: no pairs were held out.\nSaved the model of step 4 in {tmp_path / 'model'}\n"
    assert PairScorer(tmp_path / "model", device="cpu").labels == tuple(sorted(LABELS))
    assert f"Its labels are {', '.join(sorted(LABELS))}." in (tmp_path / "model" / "README.md").read_text()


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (
            [{"text1": "a", "text2": "b", "score": 4}],
            (),
            "the label 4 is not from 0 to 1: say with --range what labels",
        ),
        ([{"text1": "a", "text2": "b"}], (), "name the column of the label with --label-column"),
        ([{"a": "a", "b": "b"}], (), "name the columns with --first-column and --second-column"),
        ([], ("--range", "five"), "--range takes the lowest and the highest label, as in 0:5, not 'five'"),
        ([], ("--first-column", "a"), "--first-column is 'a' and --second-column None: name both, or neither"),
        ([], ("--labels", "a,b"), "labels are for entailment, not for similarity: leave a, b out"),
    ],
)
def test_mistakes_are_found_before_a_model_is_opened(base, tmp_path, capsys, monkeypatch, rows, options, message):
    monkeypatch.setattr("bicross.training.pairs.train.open_cross_encoder", None)
    code, out, err = train(capsys, tmp_path, base, "x.jsonl", rows, *options)
    assert code in (1, 2)
    assert out == ""
    assert message in err
    assert not (tmp_path / "model").exists()
