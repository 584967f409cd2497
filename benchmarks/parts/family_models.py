"""Random models of published sizes, one for each family that people use, and the texts that they are timed on.

The weights are random and the words invented: speed depends on neither. A vocabulary of a few hundred words replaces
the published one, whose embeddings are looked up and never multiplied.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase
from typing import Any, Literal

import numpy as np

WORDS = tuple(first + second for first in ascii_uppercase for second in ascii_lowercase)
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
LIMIT = 512
PASSAGE_TOKENS = 80
"""The mean length of a passage of MS MARCO."""
DECODER_TOKENS, TEMPLATE_TOKENS, QUERY_TOKENS = 120, 100, 8
SPREAD = 0.42
"""Of the log-normal distribution of lengths."""
LONGEST = 3.0
"""No text is longer than so many times the mean: none is to be cut."""
Kind = Literal["reranker", "encoder", "decoder reranker"]


@dataclass(frozen=True, slots=True)
class Family:
    """A published model whose sizes a random one takes.

    Attributes:
        example: Its name on the hub.
        kind: What it is; a "decoder reranker" answers a prompt with one of two tokens.
        config: The class of its configuration in transformers.
        sizes: The settings that it does not have by default.
        layers: The name of the setting that counts its layers.
        pooling: How the tokens become a vector, for encoders.
        texts: How many texts a round has: fewer for models that take seconds for each.
    """

    example: str
    kind: Kind
    config: str
    sizes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    layers: str = "num_hidden_layers"
    pooling: str = "mean"
    texts: int = 24

    def published_layers(self) -> int:
        """How many layers the published model has."""
        import transformers

        return int(getattr(getattr(transformers, self.config)(**self.sizes), self.layers))


def _sizes(hidden: int, layers: int, heads: int, wide: int, **more: object) -> dict[str, Any]:
    named = {"hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": heads}
    return named | {"intermediate_size": wide} | more


_QWEN3 = _sizes(1024, 28, 16, 3072, num_key_value_heads=8, head_dim=128, max_position_embeddings=32768)
_DEBERTA = {
    "relative_attention": True,
    "position_buckets": 256,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "pos_att_type": ["p2c", "c2p"],
    "position_biased_input": False,
    "max_relative_positions": -1,
    "type_vocab_size": 0,
}
FAMILIES: Mapping[str, Family] = {
    "BERT": Family("cross-encoder/ms-marco-MiniLM-L6-v2", "reranker", "BertConfig", _sizes(384, 6, 12, 1536)),
    "XLM-RoBERTa": Family("BAAI/bge-reranker-base", "reranker", "XLMRobertaConfig", _sizes(768, 12, 12, 3072)),
    "CamemBERT": Family(
        "antoinelouis/crossencoder-camembert-base-mmarcoFR", "reranker", "CamembertConfig", _sizes(768, 12, 12, 3072)
    ),
    "ELECTRA": Family("cross-encoder/ms-marco-electra-base", "reranker", "ElectraConfig", _sizes(768, 12, 12, 3072)),
    "DeBERTa-v2": Family(
        "mixedbread-ai/mxbai-rerank-base-v1", "reranker", "DebertaV2Config", _sizes(768, 12, 12, 3072, **_DEBERTA)
    ),
    "ALBERT": Family(
        "sentence-transformers/paraphrase-albert-base-v2", "encoder", "AlbertConfig", _sizes(768, 12, 12, 3072)
    ),
    "MPNet": Family("sentence-transformers/all-mpnet-base-v2", "encoder", "MPNetConfig", _sizes(768, 12, 12, 3072)),
    "DistilBERT": Family(
        "sentence-transformers/msmarco-distilbert-base-v4", "encoder", "DistilBertConfig", layers="n_layers"
    ),
    "ModernBERT": Family("Alibaba-NLP/gte-reranker-modernbert-base", "reranker", "ModernBertConfig"),
    "NomicBERT": Family("nomic-ai/nomic-embed-text-v1.5", "encoder", "NomicBertConfig", _sizes(768, 12, 12, 3072)),
    "T5": Family(
        "sentence-transformers/gtr-t5-base",
        "encoder",
        "T5Config",
        {"d_model": 768, "d_kv": 64, "num_heads": 12, "d_ff": 3072, "num_layers": 12},
        "num_layers",
    ),
    "Gemma 3": Family(
        "google/embeddinggemma-300m",
        "encoder",
        "Gemma3TextConfig",
        _sizes(
            768,
            24,
            3,
            1152,
            num_key_value_heads=1,
            head_dim=256,
            sliding_window=512,
            use_bidirectional_attention=True,
        ),
    ),
    "Qwen3 embedding": Family(
        "Qwen/Qwen3-Embedding-0.6B", "encoder", "Qwen3Config", _QWEN3, pooling="lasttoken", texts=8
    ),
    "Qwen3 reranker": Family("Qwen/Qwen3-Reranker-0.6B", "decoder reranker", "Qwen3Config", _QWEN3, texts=8),
    "Qwen2 reranker": Family(
        "mixedbread-ai/mxbai-rerank-base-v2",
        "decoder reranker",
        "Qwen2Config",
        _sizes(896, 24, 14, 4864, num_key_value_heads=2, max_position_embeddings=32768),
        texts=8,
    ),
    "Llama reranker": Family(
        "a Llama of 0.6B",
        "decoder reranker",
        "LlamaConfig",
        _sizes(1024, 28, 16, 3072, num_key_value_heads=8, max_position_embeddings=8192),
        texts=8,
    ),
    "Gemma 2 reranker": Family(
        "a Gemma 2 of 0.3B",
        "decoder reranker",
        "Gemma2Config",
        _sizes(896, 21, 8, 3584, num_key_value_heads=4, head_dim=128, query_pre_attn_scalar=128),
        texts=8,
    ),
}


def save(family: Family, folder: Path, *, layers: int | None = None, tiny: bool = False) -> int:
    """Save a random model as sentence-transformers does.

    Args:
        family: The family.
        folder: Where to.
        layers: How many layers it gets; None for those of the published model.
        tiny: Whether every width becomes a handful, to try the benchmark itself.

    Returns:
        The number of its parameters.
    """
    import transformers

    tokens = _tokenizer(
        _pairs_of_bytes() if family.config == "Qwen2Config" else _whole_words(),
        left=family.kind == "decoder reranker" or family.pooling == "lasttoken",
    )
    sizes: dict[str, Any] = {"vocab_size": len(tokens), "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
    sizes |= {"max_position_embeddings": LIMIT + 2} if "T5" not in family.config else {}
    sizes |= dict(family.sizes) | (_narrow(family) if tiny else {})
    sizes |= {} if layers is None else {family.layers: layers}
    config = getattr(transformers, family.config)(**sizes)
    makers: Mapping[Kind, Any] = {
        "reranker": transformers.AutoModelForSequenceClassification,
        "encoder": transformers.T5EncoderModel if family.config == "T5Config" else transformers.AutoModel,
        "decoder reranker": transformers.AutoModelForCausalLM,
    }
    if family.kind == "reranker":
        config.num_labels = 1
    maker = makers[family.kind]
    model: Any = maker(config) if family.config == "T5Config" else maker.from_config(config)
    _randomise(model)
    tokens.save_pretrained(folder)
    model.save_pretrained(folder)
    _add_modules(family, folder, tokens)
    return sum(parameter.numel() for parameter in model.parameters())


def _randomise(model: Any) -> None:  # noqa: ANN401
    """Replace the small weights that a training begins with, which would give all texts about the same score."""
    import torch

    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, parameter.shape[-1] ** -0.5, generator=generator)


def _narrow(family: Family) -> dict[str, Any]:
    if family.config == "T5Config":
        return {"d_model": 16, "d_kv": 8, "num_heads": 2, "d_ff": 24}
    if family.config == "DistilBertConfig":
        return {"dim": 16, "n_heads": 2, "hidden_dim": 24}
    heads = {"num_key_value_heads": 1, "head_dim": 8} if "num_key_value_heads" in family.sizes else {}
    return {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 24} | heads


def _whole_words() -> Any:  # noqa: ANN401 - a Tokenizer, whose stubs are partial
    """A tokenizer with one token for each word."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    names = [*SPECIAL, "yes", "no", *WORDS]
    made: Any = Tokenizer(models.WordLevel({name: row for row, name in enumerate(names)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return made


def _pairs_of_bytes() -> Any:  # noqa: ANN401
    """The same as merged bytes: transformers keeps nothing else of a tokenizer of Qwen2."""
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

    merges = [(word[0], word[1]) for word in WORDS] + [("Ġ", word) for word in WORDS]
    names = [*SPECIAL, *sorted(pre_tokenizers.ByteLevel.alphabet()), *(first + second for first, second in merges)]
    made: Any = Tokenizer(models.BPE({name: row for row, name in enumerate(names)}, merges))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.add_tokens([AddedToken(name, special=True) for name in ("yes", "no")])
    return made


def _tokenizer(backend: Any, *, left: bool) -> Any:  # noqa: ANN401 - a tokenizer of transformers
    """A tokenizer that puts an end after a text, and unless it pads on the left, a beginning before it."""
    from tokenizers import processors
    from transformers import PreTrainedTokenizerFast

    begin = [] if left else [("<s>", 0)]
    before = "" if left else "<s> "
    backend.post_processor = processors.TemplateProcessing(
        single=f"{before}$A </s>", pair=f"{before}$A </s> $B </s>", special_tokens=[*begin, ("</s>", 2)]
    )
    tokens = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        model_max_length=LIMIT,
        model_input_names=["input_ids", "attention_mask"],
        padding_side="left" if left else "right",
        **dict(zip(("bos_token", "pad_token", "eos_token", "unk_token", "mask_token"), SPECIAL, strict=True)),
    )
    tokens.cls_token, tokens.sep_token = "<s>", "</s>"
    return tokens


def _add_modules(family: Family, folder: Path, tokens: Any) -> None:  # noqa: ANN401
    """Save what sentence-transformers adds to the model: pooling, or the template and the two tokens of the answer."""
    from sentence_transformers import CrossEncoder, SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.cross_encoder.modules import LogitScore
    from sentence_transformers.sentence_transformer.modules import Pooling

    if family.kind == "encoder":
        first = Transformer(str(folder), max_seq_length=LIMIT)
        pooling = Pooling(first.get_embedding_dimension(), family.pooling)
        SentenceTransformer(modules=[first, pooling], device="cpu").save_pretrained(str(folder))
    elif family.kind == "decoder reranker":
        tokens.backend_tokenizer.post_processor = None
        words = texts(1, TEMPLATE_TOKENS - QUERY_TOKENS, seed=1, spread=0)[0]
        tokens.chat_template = words + "{% for message in messages %} {{ message['content'] }}{% endfor %} </s>"
        tokens.save_pretrained(folder)
        first = Transformer(str(folder), transformer_task="text-generation", max_seq_length=LIMIT)
        answers = LogitScore(tokens.convert_tokens_to_ids("yes"), tokens.convert_tokens_to_ids("no"))
        CrossEncoder(modules=[first, answers], device="cpu").save_pretrained(str(folder))


def texts(count: int, mean_tokens: float, *, seed: int, spread: float = SPREAD) -> list[str]:
    """Invent texts whose numbers of words, each one token, have a log-normal distribution with this mean."""
    chance = np.random.default_rng(seed)
    lengths = np.exp(chance.normal(-(spread**2) / 2, spread, count)).clip(max=LONGEST) * mean_tokens
    return [" ".join(chance.choice(WORDS, size=max(1, round(length)))) for length in lengths]
