"""ReplyPipeline: finds replies to a dialogue among past exchanges."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self, cast

from ....errors import ArgumentError
from ....errors.arguments import checked_count, checked_instance, checked_items
from ....index import Document, Index, Predicate
from ....inference import Dtype
from ....rerank import DEFAULT_RERANKER, Reranker
from ....retrieval import Encoder, Retriever
from ...search import Origin, SearchOptions, SearchPipeline, SearchResult, Settings, with_candidates
from .dialogue import DialogueTurn, fitting_models, fold_dialogue

CANDIDATES = 50
"""Exchanges that are retrieved and reranked, where the search options say nothing else."""
DEFAULT_TOP_K = 5


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply that was found.

    Attributes:
        rank: From 1.
        exchange: The document of the exchange: its text is the reply, its title what it replied to.
        score: What the list is ordered by, as ``SearchResult.score``.
        relevance: A number from 0 to 1 that never rises down the list, as ``SearchResult.relevance``.
    """

    rank: int
    exchange: Document
    score: float
    relevance: float

    @property
    def text(self) -> str:
        """The text of the reply."""
        return self.exchange.text

    def to_dict(self) -> dict[str, object]:
        """Return the reply as JSON."""
        return {
            "rank": self.rank,
            "text": self.text,
            "replied_to": self.exchange.title,
            "id": self.exchange.id,
            "score": self.score,
            "relevance": self.relevance,
            "metadata": dict(self.exchange.metadata),
        }


