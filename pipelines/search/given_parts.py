"""Checks of retrievers and rerankers that are given as objects."""

from typing import TypeVar

from ...errors import ArgumentError
from ...errors.arguments import checked_instance, described
from ...retrieval import Retriever, can_explore, can_explore_candidates
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


def check_parts(retriever: object, reranker: object, options: object, cache: object) -> None:
    """Raise ``ArgumentError`` for parts of a pipeline that are of a wrong type."""
    checked_retriever(retriever)
    if reranker is not None:
        checked_reranker(reranker)
    if options is not None and not isinstance(options, SearchOptions | Settings):
        raise ArgumentError(f"options must be SearchOptions or Settings, not {described(options)}")
    if cache is not None:
        checked_instance(cache, ScoreCache, "cache")
