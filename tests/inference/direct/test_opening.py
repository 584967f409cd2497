"""Models that are opened without transformers give the same bits as those that it opens; all others are left to it."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from bicross.inference import direct, load_tokenizer
from bicross.inference.direct import DirectModel, direct_encoder, direct_reranker
from bicross.rerank import CrossEncoderReranker
from bicross.retrieval import BiEncoder
from helpers.tiny_architectures import SENTENCES, Head, save_bi_encoder, save_cross_encoder
from helpers.tiny_models import save_bi_encoder as save_plain_bi_encoder

pytestmark = pytest.mark.slow

FAMILIES = ("bert", "bert-relu", "electra", "roberta", "xlm-roberta")
PAIRS = [(query, passage) for query in SENTENCES[:2] for passage in [*SENTENCES, "", "owl " * 700]]
SEARCH = """
import sys
from bicross.index import Document
from bicross.pipelines import SearchPipeline, build_index
build_index([Document("a", "Vaccines train the immune system."), Document("b", "Owls hunt.")], sys.argv[1])
with SearchPipeline.open(sys.argv[1], device="cpu") as pipeline:
    assert pipeline.search("who trains it?")[0].document.id == "a"
print([name for name in ("transformers", "sentence_transformers", "scipy", "sklearn") if name in sys.modules])
"""


@pytest.fixture(scope="module", params=FAMILIES)
def models(request, tmp_path_factory):
    root, name = tmp_path_factory.mktemp("models"), request.param
    head = Head("cls" if name == "roberta" else "mean", normalise=True, prompts={"query": "who "})
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
    command = [sys.executable, "-W", "ignore", "-c", SEARCH, str(tmp_path / "index")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"


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
        ("1_Pooling/config.json", {"pooling_mode": "lasttoken"}),
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
    settings = json.loads((folder / name).read_text(encoding="utf-8"))
    (folder / name).write_text(json.dumps(settings | fields), encoding="utf-8")
    assert direct_encoder(folder, "cpu") is None


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return save_plain_bi_encoder(tmp_path_factory.mktemp("plain") / "bi")
