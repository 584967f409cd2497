"""Models that are opened without transformers give the same bits as those that it opens; all others are left to it."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from bicross.errors import ModelError
from bicross.index import Document
from bicross.inference import direct, load_tokenizer
from bicross.inference.direct import DirectModel, direct_encoder, direct_reranker
from bicross.pipelines import build_index
from bicross.rerank import CrossEncoderReranker
from bicross.retrieval import BiEncoder
from helpers.tiny_architectures import SENTENCES, Head, save_bi_encoder, save_cross_encoder
from helpers.tiny_models import save_bi_encoder as save_plain_bi_encoder
from sentence_transformers import SentenceTransformer
from transformers import AutoModel

pytestmark = pytest.mark.slow

FAMILIES = (
    *("bert", "bert-relu", "electra", "roberta", "xlm-roberta", "distilbert", "modernbert", "modernbert-biases"),
)
POOLINGS = {"roberta": "cls", "distilbert": "max", "modernbert": "cls", "modernbert-biases": ("mean", "max")}
PAIRS = [(query, passage) for query in SENTENCES[:2] for passage in [*SENTENCES, "", "owl " * 700]]
SEARCH = """
import sys
from bicross.index import Document
from bicross.pipelines import SearchPipeline, build_index
with SearchPipeline.open(sys.argv[1], device="cpu") as pipeline:
    assert pipeline.search("who trains it?", where="year >= 2020 and 'a' in tags")[0].document.id == "a"
