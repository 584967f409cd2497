"""Measures how much of a text a model's tokenizer does not know, warns, and limits what relevance may claim."""

import logging
from collections.abc import Sequence

from ..errors import ModelError
from ..index import Index
from ..inference import has_vocabulary, read_vocabulary, resolve_model

logger = logging.getLogger("bicross")

SAMPLED_DOCUMENTS = 256
"""How many documents of an index are measured."""
MEASURED_CHARACTERS = 400
"""The beginning of a text, which is enough to tell its script."""
WORTH_A_WARNING = 0.2
"""The share of unknown characters from which on a warning is logged."""
_HARMLESS, _USELESS = 0.1, 0.5
REMEDY = (
    "take multilingual models, such as --encoder intfloat/multilingual-e5-small with --reranker BAAI/bge-reranker-v2-m3"
)


def unknown_share(model: object, texts: Sequence[str]) -> float:
    """Return the mean share of the texts' characters that a model's tokenizer does not know, from 0 to 1.

    It is 0.0 without texts, and for a model whose vocabulary cannot be measured.
    """
    if not texts or not has_vocabulary(model):
        return 0.0
    shares = model.unknown_shares([text[:MEASURED_CHARACTERS] for text in texts])
    return sum(shares) / len(shares)


def unknown_share_of(index: Index) -> float | None:
    """Return the share of a sample of an index's documents that its encoder does not know, from 0 to 1.

    It is None for an index without documents, and where the model is not on this machine or has no ``tokenizer.json``.
    No weights are loaded, and nothing is downloaded.
    """
    sample = index.sample(SAMPLED_DOCUMENTS)
    name = f"{index.model.id}@{index.model.revision}" if index.model.revision else index.model.id
    try:
        folder = resolve_model(name, download=False)
    except ModelError:
        return None
    tokenizer = read_vocabulary(folder, index.model.tokenizer_sha256)
    if tokenizer is None or not sample:
        return None
    return unknown_share(tokenizer, [document.passage for document in sample])


def relevance_ceiling(share: float) -> float:
    """Return the most that relevance may be where this share of a query, or of its candidates, is unknown.

    A model that knows nothing of a pair cannot tell whether it is relevant: from a half on, the ceiling is 0.5. Up to a
    tenth, such as an emoji in a sentence, it is 1.0; in between it falls evenly.
    """
    return 1.0 - 0.5 * min(1.0, max(0.0, (share - _HARMLESS) / (_USELESS - _HARMLESS)))


def warn_of_query(share: float, query: str) -> None:
    """Log that much of a query, or of its candidates, is unknown to the models."""
    logger.warning(
        "%.0f%% of the query %.60r, or of what was found for it, is unknown to the tokenizer, and relevance is at most "
        "%.2f there: %s. Further queries are not reported",
        100 * share,
        query,
        relevance_ceiling(share),
        REMEDY,
    )


def warn_of_passages(share: float, model: str) -> None:
    """Log that much of the passages of a batch is unknown to the encoder."""
    logger.warning(
        "%.0f%% of the characters of a batch of passages are unknown to the tokenizer of %s, so that their vectors say "
        "little: %s, and --language for searches by words. Further batches are not reported",
        100 * share,
        model,
        REMEDY,
    )
