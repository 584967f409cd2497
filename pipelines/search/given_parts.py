"""Checks retrievers and rerankers that are given as objects, and asks them what they can."""

from typing import TypeVar

from ...errors import ArgumentError
from ...errors.arguments import checked_instance, described
from ...rerank import takes_token_vectors
from ...retrieval import Retriever, can_explore, can_explore_candidates, has_index, has_token_ids
from .options import SearchOptions
from .scoring import ALL_PASSAGES, ScoreCache, passages_needed
from .settings import Settings

Part = TypeVar("Part")


def checked_retriever(retriever: Part) -> Part:
    """Return a retriever; raise ``ArgumentError`` for anything else."""
    if isinstance(retriever, type) or not callable(getattr(retriever, "retrieve", None)):
        raise ArgumentError(f"retriever must be a retriever, such as a DenseRetriever, not {described(retriever)}")
    return retriever


def checked_reranker(reranker: Part) -> Part:
    """Return a reranker; raise ``ArgumentError`` for anything else."""
    if isinstance(reranker, type) or not callable(getattr(reranker, "score", None)):
        raise ArgumentError(f"reranker must be a reranker, such as a CrossEncoderReranker, not {described(reranker)}")
    return reranker


def check_retriever_fits(retriever: Retriever, options: SearchOptions) -> None:
    """Check that a retriever finds what the options need.

    Raises:
        ArgumentError: It does not.
    """
    needed, returned = passages_needed(options.passages), getattr(retriever, "passages", 1)
    if returned < needed:
        most, value = ("all", "sys.maxsize") if needed == ALL_PASSAGES else (needed, needed)
        raise ArgumentError(
            f"passages={options.passages!r} needs {most} passages of a document, and this {type(retriever).__name__} "
            f"finds {returned}: use passages='best', or a retriever made with passages={value}"
        )
    if options.adaptive and getattr(retriever, "feedback", None) is not None:
        raise ArgumentError(
            "feedback scores only the candidates of a query, and adaptive=True adds neighbours: leave out one"
        )
    if options.adaptive and not (can_explore(retriever) or can_explore_candidates(retriever)):
        raise ArgumentError(
            f"adaptive=True needs a retriever that finds the neighbours of documents, not {type(retriever).__name__}"
        )


def check_parts(
    retriever: object, reranker: object, options: object, cache: object, fast_reranker: object = None
) -> None:
    """Raise ``ArgumentError`` for parts of a pipeline that are of a wrong type."""
    checked_retriever(retriever)
    if reranker is not None:
        checked_reranker(reranker)
    if fast_reranker is not None and (isinstance(fast_reranker, type) or not takes_token_vectors(fast_reranker)):
        raise ArgumentError(
            f"fast_reranker must be a reranker by token vectors, such as a LateInteractionReranker, not "
            f"{described(fast_reranker)}"
        )
    if options is not None and not isinstance(options, SearchOptions | Settings):
        raise ArgumentError(f"options must be SearchOptions or Settings, not {described(options)}")
    if cache is not None:
        checked_instance(cache, ScoreCache, "cache")


def tokenizer_fingerprint(retriever: Retriever) -> str:
    """Return the fingerprint of the tokenizer that made the token ids of a retriever's hits; empty without ids."""
    return retriever.tokenizer if has_token_ids(retriever) else ""


def late_interaction_fingerprint(retriever: Retriever) -> str:
    """Return the fingerprint of the model that made the token vectors of a retriever's hits; empty without any."""
    return retriever.index.late_interaction_fingerprint if has_index(retriever) else ""
