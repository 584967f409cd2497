"""A tokenizer that is read without transformers is the one that transformers makes of the same files."""

import base64
import json
import struct

import pytest
from bicross.inference.direct import read_tokenizer
from helpers.tiny_architectures import SMALL, modern, unigram, word_piece
from tokenizers import AddedToken
from transformers import AutoTokenizer

pytestmark = pytest.mark.slow

CHARACTERS = base64.b64encode(struct.pack("<II", 4, 0)).decode()
"""A table of SentencePiece that replaces no character."""
PRECOMPILED = {"type": "Precompiled", "precompiled_charsmap": CHARACTERS}
OLD_SPACES = {"type": "Metaspace", "replacement": "▁", "str_rep": "▁", "add_prefix_space": True}
SPLIT = {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, OLD_SPACES]}
REPLACED = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}
CONFIGS = {
    "bert": SMALL | {"hidden_act": "gelu", "layer_norm_eps": 1e-5, "type_vocab_size": 1},
    "electra": SMALL | {"hidden_act": "gelu", "layer_norm_eps": 1e-5, "type_vocab_size": 1, "embedding_size": 8},
    "distilbert": {
        "activation": "gelu",
        "dim": 8,
        "hidden_dim": 8,
        "n_heads": 1,
        "n_layers": 1,
        "max_position_embeddings": 512,
    },
    "modernbert": SMALL
    | {"hidden_activation": "gelu", "norm_eps": 1e-5, "local_attention": 8, "global_attn_every_n_layers": 3}
    | dict.fromkeys(("attention_bias", "mlp_bias", "norm_bias"), False)
    | {"global_rope_theta": 1e5, "local_rope_theta": 1e4, "hidden_size": 48, "num_attention_heads": 4},
}
CONFIGS["xlm-roberta"] = CONFIGS["bert"]
NAMED = {"cls_token": "<s>", "bos_token": "<s>", "sep_token": "</s>", "eos_token": "</s>", "pad_token": "<pad>"}
LEFT = AddedToken("<mask>", lstrip=True, special=True, normalized=False)
BY_CLASS = {"BertTokenizer": word_piece, "TokenizersBackend": modern, "XLMRobertaTokenizer": unigram}
ALIASES = {
    "DistilBertTokenizerFast": word_piece,
    "ElectraTokenizerFast": word_piece,
    "XLMRobertaTokenizerFast": unigram,
}
WRITTEN_OUT = {"__type": "AddedToken", "content": "<mask>", "lstrip": True}
SETTINGS = [
    {},
    {"mask_token": WRITTEN_OUT},
    {"mask_token": "<other>"},
    {"image_token": "<image>"},
    {"add_prefix_space": False},
    {"do_lower_case": False},
    {"strip_accents": True},
    {"truncation_side": "left"},
    {"model_input_names": ["input_ids"]},
    {"added_tokens_decoder": {}},
    {"extra_special_tokens": ["<more>"]},
]
FILES = [
    {},
    {"normalizer": None},
    {"normalizer": PRECOMPILED},
    {"normalizer": {"type": "Sequence", "normalizers": [PRECOMPILED, REPLACED]}},
    {"pre_tokenizer": SPLIT},
    {"pre_tokenizer": {"type": "WhitespaceSplit"}},
    {"post_processor": None},
]


@pytest.fixture(params=[(name, model) for name in BY_CLASS | ALIASES for model in CONFIGS], ids="-".join)
def make(request, tmp_path):
    """Writes a folder of a tokenizer, its class and the type of its model, with changes."""
    name, model_type = request.param
    tokenizer = (BY_CLASS | ALIASES)[name]()

    def write(settings, file, *, old=None):
        tokenizer.save_pretrained(tmp_path)
        path = tmp_path / "tokenizer.json"
        saved = json.loads(path.read_text(encoding="utf-8")) | file
        path.write_text(json.dumps(saved), encoding="utf-8")
        named = json.loads((tmp_path / "tokenizer_config.json").read_text(encoding="utf-8"))
        named |= {"tokenizer_class": name} | settings
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(named), encoding="utf-8")
        (tmp_path / "special_tokens_map.json").write_text(json.dumps(old or {}), encoding="utf-8")
        config = {"model_type": model_type, "vocab_size": 500, "pad_token_id": 0, **CONFIGS[model_type]}
        (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
        return tmp_path

    return write


def compared(folder):
    """Whether the tokenizer is read without transformers; it must be the same then."""
    direct = read_tokenizer(folder)
    if direct is None:
        return False
    theirs = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    made, expected = (json.loads(each.backend_tokenizer.to_str()) for each in (direct, theirs))
    for part in ("added_tokens", "model", "normalizer", "post_processor", "pre_tokenizer"):
        assert made[part] == expected[part], part
    assert direct.model_input_names == theirs.model_input_names
    assert (direct.truncation_side, direct.model_max_length) == (theirs.truncation_side, theirs.model_max_length)
    return True


def test_what_is_read_is_what_transformers_makes(make):
    cases = [(settings, {}) for settings in SETTINGS] + [({}, file) for file in FILES[1:]]
    read = [compared(make(*case)) for case in cases]
    assert read[0], "as it was saved"
    assert sum(read) > 4


def test_names_of_tokens_in_a_file_of_their_own(make):
    """Old folders have one, with the properties of the tokens."""
    for old in ({"mask_token": "<mask>"}, {"unk_token": {"content": "[UNK]", "lstrip": True}}, {"mask_token": "<x>"}):
        compared(make({}, {}, old=old))
        compared(make({"added_tokens_decoder": {}}, {}, old=old))
