import json

import pytest
from bicross.rerank import LateInteractionReranker
from helpers.commands import run
from helpers.tiny_models import save_bi_encoder
from helpers.tiny_reranker_training import TOPICS

pytestmark = pytest.mark.slow


@pytest.fixture
def pairs(tmp_path):
    """A file of queries with the passages that answer them."""
    rows = [{"query": f"what does the {a} do in the {p} ?", "passage": f"the {a} sleeps in the {p}"} for a, p in TOPICS]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path / "pairs.jsonl"


def test_the_command_trains_measures_and_writes_a_card(pairs, tmp_path, capsys):
    save_bi_encoder(tmp_path / "bi")
    options = ["--model", tmp_path / "bi", "--encoder", tmp_path / "bi", "--dim", "8", "--depth", "6", "--steps", "4"]
    options += ["--evaluate-every", "2", "--lists-per-step", "2", "--device", "cpu", "--held-out", "0.3"]
    capsys.readouterr()  # what transformers writes of the encoder
    folder = tmp_path / "model"
    code, out, err = run(capsys, "train", "fast-reranker", pairs, "-o", folder, *options, "--layer", "1", "--json")
    assert (code, err) == (0, "")
    record = json.loads(out)
    assert (record["training_lists"], record["held_out_queries"], record["steps"]) == (7, 3, 4)
    card = (folder / "README.md").read_text()
    assert "library_name: bicross" in card
    assert "A late-interaction reranker trained by bicross from" in card
    assert "of `late_interaction.json`" in card
    assert "| dim | 8 |" in card
    reranker = LateInteractionReranker(folder, device="cpu")
    assert (reranker.blend, reranker.dim) == (record["held_out"]["blend"], 8)
    code, _, err = run(capsys, "train", "fast-reranker", pairs, "-o", folder, *options)
    assert (code, "holds a finished model" in err) == (2, True)
    code, _, err = run(capsys, "train", "fast-reranker", pairs, "-o", tmp_path / "other", *options, "--layer", "9")
    assert "it has 2 layers, and 9 are needed" in err
    assert code == 1
    assert not (tmp_path / "other").exists()
