"""Tiny random encoders in the layouts in which models are published: classes, settings and files are theirs.

No import of this module loads the model libraries: see tiny_models.
"""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.chat_models import CHAT_TEMPLATE, chat_tokenizer, decoder
from helpers.tiny_architectures import (
    LIMIT,
    SMALL,
    Head,
    byte_level,
    randomise,
    save_bi_encoder,
    save_cross_encoder,
    unigram,
    word_piece,
)

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

E5 = {"query": "query : ", "passage": "passage : "}
BOTH = {"query": "who does ", "document": "the "}


def _loaded(folder: Path, head: Head | None = None, *, seed: int = 1) -> SentenceTransformer:
    """A BERT that is changed before it is saved again."""
    from sentence_transformers import SentenceTransformer

    made = save_bi_encoder(folder.with_name(f"{folder.name}-before"), "bert", head, seed=seed)
    return SentenceTransformer(str(made), device="cpu")


def _saved(folder: Path, model: Any) -> Path:
    model.save_pretrained(str(folder))
    return folder


def _of(
    folder: Path,
    base: Any,
    tokenizer: Any,
    pooling: str | tuple[str, ...],
    *more: Any,
    limit: int = LIMIT,
    **settings: Any,
) -> Path:
    """A base model of transformers with a pooling."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    files = folder.with_name(f"{folder.name}-base")
    base.save_pretrained(files)
    tokenizer.save_pretrained(files)
    transformer = Transformer(str(files), max_seq_length=limit)
    modules = [transformer, Pooling(transformer.get_embedding_dimension(), pooling), *more]
    return _saved(folder, SentenceTransformer(modules=modules, device="cpu", **settings))


def _transformer(config: str, tokenizer: Any, **settings: Any) -> Any:
    """A base model by the name of its configuration, random."""
    import transformers

    made = getattr(transformers, config)(vocab_size=len(tokenizer), **settings)
    model = transformers.AutoModel.from_config(made, attn_implementation="eager")
    randomise(model, 5)
    return model


def without_files(folder: Path) -> Path:
    """As transformers saves it, without any file of sentence-transformers."""
    word_piece().save_pretrained(folder)
    _transformer("BertConfig", word_piece(), **SMALL).save_pretrained(folder)
    return folder


def default_prompt(folder: Path) -> Path:
    from sentence_transformers import SentenceTransformer

    made = save_bi_encoder(folder.with_name("before"), "bert", Head(prompts=BOTH | {"any": "what "}))
    return _saved(folder, SentenceTransformer(str(made), default_prompt_name="any", device="cpu"))


def vocabulary_only(folder: Path) -> Path:
    """An old BERT: vocab.txt without tokenizer.json."""
    from tokenizers import Tokenizer

    save_bi_encoder(folder, "bert")
    vocabulary = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab()
    (folder / "tokenizer.json").unlink()
    lines = sorted(vocabulary, key=lambda token: vocabulary[token])
    (folder / "vocab.txt").write_text("\n".join(lines), encoding="utf-8")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"tokenizer_class": "BertTokenizer"}))
    return folder


def sentencepiece_only(folder: Path) -> Path:
    """An XLM-RoBERTa as it was published first: sentencepiece.bpe.model without tokenizer.json."""
    save_bi_encoder(folder, "xlm-roberta")
    pieces: list[tuple[str, float]] = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    special = ("<unk>", 2), ("<s>", 3), ("</s>", 3)  # with the numbers of their kinds; words are of kind 1
    named = {name for name, _ in special} | {"<pad>", "<mask>"}
    rows = [(name, 0.0, kind) for name, kind in special]
    rows += [(piece, score, 1) for piece, score in pieces if piece not in named]
    (folder / "sentencepiece.bpe.model").write_bytes(b"".join(_piece(*row) for row in rows))
    (folder / "tokenizer.json").unlink()
    settings = {"tokenizer_class": "XLMRobertaTokenizer", "model_max_length": LIMIT}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


def _piece(text: str, score: float, kind: int) -> bytes:
    """A piece as a field of the protocol buffer of SentencePiece; texts are short, so that lengths are one byte."""
    content = text.encode()
    inside = bytes([0x0A, len(content)]) + content + b"\x15" + struct.pack("<f", score) + bytes([0x18, kind])
    return bytes([0x0A, len(inside)]) + inside


def long_multilingual(folder: Path) -> Path:
    """As bge-m3: an XLM-RoBERTa of 8192 tokens whose vector is that of the first one."""
    from sentence_transformers.base.modules import Normalize

    settings = SMALL | {"max_position_embeddings": 8194, "pad_token_id": 1, "type_vocab_size": 1}
    tokenizer = unigram()
    tokenizer.model_max_length = 8192
    model = _transformer("XLMRobertaConfig", tokenizer, **settings)
    return _of(folder, model, tokenizer, "cls", Normalize(), limit=8192)


def pickled(folder: Path) -> Path:
    """With pytorch_model.bin alone."""
    without_files(folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    return folder


def own_code(folder: Path) -> Path:
    """As gte v1.5: a type that transformers does not know, whose code is in the folder."""
    without_files(folder)
    config = json.loads((folder / "config.json").read_text())
    names = {"AutoConfig": "modeling.NewConfig", "AutoModel": "modeling.NewModel"}
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "new", "auto_map": names}))
    return with_code(folder, "modeling.py")


def own_module(folder: Path) -> Path:
    """As jina-embeddings-v3: a module of sentence-transformers whose code is in the folder."""
    save_bi_encoder(folder, "bert")
    modules = json.loads((folder / "modules.json").read_text())
    modules[0]["type"] = "custom_st.Transformer"
    (folder / "modules.json").write_text(json.dumps(modules))
    return with_code(folder, "custom_st.py")


def sparse(folder: Path) -> Path:
    """As SPLADE: a masked language model whose weights of words are pooled."""
    from sentence_transformers import SparseEncoder
    from sentence_transformers.sparse_encoder.modules import MLMTransformer, SpladePooling
    from transformers import BertConfig, BertForMaskedLM

    files, tokenizer = folder.with_name("before"), word_piece()
    BertForMaskedLM(BertConfig(vocab_size=len(tokenizer), **SMALL)).save_pretrained(files)
    tokenizer.save_pretrained(files)
    modules = [MLMTransformer(str(files)), SpladePooling("max")]
    return _saved(folder, SparseEncoder(modules=modules, device="cpu"))


def multi_vector(folder: Path) -> Path:
    """As ColBERT: a vector for each token."""
    from sentence_transformers import MultiVectorEncoder

    return _saved(folder, MultiVectorEncoder(str(without_files(folder.with_name("before"))), device="cpu"))


def with_code(folder: Path, name: str) -> Path:
    """Add a file of code that leaves a file named ``ran`` if it is run."""
    (folder / name).write_text(f"open({str(folder / 'ran')!r}, 'w')\n")
    return folder


def old_folders(folder: Path) -> Path:
    """The layout of the first years: the transformer in a folder of its own."""
    save_bi_encoder(folder, "bert")
    inner = folder / "0_Transformer"
    inner.mkdir()
    for path in list(folder.iterdir()):
        if path.is_file() and path.name not in ("modules.json", "config_sentence_transformers.json", "README.md"):
            shutil.move(path, inner / path.name)
    modules = json.loads((folder / "modules.json").read_text())
    modules[0] |= {"path": "0_Transformer", "type": "sentence_transformers.models.Transformer"}
    (folder / "modules.json").write_text(json.dumps(modules))
    return folder


def nomic(folder: Path) -> Path:
    tokenizer = word_piece()
    return _of(folder, _transformer("NomicBertConfig", tokenizer, **SMALL, pad_token_id=0), tokenizer, "mean")


def deberta(folder: Path) -> Path:
    tokenizer = unigram()
    settings = SMALL | {"relative_attention": True, "position_buckets": 16, "pos_att_type": ["p2c", "c2p"]}
    model = _transformer("DebertaV2Config", tokenizer, **settings, norm_rel_ebd="layer_norm", share_att_key=True)
    return _of(folder, model, tokenizer, "mean")


def albert(folder: Path) -> Path:
    tokenizer = unigram()
    return _of(folder, _transformer("AlbertConfig", tokenizer, **SMALL, embedding_size=16), tokenizer, "mean")


def t5(folder: Path) -> Path:
    """As sentence-t5 and gtr: the encoder of a T5, then a dense layer."""
    from sentence_transformers.base.modules import Dense, Normalize
    from transformers import T5Config, T5EncoderModel

    tokenizer = unigram()
    model = T5EncoderModel(T5Config(vocab_size=len(tokenizer), d_model=24, d_kv=8, d_ff=40, num_layers=2, num_heads=3))
    randomise(model, 6)
    return _of(folder, model, tokenizer, "mean", Dense(24, 16, bias=False, activation_function=None), Normalize())


def qwen_embedding(folder: Path) -> Path:
    """As Qwen3-Embedding: the last token, padding on the left, an instruction for queries."""
    from transformers import AutoModel

    tokenizer = chat_tokenizer()
    model = decoder("Qwen3Config", AutoModel, tokenizer)
    instruction = "Instruct: Given a query, find passages\nQuery:"
    return _of(folder, model, tokenizer, "lasttoken", prompts={"query": instruction, "document": ""})


def gemma_embedding(folder: Path) -> Path:
    """As EmbeddingGemma: bidirectional, two dense layers, prompts."""
    from sentence_transformers.base.modules import Dense, Normalize
    from transformers import AutoModel

    tokenizer = chat_tokenizer()
    model = decoder("Gemma3TextConfig", AutoModel, tokenizer, use_bidirectional_attention=True, sliding_window=16)
    heads = [Dense(32, 64, bias=False, activation_function=None), Dense(64, 32, bias=False, activation_function=None)]
    prompts = {"query": "task: search result | query: ", "document": "title: none | text: "}
    return _of(folder, model, tokenizer, "mean", *heads, Normalize(), prompts=prompts)


def chat_template(folder: Path) -> Path:
    """An encoder whose texts sentence-transformers puts into a chat template."""
    from transformers import AutoModel

    tokenizer = chat_tokenizer(template=CHAT_TEMPLATE)
    return _of(folder, decoder("Qwen3Config", AutoModel, tokenizer), tokenizer, "lasttoken")


def bert_with_chat_template(folder: Path) -> Path:
    tokenizer = word_piece()
    tokenizer.chat_template = "{% for message in messages %}the {{ message['content'] }} and{% endfor %}"
    return _of(folder, _transformer("BertConfig", tokenizer, **SMALL), tokenizer, "mean")


def two_dense(folder: Path) -> Path:
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Dense

    model = _loaded(folder)
    dense = [Dense(24, 40, activation_function=torch.nn.Tanh()), Dense(40, 12, bias=False)]
    return _saved(folder, SentenceTransformer(modules=[*model, *dense], device="cpu"))


def short(folder: Path) -> Path:
    model = _loaded(folder)
    model.max_seq_length = 24
    return _saved(folder, model)


def longer_than_positions(folder: Path) -> Path:
    """A limit of 8192 in the settings, and 512 positions: sentence-transformers itself crashes beyond those."""
    save_bi_encoder(folder, "bert")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"model_max_length": 8192}))
    return folder


def lower_case(folder: Path) -> Path:
    """A byte-level tokenizer that keeps case, and ``do_lower_case`` in the settings."""
    save_bi_encoder(folder, "roberta")
    settings = json.loads((folder / "sentence_bert_config.json").read_text())
    (folder / "sentence_bert_config.json").write_text(json.dumps(settings | {"do_lower_case": True}))
    return folder


def mean_and_max(folder: Path) -> Path:
    tokenizer = byte_level()
    settings = SMALL | {"max_position_embeddings": LIMIT + 2, "pad_token_id": 1}
    return _of(folder, _transformer("RobertaConfig", tokenizer, **settings), tokenizer, ("mean", "max"))


def half_precision(folder: Path) -> Path:
    return _saved(folder, _loaded(folder).half())


def bfloat16_beside_others(folder: Path) -> Path:
    """Weights in bfloat16, beside an export for another program and the settings of a training, as a pickle."""
    import torch

    _saved(folder, _loaded(folder).to(torch.bfloat16))
    (folder / "onnx").mkdir()
    for name in ("onnx/model.onnx", "training_args.bin"):
        (folder / name).write_bytes(b"not for us")
    return folder


def limit_of_tokenizer(folder: Path) -> Path:
    """No limit among the settings of sentence-transformers: that of the tokenizer counts."""
    save_bi_encoder(folder, "bert")
    settings = json.loads((folder / "sentence_bert_config.json").read_text())
    (folder / "sentence_bert_config.json").write_text(json.dumps(settings | {"max_seq_length": None}))
    return folder


def pickled_dense(folder: Path) -> Path:
    """A dense layer with pytorch_model.bin alone."""
    two_dense(folder)
    for path in folder.glob("*_Dense/model.safetensors"):
        path.rename(path.with_name("pytorch_model.bin"))
    return folder


def truncated(folder: Path) -> Path:
    """A Matryoshka model that says how many numbers of a vector to keep."""
    from sentence_transformers import SentenceTransformer

    made = save_bi_encoder(folder.with_name("before"), "bert", Head(normalise=True, prompts=BOTH))
    return _saved(folder, SentenceTransformer(str(made), truncate_dim=10, device="cpu"))


def lengths(folder: Path) -> Path:
    model: Any = _loaded(folder, Head(prompts=BOTH))
    model[0].query_length, model[0].document_length = 12, 20
    return _saved(folder, model)


def static(folder: Path) -> Path:
    """As sentence-transformers saves static embeddings."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    torch.manual_seed(8)
    module = StaticEmbedding(word_piece().backend_tokenizer, embedding_dim=24)
    return _saved(folder, SentenceTransformer(modules=[module], device="cpu"))


