"""The first layers of a cross-encoder give the vectors that transformers' own hidden states give."""

import json

import numpy as np
import pytest
import torch
from bicross.errors import ArgumentError, IndexModelMismatch, ModelError, ModelNotFound
from bicross.index import Document, Index
from bicross.pipelines import SearchPipeline, add_documents, build_index
from bicross.retrieval import BiEncoder, EarlyLayerEncoder, EarlyLayers, write_early_layers
from helpers.tiny_architectures import ARCHITECTURES, LIMIT, SENTENCES, save_cross_encoder
from sentence_transformers import SentenceTransformer
from transformers import AutoModelForSequenceClassification, AutoTokenizer

pytestmark = pytest.mark.slow

TEXTS = [*SENTENCES, "cat", "", " ".join(SENTENCES * 40)]


def hidden_states(folder, layer):
    """Of each text alone, (tokens, hidden) after so many layers."""
    model = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager").eval().base_model
    tokenizer = AutoTokenizer.from_pretrained(folder)
    states_by_text = []
    for text in TEXTS:
        with torch.no_grad():
            encoded = tokenizer([text], truncation=True, max_length=LIMIT, return_tensors="pt")
            out = model(**encoded, output_hidden_states=True)
            states = out.hidden_states[layer]
            if model.config.model_type == "modernbert":  # its layers are normalised by what comes after the last one
                last = layer == model.config.num_hidden_layers
                states = out.last_hidden_state if last else model.final_norm(states)
            states_by_text.append(states[0].numpy())
    return states_by_text


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    made = {}

    def get(name):
        if name not in made:
            made[name] = save_cross_encoder(tmp_path_factory.mktemp("models") / name, name)
        return made[name]

    return get


@pytest.mark.parametrize("layer", [1, 2])
@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_vectors_are_pooled_hidden_states(folders, name, layer):
    folder = folders(name)
    states = hidden_states(folder, layer)
    for pooling, expected in (("mean", [s.mean(axis=0) for s in states]), ("cls", [s[0] for s in states])):
        encoder = EarlyLayerEncoder(folder, layers=layer, pooling=pooling, device="cpu")
        oracle = np.stack([vector / np.linalg.norm(vector) for vector in expected])
        assert encoder.encode_documents(TEXTS).dtype == np.float32
        np.testing.assert_allclose(encoder.encode_documents(TEXTS), oracle, atol=1e-5)
        np.testing.assert_allclose(encoder.encode_queries(TEXTS), oracle, atol=1e-5)


@pytest.mark.parametrize("name", ["bert", "distilbert", "modernbert", "roberta"])
def test_the_folder_is_an_ordinary_model_with_those_vectors(folders, name, tmp_path):
    output = write_early_layers(folders(name), tmp_path / "light", layers=1)
    encoder = EarlyLayerEncoder(folders(name), layers=1, device="cpu")
    vectors = encoder.encode_documents(TEXTS)
    np.testing.assert_allclose(BiEncoder(output, device="cpu").encode_documents(TEXTS), vectors, atol=1e-6)
    theirs = SentenceTransformer(str(output), device="cpu")
    np.testing.assert_allclose(theirs.encode(TEXTS), vectors, atol=1e-5)
    assert theirs[0].model.config.num_hidden_layers == 1
    whole = sum(path.stat().st_size for path in folders(name).rglob("*.safetensors"))
    assert sum(path.stat().st_size for path in output.rglob("*.safetensors")) < whole
    card = (output / "README.md").read_text()
    assert card.startswith("# The first 1 of ")
    assert encoder.fingerprint.weights_sha256 in card


def test_all_layers_and_their_mean_are_what_the_base_model_gives(folders):
    states = [s.mean(axis=0) for s in hidden_states(folders("distilbert"), 3)]
    encoder = EarlyLayerEncoder(folders("distilbert"), layers=3, device="cpu")
    oracle = np.stack([vector / np.linalg.norm(vector) for vector in states])
    np.testing.assert_allclose(encoder.encode_documents(TEXTS), oracle, atol=1e-5)


