"""A model of another kind is refused in a sentence, before anything is loaded."""

import json

import pytest
from bicross.errors import ModelError
from bicross.inference import kind_of, require_encoder, require_reranker

TRANSFORMER = "sentence_transformers.models.Transformer"
POOLING = "sentence_transformers.models.Pooling"


@pytest.fixture
def folder(tmp_path):
    def save(config, types=(), **settings):
        (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
        if types:
            modules = [{"idx": i, "name": str(i), "path": "", "type": kind} for i, kind in enumerate(types)]
            (tmp_path / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
        if settings:
            (tmp_path / "config_sentence_transformers.json").write_text(json.dumps(settings), encoding="utf-8")
        return tmp_path

    return save


def made(name):
    return {"architectures": [name]}


CROSS = "BertForSequenceClassification"
ENCODERS = [
    (made("BertModel"), (TRANSFORMER, POOLING), {}),
    (made("BertModel"), (TRANSFORMER, POOLING), {"model_type": "SentenceTransformer"}),
    (made(CROSS), (TRANSFORMER, POOLING), {}),  # an encoder that was made of a cross-encoder
    (made("Qwen2ForCausalLM"), (TRANSFORMER, POOLING), {}),
    ({}, ("sentence_transformers.models.StaticEmbedding",), {}),
]
UNTOLD = [(made("BertModel"), (), {}), (made("BertForMaskedLM"), (), {}), ({}, (), {})]
RERANKERS = [
    (made(CROSS), (), {}),
    (made("Qwen3ForCausalLM"), (TRANSFORMER, "sentence_transformers.cross_encoder.modules.logit_score.LogitScore"), {}),
    (made("BertModel"), (TRANSFORMER, POOLING, "Dense"), {"model_type": "CrossEncoder"}),
    ({}, (), {"model_type": "CrossEncoder"}),
]
SPARSE = [
    (made("BertForMaskedLM"), ("s.sparse_encoder.modules.MLMTransformer", "s.SpladePooling"), {}),
    (made("BertForMaskedLM"), (TRANSFORMER,), {"model_type": "SparseEncoder"}),
]
COLBERT = [
    (made("BertModel"), (TRANSFORMER, "sentence_transformers.models.Dense"), {"model_type": "MultiVectorEncoder"}),
    (made("ModernBertModel"), (TRANSFORMER, "pylate.models.Dense.Dense"), {}),
    (made("BertModel"), (TRANSFORMER,), {"similarity_fn_name": "MaxSim"}),
    (made("HF_ColBERT"), (), {}),
]


@pytest.mark.parametrize(("config", "types", "settings"), [*ENCODERS, *UNTOLD])
def test_encoders_give_vectors_and_no_scores(folder, config, types, settings):
    saved = folder(config, types, **settings)
    require_encoder(saved, "mine")
    with pytest.raises(ModelError, match=r"^mine is not a reranker: it is .* without a head that scores pairs.* train"):
        require_reranker(saved, "mine")


@pytest.mark.parametrize(("config", "types", "settings"), RERANKERS)
def test_rerankers_give_scores_and_no_vectors(folder, config, types, settings):
    saved = folder(config, types, **settings)
    require_reranker(saved, "mine")
    with pytest.raises(ModelError, match=r"mine is not an encoder: it is a reranker.* --reranker mine"):
        require_encoder(saved, "mine")


@pytest.mark.parametrize(
    ("models", "kind"), [(SPARSE, r"a sparse encoder \(SPLADE\)"), (COLBERT, r"a multi-vector model \(ColBERT\)")]
)
def test_sparse_and_multi_vector_models_are_neither(folder, models, kind):
    for config, types, settings in models:
        saved = folder(config, types, **settings)
        with pytest.raises(ModelError, match=rf"mine is not an encoder: it is {kind}.*all-MiniLM"):
            require_encoder(saved, "mine")
        with pytest.raises(ModelError, match=rf"mine is not a reranker: it is {kind}"):
            require_reranker(saved, "mine")
        for file in saved.iterdir():
            file.unlink()


def test_language_models_are_neither(folder):
    saved = folder(made("Qwen3ForCausalLM"))
    with pytest.raises(ModelError, match="mine is not an encoder: it is a language model"):
        require_encoder(saved, "mine")
    with pytest.raises(ModelError, match="mine is not a reranker: it is Qwen3ForCausalLM, without a head"):
        require_reranker(saved, "mine")


def test_an_encoder_is_told_its_option(folder):
    with pytest.raises(ModelError, match="it with --encoder mine"):
        require_reranker(folder(made("BertModel"), (TRANSFORMER, POOLING)), "mine")


@pytest.mark.parametrize("name", ["config.json", "modules.json", "config_sentence_transformers.json"])
@pytest.mark.parametrize("content", ["{", "7"])
def test_settings_that_cannot_be_read(folder, name, content):
    saved = folder(made(CROSS))
    (saved / name).write_text(content, encoding="utf-8")
    with pytest.raises(ModelError, match=name):
        kind_of(saved)