def potion(folder: Path) -> Path:
    """As model2vec saves them."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir()
    tokenizer = word_piece().backend_tokenizer
    tokenizer.save(str(folder / "tokenizer.json"))
    weights = torch.randn(tokenizer.get_vocab_size(), 24, generator=torch.Generator().manual_seed(9))
    save_file({"embeddings": weights}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": "model2vec", "hidden_dim": 24, "normalize": True}))
    names = [("", "sentence_transformers.models.StaticEmbedding")]
    names.append(("1_Normalize", "sentence_transformers.models.Normalize"))
    rows = [{"idx": at, "name": str(at), "path": path, "type": kind} for at, (path, kind) in enumerate(names)]
    (folder / "modules.json").write_text(json.dumps(rows))
    (folder / "1_Normalize").mkdir()
    return folder


def _static_module() -> Any:
    import torch
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    torch.manual_seed(8)
    return StaticEmbedding(word_piece().backend_tokenizer, embedding_dim=24)


def router(folder: Path, *, queries: Callable[[Path], list[Any]] | None = None) -> Path:
    """Two encoders, one for queries and one for documents."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Router

    documents = _loaded(folder.with_name("documents"), seed=3)
    own = queries(folder) if queries else [*_loaded(folder.with_name("queries"), seed=2)]
    module = Router.for_query_document(own, [*documents])
    return _saved(folder, SentenceTransformer(modules=[module], prompts=BOTH, device="cpu"))