def test_the_fingerprint_names_layer_and_pooling_and_is_the_same_every_time(folders):
    folder = folders("bert")
    fingerprint = EarlyLayerEncoder(folder, layers=1, device="cpu").fingerprint
    assert (fingerprint.id, fingerprint.pooling, fingerprint.normalised) == (str(folder), "mean of layer 1", True)
    assert EarlyLayerEncoder(folder, layers=1, device="cpu").fingerprint == fingerprint
    others = [
        EarlyLayerEncoder(folder, layers=2, device="cpu"),
        EarlyLayerEncoder(folder, layers=1, pooling="cls", device="cpu"),
        EarlyLayerEncoder(folder, layers=1, max_length=16, device="cpu"),
    ]
    for other in others:
        with pytest.raises(IndexModelMismatch, match="built with"):
            fingerprint.require_same(other.fingerprint)
    assert others[2].max_tokens == 14
    assert EarlyLayers.named(fingerprint.pooling) == EarlyLayers(1, "mean")
    assert EarlyLayers.named(others[1].fingerprint.pooling) == EarlyLayers(1, "cls")
    for pooling in ("mean", "cls", "", "max of layer 2", "mean of layer 0", "mean of layer 2 or 3"):
        assert EarlyLayers.named(pooling) is None


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_an_index_opens_the_layers_that_it_was_built_with(folders, tmp_path, pooling):
    documents = [Document(f"d{n}", text) for n, text in enumerate(SENTENCES)]
    encoder = EarlyLayerEncoder(folders("bert"), layers=1, pooling=pooling, device="cpu")
    build_index(documents, tmp_path / "i", encoder=encoder, reranker=None, lexical=False)
    add_documents(tmp_path / "i", [Document("cat", "the cat")])
    with SearchPipeline.open(tmp_path / "i", reranker=None, device="cpu") as pipeline:
        for document in documents:
            best = pipeline.search(document.text)[0]
            assert best.document.id == document.id
            assert best.retrieval_score == pytest.approx(1.0, abs=1e-5)
        assert pipeline.retriever.encoder.fingerprint == encoder.fingerprint
    assert len(Index.open(tmp_path / "i")) == len(documents) + 1
    with pytest.raises(ModelError, match="bert is not an encoder: it is a reranker"):
        SearchPipeline.open(tmp_path / "i", encoder=folders("bert"), reranker=None, device="cpu")
    other = write_early_layers(folders("bert"), tmp_path / "other", layers=2, pooling=pooling)
    with pytest.raises(IndexModelMismatch, match=f"pooling: '{pooling} of layer 1' in the index, '{pooling}'"):
        SearchPipeline.open(tmp_path / "i", encoder=other, reranker=None, device="cpu")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": 3}, r"layers=3: .*bert has 2 layers, so take from 1 to 2"),
        ({"layers": 0}, "layers must be at least 1, not 0"),
        ({"pooling": "max"}, "pooling must be one of mean, cls, not 'max'"),
        ({"max_length": 2}, "max_length is 2; with this model the least that leaves room for text is 3"),
    ],
)
def test_what_cannot_be_is_an_error_and_leaves_nothing(folders, tmp_path, settings, message):
    with pytest.raises(ArgumentError, match=message):
        EarlyLayerEncoder(folders("bert"), device="cpu", **settings)
    with pytest.raises(ArgumentError, match=message):
        write_early_layers(folders("bert"), tmp_path / "out" / "light", **settings)
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


def test_nothing_that_is_there_is_overwritten(folders, tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("taken", "file"):
        with pytest.raises(ArgumentError, match=f"{name} is there already, and is not an empty folder: name another"):
            write_early_layers(folders("bert"), tmp_path / name)
    with pytest.raises(ModelError, match="no model can be written to"):
        write_early_layers(folders("bert"), tmp_path / "file" / "light")
    with pytest.raises(ModelNotFound):
        write_early_layers(tmp_path / "nowhere", tmp_path / "light")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "taken"]
    (tmp_path / "empty").mkdir()
    output = write_early_layers(folders("bert"), tmp_path / "empty")
    assert json.loads((output / "config.json").read_text())["num_hidden_layers"] == 2


def test_a_model_without_a_stack_of_layers_is_an_error(folders, tmp_path, monkeypatch):
    monkeypatch.setattr("bicross.retrieval.early_layers._STACKS", ("elsewhere",))
    with pytest.raises(ModelError, match="is a model of the kind 'bert', of which no layers can be taken"):
        write_early_layers(folders("bert"), tmp_path / "light")
