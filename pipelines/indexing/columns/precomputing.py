"""Stores the token vectors of passages, so that a fast reranker computes only those of the query."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from ....errors import ArgumentError
from ....errors.arguments import described
from ....index import Index, TokenVectors, passage_text
from ....inference import Dtype
from ....models import FAST_RERANKER
from ....rerank import TokenVectorReranker
from ...fast_reranker import load_fast_reranker, named_in_settings
from ...models import Devices

SAMPLED_DOCUMENTS = 16
SAMPLED_PASSAGES = 2
"""Passages of each sampled document."""


def precompute(
    path: str | Path,
    *,
    fast_reranker: str | Path | TokenVectorReranker = FAST_RERANKER,
    device: Devices = None,
    dtype: Dtype = "float32",
    on_progress: Callable[[int], None] | None = None,
) -> bool:
    """Store the token vectors of all passages of an index, in one commit. Nothing else is computed.

    Searches then sort all candidates by late interaction, and the reranker reads the best of them. Searches may
    continue meanwhile, and older generations stay as they are.

    Args:
        path: The folder of the index.
        fast_reranker: The model that makes them, or its name.
        device: Where a model given by name runs.
        dtype: The number format in which a model given by name calculates.
        on_progress: Called with the number of passages that are done.

    Returns:
        False if the index already stores the token vectors of this model.

    Raises:
        ModelError: The model is not available.
        IndexLocked: Another process writes.

    Example:
        >>> precompute("my-index")
        True
    """
    index = Index.open(path, verify="size")
    model = load_fast_reranker(fast_reranker, device=device, dtype=dtype)
    named = named_in_settings(fast_reranker)
    if any(index.settings.get(key) != value for key, value in named.items()):
        index.set_settings({**index.settings, **named})  # a name alone changes no search
    done = 0

    def encode(texts: Sequence[str]) -> list[TokenVectors]:
        nonlocal done
        vectors = model.token_vectors(texts)
        done += len(texts)
        if on_progress is not None:
            on_progress(done)
        return vectors

    return index.precompute(model.late_interaction_fingerprint, encode)


def expected_token_vector_bytes(index: Index, model: TokenVectorReranker) -> int:
    """Estimate how many bytes the token vectors of an index take, from a sample of its passages."""
    documents = index.sample(SAMPLED_DOCUMENTS)
    passages = index.passages([document.id for document in documents])
    texts = [
        passage_text(document.title, passage.text)
        for document, its_passages in zip(documents, passages, strict=True)
        for passage in its_passages[:SAMPLED_PASSAGES]
    ]
    if not texts:
        return 0
    sampled = sum(vectors.nbytes for vectors in model.token_vectors(texts))
    return round(sampled / len(texts) * index.info().passages)


def drop_token_vectors(path: str | Path) -> bool:
    """Remove the token vectors from an index, in one commit; older generations keep theirs until they are removed.

    Returns:
        False if the index stores none.

    Raises:
        IndexLocked: Another process writes.
    """
    return Index.open(path, verify="size").drop_token_vectors()


def fast_reranker_for_new(
    precompute: bool | str | Path | TokenVectorReranker,  # noqa: FBT001 - what ``build_index`` is given
    *,
    device: Devices = None,
    dtype: Dtype = "float32",
) -> TokenVectorReranker | None:
    """Load the model that makes the token vectors of a new index: None for False, the bundled one for True.

    Raises:
        ArgumentError: It is neither of them, nor a model or the name of one.
        ModelError: The model is not available.
    """
    if precompute is False:
        return None
    if precompute is True:
        return load_fast_reranker(FAST_RERANKER, device=device, dtype=dtype)
    unchecked = cast("object", precompute)
    if unchecked is None or isinstance(unchecked, int | float):
        raise ArgumentError(
            f"precompute must be True, False or the name of a fast reranker, not {described(unchecked)}"
        )
    return load_fast_reranker(precompute, device=device, dtype=dtype)