def router_with_static_queries(folder: Path) -> Path:
    return router(folder, queries=lambda _: [_static_module()])


def router_by_mapping(folder: Path) -> Path:
    """Routes of other names, then a layer that both share."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Dense, Router

    models = {"big": _loaded(folder.with_name("big"), seed=3), "small": _loaded(folder.with_name("small"), seed=2)}
    routes = {("query", "text"): "small", ("document", None): "big"}
    module = Router({name: [*model] for name, model in models.items()}, route_mappings=routes)
    return _saved(folder, SentenceTransformer(modules=[module, Dense(24, 12)], device="cpu"))


PACKED: dict[str, Callable[[Path], Path]] = {
    "no files of sentence-transformers": without_files,
    "bge-m3": long_multilingual,
    "prompts query and passage": lambda folder: save_bi_encoder(folder, "xlm-roberta", Head(prompts=E5)),
    "default prompt": default_prompt,
    "vocab.txt only": vocabulary_only,
    "0_Transformer": old_folders,
    "two dense": two_dense,
    "max_seq_length": short,
    "do_lower_case": lower_case,
    "half precision": half_precision,
    "bfloat16 beside other files": bfloat16_beside_others,
    "max_seq_length null": limit_of_tokenizer,
    "truncate_dim": truncated,
    "query_length and document_length": lengths,
    "mean and max": mean_and_max,
    "nomic": nomic,
    "deberta": deberta,
    "albert": albert,
    "t5": t5,
    "qwen3 embedding": qwen_embedding,
    "embeddinggemma": gemma_embedding,
}
"""Those that the engine runs itself, by what is special about them."""
UNPACKED: dict[str, Callable[[Path], Path]] = {
    "chat template": chat_template,
    "bert with a chat template": bert_with_chat_template,
    "static": static,
    "potion": potion,
    "router": router,
    "router with static queries": router_with_static_queries,
    "router by mapping": router_by_mapping,
}
"""Those that ran through sentence-transformers when this was written; an engine that learns one may run it."""
REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "cross-encoder": (lambda folder: save_cross_encoder(folder, "bert"), "is not an encoder: it is a reranker"),
    "sparse": (sparse, r"is not an encoder: it is a sparse encoder \(SPLADE\)"),
    "multi-vector": (multi_vector, r"is not an encoder: it is a multi-vector model \(ColBERT\)"),
    "pytorch_model.bin": (pickled, "has no weights in safetensors"),
    "a dense layer in pytorch_model.bin": (pickled_dense, "may be a pickle, which bicross does not load"),
    "code of its own": (own_code, r"cannot be loaded: .*(custom code|trust_remote_code|model type `new`)"),
    "a module of its own": (own_module, r"cannot be loaded: .*custom_st"),
}
"""Those that no encoder is made of, each with a part of the message."""
