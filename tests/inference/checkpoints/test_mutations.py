"""A good checkpoint that was changed in one place gives the numbers of sentence-transformers, or a clear error."""

import json
import shutil

import numpy as np
import pytest
import torch
from bicross.errors import BicrossError
from bicross.rerank import CrossEncoderReranker
from bicross.retrieval import BiEncoder
from helpers.tiny_architectures import byte_level, save_bi_encoder, save_cross_encoder
from safetensors.numpy import load_file, save_file
from sentence_transformers import CrossEncoder, SentenceTransformer

pytestmark = pytest.mark.slow

PAIRS = [("who sleeps ?", text) for text in ("the cat sleeps", "A dog, 東京", "", "owl " * 700)]
TEXTS = ["The cat sleeps", "a dog runs", "naïve 東京", "owl " * 700]


def tensors(change):
    """Save the tensors again after ``change``, which takes and returns a dict."""

    def mutate(folder):
        path = folder / "model.safetensors"
        save_file(change(load_file(path)), path, metadata={"format": "pt"})

    return mutate


def without(part):
    return tensors(lambda old: {name: value for name, value in old.items() if part not in name})


def renamed(old_part, new_part):
    return tensors(lambda old: {name.replace(old_part, new_part): value for name, value in old.items()})


def also(name, *shape):
    return tensors(lambda old: old | {name: np.ones(shape, np.float32)})


def reshaped(part, shape):
    def change(old):
        changed = {name: value[shape].copy() for name, value in old.items() if name.endswith(part)}
        assert changed
        return old | changed

    return tensors(change)


def settings(name="config.json", **fields):
    def mutate(folder):
        old = json.loads((folder / name).read_text(encoding="utf-8"))
        assert old | fields != old
        (folder / name).write_text(json.dumps(old | fields), encoding="utf-8")

    return mutate


def tokenizer(**fields):
    return settings("tokenizer_config.json", **fields)


def other_tokenizer(folder):
    byte_level().save_pretrained(folder)


def no_tokenizer(folder):
    for name in ("tokenizer.json", "vocab.txt", "tokenizer_config.json"):
        (folder / name).unlink(missing_ok=True)


def half_a_file(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def half_a_config(folder):
    path = folder / "config.json"
    path.write_text(path.read_text(encoding="utf-8")[:-20], encoding="utf-8")


MUTATIONS = {
    "no query matrix": without("layer.0.attention.self.query.weight"),
    "no norm": without("layer.1.output.LayerNorm.bias"),
    "no layer": without("layer.1."),
    "no embeddings": without("word_embeddings"),
    "no pooler": without("pooler"),
    "query renamed": renamed("self.query", "self.q_proj"),
    "encoder renamed": renamed("encoder.", "blocks."),
    "names of old": renamed("LayerNorm.weight", "LayerNorm.gamma"),
    "a prefix more": renamed("encoder.layer.0", "module.encoder.layer.0"),
    "a gate": also("bert.encoder.layer.0.gate", 3),
    "a gate of the encoder": also("encoder.layer.0.gate", 3),
    "a head of pretraining": also("cls.predictions.bias", 9),
    "another head": also("head.weight", 2, 24),
    "position_ids": also("bert.embeddings.position_ids", 1, 512),
    "fewer words": reshaped("word_embeddings.weight", np.s_[:-9]),
    "fewer positions": reshaped("position_embeddings.weight", np.s_[:-9]),
    "narrow layer": reshaped("layer.0.intermediate.dense.weight", np.s_[:20]),
    "half precision": tensors(lambda old: {name: value.astype(np.float16) for name, value in old.items()}),
    "not a number": tensors(lambda old: {name: value * np.float32(np.nan) for name, value in old.items()}),
    "half a file": half_a_file,
    "other tokenizer": other_tokenizer,
    "no tokenizer": no_tokenizer,
    "cut on the left": tokenizer(truncation_side="left"),
    "short texts": tokenizer(model_max_length=16),
    "no types": tokenizer(model_input_names=["input_ids", "attention_mask"]),
    "other activation": settings(hidden_act="relu"),
    "unfused activation": settings(hidden_act="silu"),
    "fewer layers": settings(num_hidden_layers=1),
    "more layers": settings(num_hidden_layers=3),
    "other heads": settings(num_attention_heads=2),
    "other epsilon": settings(layer_norm_eps=0.5),
    "wider": settings(hidden_size=48),
    "one type": settings(type_vocab_size=1),
    "more words": settings(vocab_size=999),
    "a decoder": settings(is_decoder=True),
    "RoBERTa": settings(model_type="roberta"),
    "RoBERTa's class": settings(architectures=["RobertaForSequenceClassification"]),
    "no model_type": settings(model_type="unheard-of"),
    "two outputs": settings(id2label={"0": "A", "1": "B"}, label2id={"A": 0, "B": 1}),
    "half a config": half_a_config,
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    root = tmp_path_factory.mktemp("saved")
    return {"cross": save_cross_encoder(root / "cross", "bert"), "bi": save_bi_encoder(root / "bi", "bert")}


def scores(folder):
    return CrossEncoderReranker(folder, device="cpu").score(PAIRS)


def expected_scores(folder):
    model = CrossEncoder(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
    limits = {"text": {"truncation": "only_second", "max_length": model.max_seq_length}}
    raw = torch.nn.Identity()
    outputs = model.predict([list(pair) for pair in PAIRS], activation_fn=raw, processing_kwargs=limits, batch_size=1)
    outputs = outputs.reshape(len(PAIRS), -1)
    return outputs[:, 0] if outputs.shape[1] == 1 else outputs[:, 1] - outputs[:, 0]


def vectors(folder):
    return BiEncoder(folder, device="cpu").encode_documents(TEXTS)


def expected_vectors(folder, texts):
    model = SentenceTransformer(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
    return model.encode_document(texts, batch_size=1, normalize_embeddings=True)


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_changed_reranker_scores_as_sentence_transformers_does_or_is_refused(saved, tmp_path, name):
    folder = shutil.copytree(saved["cross"], tmp_path / "model")
    MUTATIONS[name](folder)
    try:
        given = scores(folder)
    except BicrossError as error:
        assert "model" in str(error)
        return
    np.testing.assert_allclose(given, expected_scores(folder), atol=2e-5)


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_changed_encoder_embeds_as_sentence_transformers_does_or_is_refused(saved, tmp_path, name):
    folder = shutil.copytree(saved["bi"], tmp_path / "model")
    MUTATIONS[name](folder)
    try:
        given = vectors(folder)
    except BicrossError as error:
        assert "model" in str(error)
        return
    try:
        expected = expected_vectors(folder, TEXTS)
    except IndexError:  # it reads more positions than there are; bicross cuts the text before
        expected, given = expected_vectors(folder, TEXTS[:-1]), given[:-1]
    np.testing.assert_allclose(given, expected, atol=2e-6)
