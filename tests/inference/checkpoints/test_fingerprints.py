"""Everything that a vector or a score depends on changes the fingerprint; who saved the model does not."""

import json
import shutil

import pytest
from bicross.errors import IndexModelMismatch
from bicross.index import ModelFingerprint
from bicross.inference import ModelFiles, has_prompts, resolve_model
from bicross.rerank import same_reranker

CONFIG = {"model_type": "bert", "architectures": ["BertModel"], "hidden_act": "gelu", "dtype": "float32"}
DENSE = {"in_features": 8, "activation_function": "torch.nn.modules.activation.Tanh"}
KINDS = ["Transformer", "Pooling", "Dense"]
LAYOUTS = {
    "tokenizer.json": "tokenizer.json",
    "vocab.txt": "vocab.txt",
    "sentencepiece": "sentencepiece.bpe.model",
    "byte pairs": "merges.txt",
    "0_Transformer": "0_Transformer/tokenizer.json",
}


def write(folder, **files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return folder


@pytest.fixture
def folder(tmp_path):
    modules = [{"name": str(n), "type": f"s.models.{kind}", "path": f"{n}_{kind}"} for n, kind in enumerate(KINDS)]
    return write(
        tmp_path,
        **{
            "config.json": CONFIG,
            "modules.json": modules,
            "model.safetensors": "",
            "tokenizer.json": "{}",
            "tokenizer_config.json": {"truncation_side": "right", "model_max_length": 512},
            "sentence_bert_config.json": {"max_seq_length": 256, "do_lower_case": False},
            "config_sentence_transformers.json": {"__version__": {"torch": "1"}, "prompts": {"query": ""}},
            "1_Pooling/config.json": {"pooling_mode": "mean"},
            "2_Dense/config.json": DENSE,
        },
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", CONFIG | {"hidden_act": "relu"}),
        ("config.json", CONFIG | {"rope_parameters": {"theta": 1e6}}),
        ("tokenizer_config.json", {"truncation_side": "left", "model_max_length": 512}),
        ("tokenizer_config.json", {"truncation_side": "right", "chat_template": "{{ messages }}"}),
        ("chat_template.jinja", "{{ messages }}"),
        ("sentence_bert_config.json", {"max_seq_length": 256, "do_lower_case": True}),
        ("config_sentence_transformers.json", {"prompts": {"query": "find: "}}),
        ("config_sentence_transformers.json", {"prompts": {"query": ""}, "default_prompt_name": "query"}),
        ("1_Pooling/config.json", {"pooling_mode": "cls"}),
        ("2_Dense/config.json", DENSE | {"activation_function": "torch.nn.modules.linear.Identity"}),
        ("2_LogitScore/config.json", {"true_token_id": 7}),
        ("modules.json", [{"name": "0", "type": "s.Transformer", "path": ""}]),
    ],
)
def test_settings_that_change_numbers_change_the_fingerprint(folder, name, content):
    before = ModelFiles.of("mine", folder).settings_sha256
    write(folder, **{name: content})
    assert ModelFiles.of("mine", folder).settings_sha256 != before


def test_who_saved_a_model_and_what_lies_beside_it_do_not_count(folder, tmp_path_factory):
    before = ModelFiles.of("mine", folder).settings_sha256
    write(
        folder, **{"config.json": CONFIG | {"transformers_version": "9", "dtype": "bfloat16", "id2label": {"0": "A"}}}
    )
    write(folder, **{"config_sentence_transformers.json": {"__version__": {"torch": "2"}, "prompts": {"query": ""}}})
    write(folder, **{"README.md": "Mine.", "onnx/config.json": "{}", "training_args.json": "{}"})
    copied = shutil.copytree(folder, tmp_path_factory.mktemp("other") / "place")
    assert ModelFiles.of("mine", copied).settings_sha256 == before


@pytest.mark.parametrize("name", LAYOUTS.values(), ids=LAYOUTS)
def test_another_tokenizer_is_noticed_in_every_layout(folder, name):
    (folder / "tokenizer.json").unlink()
    first, second = (
        ModelFiles.of("mine", write(folder, **{name: content})).tokenizer_sha256 for content in ("{}", "[]")
    )
    assert first != second


@pytest.mark.parametrize("name", ["sentence-transformers/all-MiniLM-L6-v2", "bicross-rerank-mini"])
def test_the_tokenizer_of_the_bundled_models_keeps_its_fingerprint(name):
    files = ModelFiles.of(name, resolve_model(name))
    assert files.tokenizer_sha256 == "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"


def test_indexes_of_before_open_and_new_ones_notice_other_settings():
    nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    def made(settings, tokenizer="t"):
        return ModelFingerprint("m", "", "w", tokenizer, 8, "mean", True, "", "", 512, settings)

    made("").require_same(made("a"))
    made("a").require_same(made("a"))
    made("", nothing).require_same(made("a"))
    with pytest.raises(IndexModelMismatch, match="settings_sha256: 'a' in the index, 'b' in the model"):
        made("a").require_same(made("b"))
    with pytest.raises(IndexModelMismatch, match="tokenizer_sha256"):
        made("a").require_same(made("a", "u"))


def test_settings_tuned_before_hold_for_rerankers_without_prompts(folder):
    assert same_reranker("w-t-512-s", "w-t-512-s") and same_reranker("w-t-512", "w-t-512-s")
    assert not any(
        same_reranker(stored, now)
        for stored, now in (("w-t-512", "w-t-512+s"), ("w-t-51", "w-t-512-s"), ("w-t-512-r", "w-t-512-s"), ("", "w"))
    )
    assert has_prompts(folder)  # it has a Dense
    write(folder, **{"modules.json": [{"name": "0", "type": "s.Transformer", "path": ""}]})
    assert not has_prompts(folder)
    write(folder, **{"config_sentence_transformers.json": {"prompts": {"rank": "Judge: "}}})
    assert has_prompts(folder)
