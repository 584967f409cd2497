"""Checkpoints of every architecture of the inference engine, tiny and random but always the same.

No parameter keeps the 0 or 1 that transformers starts it with, since a bias that is left out or swapped with another
would not be seen. Sizes are odd, and the three kinds of tokenizer are those that the architectures come with. No
import of this module loads the model libraries: see tiny_models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers import tiny_models

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

LIMIT = 512
"""Tokens that all of them read, special ones included."""
SMALL = {
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "max_position_embeddings": LIMIT,
}
"""The sizes of encoders of the BERT family."""
SENTENCES = [
    "the cat sleeps all day on a warm sofa",
    "a dog runs in the park and hunts an owl at night",
    "who does what in the field, and where?",
    "Élan, naïve façade, 東京 and ночь",
]
ROBERTA_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def _fast(tokens: Tokenizer, special: Sequence[str], *, types: bool) -> PreTrainedTokenizerFast:
    from transformers import PreTrainedTokenizerFast

    names = ("cls_token", "sep_token", "pad_token", "unk_token", "mask_token")
    return PreTrainedTokenizerFast(
        tokenizer_object=tokens,
        model_max_length=LIMIT,
        model_input_names=["input_ids", *(["token_type_ids"] if types else []), "attention_mask"],
        **dict(zip(names, special, strict=True)),
    )


def word_piece(*, types: bool = True) -> PreTrainedTokenizerFast:
    """As BERT has it, in lower case; ``types=False`` is DistilBERT's, which has no token types."""
    tokenizer = tiny_models.tokenizer()
    tokenizer.model_max_length = LIMIT
    tokenizer.model_input_names = ["input_ids", *(["token_type_ids"] if types else []), "attention_mask"]
    return tokenizer


def byte_level() -> PreTrainedTokenizerFast:
    """As RoBERTa has it: byte-level BPE, two separators between the texts."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

    tokens = Tokenizer(models.BPE())
    tokens.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=ROBERTA_SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    tokens.train_from_iterator(SENTENCES, trainer)
    tokens.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return _fast(tokens, ("<s>", "</s>", "<pad>", "<unk>", "<mask>"), types=False)


def modern() -> PreTrainedTokenizerFast:
    """As ModernBERT has it: byte-level BPE with BERT's special tokens, and no token types."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    tokens = Tokenizer(models.BPE())
    tokens.normalizer = normalizers.NFC()
    tokens.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=310, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokens.train_from_iterator(SENTENCES, trainer)
    tokens.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 0), ("[SEP]", 1)]
    )
    return _fast(tokens, special, types=False)


def decoder_tokens() -> PreTrainedTokenizerFast:
    """As Qwen3-Embedding has it: byte-level BPE, an end after the text, padding on the left."""
    from tokenizers import processors

    made = byte_level()
    made.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A $B </s>", special_tokens=[("</s>", 2)]
    )
    made.padding_side = "left"
    return made


