"""Tiny random rerankers in the layouts in which models are published: classes, settings and files are theirs.

No import of this module loads the model libraries: see tiny_models.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from safetensors.numpy import load_file, save_file

from helpers.chat_models import chat_tokenizer, decoder
from helpers.published_encoders import with_code
from helpers.tiny_architectures import LIMIT, SMALL, byte_level, randomise, save_cross_encoder, unigram, word_piece

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

QWEN_TEMPLATE = """<|im_start|>system
Judge whether the Document meets the Query. Answer "yes" or "no".<|im_end|>
<|im_start|>user
<Instruct>: {% if messages[0]['role'] == 'system' %}{{ messages[0]['content'] }}{% else %}find passages{% endif %}
<Query>: {{ messages | selectattr('role', 'eq', 'query') | map(attribute='content') | first }}
<Document>: {{ messages | selectattr('role', 'eq', 'document') | map(attribute='content') | first }}<|im_end|>
<|im_start|>assistant
<think>

</think>

"""
MXBAI_TEMPLATE = """<|im_start|>user
query: {{ messages | selectattr('role', 'eq', 'query') | map(attribute='content') | first }}
document: {{ messages | selectattr('role', 'eq', 'document') | map(attribute='content') | first }}
You judge relevance: 0 or 1.<|im_end|>
<|im_start|>assistant
"""
GEMMA_TEMPLATE = """A: {{ messages | selectattr('role', 'eq', 'query') | map(attribute='content') | first | trim }}
B: {{ messages | selectattr('role', 'eq', 'document') | map(attribute='content') | first | trim }}
Does the passage answer, 'Yes' or 'No'?"""
DOCUMENT_FIRST = """{{ (messages | selectattr('role', 'eq', 'document') | first).content }}
Is it about {{ (messages | selectattr('role', 'eq', 'query') | first).content }}?
"""


def _classifier(folder: Path, config: str, tokenizer: Any, **settings: Any) -> Path:
    """A sequence classifier by the name of its configuration, as transformers saves it."""
    import transformers

    made = getattr(transformers, config)(vocab_size=len(tokenizer), num_labels=1, **settings)
    model = transformers.AutoModelForSequenceClassification.from_config(made, attn_implementation="eager")
    randomise(model, 4)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def activation(folder: Path, *, settings: dict[str, Any]) -> Path:
    """A MiniLM whose config names an activation function."""
    save_cross_encoder(folder, "bert")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | settings))
    return folder


def _loaded(folder: Path, **settings: Any) -> CrossEncoder:
    from sentence_transformers import CrossEncoder

    made = save_cross_encoder(folder.with_name(f"{folder.name}-before"), "bert")
    return CrossEncoder(str(made), device="cpu", **settings)


def _saved(folder: Path, model: Any) -> Path:
    model.save_pretrained(str(folder))
    return folder


def short(folder: Path) -> Path:
    return _saved(folder, _loaded(folder, max_length=64))


def limit_of_texts(folder: Path) -> Path:
    """A limit among the settings that sentence-transformers passes on to the tokenizer."""
    model: Any = _loaded(folder)
    model[0].processing_kwargs = {"text": {"max_length": 40}}
    return _saved(folder, model)


def prompts(folder: Path, *, default: str | None) -> Path:
    named = {"web": "who does ", "law": "the cat "}
    return _saved(folder, _loaded(folder, prompts=named, default_prompt_name=default))


def scores_by_modules(folder: Path) -> Path:
    """A transformer, pooling and a dense layer that gives the score."""
    import torch
    from sentence_transformers import CrossEncoder
    from sentence_transformers.base.modules import Dense
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import AutoModel, BertConfig

    files, tokenizer = folder.with_name("before"), word_piece()
    base = AutoModel.from_config(BertConfig(vocab_size=len(tokenizer), **SMALL))
    randomise(base, 6)
    base.save_pretrained(files)
    tokenizer.save_pretrained(files)
    torch.manual_seed(2)
    modules = [Transformer(str(files)), Pooling(24, "cls"), Dense(24, 1, module_output_name="scores")]
    return _saved(folder, CrossEncoder(modules=modules, device="cpu"))


def deberta(folder: Path) -> Path:
    settings = SMALL | {"relative_attention": True, "position_buckets": 16, "pos_att_type": ["p2c", "c2p"]}
    return _classifier(folder, "DebertaV2Config", unigram(), **settings, norm_rel_ebd="layer_norm", share_att_key=True)


def albert(folder: Path) -> Path:
    return _classifier(folder, "AlbertConfig", unigram(), **SMALL, embedding_size=16)


def camembert(folder: Path) -> Path:
    settings = SMALL | {"max_position_embeddings": LIMIT + 2, "pad_token_id": 1, "type_vocab_size": 1}
    return _classifier(folder, "CamembertConfig", unigram(), **settings)


def mpnet(folder: Path) -> Path:
    settings = SMALL | {"max_position_embeddings": LIMIT + 2, "pad_token_id": 1}
    return _classifier(folder, "MPNetConfig", byte_level(), **settings)


def generating(
    folder: Path,
    config: str = "Qwen3Config",
    *,
    template: str | None = QWEN_TEMPLATE,
    prompt: str | None = None,
    false_token: str | None = "no",
    **settings: Any,
) -> Path:
    """A causal model whose score is a logit, or the difference of two, in the layout of sentence-transformers."""
    from sentence_transformers import CrossEncoder
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.cross_encoder.modules import LogitScore

    files, tokenizer = plain_generating(folder.with_name("before"), config, template=template, **settings), None
    transformer = Transformer(str(files), transformer_task="text-generation")
    tokenizer = transformer.tokenizer
    assert tokenizer is not None
    ids = [None if token is None else tokenizer.convert_tokens_to_ids(token) for token in ("yes", false_token)]
    prompts, name = (None, None) if prompt is None else ({"web": prompt}, "web")
    modules = [transformer, LogitScore(*ids)]
    made = CrossEncoder(modules=modules, prompts=prompts, default_prompt_name=name, device="cpu")
    return _saved(folder, made)


def plain_generating(
    folder: Path, config: str = "Qwen3Config", *, template: str | None = QWEN_TEMPLATE, **settings: Any
) -> Path:
    """The causal model alone, as transformers saves it."""
    from transformers import AutoModelForCausalLM

    tokenizer = chat_tokenizer(template=template, limit=300)
    decoder(config, AutoModelForCausalLM, tokenizer, **settings).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def classifying(folder: Path, *, template: str | None = QWEN_TEMPLATE) -> Path:
    """A Qwen3 with a head of one output."""
    from transformers import AutoModelForSequenceClassification

    tokenizer = chat_tokenizer(template=template, limit=300)
    decoder("Qwen3Config", AutoModelForSequenceClassification, tokenizer, num_labels=1).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def monot5(folder: Path) -> Path:
    """As monoT5: an encoder and a decoder, which writes true or false."""
    import transformers

    classes, tokenizer = cast(Any, transformers), unigram()
    sizes = {"d_model": 24, "d_kv": 8, "d_ff": 40, "num_layers": 2, "num_heads": 3, "decoder_start_token_id": 1}
    config = classes.T5Config(vocab_size=len(tokenizer), **sizes)
    classes.T5ForConditionalGeneration(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def own_code(folder: Path, *, model_type: str | None = None) -> Path:
    """As jina-reranker-v2: an architecture with the name of one of transformers, whose code is in the folder.

    Args:
        folder: The folder to make.
        model_type: The type that ``config.json`` names, as copies that were saved again have it; it was published
            without one.
    """
    save_cross_encoder(folder, "xlm-roberta")
    config = json.loads((folder / "config.json").read_text())
    del config["model_type"]
    names = {"AutoConfig": "modeling.Config", "AutoModelForSequenceClassification": "modeling.Model"}
    more = {"auto_map": names} | ({"model_type": model_type} if model_type else {})
    (folder / "config.json").write_text(json.dumps(config | more))
    if model_type:  # its layers have other names than those of transformers
        weights = load_file(folder / "model.safetensors")
        renamed = {name.replace("attention.self.query", "mixer.Wqkv"): tensor for name, tensor in weights.items()}
        save_file(renamed, folder / "model.safetensors", metadata={"format": "pt"})
    return with_code(folder, "modeling.py")


def three_labels(folder: Path) -> Path:
    """A model of inference between sentences."""
    return save_cross_encoder(folder, "bert", outputs=3)


def pickled(folder: Path) -> Path:
    """With pytorch_model.bin alone."""
    save_cross_encoder(folder, "bert")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    return folder


_NAMED = {"activation_fn": "torch.nn.modules.linear.Identity", "version": "5.0.0"}
PLAIN: dict[str, Callable[[Path], Path]] = {
    "activation_fn": partial(activation, settings={"sentence_transformers": _NAMED}),
    "old activation": partial(activation, settings={"sbert_ce_default_activation_function": _NAMED["activation_fn"]}),
    "max_length": short,
    "limit of texts": limit_of_texts,
    "default prompt": partial(prompts, default="web"),
    "prompt that is not the default": partial(prompts, default=None),
    "modules": scores_by_modules,
    "deberta": deberta,
    "albert": albert,
    "camembert": camembert,
    "mpnet": mpnet,
    "qwen3 without a template": partial(generating, template=None),
    "qwen3 classifier without a template": partial(classifying, template=None),
}
"""Those that take two texts with special tokens around, by what is special about them."""
CHAT: dict[str, Callable[[Path], Path]] = {
    "qwen3 without modules": plain_generating,
    "qwen3": generating,
    "qwen3 with a prompt": partial(generating, prompt="find what a dog does."),
    "mxbai (qwen2)": partial(generating, config="Qwen2Config", template=MXBAI_TEMPLATE),
    "bge (gemma)": partial(generating, config="GemmaConfig", template=GEMMA_TEMPLATE, false_token=None),
    "document first": partial(generating, template=DOCUMENT_FIRST),
    "qwen3 classifier": classifying,
}
"""Those whose pairs go through a chat template."""
REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "monot5": (monot5, "is not a reranker: it is T5ForConditionalGeneration, without a head that scores pairs"),
    "jina as published": (own_code, r"cannot be loaded: .*(model_type|custom code|trust_remote_code)"),
    "jina saved again": (
        partial(own_code, model_type="xlm-roberta"),
        "file lacks roberta.encoder.layer.0.attention.se",
    ),
    "three labels": (three_labels, "has 3 outputs"),
    "pytorch_model.bin": (pickled, "has no weights in safetensors"),
}
"""Those that no reranker is made of, each with a part of the message."""
