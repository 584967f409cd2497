"""A model whose file does not hold exactly its parameters is refused by name; what no score depends on may lack."""

import json
import shutil

import numpy as np
import pytest
from bicross.errors import ModelError
from bicross.rerank import CrossEncoderReranker
from bicross.retrieval import BiEncoder
from helpers.tiny_architectures import save_bi_encoder, save_cross_encoder
from safetensors.numpy import load_file, save_file

pytestmark = pytest.mark.slow


def rewrite(folder, change, file="model.safetensors"):
    """Save the tensors again after ``change``, which takes and returns a dict."""
    save_file(change(load_file(folder / file)), folder / file, metadata={"format": "pt"})
    return folder


def without(*parts):
    return lambda tensors: {name: value for name, value in tensors.items() if not any(part in name for part in parts)}


def renamed(old, new):
    return lambda tensors: {name.replace(old, new): value for name, value in tensors.items()}


def also(**more):
    return lambda tensors: tensors | {name.replace("__", "."): np.ones(3, np.float32) for name in more}


def edit(folder, **fields):
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | fields), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    root = tmp_path_factory.mktemp("saved")
    for name in ("bert", "xlm-roberta", "mpnet"):
        save_cross_encoder(root / f"cross-{name}", name)
        save_bi_encoder(root / f"bi-{name}", name)
    return root


@pytest.fixture
def copied(saved, tmp_path):
    return lambda name: shutil.copytree(saved / name, tmp_path / name)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("cross-bert", without("classifier"), "the file lacks classifier.bias, classifier.weight"),
        ("cross-bert", without("layer.1.attention.self.query.weight"), "lacks bert.encoder.layer.1.attention.self.que"),
        ("cross-bert", without("pooler"), "lacks bert.pooler.dense.bias"),
        ("cross-xlm-roberta", without("layer.0."), "lacks roberta.encoder.layer.0.* and 13 more"),
        ("cross-mpnet", without("classifier.out_proj.bias"), "lacks classifier.out_proj.bias"),
        ("cross-xlm-roberta", renamed(".query.", ".wq."), r"lacks .*query.*; it holds what .* does not use: .*wq"),
        ("cross-bert", also(bert__encoder__layer__0__gate=1), "not use: bert.encoder.layer.0.gate"),
        ("cross-bert", also(other_head__weight=1), "not use: other_head.weight"),
        (
            "cross-bert",
            lambda tensors: tensors | {"classifier.weight": np.ones((3, 24), np.float32)},
            r"has another shape of classifier.weight \(\(3, 24\) in place of \(1, 24\)\)",
        ),
        ("bi-bert", without("encoder.layer.1."), "lacks encoder.layer.1"),
        ("bi-mpnet", without("embeddings.word_embeddings"), "lacks embeddings.word_embeddings"),
        ("bi-bert", also(encoder__layer__2__new=1), "not use: encoder.layer.2.new"),
    ],
)
def test_a_file_that_does_not_hold_the_model_is_refused(copied, name, change, message):
    folder = rewrite(copied(name), change)
    with pytest.raises(ModelError, match=message):
        (CrossEncoderReranker if name.startswith("cross") else BiEncoder)(folder, device="cpu")


def test_settings_of_fewer_or_more_layers_are_refused(copied):
    with pytest.raises(ModelError, match=r"not use: .*encoder.layer.1"):
        BiEncoder(edit(copied("bi-bert"), num_hidden_layers=1), device="cpu")
    with pytest.raises(ModelError, match=r"lacks .*layer.2"):
        CrossEncoderReranker(edit(copied("cross-bert"), num_hidden_layers=3), device="cpu")


@pytest.mark.parametrize("name", ["bi-bert", "bi-mpnet"])
def test_an_encoder_needs_neither_its_pooler_nor_another_head(copied, saved, name):
    texts = ["the cat sleeps", "a dog"]
    expected = BiEncoder(saved / name, device="cpu").encode_documents(texts)
    folder = rewrite(copied(name), without("pooler"))
    rewrite(folder, also(cls__predictions__bias=1, classifier__bias=1, embeddings__position_ids=1))
    np.testing.assert_array_equal(BiEncoder(folder, device="cpu").encode_documents(texts), expected)


def test_a_classifier_may_keep_heads_of_pretraining_and_a_pooler_that_is_not_used(copied, saved):
    pairs = [("who sleeps ?", "the cat sleeps")]
    expected = CrossEncoderReranker(saved / "cross-xlm-roberta", device="cpu").score(pairs)
    change = also(lm_head__bias=1, roberta__pooler__dense__bias=1, roberta__embeddings__position_ids=1)
    folder = rewrite(copied("cross-xlm-roberta"), change)
    np.testing.assert_array_equal(CrossEncoderReranker(folder, device="cpu").score(pairs), expected)