class ReplyPipeline:
    """Finds replies to a dialogue among past exchanges.

    A past exchange is a document: its text is the reply, and its title what it replied to; ``exchanges_of`` makes them
    of a dialogue. The turns of the dialogue are folded into one query, by which the index is searched. Of equal replies
    the best is taken.

    Args:
        retriever: The first stage, over the exchanges.
        reranker: The second stage; None takes the order of the first.
        search: How to search; 50 exchanges are retrieved and reranked unless it says otherwise.
        top_k: The most replies.
        turns: The most turns of a dialogue that are used: 1 is the latest alone. None takes all that fit the models,
            the latest first.

    Raises:
        ArgumentError: A value cannot be, or the parts do not fit each other.

    Example:
        >>> with ReplyPipeline.open("exchanges") as pipeline:
        ...     replies = pipeline.replies(["my phone is broken", "which part of it?", "the screen"])
    """

    def __init__(
        self,
        retriever: Retriever,
        reranker: Reranker | None,
        *,
        search: SearchOptions | None = None,
        top_k: int = DEFAULT_TOP_K,
        turns: int | None = None,
    ) -> None:
        self._set(top_k, turns)
        options, self._depth_from = _search_options(search, top_k)
        self._search = SearchPipeline(retriever, reranker, options=options)

    @classmethod
    def open(  # noqa: PLR0913 - the one call that most programs make: each argument has a default
        cls,
        path: str | Path | Index,
        *,
        encoder: str | Path | Encoder | None = None,
        reranker: str | Path | Reranker | None = DEFAULT_RERANKER,
        device: str | None = None,
        dtype: Dtype = "float32",
        search: SearchOptions | None = None,
        top_k: int = DEFAULT_TOP_K,
        turns: int | None = None,
    ) -> "ReplyPipeline":
        """Open an index of exchanges with its models, and with what ``bicross tune`` stored in it for this reranker.

        Args:
            path: The folder of the index, or the index if it is open already.
            encoder: A model or its name. None is the one that built the index, if it is on this machine.
            reranker: A model or its name; None takes the order of the first stage.
            device: Where models given by name run; None is the fastest there is.
            dtype: What models given by name calculate in.
            search: How to search, such as ``SearchOptions(first_stage="hybrid")``.
            top_k: The most replies.
            turns: The most turns of a dialogue that are used; None takes all that fit.

        Raises:
            IndexModelMismatch: The encoder is not the model that built the index.
            IndexCorrupt: The index is damaged, or keeps search settings that cannot be used.
        """
        pipeline = cls.__new__(cls)
        pipeline._set(top_k, turns)
        options, pipeline._depth_from = _search_options(search, top_k)
        pipeline._search = SearchPipeline.open(
            path, encoder=encoder, reranker=reranker, device=device, dtype=dtype, options=options
        )
        return pipeline

    def _set(self, top_k: int, turns: int | None) -> None:
        self._top_k = checked_count(top_k, "top_k")
        self._turns = None if turns is None else checked_count(turns, "turns")

    @property
    def settings(self) -> Settings:
        """The options of the search, and where each of them comes from. As text they are one line."""
        return replace(self._search.settings, task={"retrieve_k": self._depth_from})

    def refresh(self) -> bool:
        """Move to the newest generation of the index; return whether there was one."""
        return self._search.refresh()

    def close(self) -> None:
        """Close the index and release the models. Closing twice is fine."""
        self._search.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def query(self, dialogue: Sequence[DialogueTurn]) -> str:
        """Return the query that the turns of a dialogue are folded into; see ``fold_dialogue``."""
        encoder = getattr(self._search.retriever, "encoder", None)
        return fold_dialogue(dialogue, turns=self._turns, fits=fitting_models(encoder, self._search.reranker))

    def replies(
        self,
        dialogue: Sequence[DialogueTurn],
        *,
        where: Predicate | None = None,
        deadline_ms: float | None = None,
    ) -> list[Reply]:
        """Return the best replies to one dialogue; see ``replies_batch``."""
        [replies] = self._found([self.query(dialogue)], where, deadline_ms)
        return replies

    def replies_batch(
        self,
        dialogues: Sequence[Sequence[DialogueTurn]],
        *,
        where: Predicate | None = None,
        deadline_ms: float | None = None,
    ) -> list[list[Reply]]:
        """Return the best replies to each dialogue, best first.

        Args:
            dialogues: Dialogues: each a list of turns, the latest last: texts, ``Turn`` objects or chat messages. Where
                the latest turn alone is too long for a model, its end is cut.
            where: Restricts the search to exchanges whose metadata match, as for ``SearchPipeline.search_batch``.
            deadline_ms: Milliseconds after which reranking ends, as for ``SearchPipeline.search_batch``.

        Raises:
            ArgumentError: A dialogue is empty, or a turn is blank or of another type.
            PipelineClosed: The pipeline was closed.
        """
        given = cast("list[Sequence[DialogueTurn]]", checked_items(dialogues, "dialogues", "dialogues"))
        return self._found([self.query(dialogue) for dialogue in given], where, deadline_ms)

    def _found(self, queries: Sequence[str], where: Predicate | None, deadline_ms: float | None) -> list[list[Reply]]:
        answers = self._search.search_batch(queries, where=where, deadline_ms=deadline_ms)
        return [_replies(results, self._top_k) for results in answers]


def _replies(results: Sequence[SearchResult], top_k: int) -> list[Reply]:
    """Return the best results with a text, each text once."""
    best: dict[str, SearchResult] = {}
    for result in results:
        if text := " ".join(result.document.text.split()):
            best.setdefault(text, result)
    return [
        Reply(rank, result.document, result.score, result.relevance)
        for rank, result in enumerate(list(best.values())[:top_k], start=1)
    ]


def _search_options(search: SearchOptions | None, top_k: int) -> tuple[SearchOptions, Origin]:
    """Return the options of the search below, and where its number of candidates comes from.

    All that is retrieved comes back, so that copies cost no reply.
    """
    options = SearchOptions() if search is None else checked_instance(search, SearchOptions, "search")
    if options.top_k is not None:
        raise ArgumentError(f"search has top_k={options.top_k}: give the pipeline its top_k, and the search retrieve_k")
    if options.long_queries == "skip":
        raise ArgumentError("search has long_queries='skip': a dialogue is folded to fit; leave it out")
    options, depth_from = with_candidates(options, CANDIDATES, top_k=top_k)
    return replace(options, top_k=options.retrieve_k, long_queries="cut"), depth_from
