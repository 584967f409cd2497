"""Real transformer checkpoints, tiny and random but always the same, to compare with sentence-transformers.

The model libraries take seconds to import: no import of this module does it, since quick tests are beside those that
make a model.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import BertConfig, PreTrainedTokenizerFast

WORDS = "the a cat dog owl sleeps runs hunts all day night on in warm sofa park field what who does at and . ?".split()  # noqa: SIM905 - a sentence reads better
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
MAX_LENGTH = 32


def tokenizer() -> PreTrainedTokenizerFast:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    pieces = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    vocabulary = {piece: i for i, piece in enumerate([*SPECIAL, *WORDS, *(f"##{p}" for p in pieces), *pieces[1:]])}
    tokens = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokens.normalizer = normalizers.BertNormalizer()
    tokens.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokens.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = dict(zip(["pad_token", "unk_token", "cls_token", "sep_token", "mask_token"], SPECIAL, strict=True))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokens,
        model_max_length=MAX_LENGTH,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        **names,
    )


def config(**settings) -> BertConfig:
    from transformers import BertConfig

    return BertConfig(
        vocab_size=len(tokenizer()),
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=MAX_LENGTH,
        initializer_range=0.5,
        **settings,
    )


def save_cross_encoder(folder: Path, *, outputs: int) -> Path:
    import torch
    from transformers import BertForSequenceClassification

    torch.manual_seed(outputs)
    BertForSequenceClassification(config(num_labels=outputs)).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def save_bi_encoder(folder: Path, *, prompts: dict[str, str] | None = None) -> Path:
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertModel

    torch.manual_seed(7)
    base = folder.with_name(f"{folder.name}-base")
    BertModel(config()).save_pretrained(base)
    tokenizer().save_pretrained(base)
    transformer = Transformer(str(base), max_seq_length=MAX_LENGTH)
    pooling = Pooling(transformer.get_embedding_dimension(), "mean")
    SentenceTransformer(modules=[transformer, pooling], prompts=prompts, device="cpu").save_pretrained(str(folder))
    return folder


def with_labels(folder: Path, copy: Path, *names: str) -> Path:
    """Copy a model, with these names of its outputs if there are any."""
    shutil.copytree(folder, copy)
    if names:
        config = json.loads((copy / "config.json").read_text(encoding="utf-8"))
        config["id2label"] = {str(number): name for number, name in enumerate(names)}
        config["label2id"] = {name: number for number, name in enumerate(names)}
        (copy / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return copy
