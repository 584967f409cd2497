"""Tells whether a model has the words of its tokenizer: transformers makes an empty one of a folder without any.

A tokenizer that has more tokens than the model fails in the middle of a search, at the first text with one of them.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...errors import ModelError
from .fingerprints import tokenizer_files
from .layout import transformer_folder

_READ_SENTENCEPIECE = ("sentencepiece", "google.protobuf")
"""The packages with which transformers reads a model of SentencePiece."""


def require_words(model: Any, folder: Path) -> None:  # noqa: ANN401 - models share no useful base
    """Check that each tokenizer of a model knows more than its special tokens, and no token that the model lacks.

    Args:
        model: A model of sentence-transformers that was loaded from ``folder``.
        folder: The model folder.

    Raises:
        ModelError: A tokenizer has special tokens alone, so that every text would be unknown words, or has tokens for
            which the model has no embedding.
    """
    for name, module in model.named_modules():
        tokenizer: Any = getattr(module, "tokenizer", None)
        location = transformer_folder(folder, name) if name else folder
        if hasattr(tokenizer, "all_special_ids"):
            require_words_of(tokenizer, location)
        rows = _embeddings(module)
        if name and rows is not None and hasattr(tokenizer, "get_vocab"):
            _require_embeddings(max(tokenizer.get_vocab().values(), default=-1), rows, location)


def _embeddings(module: Any) -> int | None:  # noqa: ANN401
    """The number of embeddings of a module of sentence-transformers that takes token ids; None if it is no such."""
    table: Any = getattr(module, "embedding", None)  # of a static embedding
    inner: Any = getattr(module, "model", None)
    if table is None and hasattr(inner, "get_input_embeddings"):
        try:
            table = inner.get_input_embeddings()
        except NotImplementedError:  # the model takes no texts
            return None
    return getattr(table, "num_embeddings", None)


def _require_embeddings(highest: int, rows: int, folder: Path) -> None:
    if highest >= rows:
        raise ModelError(
            f"the tokenizer in {folder} has token ids up to {highest}, and the model has embeddings for {rows}, up to "
            f"{rows - 1}: a text with one of the others could not be read. The tokenizer is that of another model, or "
            "tokens were added to it alone: download the model again, or resize its embeddings and save it"
        )


def require_words_of(tokenizer: Any, folder: Path) -> None:  # noqa: ANN401 - a tokenizer of transformers
    """Check one tokenizer of transformers as ``require_words`` does.

    Args:
        tokenizer: The tokenizer.
        folder: The folder that it was loaded from, for the message.

    Raises:
        ModelError: It has special tokens alone.
    """
    if len(tokenizer) <= len(set(tokenizer.all_special_ids)):
        raise ModelError(
            f"the tokenizer in {folder} knows no word, so that all texts would be alike: "
            f"{missing_files(folder) or 'its files hold special tokens alone; download the model again'}"
        )


def missing_files(folder: Path) -> str:
    """Say why no tokenizer can be made of the files of a model folder.

    Returns:
        The reason and the remedy; "" if files of a tokenizer are there that can be read.
    """
    files = tokenizer_files(folder)
    if not files:
        return "the folder has neither tokenizer.json nor another file of a tokenizer; download the whole model again"
    if all(path.suffix == ".model" for path in files) and not all(_is_installed(name) for name in _READ_SENTENCEPIECE):
        return (
            f"the folder keeps it in {files[0].name} alone, for which transformers needs the packages sentencepiece "
            "and protobuf; install them (pip install sentencepiece protobuf), or add tokenizer.json to the folder"
        )
    return ""


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # the package around it is not there either
        return False