def unigram() -> PreTrainedTokenizerFast:
    """As XLM-RoBERTa has it: SentencePiece's Unigram, spaces as part of the words."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    tokens = Tokenizer(models.Unigram())
    tokens.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace("  ", " ")])
    tokens.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=90, special_tokens=ROBERTA_SPECIAL, unk_token="<unk>", show_progress=False
    )
    tokens.train_from_iterator(SENTENCES * 5, trainer)
    tokens.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return _fast(tokens, ("<s>", "</s>", "<pad>", "<unk>", "<mask>"), types=False)


@dataclass(frozen=True)
class Architecture:
    """How to make a configuration, by the name of its class in transformers, and the tokenizer that belongs to it."""

    config: str
    settings: dict[str, Any]
    tokenizer: Callable[[], PreTrainedTokenizerFast]


_BERT = SMALL | {"pad_token_id": 0}
_ROBERTA = _BERT | {  # positions begin after that of the padding
    "max_position_embeddings": LIMIT + 2,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "layer_norm_eps": 1e-5,
}
_MODERN = {
    "hidden_size": 48,
    "num_hidden_layers": 4,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "max_position_embeddings": 1024,
    "global_attn_every_n_layers": 3,  # layers 0 and 3 see everything, 1 and 2 four tokens to each side
    "local_attention": 8,
    "pad_token_id": 2,
    "bos_token_id": 0,
    "cls_token_id": 0,
    "eos_token_id": 1,
    "sep_token_id": 1,
}
_BIASES = {"attention_bias": True, "mlp_bias": True, "norm_bias": True, "classifier_bias": True}

SUPPORTED = {
    "bert": Architecture("BertConfig", _BERT, word_piece),
    "bert-relu": Architecture("BertConfig", _BERT | {"hidden_act": "relu", "layer_norm_eps": 1e-3}, word_piece),
    "roberta": Architecture("RobertaConfig", _ROBERTA | {"type_vocab_size": 1}, byte_level),
    "xlm-roberta": Architecture(
        "XLMRobertaConfig",
        _ROBERTA | {"type_vocab_size": 1, "hidden_size": 48, "num_attention_heads": 2, "hidden_act": "gelu_new"},
        unigram,
    ),
    "distilbert": Architecture(
        "DistilBertConfig",
        {
            "dim": 24,
            "n_layers": 3,
            "n_heads": 2,
            "hidden_dim": 40,
            "max_position_embeddings": LIMIT,
            "activation": "relu",
        },
        lambda: word_piece(types=False),
    ),
    "electra": Architecture("ElectraConfig", _BERT | {"embedding_size": 16}, word_piece),
    "modernbert": Architecture("ModernBertConfig", _MODERN, modern),
    "modernbert-biases": Architecture("ModernBertConfig", _MODERN | _BIASES | {"classifier_pooling": "mean"}, modern),
}
"""Those that the engine runs itself."""
OTHERS = {"data2vec": Architecture("Data2VecTextConfig", _ROBERTA | {"type_vocab_size": 1}, byte_level)}
"""Those that sentence-transformers has to run."""
ARCHITECTURES = SUPPORTED | OTHERS
_DECODER = {
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "intermediate_size": 40,
    "max_position_embeddings": LIMIT,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
}
_GEMMA = _DECODER | {
    "query_pre_attn_scalar": 11,
    "sliding_window": 9,
    "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
}
_DEBERTA = _BERT | {
    "relative_attention": True,
    "position_buckets": 16,
    "max_relative_positions": -1,
    "pos_att_type": ["p2c", "c2p"],
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "position_biased_input": False,
    "type_vocab_size": 0,
}
_T5 = {
    "d_model": 24,
    "d_kv": 10,
    "num_heads": 3,
    "d_ff": 40,
    "num_layers": 2,
    "relative_attention_num_buckets": 12,
    "relative_attention_max_distance": 30,
    "pad_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 1,
}
_LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
FAMILIES = {
    "qwen3": Architecture("Qwen3Config", _DECODER, decoder_tokens),
    "qwen2": Architecture(
        "Qwen2Config",
        # Its tokenizer brings a token for the end of a text, after those of its file.
        _DECODER | {"use_sliding_window": True, "max_window_layers": 1, "sliding_window": 9, "vocab_size": 321},
        decoder_tokens,
    ),
    "llama": Architecture(
        "LlamaConfig",
        _DECODER | {"attention_bias": True, "mlp_bias": True, "rope_parameters": _LLAMA3_ROPE},
        decoder_tokens,
    ),
    "mistral": Architecture("MistralConfig", _DECODER | {"sliding_window": 9}, decoder_tokens),
    "gemma": Architecture("GemmaConfig", _DECODER, decoder_tokens),
    "gemma2": Architecture(
        "Gemma2Config", _GEMMA | {"attn_logit_softcapping": 2.0, "final_logit_softcapping": 3.0}, decoder_tokens
    ),
    "gemma3": Architecture("Gemma3TextConfig", _GEMMA, decoder_tokens),
    "albert": Architecture(
        "AlbertConfig", _BERT | {"embedding_size": 16, "num_hidden_layers": 4, "num_hidden_groups": 2}, word_piece
    ),
    "camembert": Architecture("CamembertConfig", _ROBERTA | {"type_vocab_size": 1}, unigram),
    "deberta": Architecture("DebertaV2Config", _DEBERTA, word_piece),
    "deberta-unshared": Architecture(
        "DebertaV2Config",
        _DEBERTA | {"share_att_key": False, "position_buckets": -1, "max_relative_positions": 30, "embedding_size": 16},
        word_piece,
    ),
    "deberta-c2p": Architecture("DebertaV2Config", _DEBERTA | {"pos_att_type": ["c2p"]}, word_piece),
    "mpnet": Architecture("MPNetConfig", _ROBERTA, byte_level),
    "nomic": Architecture("NomicBertConfig", _BERT | {"hidden_act": "silu", "head_dim": 8}, word_piece),
    "t5": Architecture("T5Config", _T5 | {"feed_forward_proj": "relu"}, unigram),
    "t5-gated": Architecture("T5Config", _T5 | {"feed_forward_proj": "gated-gelu"}, unigram),
    "gemma3-both-ways": Architecture(
        "Gemma3TextConfig", _GEMMA | {"use_bidirectional_attention": True}, decoder_tokens
    ),
}
"""Further ones that the engine runs itself, for one test each."""


def randomise(model: torch.nn.Module, seed: int) -> None:
    """Every parameter new: scales around 1, the rest around 0, so wide that texts get scores far apart.

    The wider a matrix, the smaller its numbers, or a float32 would be too coarse to compare with.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            scale = name.endswith("weight") and parameter.dim() == 1
            spread = 0.3 if parameter.dim() == 1 else 1.5 / parameter.shape[-1] ** 0.5
            parameter.normal_(1.0 if scale else 0.0, spread, generator=generator)


