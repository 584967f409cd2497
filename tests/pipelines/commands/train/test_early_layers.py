"""The command that makes a light bi-encoder: what it is asked, shows and refuses."""

import json

import pytest
from bicross.pipelines.commands import main
from bicross.retrieval import BiEncoder, EarlyLayerEncoder
from helpers.tiny_models import save_cross_encoder

pytestmark = pytest.mark.slow


def test_the_folder_is_a_bi_encoder_of_the_first_layers(tmp_path, capsys):
    cross = save_cross_encoder(tmp_path / "cross", outputs=1)
    command = ["train", "early-layers", str(cross), "-o", str(tmp_path / "light"), "--layers", "1", "--pooling", "cls"]
    assert main([*command, "--max-length", "16"]) == 0
    assert "light holds the first layer of " in capsys.readouterr().out
    made = BiEncoder(tmp_path / "light", device="cpu")
    assert (made.fingerprint.pooling, made.fingerprint.max_length) == ("cls", 16)
    expected = EarlyLayerEncoder(cross, layers=1, pooling="cls", device="cpu", max_length=16)
    texts = ["the cat sleeps", "a dog " * 20]
    assert abs(made.encode_documents(texts) - expected.encode_documents(texts)).max() < 1e-6
    assert main(command) == 2
    assert "is there already, and is not an empty folder: name another" in capsys.readouterr().err


def test_the_command_can_answer_in_json_and_names_what_is_wrong(tmp_path, capsys):
    cross = save_cross_encoder(tmp_path / "cross", outputs=1)
    assert main(["train", "early-layers", str(cross), "-o", str(tmp_path / "light"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "model": str(cross),
        "folder": str(tmp_path / "light"),
        "layers": 2,
        "pooling": "mean",
    }
    for wrong, message in (
        (["--layers", "3"], "--layers 3: "),
        (["--layers", "0"], "layers must be at least 1, not 0"),
        (["--pooling", "max"], "Invalid value for '--pooling'"),
    ):
        assert main(["train", "early-layers", str(cross), "-o", str(tmp_path / "other"), *wrong]) == 2
        assert message in capsys.readouterr().err
    assert main(["train", "early-layers", str(tmp_path / "nowhere"), "-o", str(tmp_path / "other")]) == 1
    assert "nowhere' does not exist" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()
