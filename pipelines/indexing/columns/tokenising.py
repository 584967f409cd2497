"""Makes the token ids of passages for a reranker, and loads the tokenizer that an index needs."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np

from ....errors import ArgumentError, IndexModelMismatch, ModelError
from ....errors.arguments import described
from ....index import Index
from ....inference import TextTokenizer, TokenIds, load_tokenizer, resolve_model
from ....inference.remote import is_remote
from ....rerank import DEFAULT_RERANKER
from ...models import built_with

logger = logging.getLogger("bicross")

MOST_REMEMBERED = 8
_used: dict[str, TextTokenizer] = {}
"""Tokenizers by fingerprint that were found without being named: to load one takes longer than to add a document."""


def retokenize(path: str | Path, *, reranker: str | Path = DEFAULT_RERANKER) -> bool:
    """Store the token ids of all passages of an index for another reranker, in one commit. Nothing is embedded.

    Only the tokenizer of the reranker is loaded. Searches may continue meanwhile, and older generations stay as they
    are.

    Args:
        path: The folder of the index.
        reranker: The name or folder of the reranker.

    Returns:
        False if the index already stores the token ids of this tokenizer.

    Raises:
        ModelError: The reranker is not available, or has no fast tokenizer.
        IndexLocked: Another process writes.
    """
    index = Index.open(path, verify="size")
    tokenizer = load_tokenizer(resolve_model(reranker))

    def tokenize(texts: Sequence[str]) -> Sequence[TokenIds]:
        return token_ids(texts, tokenizer)

    return index.retokenize(tokenizer.fingerprint, tokenize)


def tokenizer_for_new(reranker: str | Path | None) -> TextTokenizer | None:
    """Load the tokenizer whose ids a new index stores.

    If the default reranker is not available, a warning is logged, and the index stores no token ids.

    Args:
        reranker: The name or folder of a reranker; None stores no token ids.

    Returns:
        The tokenizer; None if no token ids are stored.

    Raises:
        ModelError: Another reranker than the default one is not available.
    """
    if reranker is None:
        return None
    if not isinstance(cast("object", reranker), str | Path):
        raise ArgumentError(f"reranker must be the name or folder of one, or None, not {described(reranker)}")
    if is_remote(reranker):
        return None  # a server is sent texts
    try:
        return load_tokenizer(resolve_model(reranker))
    except ModelError as error:
        if reranker != DEFAULT_RERANKER:
            reason = str(error).removesuffix(".")
            raise type(error)(f"{reason}; or build without token ids (reranker=None, --no-tokens)") from error
        logger.warning("the index keeps no token ids, so that every search tokenises passages: %s", error)
        return None


def tokenizer_of(index: Index, reranker: str | Path | None) -> TextTokenizer | None:
    """Load the tokenizer whose ids an index stores.

    Args:
        index: The index.
        reranker: A reranker with this tokenizer; None tries the model that built the index and the default reranker, if
            they are on this machine.

    Returns:
        The tokenizer; None if the index stores no token ids.

    Raises:
        IndexModelMismatch: None of them has this tokenizer.
        ArgumentError: A reranker is named, and the index stores no token ids.
    """
    path = index.path
    if reranker is not None:
        if not index.tokenizer_fingerprint:
            raise ArgumentError(
                f"{path} keeps no token ids; make them with `bicross retokenize {path} --reranker {reranker}`, "
                "or name no reranker"
            )
        named = load_tokenizer(resolve_model(reranker))
        if named.fingerprint != index.tokenizer_fingerprint:
            raise IndexModelMismatch(
                f"{path} keeps token ids of the tokenizer {index.tokenizer_fingerprint}, and that of {str(reranker)!r} "
                f"is {named.fingerprint}; name the reranker that they are for, or make them anew: "
                f"`bicross retokenize {path} --reranker {reranker}`"
            )
        return named
    if not index.tokenizer_fingerprint:
        return None
    if index.tokenizer_fingerprint in _used:
        return _used[index.tokenizer_fingerprint]
    names = (built_with(index), DEFAULT_RERANKER)
    for name in names:
        tokenizer = _if_here(name)
        if tokenizer is not None and tokenizer.fingerprint == index.tokenizer_fingerprint:
            return _remembered(tokenizer)
    raise IndexModelMismatch(
        f"{path} keeps token ids of the tokenizer {index.tokenizer_fingerprint}, which on this machine neither "
        f"{names[0]!r} nor {names[1]!r} has; name the reranker that they are for (reranker=, --reranker), or "
        f"make them anew for another: `bicross retokenize {path} --reranker NAME`"
    )


def tokenizer_name_of(index: Index, reranker: str | Path | None) -> str | Path:
    """Return the name of a model whose tokenizer makes the token ids that an index stores: see ``tokenizer_of``.

    Raises:
        IndexModelMismatch: None of them has this tokenizer.
        ArgumentError: A reranker is named, and the index stores no token ids.
    """
    if reranker is not None:
        tokenizer_of(index, reranker)
        return reranker
    for name in (built_with(index), DEFAULT_RERANKER):
        tokenizer = _if_here(name)
        if tokenizer is not None and tokenizer.fingerprint == index.tokenizer_fingerprint:
            return name
    tokenizer_of(index, None)
    return DEFAULT_RERANKER


def token_ids(texts: Sequence[str], tokenizer: TextTokenizer) -> list[TokenIds]:
    """Return the token ids of each text: uint16 if the vocabulary fits, else uint32."""
    encoded = tokenizer.encode(texts)
    return [ids.astype(np.uint16) for ids in encoded] if tokenizer.vocabulary_size <= 2**16 else encoded


def _remembered(tokenizer: TextTokenizer) -> TextTokenizer:
    if len(_used) >= MOST_REMEMBERED:
        _used.clear()
    _used[tokenizer.fingerprint] = tokenizer
    return tokenizer


def _if_here(name: str) -> TextTokenizer | None:
    try:
        return load_tokenizer(resolve_model(name, download=False))
    except ModelError:
        return None
