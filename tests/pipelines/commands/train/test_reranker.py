import json

import numpy as np
import pytest
import torch
from bicross.pipelines import SearchPipeline
from bicross.pipelines.training import reranker as reranker_training
from bicross.rerank import CrossEncoderReranker
from bicross.training import checkpoints
from helpers.commands import replaced, run
from helpers.tiny_models import save_bi_encoder
from helpers.tiny_reranker_training import TOPICS, save_base

pytestmark = pytest.mark.slow

OTHER = "cuda" if torch.backends.mps.is_available() else "mps"
QUICK = ("--steps", "4", "--evaluate-every", "2", "--lists-per-step", "2", "--device", "cpu", "--max-length", "32",
         "--rank", "4", "--depth", "6")  # fmt: skip


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return ("--model", str(save_base(folder / "base")), "--encoder", str(save_bi_encoder(folder / "bi")))


@pytest.fixture
def folder(tmp_path):
    """A BEIR folder."""
    path = tmp_path / "topics"
    (path / "qrels").mkdir(parents=True)
    rows = [{"_id": f"{a}-{p}", "text": f"the {a} sleeps in the {p}"} for a, p in TOPICS]
    (path / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    rows = [{"_id": f"q-{a}-{p}", "text": f"what does the {a} do in the {p} ?"} for a, p in TOPICS]
    (path / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = [f"q-{a}-{p}\t{a}-{p}\t1\n" for a, p in TOPICS]
    (path / "qrels" / "dev.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(lines))
    return path


def train(capsys, models, folder, output, *more):
    options = replaced(["--split", "dev", *models, *QUICK], [str(part) for part in more])
    return run(capsys, "train", "reranker", folder, "-o", output, *options)


def test_the_command_trains_measures_and_writes_a_card(models, folder, tmp_path, capsys):
    code, out, err = train(capsys, models, folder, tmp_path / "model", "--held-out", "0.3", "--json")
    assert (code, err) == (0, "")
    record = json.loads(out)
    assert (record["training_lists"], record["held_out_queries"], record["steps"]) == (7, 3, 4)
    assert (record["skipped"], record["source"]["documents"], record["source"]["left_out"]) == (0, 10, [])
    assert [evaluation["step"] for evaluation in record["evaluations"]] == [2, 4]
    assert record["held_out"]["quality"] >= max(record["held_out"]["alone"], record["held_out"]["stage_one"])
    card = (tmp_path / "model" / "README.md").read_text()
    for name in ("stage_one", "alone", "quality"):
        assert f"{record['held_out'][name]:.4f}" in card
    assert "| 2" in card
    assert "| loss | listwise |" in card
    assert "7 lists with" in card
    assert "3 queries held out" in card
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "topics"]
    reranker = CrossEncoderReranker(tmp_path / "model", device="cpu")
    assert reranker.blend == record["held_out"]["blend"]
    code, _, err = train(capsys, models, folder, tmp_path / "model")
    assert code == 2
    assert "holds a finished model" in err


def test_the_same_command_goes_on_without_mining_again(models, folder, tmp_path, capsys, monkeypatch):
    expected = json.loads(train(capsys, models, folder, tmp_path / "other", "--json")[1])

    class Killed(BaseException):
        pass

    def kill(*_):
        raise Killed

    real = checkpoints.put_in_place
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(
            checkpoints,
            "put_in_place",
            lambda new, best: (kill if (new / "checkpoint-4").is_dir() else real)(new, best),
        )
        train(capsys, models, folder, tmp_path / "model")
    code, _, err = train(capsys, models, folder, tmp_path / "model", "--depth", "5")
    assert code == 2
    assert "started with --depth '6', not with --depth '5'" in err
    monkeypatch.setattr(reranker_training, "make_lists", kill)
    code, out, err = train(capsys, models, folder, tmp_path / "model", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == expected | {"output": str(tmp_path / "model")}


def test_what_a_terminal_shows(models, folder, tmp_path, capsys):
    corpus, errors = folder / "corpus.jsonl", tmp_path / "errors"
    corpus.write_text(corpus.read_text() + '{"_id": "blank", "text": " "}\n')
    options = ("--held-out", "0", "--full", "--skip-errors", "--errors", errors)
    code, out, _ = train(capsys, models, folder, tmp_path / "model", *options)
    assert code == 0
    assert out == (
        f"Nothing was measured: no queries were held out.\nSaved the model of step 4 in {tmp_path / 'model'}\n"
        f"Left out 1 bad row: {corpus}, line 11\nWhat is bad is listed in {errors}\n"
    )


def test_every_option_reaches_the_training(models, folder, tmp_path, capsys):
    code, _, err = train(
        capsys, models, folder, tmp_path / "model", "--loss", "margin-mse", "--teacher", models[1], "--margin", "5",
        "--filter-with", models[1], "--negatives", "3", "--seed", "3", "--dtype", "bfloat16", "--json",
    )  # fmt: skip
    assert (code, err) == (0, "")
    written = json.loads((tmp_path / "model" / "training.json").read_text())
    assert (written["loss"], written["seed"], written["dtype"]) == ("margin-mse", 3, "bfloat16")
    assert written["sampling"] == {"positives": 1, "hard": 2, "other": 1, "hard_depth": 15}
    assert np.isfinite([loss for _, loss in written["record"]["losses"]]).all()


def test_an_index_that_is_there_gives_the_negatives(models, folder, tmp_path, capsys):
    index = tmp_path / "index"
    code, _, err = run(capsys, "index", folder, "-o", index, "--encoder", models[3], "--no-tokens", "--json")
    assert code == 0, err
    code, _, err = train(capsys, models, folder, tmp_path / "model", "--index", index, "--json")
    assert (code, err) == (0, "")
    with SearchPipeline.open(index, encoder=models[3], reranker=str(tmp_path / "model"), device="cpu") as pipeline:
        assert pipeline.search("what does the owl do ?")[0].logit is not None


@pytest.mark.parametrize(
    ("more", "expected", "message"),
    [
        (("--split", "test"), 1, "has no split 'test'; it has dev"),
        (("--loss", "margin-mse"), 2, "a teacher and the loss margin-mse belong together"),
        (("--device", "cuda:1"), 2, "CUDA_VISIBLE_DEVICES"),
        (("--device", OTHER), 2, f"the device '{OTHER}' is not available on this machine; use"),
        (("--model", "nowhere/to-be-found"), 1, "nowhere/to-be-found"),
    ],
)
def test_mistakes_are_said_in_a_line(models, folder, tmp_path, capsys, more, expected, message):
    code, out, err = train(capsys, models, folder, tmp_path / "model", *more)
    assert (code, out) == (expected, "")
    assert message in err
    assert err.count("\n") == 1


def test_one_class_is_an_error(models, tmp_path, capsys):
    (tmp_path / "pairs.jsonl").write_text('{"query": "the cat", "passage": "the cat sleeps"}\n')
    code, _, err = train(capsys, models, tmp_path / "pairs.jsonl", tmp_path / "model")
    assert code == 2
    assert "no list has a negative passage: there is nothing to learn" in err


def test_exits_come_with_the_model_where_they_are_asked_for(models, folder, tmp_path, capsys):
    assert train(capsys, models, folder, tmp_path / "model", "--exits", "1")[0] == 0
    assert CrossEncoderReranker(tmp_path / "model", device="cpu").exit_layers == (1,)
    assert "| exits | 1 |" in (tmp_path / "model" / "README.md").read_text()
    code, _, err = train(capsys, models, folder, tmp_path / "other", "--exits", "one")
    assert code == 2
    assert "layers are numbers joined by commas, as in 3,4, not 'one'" in err