def new_model(name: str, auto: Any, seed: int, **settings: Any) -> tuple[Any, PreTrainedTokenizerFast]:
    """A model of transformers of one architecture with random parameters, and its tokenizer."""
    import transformers

    architecture = {**FAMILIES, **ARCHITECTURES}[name]
    tokenizer = architecture.tokenizer()
    values = {"vocab_size": len(tokenizer)} | architecture.settings | settings
    config = getattr(transformers, architecture.config)(**values)
    model = auto.from_config(config, attn_implementation="eager")
    randomise(model, seed)
    return model, tokenizer


def save_cross_encoder(folder: Path, name: str, *, outputs: int = 1, seed: int = 0, cut_left: bool = False) -> Path:
    """A cross-encoder as transformers saves it."""
    from transformers import AutoModelForSequenceClassification

    model, tokenizer = new_model(name, AutoModelForSequenceClassification, seed, num_labels=outputs)
    tokenizer.truncation_side = "left" if cut_left else "right"
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@dataclass(frozen=True)
class Head:
    """What comes after the transformer of a bi-encoder, and what before it."""

    pooling: str | tuple[str, ...] = "mean"
    dense: int | None = None
    normalise: bool = False
    prompts: dict[str, str] | None = None
    pool_prompt: bool = True


def save_bi_encoder(folder: Path, name: str, head: Head | None = None, *, seed: int = 1) -> Path:
    """A bi-encoder as sentence-transformers saves it."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Dense, Normalize
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import AutoModel

    head = head or Head()
    base = folder.with_name(f"{folder.name}-base")
    model, tokenizer = new_model(name, AutoModel, seed)
    model.save_pretrained(base)
    tokenizer.save_pretrained(base)
    transformer = Transformer(str(base), max_seq_length=LIMIT)
    width = transformer.get_embedding_dimension()
    modules: list[Any] = [transformer, Pooling(width, head.pooling, include_prompt=head.pool_prompt)]
    if head.dense is not None:
        modules.append(Dense(width, head.dense, activation_function=torch.nn.Tanh()))
        randomise(modules[-1], seed + 1)
    if head.normalise:
        modules.append(Normalize())
    SentenceTransformer(modules=modules, prompts=head.prompts, device="cpu").save_pretrained(str(folder))
    return folder
