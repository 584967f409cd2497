"""Tells which kind of model a folder holds: a model of another kind would load, and rank by untrained numbers."""

import re
from pathlib import Path
from typing import Any, Literal, cast

from ...errors import ModelError
from .layout import read_modules, read_settings

Kind = Literal["encoder", "reranker", "reader", "late interaction", "sparse", "multi-vector", "language model"]

LATE_INTERACTION = "late_interaction.json"
"""The file that describes a late-interaction reranker of this project, which has its base model elsewhere."""

_BY_CLASS: dict[str, Kind] = {
    "SentenceTransformer": "encoder",
    "CrossEncoder": "reranker",
    "SparseEncoder": "sparse",
    "MultiVectorEncoder": "multi-vector",
}
"""The model classes of sentence-transformers, which names them in its settings."""
_BY_MODULE: dict[str, Kind] = {
    "LogitScore": "reranker",
    "MLMTransformer": "sparse",
    "SparseAutoEncoder": "sparse",
    "SparseStaticEmbedding": "sparse",
    "SpladePooling": "sparse",
    "MultiVectorMask": "multi-vector",
}
"""Modules that no other kind of model has."""
_DESCRIBED: dict[Kind, str] = {
    "encoder": "an encoder, which gives one vector for each text",
    "reranker": "a reranker, which scores pairs of texts",
    "reader": "a reader, which finds the answer in a passage",
    "late interaction": "a late-interaction reranker, which compares vectors of the tokens of two texts",
    "sparse": "a sparse encoder (SPLADE), whose vectors have a number for each word of its vocabulary",
    "multi-vector": "a multi-vector model (ColBERT), which gives a vector for each token",
    "language model": "a language model, which was not trained to give vectors",
}

_ARTICLE: dict[Kind, str] = {"encoder": "an encoder", "reader": "a reader"}
_OPTION: dict[Kind, str] = {
    "encoder": "encoder",
    "late interaction": "reranker",
    "reader": "reader",
    "reranker": "reranker",
}
"""The option of the commands that takes a model of a kind."""


def kind_of(folder: Path) -> Kind | None:
    """Tell the kind of model in a folder; None if its settings do not say.

    Raises:
        ModelError: The settings cannot be read.
    """
    if (folder / LATE_INTERACTION).is_file():
        return "late interaction"
    modules, settings = read_modules(folder), read_settings(folder / "config_sentence_transformers.json")
    types = [module["type"] for module in modules]
    for module_type in types:
        if kind := _BY_MODULE.get(module_type.rpartition(".")[2]):
            return kind
    architectures = architectures_of(folder)
    if _is_colbert(folder, types, settings, architectures):
        return "multi-vector"
    if settings.get("model_type") in _BY_CLASS:
        return _BY_CLASS[settings["model_type"]]
    if modules:
        return "encoder"  # models of sentence-transformers named no class until version 5
    if any(name.endswith("ForSequenceClassification") for name in architectures):
        return "reranker"
    if any(name.endswith("ForQuestionAnswering") for name in architectures):
        return "reader"
    if any(name.endswith("ForCausalLM") for name in architectures):
        return "reranker" if _asks_about_pairs(folder) else "language model"
    return None


def architectures_of(folder: Path) -> list[str]:
    """The classes of transformers that the ``config.json`` of a folder names."""
    named: object = read_settings(folder / "config.json").get("architectures")
    return [str(name) for name in cast("list[object]", named)] if isinstance(named, list) else []


def require_encoder(folder: Path, name: str | Path) -> None:
    """Check that a model gives one vector for each text.

    Args:
        folder: The model's folder.
        name: The name by which the user asked for the model, for the message.

    Raises:
        ModelError: The model is of another kind, or its settings cannot be read.
    """
    kind = kind_of(folder)
    if kind not in ("encoder", None):
        remedy = f", and name this one with --{_OPTION[kind]} {name}" if kind in _OPTION else ""
        raise ModelError(
            f"{name} is not an encoder: it is {_DESCRIBED[kind]}. Name a model that gives a vector for each text, such "
            f"as sentence-transformers/all-MiniLM-L6-v2{remedy}"
        )


def require_reranker(folder: Path, name: str | Path) -> None:
    """Check that a model scores pairs.

    It does if transformers calls it a sequence classifier, or sentence-transformers a cross-encoder, and if it is a
    language model whose chat template asks about a query and a document.

    Args:
        folder: The model's folder.
        name: The name by which the user asked for the model, for the message.

    Raises:
        ModelError: The model has no head that scores pairs, or its settings cannot be read.
    """
    kind = kind_of(folder)
    if kind == "reranker":
        return
    if kind == "late interaction":
        raise ModelError(
            f"{name} is not a cross-encoder: it is {_DESCRIBED[kind]}. Open it with "
            f"LateInteractionReranker({str(name)!r})"
        )
    architectures = ", ".join(architectures_of(folder))
    if kind in ("sparse", "multi-vector", "reader"):
        described = _DESCRIBED[kind]
    elif architectures:
        described = f"{architectures}, without a head that scores pairs"
    else:
        described = "a model of an unknown kind, without a head that scores pairs"
    own = f". It is {_ARTICLE[kind]}: name it with --{kind} {name}" if kind in ("encoder", "reader") else ""
    raise ModelError(
        f"{name} is not a reranker: it is {described}{own}. Name a cross-encoder, or make one of it: "
        "`bicross train reranker --model`"
    )


def require_reader(folder: Path, name: str | Path) -> None:
    """Check that a model finds answers in passages: transformers calls it a model for question answering.

    Args:
        folder: The model's folder.
        name: The name by which the user asked for the model, for the message.

    Raises:
        ModelError: The model is of another kind, or its settings cannot be read.
    """
    kind = kind_of(folder)
    if kind == "reader":
        return
    described = "a model of an unknown kind" if kind is None else _DESCRIBED[kind]
    own = f", and name this one with --{_OPTION[kind]} {name}" if kind in _OPTION else ""
    raise ModelError(
        f"{name} is not a reader: it is {described}, without a head that finds where an answer begins and ends. Name a "
        f"model for extractive question answering, such as bicross-reader-mini{own}"
    )


def _asks_about_pairs(folder: Path) -> bool:
    """Whether a chat template names the roles of a pair: the model is asked whether a document answers a query."""
    file = folder / "chat_template.jinja"
    template: object = read_settings(folder / "tokenizer_config.json").get("chat_template")
    text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else str(template)
    return all(re.search(rf"""(['"]){role}\1""", text) for role in ("query", "document"))


def _is_colbert(folder: Path, types: list[str], settings: dict[str, Any], architectures: list[str]) -> bool:
    """Whether a model is one of ColBERT's own or of PyLate, whose files have no class of sentence-transformers."""
    return (
        any(module_type.startswith("pylate.") for module_type in types)
        or str(settings.get("similarity_fn_name")).lower().endswith("maxsim")
        or any("ColBERT" in name for name in architectures)
        or (folder / "artifact.metadata").is_file()
    )