print([name for name in ("pandas", "transformers", "sentence_transformers", "scipy", "sklearn") if name in sys.modules])
build_index([Document("a", "Vaccines train the immune system.")], sys.argv[2], device="cpu")
print([name for name in ("transformers", "sentence_transformers", "scipy", "sklearn") if name in sys.modules])
"""


@pytest.fixture(scope="module", params=FAMILIES)
def models(request, tmp_path_factory):
    root, name = tmp_path_factory.mktemp("models"), request.param
    pooling = POOLINGS.get(name, "mean")
    dense = 10 if name in ("distilbert", "electra") else None
    head = Head(pooling, dense=dense, normalise=True, prompts={"query": "who "})
    cross = save_cross_encoder(root / "cross", name, outputs=2 if name == "electra" else 1)
    return cross, save_bi_encoder(root / "bi", name, head)


def test_scores_and_vectors_are_the_same_bit_for_bit(models, monkeypatch):
    cross, bi = models
    assert isinstance(direct_reranker(cross, "cpu"), DirectModel) and isinstance(direct_encoder(bi, "cpu"), DirectModel)
    reranker, encoder, tokenizer = (
        CrossEncoderReranker(cross, device="cpu"),
        BiEncoder(bi, device="cpu"),
        load_tokenizer(bi),
    )
    for name in ("direct_encoder", "direct_reranker", "read_tokenizer"):
        monkeypatch.setattr(direct, name, lambda *_: None)
    long_way, other = CrossEncoderReranker(cross, device="cpu"), BiEncoder(bi, device="cpu")
    np.testing.assert_array_equal(reranker.score(PAIRS), long_way.score(PAIRS))
    np.testing.assert_array_equal(encoder.encode_queries(SENTENCES), other.encode_queries(SENTENCES))
    np.testing.assert_array_equal(encoder.encode_documents(SENTENCES), other.encode_documents(SENTENCES))
    assert reranker.fingerprint == long_way.fingerprint and encoder.fingerprint == other.fingerprint
    assert reranker.tokenizer_fingerprint == long_way.tokenizer_fingerprint
    assert tokenizer.fingerprint == load_tokenizer(bi).fingerprint


def test_a_search_imports_no_other_model_library(tmp_path):
    """Their import takes longer than all the rest of a search."""
    metadata = {"year": 2021, "tags": ["a"]}
    documents = [Document("a", "Vaccines train the immune system.", "", metadata), Document("b", "Owls hunt.")]
    build_index(documents, tmp_path / "index", encoder=BiEncoder(device="cpu"))
    command = [sys.executable, "-W", "ignore", "-c", SEARCH, str(tmp_path / "index"), str(tmp_path / "new")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[-3:] == ["[]", "[]", ""]


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("config.json", {"model_type": "deberta"}),
        ("config.json", {"is_decoder": True}),
        ("config.json", {"position_embedding_type": "relative_key"}),
        ("config.json", {"layer_norm_eps": None}),
        ("config.json", {"num_hidden_layers": 1}),
        ("config.json", {"auto_map": {"AutoModel": "mine.Model"}}),
        ("sentence_bert_config.json", {"do_lower_case": True}),
        ("sentence_bert_config.json", {"query_length": 8}),
        ("sentence_bert_config.json", {"processing_kwargs": {"text": {"padding": "max_length"}}}),
        ("config_sentence_transformers.json", {"truncate_dim": 8}),
        ("config_sentence_transformers.json", {"default_prompt_name": "unheard-of"}),
        ("config_sentence_transformers.json", {"model_type": "SparseEncoder"}),
        ("1_Pooling/config.json", {"pooling_mode": "weightedmean"}),
        ("1_Pooling/config.json", {"include_prompt": False}),
        ("tokenizer_config.json", {"tokenizer_class": "XLNetTokenizer"}),
        ("tokenizer_config.json", {"add_bos_token": False}),
        ("tokenizer_config.json", {"pad_token": "[NEW]"}),
        ("tokenizer_config.json", {"extra_special_tokens": ["[NEW]"]}),
    ],
)
def test_whatever_is_not_understood_is_left_to_transformers(plain, tmp_path, name, fields):
    folder = shutil.copytree(plain, tmp_path / "model")
    assert direct_encoder(folder, "cpu") is not None
    assert direct_encoder(changed(folder, name, fields), "cpu") is None


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return save_plain_bi_encoder(tmp_path_factory.mktemp("plain") / "bi")


@pytest.fixture(scope="module")
def modern(tmp_path_factory):
    """A ModernBERT with a dense layer."""
    return save_bi_encoder(tmp_path_factory.mktemp("modern") / "bi", "modernbert", Head(dense=10, normalise=True))


def changed(folder, name, fields):
    path = folder / name
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | fields), encoding="utf-8")
    return folder


LINEAR = {"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0}


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("2_Dense/config.json", {"use_residual": True}),
        ("2_Dense/config.json", {"activation_function": "mine.Activation"}),
        ("2_Dense/config.json", {"in_features": 24}),
        ("2_Dense/config.json", {"out_features": 11}),
        ("2_Dense/config.json", {"bias": False}),
        ("2_Dense/config.json", {"module_output_name": "scores"}),
        ("3_Normalize/config.json", {"module_input_name": "scores"}),
        ("config.json", {"rope_parameters": {"full_attention": LINEAR, "sliding_attention": LINEAR}}),
        ("config.json", {"rope_parameters": LINEAR}),
        ("config.json", {"rope_scaling": {"type": "linear", "factor": 2.0}}),
        ("config.json", {"layer_types": ["full_attention"]}),
        ("config.json", {"layer_types": ["full_attention", "chunked_attention"] * 2}),
        ("config.json", {"layer_types": None, "global_attn_every_n_layers": None}),
        ("config.json", {"sliding_window": 3}),
        ("config.json", {"head_dim": 12}),
        ("config.json", {"norm_bias": True}),
        ("config.json", {"hidden_activation": "quick_gelu"}),
    ],
)
def test_of_modules_and_other_families_too(modern, tmp_path, name, fields):
    assert direct_encoder(changed(shutil.copytree(modern, tmp_path / "model"), name, fields), "cpu") is None


def test_settings_of_before_transformers_5_are_the_same_model(modern, tmp_path):
    old = {"layer_types": None, "rope_parameters": None, "global_rope_theta": 160000.0, "local_rope_theta": 10000.0}
    folder = changed(shutil.copytree(modern, tmp_path / "model"), "config.json", old)
    assert direct_encoder(folder, "cpu") is not None
    vectors = [BiEncoder(each, device="cpu").encode_documents(SENTENCES) for each in (folder, modern)]
    np.testing.assert_array_equal(*vectors)
    expected = SentenceTransformer(str(folder), device="cpu").encode_document(SENTENCES, normalize_embeddings=True)
    np.testing.assert_allclose(vectors[0], expected, atol=1e-5)


def test_weights_in_several_files(plain, tmp_path):
    folder = shutil.copytree(plain, tmp_path / "model")
    (folder / "model.safetensors").unlink()
    AutoModel.from_pretrained(plain).save_pretrained(folder, max_shard_size="20KB")
    index = folder / "model.safetensors.index.json"
    files = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
    assert len(set(files.values())) > 2 and direct_encoder(folder, "cpu") is not None
    vectors = [BiEncoder(each, device="cpu").encode_documents(SENTENCES) for each in (folder, plain)]
    np.testing.assert_array_equal(*vectors)
    first, *others = files
    for wrong in ({name: files[name] for name in others}, files | {first: files[others[-1]]}, files | {"more": "m"}):
        index.write_text(json.dumps({"weight_map": wrong}), encoding="utf-8")
        assert direct_encoder(folder, "cpu") is None
    shutil.move(folder / files[first], tmp_path / files[first])
    index.write_text(json.dumps({"weight_map": {name: f"../{file}" for name, file in files.items()}}), encoding="utf-8")
    assert direct_encoder(folder, "cpu") is None
    index.write_text(json.dumps({"weight_map": files}), encoding="utf-8")
    with pytest.raises(ModelError, match="cannot be loaded"):
        BiEncoder(folder, device="cpu")
